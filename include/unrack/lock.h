/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One owner at a time for a machine folder, also over a network filesystem.
 *
 * Each one that wants the folder makes a file of its own, unrack/lock.TOKEN (a random
 * token that no other ever has), and only then looks for others. Who sees no other one
 * alive is the owner; so of two that come together at most one is: the later of them sees
 * the earlier. The file of a dead owner is removed by its name, which belongs to that
 * owner alone, so removing it can't hit anybody else, however late it happens.
 * unrack/lock is a second name for the owner's file, for people.
 *
 * A record says host, boot, process, start time and a counter that a thread of the owner
 * advances. On this boot the process is looked up, and a dead one loses at once. Any other
 * owner is dead when its counter stands still for a time on our monotonic clock. Wall-clock
 * time is never used.
 *
 * An owner that was stopped for long may have lost the lock: lock_check tells. */
#ifndef UNRACK_LOCK_H
#define UNRACK_LOCK_H

#include "unrack/error.h"
#include "unrack/io.h"
#include "unrack/log.h"

struct lock;

struct lock_options {
	unsigned stale_ms;   /* how long a foreign counter must stand still; 0: 10000 */
	unsigned wait_ms;    /* how long to wait for a live owner to go; 0: not at all */
	const struct io *io; /* NULL: io_posix() */
	const char *boot_id; /* NULL: this machine's; tests play another one */
	const struct log *log; /* says when it waits; its stop flag ends the waiting */
};

/* DIR: the folder NAME/unrack. UNRACK_UNSAFE with EBUSY: held by a live owner, which the sentence
 * names. */
int lock_take(const char *dir, const struct lock_options *opt, struct lock **out,
	      struct unrack_error *err);
/* Still ours? To be asked before each record that says something is durable. Any thread.
 * UNRACK_UNSAFE: another one took it over; nothing more may be written. */
int lock_check(struct lock *l, struct unrack_error *err);
void lock_release(struct lock *l); /* NULL is fine */

#endif
