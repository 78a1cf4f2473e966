/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The twin of a guest: passes every operation on to another guest, records it, and makes
 * the one that a test names fail. One thread. */
#ifndef TWIN_GUEST_H
#define TWIN_GUEST_H

#include "unrack/guest.h"

enum twin_guest_op {
	TWIN_G_LSTAT, TWIN_G_STAT, TWIN_G_READLINK, TWIN_G_READ, TWIN_G_LIST, TWIN_G_FIND, TWIN_G_WRITE,
	TWIN_G_RENAME, TWIN_G_UNLINK, TWIN_G_SYMLINK, TWIN_G_GETXATTR, TWIN_G_OPEN, TWIN_G_APPEND, TWIN_G_SYNC,
	TWIN_G_FINISH
};

struct twin_guest;

/* INNER stays the caller's. Its mounts and parts are shown as the twin's own. */
struct twin_guest *twin_guest_new(struct guest *inner);
/* What the code under test gets. Closing it closes nothing. */
struct guest *twin_guest(struct twin_guest *t);
void twin_guest_free(struct twin_guest *t);

/* The NTH operation (1-based) of the kind OP, from the beginning on, fails with ERRNUM and
 * changes nothing. */
void twin_guest_fault(struct twin_guest *t, enum twin_guest_op op, unsigned nth, int errnum);
/* How many there were of the kind OP, failed ones too; and the path of the last one. */
unsigned twin_guest_count(const struct twin_guest *t, enum twin_guest_op op);
const char *twin_guest_path(const struct twin_guest *t, enum twin_guest_op op);
/* How many operations that change the guest came after the one that failed. */
unsigned twin_guest_changes_after_fault(const struct twin_guest *t);

#endif
