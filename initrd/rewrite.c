/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "check.h"
#include "dracut_repair.h"
#include "ext2.h"
#include "image_path.h"
#include "module_file.h"
#include "nash_check.h"
#include "nash_grammar.h"
#include "nash_names.h"
#include "nash_repair.h"

struct additions {
	struct image_new *at;
	size_t n;
};

static void free_additions(struct additions *a)
{
	for (size_t k = 0; k < a->n; k++) {
		free(a->at[k].name);
		buf_free(&a->at[k].data);
	}
	free(a->at);
}

/* Whether F, what a line loads the wanted module from, has to be put in: NULL, or the kernel would not take it. */
static int has_to_come(const struct module_tree *t, const struct initrd_member *f, bool *answer, struct unrack_error *err)
{
	char why[LOADS_WHY_MAX];
	int r = f ? loads_judge(t, f, why, err) : 0;

	*answer = r == 0 && (!f || why[0]);
	return r;
}

/* The files that the wanted modules' lines load from and that the image does not have, or has of another kernel. */
static int collect(const struct initrd *i, const struct nash *s, const struct loads_want *want,
		   const struct initrd_change *c, struct additions *add, struct unrack_error *err)
{
	struct loads l;
	int r;

	add->at = calloc(want->list.n + 1, sizeof *add->at);
	if (!add->at)
		return error_nomem(err);
	r = loads_find(s, i, want, true, &l, err);
	if (r < 0)
		return r;
	for (size_t k = 0; r == 0 && k < want->list.n; k++) {
		struct image_new *f = &add->at[add->n];
		const struct initrd_member *old;
		struct nash_word w;
		bool comes;

		if (l.at[k] == LOADS_NONE || !nash_insmod_path(&s->lines.at[l.at[k]], &w))
			continue;
		old = loads_file(i, &s->lines.at[l.at[k]]);
		r = has_to_come(c->tree, old, &comes, err);
		if (r < 0 || !comes)
			continue;
		add->n++;
		f->name = old ? strdup(old->name) : strndup(w.p, w.n);
		r = f->name ? module_file_read(c->tree, c->read_module, c->ctx, want->list.paths[k],
						  &f->data, err) : error_nomem(err);
	}
	loads_free(&l);
	return r;
}

static size_t segment_of(const struct initrd *i, size_t item)
{
	size_t s = 0;

	while (item - i->segments.at[s].first >= i->segments.at[s].n)
		s++;
	return s;
}

/* Nothing is handed out that the check would refuse. */
static int verify(const struct initrd *new, const struct initrd_change *c, const struct loads_want *want,
		  struct unrack_error *err)
{
	const struct initrd_member *init = initrd_find(new, initrd_script(new));
	struct initrd_answer answer = { 0 };
	struct nash s;
	int r;

	if (!init)
		return error_set(err, UNRACK_INTERNAL, "%s: the new image has no /%s", new->name, initrd_script(new));
	r = nash_parse(init->data, init->size, new->name, &s, err);
	if (r < 0)
		return r;
	s.ramdisk = new->ramdisk;
	r = nash_check(&s, new, c->tree, want, c->needs, &answer, err);
	if (r == 0 && answer.missing_link != INITRD_LINK_NONE)
		r = error_set(err, UNRACK_UNSUPPORTED, "%s: cannot be repaired: %s", new->name,
			      answer.text);
	initrd_answer_free(&answer);
	nash_free(&s);
	return r;
}

static int write_checked(const struct initrd *i, const struct image_edit *e, const struct initrd_change *c,
			 const struct loads_want *want, struct buf *out, struct buf *summary,
			 struct unrack_error *err)
{
	struct initrd *new = NULL;
	int r = image_write_edited(i, e, out, err);

	if (r == 0)
		r = initrd_open(out->data, out->len, i->name, &new, err);
	if (r == 0)
		r = verify(new, c, want, err);
	if (r == 0 && image_compare(i, new, initrd_script(i), summary) < 0)
		r = error_nomem(err);
	initrd_close(new);
	return r;
}

/* No line is written that the nash of its release would not run as it is meant. */
static int check_grammar(const struct initrd *i, const struct nash *s, const struct initrd_member *init,
			 struct unrack_error *err)
{
	struct nash_fault fault;
	struct nash old;
	int r = nash_parse(init->data, init->size, i->name, &old, err);

	if (r < 0)
		return r;
	if (!nash_grammar_accepts(s, nash_release_of(s), i, &old, &fault)) {
		if (fault.line)
			r = error_set(err, UNRACK_UNSUPPORTED, "%s: line %zu of /%s would not be run by nash: %s",
				      i->name, fault.line, initrd_script(i), fault.text);
		else
			r = error_set(err, UNRACK_UNSUPPORTED, "%s: /%s would not be run by nash: it %s", i->name,
				      initrd_script(i), fault.text);
	}
	nash_free(&old);
	return r;
}

/* The files that get another content; R has room for all of them. */
static size_t collect_files(const struct initrd *i, const struct initrd_change *c, struct image_replace *r)
{
	size_t n = 0;

	for (size_t k = 0; k < c->n_files; k++) {
		const struct initrd_file *f = &c->files[k];
		const struct initrd_member *m = image_file(i, f->path);

		if (m && (m->size != f->n || memcmp(m->data, f->data, f->n) != 0))
			r[n++] = (struct image_replace){ image_index(i, m->name), f->data, f->n };
	}
	return n;
}

static int change_nash(const struct initrd *i, const struct initrd_change *c,
		       const struct loads_want *want, struct nash *s, struct buf *out,
		       bool *changed, struct buf *summary, struct unrack_error *err)
{
	const struct initrd_member *init = initrd_find(i, initrd_script(i));
	size_t item = image_index(i, initrd_script(i));
	struct image_replace *replace CLEANUP_FREE = calloc(c->n_files + 1, sizeof *replace);
	CLEANUP_BUF struct buf script = { 0 };
	struct additions add = { 0 };
	struct image_edit e = { .replace = replace };
	int r = replace ? nash_repair(s, i, want, c, err) : error_nomem(err);

	if (r < 0)
		return r;
	if (nash_print(s, &script) < 0)
		return error_nomem(err);
	r = check_grammar(i, s, init, err);
	if (r == 0)
		r = collect(i, s, want, c, &add, err);
	if (r == 0) {
		e.n_replace = collect_files(i, c, replace);
		if (script.len != init->size || memcmp(script.data, init->data, init->size) != 0)
			replace[e.n_replace++] = (struct image_replace){ item, script.data, script.len };
	}
	*changed = r == 0 && (add.n || e.n_replace);
	if (*changed) {
		e.add = add.at;
		e.n_add = add.n;
		e.segment = i->ramdisk ? 0 : segment_of(i, item);
		e.mtime = (uint32_t)init->mtime;
		e.ramdisk_max = c->ramdisk_max ? c->ramdisk_max
					       : ext2_ramdisk_default(module_tree_kver(c->tree)) << 10;
		r = write_checked(i, &e, c, want, out, summary, err);
	} else if (r == 0) {
		r = verify(i, c, want, err);
	}
	free_additions(&add);
	return r;
}

/* The module of root's filesystem is wanted, too, if the script does without it. */
static int want_filesystem(const struct initrd *i, const struct nash *s, const struct initrd_change *c,
			   struct loads_want *want, struct unrack_error *err)
{
	struct initrd_answer names = { 0 };
	CLEANUP_FREE const char **all = malloc((c->n_wanted + 1) * sizeof *all);
	char lost[64] = "";
	int r = all && nash_names_find(s, i, &names) == 0 ? 0 : error_nomem(err);

	if (r == 0)
		r = nash_names_module(s, i, c->tree, names.root_fs, nash_names_mount(s), false, lost, err);
	if (r == 0 && lost[0]) {
		if (c->n_wanted)
			memcpy(all, c->wanted, c->n_wanted * sizeof *all);
		all[c->n_wanted] = names.root_fs;
		loads_want_free(want);
		r = loads_want_new(c->tree, all, c->n_wanted + 1, want, err);
	}
	initrd_answer_free(&names);
	return r;
}

static int change(const struct initrd *i, const struct initrd_change *c, struct loads_want *want,
		  struct buf *out, bool *changed, struct buf *summary, struct unrack_error *err)
{
	const struct initrd_member *init;
	struct nash s;
	int r;

	if (i->kind == INITRD_DRACUT)
		return dracut_change(i, c, want, NULL, out, changed, summary, err);
	init = initrd_find(i, initrd_script(i));
	r = nash_parse(init->data, init->size, i->name, &s, err);
	if (r < 0)
		return r;
	s.ramdisk = i->ramdisk;
	/* A last line that was not run names nothing yet. */
	r = nash_end_last_line(&s) < 0 ? error_nomem(err) : want_filesystem(i, &s, c, want, err);
	if (r == 0)
		r = change_nash(i, c, want, &s, out, changed, summary, err);
	nash_free(&s);
	return r;
}

int initrd_change(const struct initrd *i, const struct initrd_change *c, struct buf *out,
		  bool *changed, struct buf *summary, struct unrack_error *err)
{
	struct loads_want want;
	int r = initrd_check_kind(i, err);

	*changed = false;
	buf_clear(out);
	if (r == 0)
		r = loads_want_new(c->tree, c->wanted, c->n_wanted, &want, err);
	if (r < 0)
		return r;
	r = change(i, c, &want, out, changed, summary, err);
	loads_want_free(&want);
	if (r < 0) {
		*changed = false;
		buf_clear(out);
	}
	return r;
}
