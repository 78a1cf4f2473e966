/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* initrd diff: two images, member by member. */
#include <string.h>

#include "base/cleanup.h"
#include "cmd_initrd.h"
#include "initrd_input.h"
#include "initrd_text.h"
#include "unrack/diff.h"

#define SHOWN_BYTES_MAX (256u << 10) /* of a text whose lines are compared */
#define SHOWN_ALL_MAX   (8u << 20)   /* of all that is shown of them */
#define COMPARED_MAX    (64u << 20)  /* bytes of all texts: any number of names may lead to one */

struct job {
	struct buf text;
	struct json *list;
	size_t n;     /* members that differ in more than their time */
	size_t times; /* and those that differ in nothing else */
	size_t shown; /* bytes of lines of texts */
	size_t compared; /* bytes of texts whose lines were compared */
	bool cut;     /* those of some texts are left out */
};

static int put(struct job *j, const char *what, const struct initrd_member *m)
{
	return buf_printf(&j->text, "%-8s", what) < 0 || initrd_text_name(&j->text, m->name, strlen(m->name)) < 0 ? -1 : 0;
}

static int put_meta(struct job *j, const struct initrd_member *m)
{
	char mode[11];

	initrd_text_mode(m->mode, mode);
	if (buf_printf(&j->text, "%s %u:%u", mode, m->uid, m->gid) < 0)
		return -1;
	return m->rdev_major || m->rdev_minor ? buf_printf(&j->text, " %u,%u", m->rdev_major, m->rdev_minor) : 0;
}

/* Indexes of modules are texts, too, but nobody reads them. */
static bool is_shown(const struct initrd_member *m)
{
	return !strstr(m->name, "lib/modules/") && m->size <= SHOWN_BYTES_MAX && initrd_text_is_text(m);
}

static int put_lines(struct job *j, const char *name, const struct initrd_member *a, const struct initrd_member *b)
{
	size_t before = j->text.len;

	if (diff_unified(name, name, a->data, a->size, b->data, b->size, &j->text) < 0)
		return -1;
	j->shown += j->text.len - before;
	return 0;
}

/* Two members of one name. */
static int put_change(struct job *j, const struct initrd_difference *d)
{
	const struct initrd_member *a = d->old, *b = d->new;
	CLEANUP_BUF struct buf name = { 0 };

	if (d->meta && (put(j, "changed", a) < 0 || buf_puts(&j->text, ", ") < 0 || put_meta(j, a) < 0 ||
			buf_puts(&j->text, " to ") < 0 || put_meta(j, b) < 0 || buf_puts(&j->text, "\n") < 0))
		return -1;
	if (!d->content)
		return 0;
	if (put(j, "changed", a) < 0 || buf_printf(&j->text, ", %zu to %zu bytes\n", a->size, b->size) < 0 ||
	    initrd_text_name(&name, a->name, strlen(a->name)) < 0)
		return -1;
	if (j->cut || !is_shown(a) || !is_shown(b))
		return 0;
	j->compared += a->size + b->size;
	j->cut = j->shown > SHOWN_ALL_MAX || j->compared > COMPARED_MAX;
	return j->cut ? 0 : put_lines(j, buf_str(&name), a, b);
}

static int add_json(struct job *j, const struct initrd_difference *d)
{
	struct json *o = json_new_object();

	if (json_set_str(o, "name", (d->old ? d->old : d->new)->name) |
	    json_set_str(o, "change", !d->old ? "added" : !d->new ? "removed" : "changed") |
	    json_set_bool(o, "meta", d->meta) | json_set_bool(o, "content", d->content)) {
		json_free(o);
		return -1;
	}
	return json_add(j->list, o);
}

static int note(void *ctx, const struct initrd_difference *d)
{
	struct job *j = ctx;
	const struct initrd_member *only = !d->old ? d->new : !d->new ? d->old : NULL;

	if (!only && !d->meta && !d->content) {
		j->times++;
		return 0;
	}
	j->n++;
	if (add_json(j, d) < 0)
		return -1;
	if (!only)
		return put_change(j, d);
	if (put(j, d->old ? "removed" : "added", only) < 0 || buf_puts(&j->text, ", ") < 0 || put_meta(j, only) < 0)
		return -1;
	return buf_printf(&j->text, ", %zu bytes\n", only->size);
}

/* What is no difference between the trees that a kernel unpacks. */
static int put_rest(struct job *j, const struct initrd_input *a, const struct initrd_input *b)
{
	if (j->times && buf_printf(&j->text, "%zu member%s only in time\n", j->times, j->times == 1 ? " differs" : "s differ") < 0)
		return -1;
	if (j->cut && buf_printf(&j->text, "the lines of further texts are left out, after %u MiB of %s; "
				 "`unrack initrd show` shows one\n",
				 j->shown > SHOWN_ALL_MAX ? SHOWN_ALL_MAX >> 20 : COMPARED_MAX >> 20,
				 j->shown > SHOWN_ALL_MAX ? "them" : "texts") < 0)
		return -1;
	if (!strcmp(initrd_container(a->image), initrd_container(b->image)))
		return 0;
	return buf_printf(&j->text, "%s is %s, %s is %s\n", a->name, initrd_container(a->image), b->name,
			  initrd_container(b->image));
}

static int diff(struct cli *cli, const struct initrd_input *a, const struct initrd_input *b, struct unrack_error *err)
{
	struct job j = { .list = json_new_array() };
	int r = 0;

	if (!j.list || initrd_compare(a->image, b->image, note, &j) < 0 || put_rest(&j, a, b) < 0) {
		json_free(j.list);
		buf_free(&j.text);
		return error_nomem(err);
	}
	terminal_answer(cli->terminal, "%s", buf_str(&j.text));
	json_set(cli->result, "image", initrd_text_image_json(a->image, a->name, a->st.st_size));
	json_set(cli->result, "other", initrd_text_image_json(b->image, b->name, b->st.st_size));
	json_set(cli->result, "differences", j.list);
	json_set_int(cli->result, "other_times", (int64_t)j.times);
	json_set_str(cli->result, "diff", buf_str(&j.text));
	if (j.n)
		r = error_set(err, UNRACK_NO, "%s and %s differ in %zu member%s", a->name, b->name, j.n, j.n == 1 ? "" : "s");
	buf_free(&j.text);
	return r;
}

int initrd_diff_run(struct cli *cli, const struct initrd_options *o, char **files, int n, struct unrack_error *err)
{
	struct initrd_input a, b = { .fd = -1 };
	int r = initrd_input_open(files[0], false, &a, err);

	(void)o;
	(void)n;
	if (r == 0)
		r = initrd_input_open(files[1], false, &b, err);
	if (r == 0)
		r = diff(cli, &a, &b, err);
	initrd_input_close(&a);
	initrd_input_close(&b);
	return r;
}
