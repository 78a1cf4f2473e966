/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "base/vec.h"

struct module {
	const char *path;
	const char *base; /* of its name, in PATH */
	size_t len;
	int rank;
	const char *deps; /* the text behind the colon in modules.dep; NULL: no line */
};

DEFINE_VEC(module_vec, struct module);
DEFINE_VEC(index_vec, size_t);
DEFINE_VEC(path_vec, char *);

struct module_tree {
	char *kver;
	char *files, *dep, *builtin; /* copies that the rest points into */
	struct module_vec modules;   /* by path */
	struct index_vec by_name;    /* modules by name, then the one to take first */
	struct module_vec builtins;  /* by name */
};

/* --- Names ------------------------------------------------------------------------------ */

static bool strip(const char *base, size_t *n, const char *end)
{
	size_t len = strlen(end);

	if (*n <= len || memcmp(base + *n - len, end, len) != 0)
		return false;
	*n -= len;
	return true;
}

/* The name in a path; false if the file is not a module. */
static bool split_path(const char *path, const char **base, size_t *n)
{
	static const char *const packed[] = { ".gz", ".xz", ".zst", ".bz2" };
	const char *slash = strrchr(path, '/');

	*base = slash ? slash + 1 : path;
	*n = strlen(*base);
	for (size_t k = 0; k < ARRAY_LEN(packed); k++)
		if (strip(*base, n, packed[k]))
			break;
	return (strip(*base, n, ".ko") || strip(*base, n, ".o")) && *n < 64;
}

void module_name_of(const char *path, char out[64])
{
	const char *base;
	size_t n;

	split_path(path, &base, &n);
	snprintf(out, 64, "%.*s", (int)min_u64(n, 63), base);
}

static int compare_names(const char *a, size_t na, const char *b, size_t nb)
{
	for (size_t k = 0; k < na && k < nb; k++) {
		unsigned char ca = a[k] == '-' ? '_' : (unsigned char)a[k];
		unsigned char cb = b[k] == '-' ? '_' : (unsigned char)b[k];

		if (ca != cb)
			return ca < cb ? -1 : 1;
	}
	return na < nb ? -1 : na > nb;
}

bool modules_same_name(const char *a, const char *b)
{
	return compare_names(a, strlen(a), b, strlen(b)) == 0;
}

/* The order in which RHEL's depmod searches ("search updates extra built-in weak-updates",
 * depmod.d/dist.conf) decides between files of one name that modules.dep does not list. */
static int rank_of(const char *path)
{
	static const char *const dirs[] = { "updates/", "extra/", "kernel/", "weak-updates/" };

	for (size_t k = 0; k < ARRAY_LEN(dirs); k++)
		if (!strncmp(path, dirs[k], strlen(dirs[k])))
			return (int)k;
	return 2; /* misc/, net/, scsi/ of older trees */
}

/* --- Tables ----------------------------------------------------------------------------- */

static int by_path(const void *va, const void *vb)
{
	return strcmp(((const struct module *)va)->path, ((const struct module *)vb)->path);
}

static int by_name(const void *va, const void *vb)
{
	const struct module *a = va, *b = vb;

	return compare_names(a->base, a->len, b->base, b->len);
}

static int by_name_and_choice(const void *va, const void *vb, void *vt)
{
	const struct module_tree *t = vt;
	const struct module *a = &t->modules.at[*(const size_t *)va];
	const struct module *b = &t->modules.at[*(const size_t *)vb];
	int d = by_name(a, b);

	if (d)
		return d;
	if (!a->deps != !b->deps)
		return a->deps ? -1 : 1;
	return a->rank != b->rank ? a->rank - b->rank : by_path(a, b);
}

static struct module *find_path(const struct module_tree *t, const char *path)
{
	const struct module key = { .path = path };

	if (!t->modules.len)
		return NULL;
	return bsearch(&key, t->modules.at, t->modules.len, sizeof key, by_path);
}

static struct module *find_name(const struct module_tree *t, const char *name, size_t n)
{
	size_t low = 0, high = t->by_name.len;
	struct module *m;

	/* The first of that name. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		m = &t->modules.at[t->by_name.at[mid]];
		if (compare_names(m->base, m->len, name, n) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == t->by_name.len)
		return NULL;
	m = &t->modules.at[t->by_name.at[low]];
	return compare_names(m->base, m->len, name, n) == 0 ? m : NULL;
}

static int add_path(struct module_vec *v, const char *path)
{
	struct module m = { .path = path, .rank = rank_of(path) };

	if (!split_path(path, &m.base, &m.len))
		return 0;
	return module_vec_push(v, m);
}

/* A path in modules.dep, relative to the tree. Older tools write absolute paths. */
static const char *relative(const struct module_tree *t, const char *path)
{
	size_t n = strlen(t->kver);
	const char *p = path;

	if (!strncmp(p, "/usr/", 5))
		p += 4;
	if (!strncmp(p, "/lib/modules/", 13) && !strncmp(p + 13, t->kver, n) && p[13 + n] == '/')
		return p + 13 + n + 1;
	return path;
}

/* modutils continue a line with a backslash and a tab. */
static void join_lines(char *s)
{
	for (; (s = strstr(s, "\\\n")); s += 2)
		s[0] = s[1] = ' ';
}

static void parse_dep(struct module_tree *t)
{
	char *save = NULL;

	join_lines(t->dep);
	for (char *line = strtok_r(t->dep, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = line;
		struct module *m;

		do {
			colon = strchr(colon + 1, ':');
		} while (colon && colon[1] && !strchr(" \t\r", colon[1]));
		if (!colon || line[0] == '#')
			continue;
		*colon = '\0';
		m = find_path(t, relative(t, line));
		if (m && !m->deps)
			m->deps = colon + 1;
	}
}

static int parse_builtin(struct module_tree *t)
{
	char *save = NULL;

	for (char *line = strtok_r(t->builtin, "\r\n", &save); line;
	     line = strtok_r(NULL, "\r\n", &save))
		if (add_path(&t->builtins, line) < 0)
			return -1;
	if (t->builtins.len)
		qsort(t->builtins.at, t->builtins.len, sizeof *t->builtins.at, by_name);
	return 0;
}

static int fill(struct module_tree *t, size_t files_len)
{
	for (size_t at = 0; at < files_len; at += strlen(t->files + at) + 1)
		if (strncmp(t->files + at, "build/", 6) != 0 && strncmp(t->files + at, "source/", 7) != 0 &&
		    add_path(&t->modules, t->files + at) < 0)
			return -1;
	if (t->modules.len)
		qsort(t->modules.at, t->modules.len, sizeof *t->modules.at, by_path);
	if (t->dep)
		parse_dep(t);
	for (size_t k = 0; k < t->modules.len; k++)
		if (index_vec_push(&t->by_name, k) < 0)
			return -1;
	if (t->by_name.len)
		qsort_r(t->by_name.at, t->by_name.len, sizeof *t->by_name.at, by_name_and_choice, t);
	return t->builtin ? parse_builtin(t) : 0;
}

int module_tree_new(const char *kver, const char *files, size_t files_len, const char *dep,
		    const char *builtin, struct module_tree **out, struct unrack_error *err)
{
	struct module_tree *t = calloc(1, sizeof *t);

	*out = NULL;
	if (!t)
		return error_nomem(err);
	t->kver = strdup(kver);
	t->files = malloc(files_len + 1);
	/* An empty one is what depmod leaves on a full disk. */
	dep = dep && *dep ? dep : NULL;
	t->dep = dep ? strdup(dep) : NULL;
	t->builtin = builtin ? strdup(builtin) : NULL;
	if (!t->kver || !t->files || (dep && !t->dep) || (builtin && !t->builtin)) {
		module_tree_free(t);
		return error_nomem(err);
	}
	if (files_len)
		memcpy(t->files, files, files_len);
	t->files[files_len] = '\0';
	if (fill(t, files_len) < 0) {
		module_tree_free(t);
		return error_nomem(err);
	}
	*out = t;
	return 0;
}

void module_tree_free(struct module_tree *t)
{
	if (!t)
		return;
	module_vec_free(&t->modules);
	module_vec_free(&t->builtins);
	index_vec_free(&t->by_name);
	free(t->kver);
	free(t->files);
	free(t->dep);
	free(t->builtin);
	free(t);
}

/* --- Questions -------------------------------------------------------------------------- */

const char *module_tree_find(const struct module_tree *t, const char *name)
{
	const struct module *m = find_name(t, name, strlen(name));

	return m ? m->path : NULL;
}

static bool is_builtin(const struct module_tree *t, const char *name, size_t n)
{
	const struct module key = { .base = name, .len = n };

	return t->builtins.len &&
	       bsearch(&key, t->builtins.at, t->builtins.len, sizeof key, by_name);
}

bool module_tree_builtin(const struct module_tree *t, const char *name)
{
	return is_builtin(t, name, strlen(name));
}

const char *module_tree_kver(const struct module_tree *t)
{
	return t->kver;
}

bool module_tree_has_deps(const struct module_tree *t)
{
	return t->dep != NULL;
}

bool module_tree_lists(const struct module_tree *t, const char *name)
{
	const struct module *m = find_name(t, name, strlen(name));

	return m && m->deps;
}

/* --- Closure ---------------------------------------------------------------------------- */

enum { UNSEEN, OPEN, DONE };

struct frame {
	size_t module;
	const char *rest; /* of its dependencies */
};

DEFINE_VEC(frame_vec, struct frame);

struct walk {
	const struct module_tree *t;
	uint8_t *state; /* of each module */
	struct frame_vec stack;
	struct path_vec out;
	size_t opened;
};

static int enter(struct walk *w, const struct module *m, struct unrack_error *err)
{
	size_t k = (size_t)(m - w->t->modules.at);

	/* Open ones are met again in a cycle: their order cannot be had, and is as good as any. */
	if (w->state[k] != UNSEEN)
		return 0;
	if (w->opened++ == MODULES_CLOSURE_MAX)
		return error_set(err, UNRACK_DAMAGED, "modules.dep of kernel %s: %s needs more than %d others; "
				 "run depmod in the guest", w->t->kver, m->path, MODULES_CLOSURE_MAX);
	w->state[k] = OPEN;
	if (frame_vec_push(&w->stack, (struct frame){ k, m->deps ? m->deps : "" }) < 0)
		return error_nomem(err);
	return 0;
}

/* The next dependency of the module on top of the stack, which is TEXT, N. */
static int enter_dependency(struct walk *w, const char *text, size_t n, struct unrack_error *err)
{
	const struct module *user = &w->t->modules.at[w->stack.at[w->stack.len - 1].module], *m;
	CLEANUP_FREE char *path = strndup(text, n);
	const char *base;
	size_t len;

	if (!path)
		return error_nomem(err);
	m = find_path(w->t, relative(w->t, path));
	if (m)
		return enter(w, m, err);
	/* The file may have been packed or moved since. */
	split_path(path, &base, &len);
	m = find_name(w->t, base, len);
	if (m)
		return enter(w, m, err);
	if (is_builtin(w->t, base, len))
		return 0;
	return error_set(err, UNRACK_MISSING, "kernel %s: module %.*s needs %.*s, but %s is not in "
			 "/lib/modules/%s; install that kernel's package again", w->t->kver, (int)user->len, user->base,
			 (int)min_u64(len, 63), base, relative(w->t, path), w->t->kver);
}

static int walk_from(struct walk *w, const struct module *m, struct unrack_error *err)
{
	int r = enter(w, m, err);

	while (r == 0 && w->stack.len) {
		struct frame *top = &w->stack.at[w->stack.len - 1];
		const char *p = top->rest + strspn(top->rest, " \t\r");
		size_t n = strcspn(p, " \t\r");
		char *path;

		top->rest = p + n;
		if (n) {
			r = enter_dependency(w, p, n, err);
			continue;
		}
		w->state[top->module] = DONE;
		path = strdup(w->t->modules.at[top->module].path);
		w->stack.len--;
		if (!path || path_vec_push(&w->out, path) < 0) {
			free(path);
			return error_nomem(err);
		}
	}
	return r;
}

static int walk_names(struct walk *w, const char *const *names, size_t n, struct unrack_error *err)
{
	for (size_t k = 0; k < n; k++) {
		const struct module *m = find_name(w->t, names[k], strlen(names[k]));
		int r;

		if (!m && is_builtin(w->t, names[k], strlen(names[k])))
			continue;
		if (!m)
			return error_set(err, UNRACK_MISSING, "kernel %s has no module %s: it is neither in "
					 "/lib/modules/%s nor built in", w->t->kver, names[k], w->t->kver);
		if ((r = walk_from(w, m, err)) < 0)
			return r;
	}
	return 0;
}

int module_tree_closure(const struct module_tree *t, const char *const *names, size_t n,
			struct module_list *out, struct unrack_error *err)
{
	struct walk w = { .t = t, .state = calloc(t->modules.len + 1, 1) };
	int r = w.state ? walk_names(&w, names, n, err) : error_nomem(err);

	*out = (struct module_list){ w.out.at, w.out.len };
	free(w.state);
	frame_vec_free(&w.stack);
	if (r < 0)
		module_list_free(out);
	return r;
}

void module_list_free(struct module_list *l)
{
	for (size_t k = 0; k < l->n; k++)
		free(l->paths[k]);
	free(l->paths);
	*l = (struct module_list){ 0 };
}
