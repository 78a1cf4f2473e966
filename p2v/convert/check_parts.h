/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the static check; each adds its links, in the order of the boot. */
#ifndef CONVERT_CHECK_PARTS_H
#define CONVERT_CHECK_PARTS_H

#include "say.h"
#include "unrack/check.h"

struct check_job {
	struct guest *g;
	const struct guest_facts *f;
	const struct target *t;
	const struct check_files *files;      /* NULL: a bare image */
	const struct guest_entry *entry;      /* that the loader starts; NULL: not known */
	const struct guest_kernel *kernel;    /* NULL: not known */
	struct devname_map vm;                /* the names that the VM's kernel gives the images */
	struct check_verdict *v;
};

/* EVIDENCE and REASON (malloc'd) are taken over; REASON NULL is right only for CHECK_OK. */
int check_add(struct check_job *j, const char *name, enum check_state state, char *evidence, char *reason,
	      struct unrack_error *err);

int check_vm_files(struct check_job *j, struct unrack_error *err);
int check_boot_disk(struct check_job *j, struct unrack_error *err);
int check_loader(struct check_job *j, struct unrack_error *err);
int check_kernel(struct check_job *j, struct unrack_error *err);
int check_driver(struct check_job *j, struct unrack_error *err);
int check_root(struct check_job *j, struct unrack_error *err);
int check_mounts(struct check_job *j, struct unrack_error *err);
int check_harm(struct check_job *j, struct unrack_error *err);
int check_console(struct check_job *j, struct unrack_error *err);
int check_network(struct check_job *j, struct unrack_error *err);
int check_others(struct check_job *j, struct unrack_error *err);

#endif
