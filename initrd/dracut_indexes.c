/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dracut_indexes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "kmod_index.h"
#include "line_list.h"

int dracut_read_guest(const struct initrd_change *c, const char *path, struct buf *out, bool *found,
		      struct unrack_error *err)
{
	int r = c->read_module(c->ctx, path, out, err);

	*found = r == 0;
	if (r < 0 && err->sys_errno == ENOENT) {
		buf_clear(out);
		return 0;
	}
	return r;
}

/* Unless the image has the same, or the guest's is empty. */
static int put(const struct dracut *d, struct overlay *o, const char *name, const struct buf *b,
	       struct unrack_error *err)
{
	const struct initrd_member *m = dracut_file(d, name);
	char path[IMAGE_PATH_MAX + 64];

	if (!b->len || (m && m->size == b->len && !memcmp(m->data, b->data, b->len)))
		return 0;
	snprintf(path, sizeof path, "%s/%s", d->dir, name);
	return overlay_put(o, path, b->data, b->len, err);
}

/* --- modules.dep ------------------------------------------------------------------------ */

/* Changes PATH of the guest to that which counts: the image may have the module elsewhere. */
static void path_in_image(const struct dracut_modules *m, char path[IMAGE_PATH_MAX])
{
	const char *own;
	char name[64];

	module_name_of(path, name);
	own = m->d->own ? module_tree_find(m->d->own, name) : NULL;
	if (own && !dracut_file(m->d, path))
		snprintf(path, IMAGE_PATH_MAX, "%s", own);
	else if (m->unpacked.len && line_list_has(&m->unpacked, path, strlen(path)))
		path[dracut_plain_length(path)] = '\0';
}

/* The guest's modules.dep with the paths of the image. */
static int translate_dep(const struct dracut_modules *m, const char *text, struct buf *out)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, " \t:\n");
		char path[IMAGE_PATH_MAX];

		if (n && n < sizeof path) {
			snprintf(path, sizeof path, "%.*s", (int)n, p);
			path_in_image(m, path);
			if (buf_puts(out, path) < 0)
				return -1;
		} else if (buf_append(out, p, n) < 0) {
			return -1;
		}
		p += n;
		n = strspn(p, " \t:\n");
		if (buf_append(out, p, n) < 0)
			return -1;
		p += n;
	}
	return 0;
}

/* For a guest without one: what the image's own says, and the modules that come. */
static int make_dep(const struct dracut_modules *m, struct buf *out, struct unrack_error *err)
{
	int r = dracut_read_dep(m->d, out, err);

	for (const char *p = buf_str(&m->put); r == 0 && *p; p += strcspn(p, "\n") + 1) {
		char path[IMAGE_PATH_MAX], name[64];

		snprintf(path, sizeof path, "%.*s", (int)strcspn(p, "\n"), p);
		module_name_of(path, name);
		r = modules_dep_line(m->c->tree, name, out, err);
	}
	return r;
}

/* The guest's modules.dep may be cut or wrong: it must be right for all modules that the image has
 * then, those that come and its own. *CHANGED: OUT is what to take for it. */
static int mend_dep(const struct dracut_modules *m, struct buf *out, bool *changed, struct unrack_error *err)
{
	size_t n = m->d->own ? m->d->own->modules.len : 0, k = 0;
	char (*names)[64] CLEANUP_FREE = NULL;

	for (const char *p = buf_str(&m->put); *p; p += strcspn(p, "\n") + 1)
		n++;
	names = calloc(n + 1, sizeof *names);
	if (!names)
		return error_nomem(err);
	for (; m->d->own && k < m->d->own->modules.len; k++)
		module_name_of(m->d->own->modules.at[k].path, names[k]);
	for (const char *p = buf_str(&m->put); *p; p += strcspn(p, "\n") + 1) {
		char path[IMAGE_PATH_MAX];

		snprintf(path, sizeof path, "%.*s", (int)strcspn(p, "\n"), p);
		module_name_of(path, names[k++]);
	}
	return modules_mend_dep(m->c->tree, (const char (*)[64])names, n, out, changed, err);
}

/* --- Pairs of text and index ------------------------------------------------------------ */

static int nothing(void *ctx, const struct kmod_entry *e)
{
	(void)ctx, (void)e;
	return 0;
}

/* Whether the index says the same as the text, as far as it matters: an older one that depmod
 * had no room to replace would not. */
static bool is_current(enum kmod_index_kind kind, const struct buf *bin, const struct initrd_change *c,
		       const struct buf *made)
{
	if (kmod_index_each(bin->data, bin->len, nothing, NULL) != 0)
		return false;
	for (size_t k = 0; kind == KMOD_DEP && k < c->n_wanted; k++) {
		char key[64];
		const char *theirs, *ours;

		snprintf(key, sizeof key, "%s", c->wanted[k]);
		for (char *p = key; *p; p++)
			*p = *p == '-' ? '_' : *p;
		theirs = kmod_index_find(bin->data, bin->len, key);
		ours = kmod_index_find(made->data, made->len, key);
		if (!theirs != !ours || (theirs && strcmp(theirs, ours) != 0))
			return false;
	}
	return true;
}

/* NAME and NAME.bin. TEXT: what is to be taken for the guest's text, or NULL. */
static int put_pair(const struct dracut_modules *m, enum kmod_index_kind kind, const char *name,
		    const struct buf *text, struct unrack_error *err)
{
	const struct initrd_change *c = m->c;
	CLEANUP_BUF struct buf own = { 0 }, bin = { 0 }, made = { 0 };
	bool changed = text != NULL, has_text = changed, has_bin = false;
	char bin_name[64];
	int r = 0;

	snprintf(bin_name, sizeof bin_name, "%s.bin", name);
	if (!text) {
		text = &own;
		r = dracut_read_guest(c, name, &own, &has_text, err);
	}
	if (r == 0 && has_text)
		r = put(m->d, m->o, name, text, err);
	if (r == 0)
		r = dracut_read_guest(c, bin_name, &bin, &has_bin, err);
	if (r == 0 && has_text)
		r = kmod_index_make(kind, buf_str(text), &made, err);
	if (r < 0)
		return r;
	if (has_bin && !changed && (!has_text || is_current(kind, &bin, c, &made)))
		return put(m->d, m->o, bin_name, &bin, err);
	/* Those who read texts must not find an old index beside them. */
	return has_text ? put(m->d, m->o, bin_name, &made, err) : 0;
}

static int put_dep(const struct dracut_modules *m, struct unrack_error *err)
{
	CLEANUP_BUF struct buf dep = { 0 }, fixed = { 0 }, own = { 0 };
	const char *kver = module_tree_kver(m->c->tree);
	bool found, changed = false;
	int r = dracut_read_guest(m->c, "modules.dep", &dep, &found, err);

	if (r < 0)
		return r;
	if ((!found || !dep.len) && module_tree_has_deps(m->c->tree))
		r = make_dep(m, &fixed, err);
	else if (!found || !dep.len)
		return error_set(err, UNRACK_UNSUPPORTED, "/lib/modules/%s/modules.dep is missing or empty, so %s can't be "
				 "repaired; run depmod -a %s on the server, then copy it again",
				 kver, m->d->image->name, kver);
	else
		r = mend_dep(m, &fixed, &changed, err);
	changed |= !found || !dep.len;
	if (r < 0)
		return r;
	if (translate_dep(m, buf_str(changed ? &fixed : &dep), &own) < 0)
		return error_nomem(err);
	changed |= strcmp(buf_str(&own), buf_str(&dep)) != 0;
	return put_pair(m, KMOD_DEP, "modules.dep", changed ? &own : NULL, err);
}

int dracut_put_indexes(const struct dracut_modules *m, struct unrack_error *err)
{
	/* softdeps always; the others only if it has none, since they are the kernel's and its own
	 * are as good. */
	static const char *const files[] = {
		"modules.softdep", "modules.order", "modules.builtin", "modules.builtin.bin",
		"modules.builtin.modinfo", "modules.builtin.alias.bin", "modules.devname",
	};
	int r = put_dep(m, err);

	if (r == 0)
		r = put_pair(m, KMOD_ALIAS, "modules.alias", NULL, err);
	if (r == 0)
		r = put_pair(m, KMOD_ALIAS, "modules.symbols", NULL, err);
	for (size_t k = 0; r == 0 && k < ARRAY_LEN(files); k++) {
		CLEANUP_BUF struct buf b = { 0 };
		bool found;

		if (k > 0 && dracut_file(m->d, files[k]))
			continue;
		r = dracut_read_guest(m->c, files[k], &b, &found, err);
		if (r == 0 && found)
			r = put(m->d, m->o, files[k], &b, err);
	}
	return r;
}
