/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jobs.h"
#include "results.h"
#include "subject.h"

struct values {
	struct target_options target;
};
static const struct option_spec options[] = {
	TARGET_OPTIONS(struct values, target),
	{ NULL, 0, 0, NULL, NULL, 0 },
};

static void show(struct cli *cli, const struct target *t, const struct check_verdict *v)
{
	struct buf text = { 0 };

	results_target(cli, t, true);
	results_verdict(cli, check_to_json(v));
	if (check_to_text(v, &text) == 0)
		terminal_answer(cli->terminal, "%s\n%s", t->why, buf_str(&text));
	buf_free(&text);
}

static int check(struct cli *cli, struct subject *s, const struct target_request *req,
		 struct unrack_error *err)
{
	struct check_verdict v;
	struct guest_facts facts;
	struct target_guest tg;
	struct target t;
	struct guest *g;
	int r = subject_inspect(s, &g, &facts, err);

	if (r < 0)
		return r;
	r = facts_target_guest(&facts, &tg, err);
	if (r == 0)
		r = target_choose(req, &tg, &t, err);
	if (r == 0)
		r = check_guest(g, &facts, &t, s->job.files, &v, err);
	if (r == 0) {
		r = subject_still(s->machine, 0, err);
		if (r == 0)
			show(cli, &t, &v);
		if (r == 0 && !v.boots)
			r = error_set(err, UNRACK_NO, "%s", v.text);
		check_free(&v);
	}
	facts_free(&facts);
	guest_close(g);
	return r;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	const struct values *o = values;
	struct target_request req;
	struct subject s;
	int r = subject_open(cli, operands[0], false, &s, err);

	(void)n;
	if (r < 0)
		return r;
	r = subject_request(&s, &o->target, &req, err);
	if (r == 0)
		r = check(cli, &s, &req, err);
	subject_close(&s);
	return r;
}

const struct command cmd_check = {
	.name = "check",
	.operands = "IMAGE|FOLDER",
	.summary = "say whether it would boot on a target, and why not",
	.options = options,
	.values_size = sizeof(struct values),
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
