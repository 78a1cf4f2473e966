/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dracut_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "dracut_root.h"
#include "kernel_unpacks.h"
#include "line_list.h"

#define WAITING_MAX (64u << 10) /* bytes of all files that tell what to wait for; any number of names may lead to one */

static bool is_needed(const struct loads_want *want, size_t k)
{
	for (size_t a = k + 1; a < want->list.n; a++)
		if (loads_needs(want, a, k))
			return true;
	return false;
}

int dracut_judge(const struct dracut *d, const struct module_tree *t, const char *name, char why[LOADS_WHY_MAX],
		 struct unrack_error *err)
{
	const struct initrd_member *f = dracut_file(d, module_tree_find(d->own, name));

	why[0] = '\0';
	return f ? loads_judge(t, f, why, err) : 0;
}

/* --- Modules ---------------------------------------------------------------------------- */

bool dracut_explain_file(const struct dracut *d, enum initrd_link link, const char *name, struct reasons *why)
{
	const char *const names[] = { name };
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct module_list closure;
	char called[64];
	bool binary;

	if (!module_tree_find(d->own, name)) {
		reasons_add(why, link, name, "%s is not in it", name);
		return false;
	}
	if (!dracut_index(d, "modules.dep", &binary, called)) {
		reasons_add(why, link, name, "%s is in it, but it has no %s", name, called);
		return false;
	}
	if (!module_tree_lists(d->own, name)) {
		reasons_add(why, link, name, "%s is in it, but its %s does not list it", name, called);
		return false;
	}
	if (module_tree_closure(d->own, names, 1, &closure, &e) < 0) {
		why->failed |= e.code == UNRACK_INTERNAL;
		reasons_add(why, link, name, "%s is in it, but not all that its %s says it needs", name, called);
		return false;
	}
	module_list_free(&closure);
	return true;
}

enum dracut_loading dracut_loading(const struct dracut *d, const struct loads_want *want, size_t k,
				   bool aliased, char where[256])
{
	const char *name = want->names[k];
	char by[256];
	bool listed, loaded;

	where[0] = '\0';
	if (dracut_where(&d->refused, name, where))
		return DRACUT_REFUSED;
	if (dracut_where(&d->replaced, name, where) && !dracut_where(&d->forced, name, by))
		return DRACUT_REPLACED;
	if (is_needed(want, k))
		return DRACUT_LOADED;
	loaded = dracut_where(&d->loaded, name, by);
	listed = dracut_where(&d->blacklisted, name, where);
	if (loaded && !(listed && strstr(by, "modules-load.d")))
		return DRACUT_LOADED;
	if (listed)
		return DRACUT_BLACKLISTED;
	return (aliased && d->rules_load) || dracut_is_filesystem(name) ? DRACUT_LOADED : DRACUT_NO_ALIAS;
}

/* NO_ALIAS: why none can lead to it. */
static void explain_loading(const struct dracut *d, const struct loads_want *want, size_t k,
			    bool aliased, const char *no_alias, struct reasons *why)
{
	const char *name = want->names[k];
	char where[256];

	switch (dracut_loading(d, want, k, aliased, where)) {
	case DRACUT_LOADED:
		return;
	case DRACUT_REPLACED:
		reasons_add(why, INITRD_LINK_DRIVER, name, "its %s has a command run in place of loading %s", where, name);
		return;
	case DRACUT_BLACKLISTED:
		reasons_add(why, INITRD_LINK_DRIVER, name, "its %s keeps %s from being loaded", where, name);
		return;
	case DRACUT_REFUSED:
		reasons_add(why, INITRD_LINK_DRIVER, name, "the kernel does not take %s, because of module_blacklist= on "
			    "its %s", name, where);
		return;
	case DRACUT_NO_ALIAS:
		break;
	}
	if (no_alias)
		reasons_add(why, INITRD_LINK_DRIVER, name, "nothing loads %s: %s", name, no_alias);
	else if (!aliased)
		reasons_add(why, INITRD_LINK_DRIVER, name, "nothing loads %s: no alias leads to it", name);
	else
		reasons_add(why, INITRD_LINK_DRIVER, name, "nothing loads %s: no rule of udev in it loads the modules of "
			    "devices", name);
}

/* The file of the wanted module K, which is there. */
static int explain_build(const struct dracut *d, const struct module_tree *t, const struct loads_want *want, size_t k,
			 struct reasons *why, struct unrack_error *err)
{
	char text[LOADS_WHY_MAX];
	int r = dracut_judge(d, t, want->names[k], text, err);

	if (r == 0 && text[0])
		reasons_add(why, INITRD_LINK_DRIVER, want->names[k], "%s is in it, but %s", want->names[k], text);
	return r;
}

static int put_loaded(const struct dracut *d, const char *name, struct initrd_answer *out)
{
	return buf_printf(&out->order, "%s\n", name) < 0 ||
	       buf_printf(&out->files, "%s/%s\n", d->dir, module_tree_find(d->own, name)) < 0 ? -1 : 0;
}

static int explain_modules(const struct dracut *d, const struct module_tree *t, const struct loads_want *want,
			   struct initrd_answer *out, struct reasons *why, struct unrack_error *err)
{
	bool *aliased CLEANUP_FREE = calloc(want->list.n + 1, sizeof *aliased);
	struct unrack_error e = UNRACK_ERROR_INIT;
	const char *no_alias;

	if (!aliased)
		return error_nomem(err);
	no_alias = dracut_find_aliased(d, (const char (*)[64])want->names, want->list.n, aliased, &e) < 0 ?
		   e.text : NULL;
	for (size_t k = 0; k < want->list.n; k++) {
		size_t before = why->n;

		/* Without those the others work. */
		if (want->list.soft[k] && !module_tree_find(d->own, want->names[k]))
			continue;
		if (!want->list.soft[k] && dracut_explain_file(d, INITRD_LINK_DRIVER, want->names[k], why)) {
			int r = explain_build(d, t, want, k, why, err);

			if (r < 0)
				return r;
			explain_loading(d, want, k, aliased[k], no_alias, why);
		}
		if (why->n == before && put_loaded(d, want->names[k], out) < 0)
			return error_nomem(err);
	}
	return 0;
}

/* --- Names ------------------------------------------------------------------------------ */

static bool after(const char *word, size_t n, const char *key, const char **value, size_t *len)
{
	size_t k = strlen(key);

	if (n <= k || memcmp(word, key, k) != 0)
		return false;
	*value = word + k;
	*len = n - k;
	if (*len >= 2 && (**value == '"' || **value == '\'') && (*value)[*len - 1] == **value) {
		++*value;
		*len -= 2;
	}
	return *len > 0;
}

static void set(char *out, size_t size, const char *p, size_t n)
{
	snprintf(out, size, "%.*s", (int)min_u64(n, size), p);
}

static int mention(struct initrd_answer *out, const char *prefix, const char *p, size_t n)
{
	char item[IMAGE_PATH_MAX];

	if ((size_t)snprintf(item, sizeof item, "%s%.*s", prefix, (int)min_u64(n, sizeof item), p) >= sizeof item)
		return 0;
	return line_list_add(&out->mentions, item, strlen(item));
}

static bool is_device(const char *p, size_t n)
{
	static const char *const tags[] = { "/dev/", "LABEL=", "UUID=", "PARTLABEL=", "PARTUUID=" };

	for (size_t k = 0; k < ARRAY_LEN(tags); k++)
		if (n > strlen(tags[k]) && !memcmp(p, tags[k], strlen(tags[k])))
			return true;
	return false;
}

/* One kernel argument. */
static int read_name(const char *word, size_t n, struct initrd_answer *out)
{
	const char *v;
	size_t len;

	if (after(word, n, "root=", &v, &len)) {
		after(v, len, "block:", &v, &len);
		set(out->root, sizeof out->root, v, len);
		return 0;
	}
	if (after(word, n, "resume=", &v, &len)) {
		set(out->resume, sizeof out->resume, v, len);
		return 0;
	}
	if (after(word, n, "rootfstype=", &v, &len)) {
		set(out->root_fs, sizeof out->root_fs, v, len);
		return 0;
	}
	if (after(word, n, "rd.lvm.lv=", &v, &len) || after(word, n, "rd_LVM_LV=", &v, &len))
		return mention(out, "/dev/", v, len);
	v = memchr(word, '=', n);
	if (v && is_device(v + 1, n - (size_t)(v + 1 - word)))
		return mention(out, "", v + 1, n - (size_t)(v + 1 - word));
	return 0;
}

/* dracut waits for the devices of such files: [ -e "/dev/disk/by-uuid/..." ] */
static int read_waiting(const struct initrd_member *m, struct initrd_answer *out)
{
	const char *p = (const char *)m->data, *end = p + m->size;

	while ((p = memchr(p, '"', (size_t)(end - p)))) {
		const char *close;

		p++;
		close = memchr(p, '"', (size_t)(end - p));
		if (!close)
			return 0;
		if (is_device(p, (size_t)(close - p)) && !memchr(p, '$', (size_t)(close - p)) &&
		    mention(out, "", p, (size_t)(close - p)) < 0)
			return -1;
		p = close + 1;
	}
	return 0;
}

static int find_names(const struct dracut *d, struct initrd_answer *out)
{
	const char *p = buf_str(&d->arguments), *end = p + d->arguments.len, *word;
	const struct initrd_member *m;
	size_t n, left = WAITING_MAX;

	if (buf_append(&out->arguments, p, d->arguments.len) < 0)
		return -1;
	while (dracut_word(&p, end, &word, &n))
		if (read_name(word, n, out) < 0)
			return -1;
	for (size_t k = 0; (m = image_next(d->image, &k));)
		if (strstr(m->name, "/initqueue/finished/devexists-") && S_ISREG(m->mode) &&
		    m->size <= IMAGE_PATH_MAX && m->size <= left) {
			if (read_waiting(m, out) < 0)
				return -1;
			left -= m->size;
			image_forget(d->image, m->data, m->size);
		}
	return 0;
}

/* --- The check -------------------------------------------------------------------------- */

static void say_loaded(const struct dracut *d, const struct loads_want *want, char *out, size_t size)
{
	const char *last = want->list.n ? want->names[want->list.n - 1] : NULL;
	char by[256];

	if (!last)
		snprintf(out, size, "every driver is built into the kernel");
	else if (dracut_where(&d->loaded, last, by))
		snprintf(out, size, "it holds %s and all that it needs, and loads it by name (%s)", last, by);
	else
		snprintf(out, size, "it holds %s and all that it needs", last);
}

int dracut_check(const struct initrd *i, const struct module_tree *tree,
		 const struct loads_want *want, const struct initrd_needs *needs,
		 struct initrd_answer *out, struct unrack_error *err)
{
	struct reasons why = { &out->missing, out->text, sizeof out->text, 0, INITRD_LINK_NONE, false };
	const char *kver = module_tree_kver(tree);
	struct dracut d;
	int r;

	if (i->special == INITRD_SQUASH && want->list.n)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: its files are in a squashed filesystem inside, "
				 "which unrack does not look into", i->name);
	r = dracut_read(i, kver, &d, err);
	if (r < 0)
		return r;
	kernel_unpacks_explain(i, tree, &why);
	r = dracut_read_arguments(&d, needs ? needs->arguments : NULL, err);
	if (r == 0 && d.own)
		r = explain_modules(&d, tree, want, out, &why, err);
	else if (r == 0 && want->list.n && d.other[0])
		reasons_add(&why, INITRD_LINK_DRIVER, "modules", "it is made for kernel %s, and holds no modules of kernel %s", d.other, kver);
	else if (r == 0 && want->list.n)
		reasons_add(&why, INITRD_LINK_DRIVER, "modules", "it holds no modules of kernel %s", kver);
	out->loads = why.n == 0;
	if (r == 0 && find_names(&d, out) < 0)
		r = error_nomem(err);
	if (r == 0 && i->special != INITRD_SQUASH)
		r = dracut_explain_root(&d, tree, needs, out, &why, err);
	if (r == 0)
		r = reasons_finish(&why, err);
	out->missing_link = why.link;
	if (why.n == 0)
		say_loaded(&d, want, out->text, sizeof out->text);
	dracut_free(&d);
	return r;
}
