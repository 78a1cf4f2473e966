/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scan: which disks there are, and what would bite. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "jobs.h"
#include "sources.h"
#include "unrack/scan.h"

struct values {
	struct client_options client;
};
static const struct option_spec options[] = {
	CLIENT_OPTIONS(struct values, client),
	{ NULL, 0, 0, NULL, NULL, 0 },
};

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
	json_set_int(cli->result, "data_bytes", json_int(scan, "data_bytes", 0));
	json_set_int(cli->result, "seconds", json_int(scan, "seconds", 0));
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const struct json *list = json_get(scan, lists[i]);

		json_set(cli->result, lists[i], list ? json_clone(list) : json_new_array());
	}
	return check_any(json_get(scan, "disks"), err);
}

/* So that the command at the end names the far disks, whatever the far side calls itself, and reaches them
 * as we did. */
static int set_place(const struct values *o, const struct sources *s, struct json *scan, struct unrack_error *err)
{
	const char *url = s->names[0], *host = url + strlen("ssh://");
	char *at CLEANUP_FREE = strndup(url, strlen("ssh://") + strcspn(host, "/"));
	struct buf typed CLEANUP_BUF = { 0 };

	if (!at || options_typed(options, o, &typed) < 0 ||
	    (o->client.password_fd && buf_printf(&typed, " %s<FILE", o->client.password_fd) < 0))
		return error_nomem(err);
	if (json_set_str(scan, "at", at) < 0 || json_set_str(scan, "options", buf_str(&typed)) < 0)
		return error_set(err, UNRACK_DAMAGED, "the far side's answer is no list of disks; is unrack of the same version there?");
	return 0;
}

/* Of another machine: its own scan, as JSON. A URL that ends with the host means all its disks. */
static int scan_far(struct cli *cli, const struct values *o, const struct sources *s,
		    struct json **scan, struct unrack_error *err)
{
	struct call call = { .kind = CALL_SCAN };
	struct call_answer answer = { .n = 0 };
	struct client *c = NULL;
	bool all = s->n == 1 && !strcmp(s->urls[0].path, "/");
	int r = all ? 0 : sources_to_call(s, &call, err);

	if (r == 0 && !(call.path = strdup("")))
		r = error_nomem(err);
	if (r == 0)
		r = client_open(cli, &o->client, &s->urls[0], &c, err);
	if (r == 0)
		r = client_call(c, &call, &answer, err);
	if (r == 0)
		r = json_parse(answer.text, strlen(answer.text), "the far side's answer", scan, err);
	if (r == 0)
		r = set_place(o, s, *scan, err);
	client_close(c);
	call_answer_free(&answer);
	call_free(&call);
	return r;
}

/* "ssh://host" alone: all disks there, which other commands can't mean. */
static bool is_host_alone(const char *operand)
{
	return remote_is_url(operand) && !strchr(operand + strlen("ssh://"), '/');
}

static int scan_any(struct cli *cli, const struct values *o, char **operands, int n,
		    struct json **scan, struct unrack_error *err)
{
	const struct option_list none = { .n = 0 };
	struct sources s = { .n = 0 };
	char *whole CLEANUP_FREE = NULL;
	int r = 0;

	if (n == 1 && is_host_alone(operands[0])) {
		if (asprintf(&whole, "%s/", operands[0]) < 0)
			return error_nomem(err);
		operands = &whole;
	}
	if (n > 0)
		r = sources_collect(&none, operands, n, &s, err);
	if (r == 0 && s.stream)
		r = error_set(err, UNRACK_USAGE, "scan needs disks or images; the standard input (-) can't be looked at");
	if (r == 0)
		r = s.far ? scan_far(cli, o, &s, scan, err)
			  : scan_disks((const char *const *)operands, (unsigned)n, &cli->log, scan, err);
	sources_close(&s);
	return r;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	struct json *scan = NULL;
	int r = scan_any(cli, values, operands, n, &scan, err);

	if (r == 0)
		r = answer(cli, scan, err);
	json_free(scan);
	return r;
}

const struct command cmd_scan = {
	.name = "scan",
	.operands = "[SOURCE...]",
	.summary = "say which disks there are, what is on them, and what would bite when they are copied",
	.options = options,
	.values_size = sizeof(struct values),
	.min_operands = 0,
	.max_operands = -1,
	.run = run,
};
