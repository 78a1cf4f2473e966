/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

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

bool module_is_file(const char *path)
{
	const char *base;
	size_t n;

	return split_path(path, &base, &n);
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

struct module *modules_by_name(const struct module_tree *t, const char *name, size_t n, size_t k)
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
	if (k >= t->by_name.len - low)
		return NULL;
	m = &t->modules.at[t->by_name.at[low + k]];
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

struct module *modules_by_path(const struct module_tree *t, const char *path)
{
	return find_path(t, relative(t, path));
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
		m = modules_by_path(t, line);
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
	/* An empty one is what depmod leaves on a full disk; what is that large, no depmod wrote. */
	dep = dep && *dep && strnlen(dep, MODULE_TEXT_MAX) < MODULE_TEXT_MAX ? dep : NULL;
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

static void free_lazy(struct module_lazy *l)
{
	if (!l)
		return;
	for (size_t k = 0; k < MODULE_CONFIGS; k++)
		buf_free(&l->configs[k].text);
	buf_free(&l->alias.text);
	buf_free(&l->pcimap.text);
	buf_free(&l->softdep.text);
	index_vec_free(&l->reference.modules);
	module_symbols_free(l->symbols);
	free(l);
}

int module_tree_attach(struct module_tree *t, const struct module_source *s, struct unrack_error *err)
{
	struct module_lazy *lazy = calloc(1, sizeof *lazy);

	if (!lazy)
		return error_nomem(err);
	lazy->source = *s;
	free_lazy(t->lazy);
	t->lazy = lazy;
	return 0;
}

void module_tree_free(struct module_tree *t)
{
	if (!t)
		return;
	for (size_t k = 0; k < t->modules.len; k++)
		module_own_free(t->modules.at[k].own);
	free_lazy(t->lazy);
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

struct module *modules_choose(const struct module_tree *t, const char *name, size_t n)
{
	struct module *first = modules_by_name(t, name, n, 0), *m = first;

	/* One alone is what it is. */
	if (!t->lazy || !modules_by_name(t, name, n, 1))
		return first;
	for (size_t k = 0; m; m = modules_by_name(t, name, n, ++k)) {
		struct unrack_error e = UNRACK_ERROR_INIT;
		const char *why;

		if (module_fit_judge(t, m, &why, &e) == 0 && !why)
			return m;
	}
	return first;
}

const char *module_tree_find(const struct module_tree *t, const char *name)
{
	const struct module *m = modules_choose(t, name, strlen(name));

	return m ? m->path : NULL;
}

bool modules_builtin(const struct module_tree *t, const char *name, size_t n)
{
	const struct module key = { .base = name, .len = n };
	const char *config;
	char copy[64];

	if (t->builtin)
		return t->builtins.len &&
		       bsearch(&key, t->builtins.at, t->builtins.len, sizeof key, by_name);
	if (!t->lazy || n >= sizeof copy)
		return false;
	snprintf(copy, sizeof copy, "%.*s", (int)n, name);
	config = module_own_config(t);
	if (!*config)
		return module_config_usual(t->kver, copy) && !modules_by_name(t, name, n, 0);
	return module_config_builtin(config, copy);
}

bool module_tree_builtin(const struct module_tree *t, const char *name)
{
	return modules_builtin(t, name, strlen(name));
}

const char *module_tree_kver(const struct module_tree *t)
{
	return t->kver;
}

bool module_tree_has_deps(const struct module_tree *t)
{
	return t->dep || (t->lazy && module_fit_has_reference(t));
}

bool module_tree_lists(const struct module_tree *t, const char *name)
{
	struct module *m = modules_choose(t, name, strlen(name));
	const struct module_own *own = NULL;
	struct unrack_error e = UNRACK_ERROR_INIT;

	if (!m || m->deps)
		return m != NULL;
	return module_own_get(t, m, &own, &e) == 0 && own && own->read;
}
