/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jobs.h"

const struct command *const commands[] = {
	&cmd_scan, &cmd_copy, &cmd_verify, &cmd_inspect, &cmd_check, &cmd_fix, &cmd_vm, &cmd_boot, &cmd_migrate, &cmd_export,
	&cmd_initrd, &cmd_serve,
	NULL,
};
