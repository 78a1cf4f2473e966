/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "modules.h"

/* --- Whether a line is right ------------------------------------------------------------ */

/* The module that a word of a line is for; NULL: there is none. */
static struct module *find_word(const struct module_tree *t, const char *word, size_t n, char name[64])
{
	char path[4096];
	struct module *m;

	snprintf(path, sizeof path, "%.*s", (int)min_u64(n, sizeof path - 1), word);
	m = modules_by_path(t, path);
	module_name_of(path, name);
	return m ? m : modules_choose(t, name, strlen(name));
}

static bool is_named(const char *line, const char *name, size_t n)
{
	const char *word;
	size_t len;

	while ((word = module_word(&line, &len))) {
		const char *slash = memrchr(word, '/', len), *base = slash ? slash + 1 : word;
		const char *dot = memchr(base, '.', (size_t)(word + len - base));

		if (dot && module_word_is(base, (size_t)(dot - base), name, n))
			return true;
	}
	return false;
}

static bool is_right(const struct module_tree *t, const struct module *m)
{
	const char *p = m->deps, *word, *depends;
	size_t n;

	if (!p)
		return false;
	while ((word = module_word(&p, &n))) {
		char name[64];

		if (!find_word(t, word, n, name) && !modules_builtin(t, name, strlen(name)))
			return false;
	}
	depends = m->own && m->own->read ? modinfo_get(&m->own->info, "depends", NULL) : NULL;
	for (p = depends ? depends : ""; *p; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		if (n && modules_by_name(t, p, n, 0) && !is_named(m->deps, p, n))
			return false;
	}
	return true;
}

/* --- Writing ---------------------------------------------------------------------------- */

int modules_dep_line(const struct module_tree *t, const char *name, struct buf *out, struct unrack_error *err)
{
	struct module_list l;
	int r = module_tree_closure(t, &name, 1, &l, err), bad = 0;

	if (r < 0)
		return r;
	for (size_t k = l.n; k-- > 0;)
		if (k + 1 == l.n)
			bad |= buf_printf(out, "%s:", l.paths[k]);
		else if (!l.soft[k])
			bad |= buf_printf(out, " %s", l.paths[k]);
	if (l.n)
		bad |= buf_puts(out, "\n");
	module_list_free(&l);
	return bad ? error_nomem(err) : 0;
}

static int keep_line(const struct module_tree *t, const struct module *m, struct buf *out)
{
	const char *p = m->deps, *word;
	int bad = buf_printf(out, "%s:", m->path);
	size_t n;

	while ((word = module_word(&p, &n))) {
		char name[64];
		const struct module *dep = find_word(t, word, n, name);

		bad |= dep ? buf_printf(out, " %s", dep->path) : buf_printf(out, " %.*s", (int)min_u64(n, 4096), word);
	}
	return bad | buf_puts(out, "\n");
}

static int put_line(const struct module_tree *t, struct module *m, bool wrong, struct buf *out,
		    struct unrack_error *err)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char name[64];
	int r = UNRACK_MISSING;

	module_name_of(m->path, name);
	if (wrong)
		r = modules_dep_line(t, name, out, &e);
	if (r == UNRACK_MISSING || r == UNRACK_UNSUPPORTED || r == UNRACK_DAMAGED)
		r = m->deps && keep_line(t, m, out) ? error_nomem(err) : 0;
	else if (r < 0)
		*err = e;
	return r;
}

/* Those of NAMES whose lines are wrong. */
static bool mark(const struct module_tree *t, const char (*names)[64], size_t n, uint8_t *wrong)
{
	bool any = false;

	for (size_t k = 0; k < n; k++) {
		const struct module *m = modules_choose(t, names[k], strlen(names[k]));

		if (!m || is_right(t, m))
			continue;
		wrong[m - t->modules.at] = true;
		any = true;
	}
	return any;
}

int modules_mend_dep(const struct module_tree *t, const char (*names)[64], size_t n, struct buf *out,
		     bool *mended, struct unrack_error *err)
{
	CLEANUP_FREE uint8_t *wrong = calloc(t->modules.len + 1, 1);
	int r = 0;

	*mended = false;
	if (!wrong)
		return error_nomem(err);
	if (!mark(t, names, n, wrong))
		return 0;
	for (size_t k = 0; r == 0 && k < t->modules.len; k++)
		r = put_line(t, &t->modules.at[k], wrong[k], out, err);
	*mended = r == 0;
	return r;
}
