/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which accelerator QEMU may use here. /dev/kvm can exist and still break as soon as a
 * guest kernel runs (nested test machines), and everything built on it then hangs for
 * minutes. So it is tried once, with a real kernel and a time limit of some seconds, and the result
 * is remembered until the machine boots again or QEMU changes. */
#ifndef UNRACK_ACCEL_H
#define UNRACK_ACCEL_H

#include "unrack/error.h"
#include "unrack/log.h"

enum accel { ACCEL_KVM, ACCEL_TCG };

/* Environment: UNRACK_ACCEL=kvm|tcg decides without a trial. *why (may be NULL) gets a
 * static sentence. Never fails: when in doubt it is ACCEL_TCG, which is slow but right. */
enum accel accel_choose(const struct log *log, const char **why);

const char *accel_name(enum accel a); /* "kvm", "tcg" */

#endif
