/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which module exports a symbol, for kernels whose modules do not say what they need (2.4). What
 * no module exports is the kernel's, so all that might export it must be read: that is put off
 * for subsystems which serve themselves only, until a module of one of them asks. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "modules.h"

#define EXPORTS_MAX (1u << 20)      /* of all modules; RHEL 3 has some 10000 */
#define EXPORT_NAMES_MAX (32u << 20) /* bytes of their names */

/* NAME is an offset while they are collected. */
struct export {
	const char *name;
	size_t module;
};

DEFINE_VEC(export_vec, struct export);

struct module_symbols {
	struct export_vec exports; /* by name */
	struct buf names;
	bool all; /* those of all folders */
};

static bool serves_itself(const char *path)
{
	static const char *const folders[] = {
		"/sound/", "/media/", "/isdn/", "/telephony/", "/bluetooth/", "/drm/", "/hamradio/", "/irda/",
		"/tokenring/", "/wireless/", "/joystick/",
	};

	for (size_t k = 0; k < ARRAY_LEN(folders); k++)
		if (strstr(path, folders[k]))
			return true;
	return false;
}

void module_symbols_free(struct module_symbols *s)
{
	if (!s)
		return;
	export_vec_free(&s->exports);
	buf_free(&s->names);
	free(s);
}

static int by_name(const void *va, const void *vb)
{
	return strcmp(((const struct export *)va)->name, ((const struct export *)vb)->name);
}

static int add_exports(struct module_symbols *s, size_t module, const struct modinfo_symbols *exported,
		       struct unrack_error *err)
{
	for (size_t k = 0; k < exported->n; k++) {
		const char *name = exported->at[k].name;
		struct export e = { (const char *)(uintptr_t)s->names.len, module };

		if (s->exports.len == EXPORTS_MAX || s->names.len > EXPORT_NAMES_MAX)
			return 0;
		if (buf_append(&s->names, name, strlen(name) + 1) < 0 || export_vec_push(&s->exports, e) < 0)
			return error_nomem(err);
	}
	return 0;
}

static int read_exports(const struct module_tree *t, struct module_symbols *s, struct unrack_error *err)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < t->modules.len; k++) {
		struct modinfo info;
		bool read, fits = false;

		if (!s->all && serves_itself(t->modules.at[k].path))
			continue;
		r = module_own_peek(t, &t->modules.at[k], &info, &read, err);
		if (r < 0 || !read)
			continue;
		r = module_fit_plausible(t, &info, &fits, err);
		if (r == 0 && fits)
			r = add_exports(s, k, &info.exported, err);
		modinfo_free(&info);
	}
	for (size_t k = 0; k < s->exports.len; k++)
		s->exports.at[k].name = (const char *)s->names.data + (uintptr_t)s->exports.at[k].name;
	if (s->exports.len)
		qsort(s->exports.at, s->exports.len, sizeof *s->exports.at, by_name);
	return r;
}

/* Makes the table that can answer questions of M. */
static int make_symbols(const struct module_tree *t, const struct module *m, struct unrack_error *err)
{
	bool all = serves_itself(m->path);
	struct module_symbols *s = t->lazy->symbols;
	int r;

	if (s && (s->all || !all))
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return error_nomem(err);
	s->all = all;
	r = read_exports(t, s, err);
	if (r < 0) {
		module_symbols_free(s);
		return r;
	}
	module_symbols_free(t->lazy->symbols);
	t->lazy->symbols = s;
	return 0;
}

static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

/* Of two that export the same, depmod takes the one in the folder of the module that asks. */
static bool is_better(const struct module *a, const struct module *b, const struct module *user)
{
	size_t n = folder_len(user->path);
	bool near_a = folder_len(a->path) == n && !strncmp(a->path, user->path, n);
	bool near_b = folder_len(b->path) == n && !strncmp(b->path, user->path, n);

	if (near_a != near_b)
		return near_a;
	return a->rank != b->rank ? a->rank < b->rank : strcmp(a->path, b->path) < 0;
}

int module_symbols_owner(const struct module_tree *t, const struct module *m, const char *name,
			 struct module **out, struct unrack_error *err)
{
	const struct module_symbols *s;
	size_t low = 0, high;
	int r = make_symbols(t, m, err);

	*out = NULL;
	if (r < 0)
		return r;
	s = t->lazy->symbols;
	for (high = s->exports.len; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(s->exports.at[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < s->exports.len && !strcmp(s->exports.at[low].name, name); low++) {
		struct module *owner = &t->modules.at[s->exports.at[low].module];

		if (!*out || is_better(owner, *out, m))
			*out = owner;
	}
	return 0;
}
