/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The actions of `unrack initrd`, each in a file of its own: initrd_ACTION.c. */
#ifndef CMD_CMD_INITRD_H
#define CMD_CMD_INITRD_H

#include "cli.h"

struct initrd_options {
	struct target_options target;
	const char *modules, *kver, *root, *root_fs, *args, *base, *guest, *output;
	struct option_list driver, rename, file;
	uint64_t max_size;
	unsigned ramdisk_size; /* KiB */
	bool dry_run;
};

/* FILES: the operands behind the action, N of them, as many as it takes. */
typedef int initrd_action(struct cli *cli, const struct initrd_options *o, char **files, int n, struct unrack_error *err);
initrd_action initrd_list_run, initrd_show_run, initrd_check_run, initrd_add_run, initrd_diff_run;

#endif
