/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dracut_repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "dracut_check.h"
#include "dracut_cmdline.h"
#include "dracut_indexes.h"
#include "dracut_modules.h"
#include "dracut_root.h"
#include "kernel_unpacks.h"

#define OUR_LOAD    "etc/modules-load.d/unrack.conf"
#define OUR_HOOK    "00-unrack.sh"
#define OUR_CMDLINE "etc/cmdline.d/99-unrack.conf"

struct job {
	const struct initrd *image;
	const struct initrd_change *c;
	const struct loads_want *want;
	const struct module_list *more; /* or NULL */
	struct dracut d; /* of the image as it is */
	struct overlay o;
	char shown[IMAGE_PATH_MAX]; /* a file whose changes are shown line by line; "" */
};

/* --- Names ------------------------------------------------------------------------------ */

static int edit_cmdlines(struct job *j, struct unrack_error *err)
{
	const struct initrd_member *m;
	int r = 0;

	for (size_t k = 0; r == 0 && (m = image_next(j->image, &k));) {
		CLEANUP_BUF struct buf b = { 0 };

		if (!dracut_is_cmdline(&j->d, m->name) || !S_ISREG(m->mode))
			continue;
		r = dracut_cmdline_edit((const char *)m->data, m->size, j->c, j->image->name, &b, err);
		if (r < 0 || (b.len == m->size && !memcmp(b.data, m->data, m->size)))
			continue;
		r = overlay_put(&j->o, m->name, b.len ? (const void *)b.data : "", b.len, err);
		snprintf(j->shown, sizeof j->shown, "%s", m->name);
	}
	return r;
}

/* --- Loading by name -------------------------------------------------------------------- */

/* The lines of the file PATH so far, or the only one that counts. */
static int put_old(const struct initrd *i, const char *path, bool one_line, struct buf *out)
{
	const struct initrd_member *m = image_file(i, path);
	const char *p = m ? (const char *)m->data : "", *end = p + (m ? m->size : 0), *line;

	line = one_line ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	end = line ? line : end;
	if (p == end)
		return 0;
	if (buf_append(out, p, (size_t)(end - p)) < 0)
		return -1;
	return one_line || end[-1] == '\n' ? 0 : buf_puts(out, "\n");
}

/* How modules are loaded that nothing else loads. */
struct by_name {
	const char *path, *format;
	bool one_line;
};

/* A hook where the module is kept from being loaded otherwise; modules-load.d where systemd
 * reads it, since in dracut 033 the unit that loads what arguments name does not run for those
 * in files; else arguments. */
static struct by_name choose_way(const struct dracut *d, bool force, char hook[IMAGE_PATH_MAX])
{
	snprintf(hook, IMAGE_PATH_MAX, "%s/" OUR_HOOK, dracut_hook_folder(d));
	if (force || (d->systemd && !d->modules_load && !d->arguments_load))
		return (struct by_name){ hook, "modprobe -i %s\n", false };
	if (d->systemd && d->modules_load)
		return (struct by_name){ OUR_LOAD, "%s\n", false };
	if (d->one_cmdline)
		return (struct by_name){ "etc/cmdline", " rdloaddriver=%s", true };
	return (struct by_name){ OUR_CMDLINE, "rd.driver.pre=%s\n", false };
}

/* NOW: the image with the segment so far. FORCE: in spite of blacklists and commands. */
static int load_by_name(struct job *j, const struct initrd *now, const struct dracut *d,
			const bool *marks, bool force, struct unrack_error *err)
{
	char hook[IMAGE_PATH_MAX];
	struct by_name way = choose_way(d, force, hook);
	CLEANUP_BUF struct buf b = { 0 };
	int bad = put_old(now, way.path, way.one_line, &b);

	for (size_t k = 0; k < j->want->list.n; k++)
		if (marks[k])
			bad |= buf_printf(&b, way.format, j->want->names[k]);
	if (way.one_line)
		bad |= buf_puts(&b, "\n");
	if (bad)
		return error_nomem(err);
	snprintf(j->shown, sizeof j->shown, "%s", way.path);
	return overlay_put(&j->o, way.path, b.data, b.len, err);
}

static int load_others(struct job *j, const struct initrd *now, struct unrack_error *err)
{
	bool *marks CLEANUP_FREE = calloc(j->want->list.n + 1, sizeof *marks);
	struct unrack_error e = UNRACK_ERROR_INIT;
	bool force = false;
	struct dracut d;
	size_t n = 0;
	int r;

	if (!marks)
		return error_nomem(err);
	r = dracut_read(now, module_tree_kver(j->c->tree), &d, err);
	if (r == 0)
		r = dracut_read_arguments(&d, j->c->needs ? j->c->needs->arguments : NULL, err);
	if (r < 0) {
		dracut_free(&d);
		return r;
	}
	/* Without an index of aliases none has one. */
	dracut_find_aliased(&d, (const char (*)[64])j->want->names, j->want->list.n, marks, &e);
	for (size_t k = 0; k < j->want->list.n; k++) {
		char where[256];
		enum dracut_loading how = j->want->list.soft[k] ? DRACUT_LOADED :
							     dracut_loading(&d, j->want, k, marks[k], where);

		/* modprobe loads soft ones, if it can */
		marks[k] = how != DRACUT_LOADED && how != DRACUT_REFUSED && !j->want->list.soft[k];
		force |= marks[k] && (how == DRACUT_BLACKLISTED || how == DRACUT_REPLACED);
		n += marks[k];
	}
	if (n)
		r = load_by_name(j, now, &d, marks, force, err);
	dracut_free(&d);
	return r;
}

/* --- The change ------------------------------------------------------------------------- */

static int put_files(struct job *j, struct unrack_error *err)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < j->c->n_files; k++) {
		const struct initrd_file *f = &j->c->files[k];
		const struct initrd_member *m = initrd_find(j->image, f->path);

		if (m && m->size == f->n && !memcmp(m->data, f->data, f->n))
			continue;
		r = overlay_put(&j->o, f->path, f->data, f->n, err);
		snprintf(j->shown, sizeof j->shown, "%s", f->path);
	}
	return r;
}

/* What root needs of the kernel besides its drivers. */
static int put_root_modules(struct job *j, struct dracut_modules *m, struct unrack_error *err)
{
	const char *names[DRACUT_ROOT_MODULES];
	size_t n = dracut_root_modules(&j->d, j->c->tree, j->c->needs, names);
	struct module_list l;
	int r = module_tree_closure(j->c->tree, names, n, &l, err);

	if (r < 0)
		return r;
	r = dracut_put_modules(m, &l, err);
	module_list_free(&l);
	return r;
}

static int put_kernel(struct job *j, struct unrack_error *err)
{
	struct dracut_modules m = { .d = &j->d, .c = j->c, .o = &j->o };
	int r = dracut_put_modules(&m, &j->want->list, err);

	if (r == 0)
		r = put_root_modules(j, &m, err);
	if (r == 0 && j->more)
		r = dracut_put_modules(&m, j->more, err);
	if (r == 0)
		r = dracut_put_softdeps(&m, j->want, err);
	if (r == 0)
		r = dracut_put_indexes(&m, err);
	dracut_modules_free(&m);
	return r;
}

/* GOOD: nothing but names has to be changed. */
static int fill(struct job *j, bool good, struct unrack_error *err)
{
	struct initrd *now;
	int r = put_files(j, err);

	if (r == 0)
		r = edit_cmdlines(j, err);
	if (r < 0 || good)
		return r;
	r = put_kernel(j, err);
	if (r == 0)
		r = image_overlay(j->image, &j->o.archive, j->o.how, &now, err);
	if (r < 0)
		return r;
	r = load_others(j, now, err);
	initrd_close(now);
	return r;
}

/* Nothing is handed out that the check would refuse. */
static int hand_out(struct job *j, struct buf *out, struct buf *summary, struct unrack_error *err)
{
	struct initrd_answer answer = { 0 };
	struct initrd *new;
	size_t old = j->image->streams.at[0].len;
	int r = image_overlay(j->image, &j->o.archive, j->o.how, &new, err);

	if (r < 0)
		return r;
	r = dracut_check(new, j->c->tree, j->want, j->c->needs, &answer, err);
	if (r == 0 && answer.missing_link != INITRD_LINK_NONE)
		r = error_set(err, UNRACK_UNSUPPORTED, "%s: cannot be repaired: %s", j->image->name, answer.text);
	if (r == 0)
		r = overlay_write(&j->o, out, err);
	if (r == 0 && (buf_printf(summary, "appended a segment of %zu KiB to %zu KiB\n", (out->len - old + 1023) / 1024,
				  old / 1024) < 0 ||
		       image_compare(j->image, new, j->shown, summary) < 0))
		r = error_nomem(err);
	initrd_answer_free(&answer);
	initrd_close(new);
	return r;
}

/* What is never changed. */
static int refuse_special(const struct initrd *i, struct unrack_error *err)
{
	if (i->special == INITRD_KDUMP)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is an image for crash dumps, which kdump makes anew by "
				 "itself; it is left as it is", i->name);
	if (i->special == INITRD_SQUASH)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: its files are in a squashed filesystem inside, over which "
				 "nothing can be laid; it is left as it is", i->name);
	return 0;
}

static int refuse_other(const struct initrd *i, const struct dracut *d, const struct initrd_change *c,
			struct unrack_error *err)
{
	if (d->other[0])
		return error_set(err, UNRACK_UNSUPPORTED, "%s is made for kernel %s and not for %s; take the modules of %s, or "
				 "make an image for %s with this one as its base", i->name, d->other,
				 module_tree_kver(c->tree), d->other, module_tree_kver(c->tree));
	return 0;
}

static int change(struct job *j, bool good, struct buf *out, bool *changed, struct buf *summary,
		  struct unrack_error *err)
{
	int r = fill(j, good, err);

	if (r == 0 && j->o.archive.len)
		r = refuse_special(j->image, err);
	if (r < 0)
		return r;
	*changed = j->o.archive.len > 0;
	return *changed ? hand_out(j, out, summary, err) : 0;
}

int dracut_change(const struct initrd *i, const struct initrd_change *c, const struct loads_want *want,
		  const struct module_list *more, struct buf *out, bool *changed, struct buf *summary, struct unrack_error *err)
{
	struct job j = { .image = i, .c = c, .want = want, .more = more };
	struct initrd_answer answer = { 0 };
	int r = dracut_check(i, c->tree, want, c->needs, &answer, err);

	if (r == 0)
		r = dracut_read(i, module_tree_kver(c->tree), &j.d, err);
	if (r < 0) {
		initrd_answer_free(&answer);
		return r;
	}
	if (answer.missing_link != INITRD_LINK_NONE && (r = refuse_special(i, err)) == 0)
		r = refuse_other(i, &j.d, c, err);
	overlay_begin(&j.o, i, kernel_unpacks(c->tree, PACK_GZIP) ? PACK_GZIP : PACK_PLAIN);
	if (r == 0)
		r = change(&j, !more && answer.missing_link == INITRD_LINK_NONE, out, changed, summary, err);
	/* All that could be put in is there, and what is missing is something else. */
	if (r == 0 && !*changed && answer.missing_link != INITRD_LINK_NONE)
		r = error_set(err, UNRACK_UNSUPPORTED, "%s: cannot be repaired: %s", i->name, answer.text);
	overlay_free(&j.o);
	dracut_free(&j.d);
	initrd_answer_free(&answer);
	return r;
}
