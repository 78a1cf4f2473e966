/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scan: which disks there are, and what would bite. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "jobs.h"
#include "unrack/scan.h"

static enum unrack_code code_named(const char *name)
{
	for (int c = UNRACK_NO; c >= UNRACK_LOST; c--)
		if (!strcmp(error_name((enum unrack_code)c), name))
			return (enum unrack_code)c;
	return UNRACK_IO;
}

/* One bad disk among others is told with it; when nothing could be looked at, that is an error. */
static int check_any(const struct json *disks, struct unrack_error *err)
{
	size_t n = json_len(disks);

	for (size_t i = 0; i < n; i++)
		if (!*json_str(json_at(disks, i), "error", ""))
			return 0;
	if (n == 0)
		return 0;
	if (n == 1)
		return error_set(err, code_named(json_str(json_at(disks, 0), "error_kind", "")), "%s",
				 json_str(json_at(disks, 0), "error", ""));
	return error_set(err, code_named(json_str(json_at(disks, 0), "error_kind", "")),
			 "none of %zu disks can be read; the first: %s", n, json_str(json_at(disks, 0), "error", ""));
}

static int answer(struct cli *cli, const struct json *scan, struct unrack_error *err)
{
	static const char *const lists[] = { "disks", "warnings" };
	char *text CLEANUP_FREE = scan_text(scan);

	if (!text)
		return error_nomem(err);
	terminal_answer(cli->terminal, "%s", text);
	json_set_str(cli->result, "host", json_str(scan, "host", NULL));
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const struct json *list = json_get(scan, lists[i]);

		json_set(cli->result, lists[i], list ? json_clone(list) : json_new_array());
	}
	return check_any(json_get(scan, "disks"), err);
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	struct json *scan;
	int r = scan_disks((const char *const *)operands, (unsigned)n, &cli->log, &scan, err);

	(void)values;
	if (r < 0)
		return r;
	r = answer(cli, scan, err);
	json_free(scan);
	return r;
}

const struct command cmd_scan = {
	.name = "scan",
	.operands = "[SOURCE...]",
	.summary = "say which disks there are, what is on them, and what would bite when they are copied",
	.values_size = 1,
	.min_operands = 0,
	.max_operands = -1,
	.run = run,
};
