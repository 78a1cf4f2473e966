/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* initrd check: whether an image loads what a target needs before it looks for root, and which root it expects. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd_initrd.h"
#include "initrd_input.h"
#include "initrd_modules.h"
#include "initrd_root.h"
#include "initrd_text.h"
#include "initrd_wanted.h"
#include "results.h"

struct job {
	struct cli *cli;
	const struct initrd_options *o;
	struct initrd_input in;
	struct initrd_modules m;
	struct initrd_wanted want;
	struct initrd_root root;
	struct unrack_error no_target; /* why the kernel has not what the target needs; text "": it has */
	struct initrd_answer answer;
	char note[512];                /* "": there is none */
};

/* --- Reasons that are not in the image -------------------------------------------------- */

/* The answer becomes a no, whatever it was. */
static int refuse(struct job *j, const char *name, const char *text, struct unrack_error *err)
{
	struct initrd_answer *a = &j->answer;

	a->loads = false;
	a->missing_link = INITRD_LINK_DRIVER;
	snprintf(a->text, sizeof a->text, "%.*s", (int)sizeof a->text - 1, text);
	return buf_printf(&a->missing, "%s: %s\n", name, text) < 0 ? error_nomem(err) : 0;
}

/* mkinitrd's images load by path, so nothing else would notice; and versions up to RHEL 5's are the same for all machines. */
static int refuse_kernel(struct job *j, struct unrack_error *err)
{
	char other[128], text[400];
	int r = 0;

	if (initrd_get_kind(j->in.image) == INITRD_NASH && initrd_modules_other(j->in.image, &j->m, other, sizeof other))
		snprintf(text, sizeof text, "it holds modules of kernel %s, which kernel %s does not load", other, j->m.kver);
	else if (!initrd_modules_strange(j->in.image, &j->m, false, text, sizeof text, &r, err))
		return r;
	return refuse(j, "kernel", text, err);
}

/* One that comes behind those of the image. */
static int add_reason(struct job *j, enum initrd_link link, const char *name, const char *text, struct unrack_error *err)
{
	struct initrd_answer *a = &j->answer;

	if (a->missing_link == INITRD_LINK_NONE) {
		a->missing_link = link;
		snprintf(a->text, sizeof a->text, "%.*s", (int)sizeof a->text - 1, text);
	}
	return buf_printf(&a->missing, "%s: %s\n", name, text) < 0 ? error_nomem(err) : 0;
}

/* A name that the caller says root has is where the kernel looks for it; one in the image counts only if the boot
 * loader says no other, so that is no more than told. */
static int refuse_root(struct job *j, struct unrack_error *err)
{
	const char *given = j->root.device, *root = *given ? given : j->answer.root;
	const struct disk_device *d = initrd_wanted_disk(&j->want);
	char text[512];

	if (!initrd_root_strange(root, d))
		return 0;
	if (*given) {
		initrd_root_say_strange(root, d, text, sizeof text);
		return add_reason(j, INITRD_LINK_ROOT, "root", text, err);
	}
	snprintf(j->note, sizeof j->note, "without root= among the kernel's arguments root is %.250s, and no disk behind %s is called "
		 "that; `unrack initrd add --rename` changes it", root, d->name);
	return 0;
}

/* --- The answer -------------------------------------------------------------------------- */

static int ask(struct job *j, struct unrack_error *err)
{
	char why[INITRD_WANTED_MAX][400];
	const char *names[INITRD_WANTED_MAX];
	size_t n = 0;
	int r;

	/* The library has no answer for what the kernel has not, or would not take. */
	for (size_t k = 0; k < j->want.n; k++) {
		why[k][0] = '\0';
		if (!initrd_wanted_refused(&j->want.drivers[k], &j->m, why[k], sizeof why[k]))
			names[n++] = j->want.drivers[k].name;
	}
	r = initrd_check_needs(j->in.image, j->m.tree, names, n, j->root.known ? &j->root.needs : NULL, &j->answer, err);
	if (r == 0 && !n)
		initrd_text_unasked(&j->answer);
	if (r == 0)
		r = refuse_kernel(j, err);
	for (size_t k = 0; r == 0 && k < j->want.n; k++)
		if (why[k][0])
			r = refuse(j, j->want.drivers[k].name, why[k], err);
	if (r == 0 && j->no_target.text[0])
		r = refuse(j, "target", j->no_target.text, err);
	return r < 0 ? r : refuse_root(j, err);
}

static int choose(struct job *j, struct unrack_error *err)
{
	int r = initrd_wanted_choose(&j->o->target, &j->o->driver, &j->m, &j->want, err);

	if (r != UNRACK_UNSUPPORTED)
		return r;
	j->no_target = *err;
	return 0;
}

static int put_missing(struct buf *out, const struct initrd_answer *a)
{
	for (const char *p = buf_str(&a->missing); *p;) {
		size_t n = strcspn(p, "\n");

		if (buf_puts(out, "missing     ") < 0 || initrd_text_name(out, p, n) < 0 || buf_puts(out, "\n") < 0)
			return -1;
		p += n + (p[n] == '\n');
	}
	return 0;
}

static int put_verdict(const struct job *j, struct buf *out)
{
	const struct initrd_answer *a = &j->answer;

	if (j->note[0] && (buf_puts(out, "note        ") < 0 || initrd_text_name(out, j->note, strlen(j->note)) < 0 ||
			   buf_puts(out, "\n") < 0))
		return -1;
	if (initrd_text_boots(a))
		return buf_printf(out, "yes: %s\n", a->text);
	return put_missing(out, a) < 0 ? -1 : buf_printf(out, "no: the missing link is %s\n", initrd_link_name(a->missing_link));
}

static int show(struct job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct json *result = j->cli->result;

	if (initrd_text_image(&text, j->in.image, j->in.name) < 0 || initrd_wanted_text(&j->want, &j->m, &text) < 0 ||
	    initrd_text_answer(&text, &j->answer) < 0 || put_verdict(j, &text) < 0)
		return error_nomem(err);
	terminal_answer(j->cli->terminal, "%s", buf_str(&text));
	json_set(result, "image", initrd_text_image_json(j->in.image, j->in.name, j->in.st.st_size));
	initrd_wanted_json(&j->want, &j->m, result);
	if (j->want.has_target)
		results_target(j->cli, &j->want.target, true);
	json_set(result, "answer", initrd_text_answer_json(&j->answer));
	if (j->note[0])
		json_set_str(result, "note", j->note);
	return 0;
}

static int check(struct job *j, struct unrack_error *err)
{
	int r = choose(j, err);

	if (r == 0)
		r = ask(j, err);
	if (r == 0)
		r = show(j, err);
	if (r == 0 && !initrd_text_boots(&j->answer))
		r = error_set(err, UNRACK_NO, "%s: %s", j->in.name, j->answer.text);
	return r;
}

int initrd_check_run(struct cli *cli, const struct initrd_options *o, char **files, int n, struct unrack_error *err)
{
	struct job j = { .cli = cli, .o = o };
	int r = initrd_input_open(files[0], false, &j.in, err);

	(void)n;
	if (r == 0)
		r = initrd_root_parse(o->root, o->root_fs, o->args, &j.root, err);
	if (r == 0)
		r = initrd_modules_open(o->modules, o->kver, j.in.image, files[0], &j.m, err);
	if (r == 0)
		r = check(&j, err);
	initrd_answer_free(&j.answer);
	initrd_modules_close(&j.m);
	initrd_input_close(&j.in);
	return r;
}
