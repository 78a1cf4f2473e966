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

#define OUR_LOAD    "etc/modules-load.d/unrack.conf"
#define OUR_CMDLINE "etc/cmdline.d/99-unrack.conf"

struct job {
	const struct initrd *image;
	const struct initrd_change *c;
	const struct loads_want *want;
	struct dracut d; /* of the image as it is */
	struct overlay o;
	const char *shown;  /* a file whose changes are shown line by line; "" */
};

/* --- Modules ---------------------------------------------------------------------------- */

static int put_module(struct job *j, const char *path, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	CLEANUP_BUF struct buf full = { 0 };
	char name[64];
	int r;

	module_name_of(path, name);
	if (j->d.own && module_tree_find(j->d.own, name))
		return 0;
	r = j->c->read_module(j->c->ctx, path, &b, err);
	if (r < 0)
		return r;
	if (!b.len)
		return error_set(err, UNRACK_DAMAGED, "%s: is empty; install the package of kernel %s again",
				 path, module_tree_kver(j->c->tree));
	if (buf_printf(&full, "%s/%s", j->d.dir, path) < 0)
		return error_nomem(err);
	return overlay_put(&j->o, buf_str(&full), b.data, b.len, err);
}

static int put_modules(struct job *j, const struct module_list *l, struct unrack_error *err)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < l->n; k++)
		r = put_module(j, l->paths[k], err);
	return r;
}

static bool is_wanted(const struct job *j, const char *name)
{
	for (size_t k = 0; k < j->want->list.n; k++)
		if (modules_same_name(j->want->names[k], name))
			return true;
	return false;
}

/* "softdep NAME pre: A B post: C": A and B should be loaded first. They may be aliases, which
 * are not followed: a driver works without them, or its own init fails as in the guest. */
static int put_softdeps_of(struct job *j, const char *p, const char *end, struct unrack_error *err)
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
		if ((words == 1 && strcmp(name, "softdep") != 0) || (words == 2 && !is_wanted(j, name)))
			return 0;
		if (name[n - 1] == ':')
			pre = !strcmp(name, "pre:");
		else if (words > 2 && pre && module_tree_find(j->c->tree, name)) {
			struct unrack_error e = UNRACK_ERROR_INIT;

			if (module_tree_closure(j->c->tree, names, 1, &l, &e) < 0)
				continue;
			r = put_modules(j, &l, err);
			module_list_free(&l);
		}
	}
	return r;
}

static int put_softdeps(struct job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	bool found;
	int r = dracut_read_guest(j->c, "modules.softdep", &b, &found, err);

	for (const char *p = buf_str(&b); r == 0 && *p;) {
		size_t n = strcspn(p, "\n");

		r = put_softdeps_of(j, p, p + n, err);
		p += n + (p[n] == '\n');
	}
	return r;
}

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
		j->shown = m->name;
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

/* modules-load.d where systemd reads it, since the unit that loads what arguments name does
 * not run for those in files in dracut 033; else arguments. NOW: the image with the segment
 * so far. */
static int load_by_name(struct job *j, const struct initrd *now, const struct dracut *d,
			const bool *marks, struct unrack_error *err)
{
	bool load = d->systemd && (image_file(now, "usr/lib/systemd/systemd-modules-load") ||
				   image_file(now, "lib/systemd/systemd-modules-load"));
	bool one_line = !load && d->one_cmdline;
	const char *path = load ? OUR_LOAD : one_line ? "etc/cmdline" : OUR_CMDLINE;
	const char *format = load ? "%s\n" : one_line ? " rdloaddriver=%s" : "rd.driver.pre=%s\n";
	CLEANUP_BUF struct buf b = { 0 };
	int bad = put_old(now, path, one_line, &b);

	for (size_t k = 0; k < j->want->list.n; k++)
		if (marks[k])
			bad |= buf_printf(&b, format, j->want->names[k]);
	if (one_line)
		bad |= buf_puts(&b, "\n");
	if (bad)
		return error_nomem(err);
	j->shown = path;
	return overlay_put(&j->o, path, b.data, b.len, err);
}

/* Those that no alias leads to, that no other needs, and that are not loaded by name yet. */
static int load_others(struct job *j, const struct initrd *now, struct unrack_error *err)
{
	bool *marks CLEANUP_FREE = calloc(j->want->list.n + 1, sizeof *marks);
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct dracut d;
	size_t n = 0;
	char by[256];
	int r;

	if (!marks)
		return error_nomem(err);
	r = dracut_read(now, module_tree_kver(j->c->tree), &d, err);
	if (r < 0)
		return r;
	/* Without an index of aliases none has one. */
	dracut_find_aliased(&d, (const char (*)[64])j->want->names, j->want->list.n, marks, &e);
	for (size_t k = 0; k < j->want->list.n; k++) {
		marks[k] = !marks[k] && !dracut_is_needed(j->want, k) &&
			   !dracut_where(&d.loaded, j->want->names[k], by);
		n += marks[k];
	}
	if (n)
		r = load_by_name(j, now, &d, marks, err);
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
		j->shown = f->path;
	}
	return r;
}

static int fill(struct job *j, bool loads, struct unrack_error *err)
{
	struct initrd *now;
	int r = put_files(j, err);

	if (r == 0)
		r = edit_cmdlines(j, err);

	if (r < 0 || loads)
		return r;
	r = put_modules(j, &j->want->list, err);
	if (r == 0)
		r = put_softdeps(j, err);
	if (r == 0)
		r = dracut_put_indexes(&j->d, j->c, &j->o, err);
	if (r == 0)
		r = image_overlay(j->image, &j->o.archive, &now, err);
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
	int r = image_overlay(j->image, &j->o.archive, &new, err);

	if (r < 0)
		return r;
	r = dracut_check(new, j->c->tree, j->want, NULL, &answer, err);
	if (r == 0 && !answer.loads)
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

static int change(struct job *j, bool loads, struct buf *out, bool *changed, struct buf *summary,
		  struct unrack_error *err)
{
	int r = fill(j, loads, err);

	if (r < 0)
		return r;
	*changed = j->o.archive.len > 0;
	if (*changed)
		return hand_out(j, out, summary, err);
	return 0;
}

/* Why not even one that does not load what is wanted is changed. */
static int refuse(const struct initrd *i, const struct dracut *d, const struct initrd_change *c,
		  struct unrack_error *err)
{
	if (i->special == INITRD_KDUMP)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is an image for crash dumps, which kdump makes anew by "
				 "itself; it is left as it is", i->name);
	if (d->other[0])
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is made for kernel %s, and cannot be one of kernel %s",
				 i->name, d->other, module_tree_kver(c->tree));
	return 0;
}

int dracut_change(const struct initrd *i, const struct initrd_change *c, const struct loads_want *want,
		  struct buf *out, bool *changed, struct buf *summary, struct unrack_error *err)
{
	struct job j = { .image = i, .c = c, .want = want, .shown = "" };
	struct initrd_answer answer = { 0 };
	int r = dracut_check(i, c->tree, want, NULL, &answer, err);

	if (r == 0)
		r = dracut_read(i, module_tree_kver(c->tree), &j.d, err);
	if (r < 0) {
		initrd_answer_free(&answer);
		return r;
	}
	if (!answer.loads)
		r = refuse(i, &j.d, c, err);
	overlay_begin(&j.o, i);
	if (r == 0)
		r = change(&j, answer.loads, out, changed, summary, err);
	overlay_free(&j.o);
	dracut_free(&j.d);
	initrd_answer_free(&answer);
	return r;
}
