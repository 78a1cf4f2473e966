/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jobs.h"
#include "subject.h"

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	struct buf text CLEANUP_BUF = { 0 };
	struct guest_facts facts;
	struct subject s;
	struct guest *g;
	int r = subject_open(cli, operands[0], false, &s, err);

	(void)values;
	(void)n;
	if (r < 0)
		return r;
	r = subject_inspect(&s, &g, &facts, err);
	if (r == 0) {
		if (facts_to_text(&facts, &text) < 0)
			r = error_nomem(err);
		else
			terminal_answer(cli->terminal, "%s", buf_str(&text));
		json_set(cli->result, "guest", facts_to_json(&facts));
		facts_free(&facts);
		guest_close(g);
	}
	subject_close(&s);
	return r;
}

const struct command cmd_inspect = {
	.name = "inspect",
	.operands = "IMAGE|FOLDER",
	.summary = "say which system, kernels, boot entry, root device and network cards are in it",
	.values_size = 1,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
