/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame around every command: options, help, the error sentence and the exit status. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "unrack/buf.h"

const struct option_spec cli_global_options[] = {
	{ "help", 'h', OPTION_FLAG, NULL, "show this help", offsetof(struct cli_options, help) },
	{ "version", 'V', OPTION_FLAG, NULL, "show the version", offsetof(struct cli_options, version) },
	{ "json", 0, OPTION_FLAG, NULL, "events for machines on standard output, one JSON object a line",
	  offsetof(struct cli_options, json) },
	{ "quiet", 'q', OPTION_FLAG, NULL, "only warnings and errors", offsetof(struct cli_options, quiet) },
	{ "verbose", 'v', OPTION_COUNT, NULL, "say more", offsetof(struct cli_options, verbose) },
	{ "log", 0, OPTION_STR, "FILE", "append all messages to FILE, with times",
	  offsetof(struct cli_options, logfile) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

static void print_usage(void)
{
	printf("usage: unrack COMMAND [OPTION...] [OPERAND...]\n\n"
	       "Copies the disks of physical RHEL machines into VMDKs for VMware ESX, repairs the copy\n"
	       "so that it boots on the virtual hardware, and proves that it does.\n\ncommands:\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-9s %s\n", (*c)->name, (*c)->summary);
	printf("\n`unrack COMMAND --help` shows a command's options; unrack(1) and unrack-COMMAND(1) say more.\n");
}

static void print_help(const struct command *c)
{
	struct buf out = { 0 };

	if (options_help(c->options, &out) == 0 && options_help(cli_global_options, &out) == 0)
		printf("usage: unrack %s [OPTION...] %s\n\n%s\n\noptions:\n%s", c->name, c->operands,
		       c->summary, buf_str(&out));
	buf_free(&out);
}

static const struct command *find_command(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

/* A caller may have closed some of the first three descriptors. Then the next file that is opened,
 * perhaps an image, would get their numbers, and what is printed. */
static bool reserve_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return false;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return true;
}

/* Flushes standard output; an answer that could not be written is none. EPIPE is the reader's
 * own choice (| head). */
static int end_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno == EPIPE)
		return status;
	fprintf(stderr, "unrack: can't write to standard output: %m; send it to a place that has room\n");
	return status ? status : error_exit_status(UNRACK_IO);
}

/* The command is the first argument that is no option; global flags may stand before it. */
static int command_index(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-')
			return i;
		if (!strcmp(argv[i], "--log"))
			i++;
	}
	return 0;
}

/* The command line as typed, quoted for a shell; malloc'd. */
static char *command_line(const struct cli *cli)
{
	struct buf b CLEANUP_BUF = { 0 };

	for (int i = 0; i < cli->argc; i++)
		if ((i && buf_puts(&b, " ") < 0) || buf_quote(&b, cli->argv[i]) < 0)
			return NULL;
	if (cli->password_fd && buf_printf(&b, " %s<FILE", cli->password_fd) < 0)
		return NULL;
	return buf_steal(&b);
}

/* After a stop or a cut the same command continues, unless the command knew better. */
static void tell_how_to_go_on(struct cli *cli, int r)
{
	char *line = NULL;

	if (!cli->hint && (r == UNRACK_INTERRUPTED || r == UNRACK_LOST))
		line = command_line(cli);
	if (cli->hint || line) {
		terminal_answer(cli->terminal, "to continue: %s\n", cli->hint ? cli->hint : line);
		json_set_str(cli->result, "continue", cli->hint ? cli->hint : line);
	}
	free(line);
}

void cli_hint(struct cli *cli, const char *text)
{
	free(cli->hint);
	cli->hint = strdup(text);
}

static int finish(struct cli *cli, int r, const struct unrack_error *err)
{
	int status = error_exit_status((enum unrack_code)r);

	if (r < 0 && cli->told)
		log_debug(&cli->log, "%s", err->text);
	else if (r < 0)
		terminal_error(cli->terminal, err->text);
	if (r < 0 && !cli->told)
		tell_how_to_go_on(cli, r);
	terminal_result(cli->terminal, error_name((enum unrack_code)r), status,
			r < 0 ? err->text : NULL, cli->result);
	return status;
}

/* What fails before a command has begun: --json may be among arguments that nobody has parsed. */
static int refuse(const struct cli *cli, const char *command, const struct unrack_error *err)
{
	struct cli_options plain = { .json = false };
	struct unrack_error dropped;
	int status = error_exit_status(err->code);
	struct terminal *t;
	struct json *members = json_new_object();

	for (int i = 1; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++)
		plain.json |= !strcmp(cli->argv[i], "--json");
	t = terminal_open(&plain, &dropped);
	if (t && members) {
		json_set_str(members, "command", command);
		terminal_error(t, err->text);
		terminal_result(t, error_name(err->code), status, err->text, members);
	} else {
		fprintf(stderr, "unrack: %s\n", err->text);
	}
	json_free(members);
	terminal_close(t);
	return status;
}

static int run_command(struct cli *cli, const struct command *c, const void *values,
		       char **operands, int n)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	int r;

	cli->result = json_new_object();
	if (!cli->result)
		return finish(cli, error_nomem(&err), &err);
	json_set_str(cli->result, "command", c->name);
	if (n < c->min_operands || (c->max_operands >= 0 && n > c->max_operands))
		r = error_set(&err, UNRACK_USAGE, "%s takes %s; see `unrack %s --help`", c->name,
			      c->operands, c->name);
	else
		r = c->run(cli, values, operands, n, &err);
	r = finish(cli, r, &err);
	json_free(cli->result);
	free(cli->hint);
	return r;
}

static int start(struct cli *cli, const struct command *c, char **args, int n_args)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	void *values = calloc(1, c->values_size ? c->values_size : 1);
	int n, r, status;

	if (!values)
		r = error_nomem(&err);
	else
		r = options_parse(n_args, args, c->options, values, cli_global_options, &cli->opt, &n, &err);
	if (r < 0) {
		free(values);
		return refuse(cli, c->name, &err);
	}
	if (cli->opt.help) {
		print_help(c);
		free(values);
		return 0;
	}
	cli->terminal = terminal_open(&cli->opt, &err);
	if (!cli->terminal) {
		free(values);
		return refuse(cli, c->name, &err);
	}
	cli->log = (struct log){ terminal_log_ops(), cli->terminal, signals_install() };
	status = run_command(cli, c, values, args, n);
	terminal_close(cli->terminal);
	free(values);
	return status;
}

/* Without a command, only --help and --version make sense. */
static int no_command(struct cli *cli, int argc, char **args)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	int n, r = options_parse(argc, args, NULL, NULL, cli_global_options, &cli->opt, &n, &err);

	if (r == 0 && cli->opt.version) {
		printf("unrack %s\n", UNRACK_VERSION);
		return 0;
	}
	if (r == 0 && cli->opt.help) {
		print_usage();
		return 0;
	}
	if (r == 0)
		error_set(&err, UNRACK_USAGE, "no command given; `unrack --help` lists them");
	return refuse(cli, NULL, &err);
}

int cli_main(int argc, char **argv)
{
	struct cli cli = { .argv = argv, .argc = argc };
	int at = command_index(argc, argv), status, n = 0;
	const struct command *c = at ? find_command(argv[at]) : NULL;
	struct unrack_error err = UNRACK_ERROR_INIT;
	char **args;

	if (!reserve_descriptors())
		return error_exit_status(UNRACK_IO);
	/* The command's own name goes to the front; getopt sees all options, also those before it. */
	args = calloc((size_t)argc + 1, sizeof *args);
	if (!args) {
		error_nomem(&err);
		return refuse(&cli, NULL, &err);
	}
	args[n++] = argv[0];
	for (int i = 1; i < argc; i++)
		if (i != at)
			args[n++] = argv[i];
	if (c) {
		status = start(&cli, c, args, n);
	} else if (at) {
		error_set(&err, UNRACK_USAGE, "\"%s\" is not a command; `unrack --help` lists them", argv[at]);
		status = refuse(&cli, NULL, &err);
	} else {
		status = no_command(&cli, n, args);
	}
	free(args);
	return end_output(status);
}
