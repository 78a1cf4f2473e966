/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dracut_modules.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "dracut_check.h"
#include "dracut_indexes.h"
#include "line_list.h"

#define MODULE_MAX (64u << 20) /* unpacked; real ones have half of that at most */

/* --- Packed ones ------------------------------------------------------------------------ */

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* libkmod links the library that unpacks, or names it to load it when it is needed (since 33);
 * module-init-tools, and kmod where it is one program, link it themselves. */
bool dracut_reads_packing(const struct initrd *i, enum archive_packing how)
{
	static const char *const libraries[] = {
		[PACK_GZIP] = "libz.so.", [PACK_XZ] = "liblzma.so.", [PACK_ZSTD] = "libzstd.so.",
	};
	const char *library = (size_t)how < ARRAY_LEN(libraries) ? libraries[how] : NULL;
	bool named = false, held = false;
	const struct initrd_member *m;
	size_t left = IMAGE_SEARCHED_ALL;

	if (how == PACK_PLAIN)
		return true;
	for (size_t k = 0; library && (m = image_next(i, &k));) {
		const char *slash = strrchr(m->name, '/'), *base = slash ? slash + 1 : m->name;

		held |= begins(base, library);
		if (S_ISREG(m->mode) &&
		    (begins(base, "libkmod.so") || !strcmp(base, "kmod") || !strcmp(base, "modprobe")))
			named |= image_holds(i, m, library, &left);
	}
	return named && held;
}

/* Modules that the image has already are read as they are. */
static bool has_packed_ones(const struct dracut *d, const char *path)
{
	const char *end = strrchr(path, '.');
	size_t n = strlen(d->dir), len = end ? strlen(end) : 0;
	const struct initrd_member *m;

	for (size_t k = 0; len && strcmp(end, ".ko") != 0 && (m = image_next(d->image, &k));) {
		size_t name = strlen(m->name);

		if (!strncmp(m->name, d->dir, n) && m->name[n] == '/' && S_ISREG(m->mode) && m->size &&
		    name > len + 3 && !strcmp(m->name + name - len, end) && !memcmp(m->name + name - len - 3, ".ko", 3))
			return true;
	}
	return false;
}

size_t dracut_plain_length(const char *path)
{
	const char *end = strrchr(path, '.');

	return end && strcmp(end, ".ko") != 0 ? (size_t)(end - path) : strlen(path);
}

static int unpack(struct dracut_modules *m, const char *path, enum archive_packing how, struct buf *b,
		  struct unrack_error *err)
{
	struct buf raw = { 0 };
	size_t used;
	int r = archive_unpack(how, b->data, b->len, MODULE_MAX, path, &raw, &used, err);

	if (r < 0) {
		buf_free(&raw);
		return r;
	}
	buf_free(b);
	*b = raw;
	return buf_printf(&m->unpacked, "%s\n", path) < 0 ? error_nomem(err) : 0;
}

/* --- Modules ---------------------------------------------------------------------------- */

static int has_module(const struct dracut_modules *m, const char *name, bool *answer, struct unrack_error *err)
{
	char why[LOADS_WHY_MAX] = "";
	bool has = m->d->own && module_tree_find(m->d->own, name);
	int r = has ? dracut_judge(m->d, m->c->tree, name, why, err) : 0;

	*answer = has && !why[0];
	return r;
}

static int put_module(struct dracut_modules *m, const char *path, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 }, full = { 0 };
	enum archive_packing how;
	size_t len = strlen(path);
	char name[64];
	bool has;
	int r;

	module_name_of(path, name);
	r = has_module(m, name, &has, err);
	if (r < 0 || has || line_list_has(&m->put, path, len))
		return r;
	r = m->c->read_module(m->c->ctx, path, &b, err);
	if (r < 0)
		return r;
	how = archive_packing_of(b.data, b.len);
	if (how != PACK_PLAIN && !has_packed_ones(m->d, path) && !dracut_reads_packing(m->d->image, how)) {
		r = unpack(m, path, how, &b, err);
		len = dracut_plain_length(path);
	}
	if (r < 0)
		return r;
	if (!b.len)
		return error_set(err, UNRACK_DAMAGED, "%s: is empty; install the package of kernel %s again",
				 path, module_tree_kver(m->c->tree));
	if (buf_printf(&full, "%s/%.*s", m->d->dir, (int)len, path) < 0 || buf_printf(&m->put, "%s\n", path) < 0)
		return error_nomem(err);
	return overlay_put(m->o, buf_str(&full), b.data, b.len, err);
}

void dracut_modules_free(struct dracut_modules *m)
{
	buf_free(&m->put);
	buf_free(&m->unpacked);
}

int dracut_put_modules(struct dracut_modules *m, const struct module_list *l, struct unrack_error *err)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < l->n; k++)
		r = put_module(m, l->paths[k], err);
	return r;
}

/* --- Softdeps --------------------------------------------------------------------------- */

static bool is_wanted(const struct loads_want *want, const char *name)
{
	for (size_t k = 0; k < want->list.n; k++)
		if (modules_same_name(want->names[k], name))
			return true;
	return false;
}

/* "softdep NAME pre: A B post: C": A and B should be loaded first. They may be aliases, which
 * are not followed: a driver works without them, or its own init fails as in the guest. */
static int put_softdeps_of(struct dracut_modules *m, const struct loads_want *want, const char *p,
			   const char *end, struct unrack_error *err)
{
	const char *word;
	bool pre = false;
	size_t n, words = 0;
	int r = 0;

	while (r == 0 && dracut_word(&p, end, &word, &n)) {
		char name[64];
		const char *const names[] = { name };
		struct module_list l;

		if (n >= sizeof name)
			return 0;
		snprintf(name, sizeof name, "%.*s", (int)n, word);
		words++;
		if ((words == 1 && strcmp(name, "softdep") != 0) || (words == 2 && !is_wanted(want, name)))
			return 0;
		if (name[n - 1] == ':')
			pre = !strcmp(name, "pre:");
		else if (words > 2 && pre && module_tree_find(m->c->tree, name)) {
			struct unrack_error e = UNRACK_ERROR_INIT;

			if (module_tree_closure(m->c->tree, names, 1, &l, &e) < 0)
				continue;
			r = dracut_put_modules(m, &l, err);
			module_list_free(&l);
		}
	}
	return r;
}

int dracut_put_softdeps(struct dracut_modules *m, const struct loads_want *want, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	bool found;
	int r = dracut_read_guest(m->c, "modules.softdep", &b, &found, err);

	for (const char *p = buf_str(&b); r == 0 && *p;) {
		size_t n = strcspn(p, "\n");

		r = put_softdeps_of(m, want, p, p + n, err);
		p += n + (p[n] == '\n');
	}
	return r;
}
