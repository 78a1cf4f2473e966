/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which accelerator QEMU may use here. /dev/kvm can exist and still break as soon as a
 * guest kernel runs (nested test machines), and everything built on it then hangs for
 * minutes. So it is tried once, with a real kernel and a time limit of some seconds, and the result
 * is remembered until the machine boots again or QEMU changes. */
#ifndef UNRACK_ACCEL_H
#define UNRACK_ACCEL_H

#include <stdbool.h>

#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/log.h"

enum accel { ACCEL_KVM, ACCEL_TCG };

/* Environment: UNRACK_ACCEL=kvm|tcg decides without a trial. *why (may be NULL) gets a
 * static sentence. Never fails: when in doubt it is ACCEL_TCG, which is slow but right. */
enum accel accel_choose(const struct log *log, const char **why);

const char *accel_name(enum accel a); /* "kvm", "tcg" */

/* --- Its parts --------------------------------------------------------------------------- */

enum accel_trial {
	TRIAL_WORKS,   /* the kernel ran until it missed its root filesystem, as it should */
	TRIAL_REFUSED, /* QEMU ended by itself */
	TRIAL_BROKEN,  /* "KVM internal error": the processor could not go on */
	TRIAL_SILENT,  /* the kernel did not get that far within the limit */
	TRIAL_STOPPED, /* not finished: LOG's stop flag, or no memory; says nothing */
};

/* Boots KERNEL, without disks or network, on QEMU's accelerator A, for LIMIT_MS at most.
 * QEMU has ended when it returns. */
enum accel_trial accel_try(const char *qemu, const char *kernel, enum accel a, int limit_ms,
			   const struct log *log);

/* The newest of the files that match PATTERN and can be read here; malloc'd, or NULL. */
char *accel_kernel(const char *pattern);

/* The content of the file in which the result of a trial is remembered: it is used only
 * when it is, byte for byte, what would be written now, so an older, damaged or foreign
 * file is a reason to try again and nothing worse. -1: no memory, or a file is missing. */
int accel_memory(const char *qemu, const char *kernel, enum accel_trial t, struct buf *out);
bool accel_recall(const char *path, const char *qemu, const char *kernel, enum accel_trial *t);
void accel_remember(const char *path, const char *qemu, const char *kernel, enum accel_trial t);

#endif
