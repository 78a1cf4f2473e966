/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the commands do, as functions, since migrate does several of them. Each has its
 * own file, cmd_NAME.c, with its option table, its command, and its job. */
#ifndef CMD_JOBS_H
#define CMD_JOBS_H

#include "client.h"
#include "unrack/machine.h"

extern const struct command cmd_scan, cmd_copy, cmd_verify, cmd_inspect, cmd_check, cmd_fix, cmd_vm, cmd_boot,
	cmd_migrate, cmd_export, cmd_initrd, cmd_serve;

struct copy_options {
	struct option_list disk; /* N=SOURCE */
	bool same_disk, discard_changes, all_blocks, live;
	const char *on_read_error; /* "zero", "stop" */
	uint64_t rate, size, offset, max_bad;
	struct client_options client;
	const char *format;
};
/* DEST: a folder, or the ssh:// URL of one. */
int job_copy(struct cli *cli, const struct copy_options *o, char **sources, int n,
	     const char *dest, struct unrack_error *err);

struct fix_options {
	struct target_options target;
	bool dry_run, undo, discard_changes;
	const char *undone; /* state of the step "fix" from an undo on, NULL: by hand. Not an option */
};
/* States of the step "fix" while the repair of a folder is taken back for a pass over it: it is due again, also when
 * whatever makes it is killed. */
#define FIX_AGAIN "again"
#define FIX_RUNNING_AGAIN "running again"
bool job_fix_is_due_again(const struct machine *m);
int job_fix(struct cli *cli, const struct fix_options *o, const char *operand,
	    struct unrack_error *err);

struct vm_options {
	struct target_options target;
	unsigned memory, vcpus;
	const char *network;
	bool connect;
};
int job_vm(struct cli *cli, const struct vm_options *o, const char *folder, struct unrack_error *err);

struct boot_options {
	struct target_options target;
	unsigned memory, vcpus, stall;
	const char *network;
	bool require_proof;
};
int job_boot(struct cli *cli, const struct boot_options *o, const char *operand,
	     struct unrack_error *err);

#endif
