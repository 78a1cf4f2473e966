/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every command gets: where messages go, how to say the result, and the options
 * that all of them have. Only this folder prints. */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"
#include "unrack/error.h"
#include "unrack/json.h"
#include "unrack/log.h"
#include "unrack/target.h"

struct cli_options {
	bool help, version, json, quiet;
	int verbose;
	const char *logfile;
};
extern const struct option_spec cli_global_options[];

struct cli {
	struct cli_options opt;
	struct log log;       /* hand this to the libraries */
	struct json *result;  /* members of the last JSON event; commands add to it */
	char **argv;          /* as typed, for "continue with: ..." */
	int argc;
	struct terminal *terminal;
	char *hint;           /* how to go on after a failure, instead of the same command */
	const char *password_fd; /* what --password-fd named: who types the command again has to open it */
	bool told;            /* the error's sentence has gone to whom it concerns (serve) */
};

struct command {
	const char *name;
	const char *operands; /* "SOURCE... DEST" */
	const char *summary;
	const struct option_spec *options; /* NULL-name terminated, may be NULL */
	size_t values_size;                /* of the struct that options fill; starts zeroed */
	int min_operands, max_operands;    /* max -1: any */
	int (*run)(struct cli *cli, const void *values, char **operands, int n,
		   struct unrack_error *err);
};
extern const struct command *const commands[]; /* ends with NULL */

/* The whole program; returns the exit status. */
int cli_main(int argc, char **argv);

/* terminal.c: the log's receiver: text and progress on standard error, JSON events on standard output. */
struct terminal *terminal_open(const struct cli_options *opt, struct unrack_error *err);
const struct log_ops *terminal_log_ops(void);
void terminal_close(struct terminal *t);
/* An event of its own kind, e.g. {"event":"edit", ...}; takes MEMBERS over. */
void terminal_event(struct terminal *t, const char *kind, struct json *members);
/* Text that is the command's answer: standard output, or nothing in JSON mode. */
void terminal_answer(struct terminal *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for what is no text: every byte as it is. */
void terminal_content(struct terminal *t, const void *data, size_t n);
void terminal_error(struct terminal *t, const char *text);
/* The last line in JSON mode: {"result":..., "exit":N, ...members}. */
void terminal_result(struct terminal *t, const char *name, int status, const char *text,
		     const struct json *members);

/* signals.c: SIGINT, SIGTERM, SIGHUP set the stop flag; the second one ends at once. */
const atomic_bool *signals_install(void);

/* Keeps a copy of TEXT as cli->hint. */
void cli_hint(struct cli *cli, const char *text);
/* Target options, the same in every command that has them. */
struct target_options {
	const char *esx, *scsi, *nic, *firmware;
	unsigned hw;
};
#define TARGET_OPTIONS(type, member)                                                            \
	{ "esx", 0, OPTION_STR, "VERSION", "the ESX version the VM is for (3.0 to 9.0)",       \
	  offsetof(type, member.esx) },                                                         \
	{ "scsi", 0, OPTION_STR, "CONTROLLER", "auto, buslogic, lsilogic, lsisas1068, pvscsi, sata, nvme or ide", \
	  offsetof(type, member.scsi) },                                                        \
	{ "nic", 0, OPTION_STR, "NIC", "auto, vlance, e1000, e1000e or vmxnet3",               \
	  offsetof(type, member.nic) },                                                         \
	{ "hw", 0, OPTION_UINT, "N", "the virtual hardware version (default: the newest of that ESX)", \
	  offsetof(type, member.hw) },                                                          \
	{ "firmware", 0, OPTION_STR, "KIND", "auto, bios or efi", offsetof(type, member.firmware) }
/* What was given on the command line over DEFAULTS (may be NULL). */
int target_options_request(const struct target_options *o, const struct target_request *defaults,
			   struct target_request *req, struct unrack_error *err);

#endif
