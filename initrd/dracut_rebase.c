/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image for one kernel out of an image for another: see initrd_rebase. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "dracut_repair.h"
#include "image_path.h"
#include "line_list.h"

#define LEFT_OUT_SHOWN 10

DEFINE_VEC(path_vec, char *);

struct rebase {
	const struct initrd *base;
	const struct initrd_change *c;
	char tops[2][IMAGE_PATH_MAX]; /* folders that hold kernels' folders: real, may be the same */
	struct path_vec paths;        /* of the modules of C's tree that take the place of others */
	size_t n_old;                 /* modules that BASE holds */
	struct buf left_out;          /* names of those that the kernel has not, one per line */
};

/* --- Which modules ---------------------------------------------------------------------- */

/* What follows a folder of kernels and a slash in NAME; NULL: it is elsewhere. */
static const char *below(const struct rebase *j, const char *name)
{
	for (size_t k = 0; k < ARRAY_LEN(j->tops); k++) {
		size_t n = strlen(j->tops[k]);

		if (n && !strncmp(name, j->tops[k], n) && name[n] == '/')
			return name + n + 1;
	}
	return NULL;
}

static int find_tops(struct rebase *j, struct unrack_error *err)
{
	static const char *const tops[] = { "lib/modules", "usr/lib/modules" };

	for (size_t k = 0; k < ARRAY_LEN(tops); k++)
		if (!image_real(j->base, tops[k], j->tops[k]))
			return error_set(err, UNRACK_DAMAGED, "%s: its links from /%s lead nowhere; take another copy of "
					 "this file", j->base->name, tops[k]);
	return 0;
}

static bool is_module(const char *name)
{
	const char *slash = strrchr(name, '/'), *end = strstr(slash ? slash : name, ".ko");

	return end && (!end[3] || end[3] == '.');
}

/* The module NAME and all it needs. One whose needs are not whole is as good as none. */
static int add_module(struct rebase *j, const char *name, struct unrack_error *err)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct module_list l;
	int r = module_tree_closure(j->c->tree, &name, 1, &l, &e);

	if (r == UNRACK_INTERNAL) {
		*err = e;
		return r;
	}
	if (r < 0)
		return line_list_add(&j->left_out, name, strlen(name)) < 0 ? error_nomem(err) : 0;
	for (size_t k = 0; r == 0 && k < l.n; k++) {
		r = path_vec_push(&j->paths, l.paths[k]) < 0 ? error_nomem(err) : 0;
		if (r == 0)
			l.paths[k] = NULL;
	}
	module_list_free(&l);
	return r;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find_modules(struct rebase *j, struct unrack_error *err)
{
	const struct initrd_member *m;
	size_t n = 0;
	int r = 0;

	for (size_t k = 0; r == 0 && (m = image_next(j->base, &k));) {
		char name[64];

		if (!below(j, m->name) || S_ISDIR(m->mode) || !is_module(m->name))
			continue;
		module_name_of(m->name, name);
		j->n_old++;
		r = add_module(j, name, err);
	}
	if (r < 0 || !j->paths.len)
		return r;
	qsort(j->paths.at, j->paths.len, sizeof *j->paths.at, compare_paths);
	for (size_t k = 0; k < j->paths.len; k++) {
		if (n && !strcmp(j->paths.at[k], j->paths.at[n - 1]))
			free(j->paths.at[k]);
		else
			j->paths.at[n++] = j->paths.at[k];
	}
	j->paths.len = n;
	return 0;
}

/* --- The base without kernels ----------------------------------------------------------- */

/* Microcode is looked for in what is not packed, and stays so. */
static int strip(const struct rebase *j, struct initrd **out, struct unrack_error *err)
{
	bool *drop CLEANUP_FREE = calloc(j->base->items.len + 1, sizeof *drop);
	const struct image_edit edit = { .drop = drop, .gzip = true };
	struct store file = { .keep = IMAGE_KEEP_MAX };
	CLEANUP_BUF struct buf b = { 0 };
	int r;

	if (!drop)
		return error_nomem(err);
	for (size_t k = 0; k < j->base->items.len; k++)
		drop[k] = below(j, j->base->items.at[k].m.name) != NULL;
	r = image_write_edited(j->base, &edit, &b, err);
	if (r == 0 && ((r = store_take(&file, &b, err)) < 0 || (r = store_end(&file, err)) < 0))
		store_free(&file);
	return r < 0 ? r : image_open(&file, j->base->name, out, err);
}

/* --- The new image ---------------------------------------------------------------------- */

/* The other kernels of the base: "A, B". */
static int name_kernels(const struct rebase *j, struct buf *out)
{
	CLEANUP_BUF struct buf kernels = { 0 };
	const char *kver = module_tree_kver(j->c->tree);

	if (initrd_kernels(j->base, &kernels) < 0)
		return -1;
	for (const char *p = buf_str(&kernels); *p; p += strcspn(p, "\n") + 1) {
		size_t n = strcspn(p, "\n");

		if ((n != strlen(kver) || memcmp(p, kver, n) != 0) &&
		    buf_printf(out, "%s%.*s", out->len ? ", " : "", (int)n, p) < 0)
			return -1;
	}
	return 0;
}

/* Of many names the first. */
static int name_left_out(const struct rebase *j, struct buf *out)
{
	size_t shown = 0;

	for (const char *p = buf_str(&j->left_out); *p; p += strcspn(p, "\n") + 1, shown++)
		if (shown < LEFT_OUT_SHOWN &&
		    buf_printf(out, "%s%.*s", shown ? ", " : "not in that kernel: ", (int)strcspn(p, "\n"), p) < 0)
			return -1;
	if (shown > LEFT_OUT_SHOWN && buf_printf(out, " and %zu more", shown - LEFT_OUT_SHOWN) < 0)
		return -1;
	return shown ? buf_puts(out, "\n") : 0;
}

static int summarize(const struct rebase *j, struct buf *out)
{
	CLEANUP_BUF struct buf kernels = { 0 };

	if (name_kernels(j, &kernels) < 0)
		return -1;
	if (buf_printf(out, "made of %s%s%s: %zu modules of kernel %s in place of %zu\n", j->base->name,
		       kernels.len ? ", which is for kernel " : "", buf_str(&kernels), j->paths.len,
		       module_tree_kver(j->c->tree), j->n_old) < 0)
		return -1;
	return name_left_out(j, out);
}

static int make(struct rebase *j, const struct loads_want *want, struct buf *out, struct buf *summary,
		struct unrack_error *err)
{
	CLEANUP_BUF struct buf changes = { 0 };
	struct initrd *without = NULL;
	struct module_list more;
	bool changed = false;
	int r = find_tops(j, err);

	if (r == 0)
		r = find_modules(j, err);
	if (r == 0)
		r = strip(j, &without, err);
	more = (struct module_list){ .paths = j->paths.at, .n = j->paths.len };
	if (r == 0)
		r = dracut_change(without, j->c, want, &more, out, &changed, &changes, err);
	/* A kernel that has all in it, and not even indexes. */
	if (r == 0 && !changed)
		r = archive_pack(PACK_PLAIN, &without->streams.at[0], j->base->name, out, err);
	initrd_close(without);
	if (r == 0 && summarize(j, summary) < 0)
		r = error_nomem(err);
	return r;
}

static int refuse(const struct initrd *base, struct unrack_error *err)
{
	if (base->kind != INITRD_DRACUT)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is an image of the form %s that dracut did not make; none "
				 "for another kernel can be made of it", base->name, base->container);
	if (base->special == INITRD_KDUMP)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is an image for crash dumps; none to boot can be made of it",
				 base->name);
	if (base->special == INITRD_SQUASH)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: its files are in a squashed filesystem inside, which unrack "
				 "does not look into; none for another kernel can be made of it", base->name);
	return 0;
}

int initrd_rebase(const struct initrd *base, const struct initrd_change *c, struct buf *out,
		  struct buf *summary, struct unrack_error *err)
{
	struct rebase j = { .base = base, .c = c };
	struct loads_want want;
	int r = refuse(base, err);

	buf_clear(out);
	if (r == 0)
		r = loads_want_new(c->tree, c->wanted, c->n_wanted, &want, err);
	if (r < 0)
		return r;
	r = make(&j, &want, out, summary, err);
	loads_want_free(&want);
	for (size_t k = 0; k < j.paths.len; k++)
		free(j.paths.at[k]);
	path_vec_free(&j.paths);
	buf_free(&j.left_out);
	if (r < 0)
		buf_clear(out);
	return r;
}
