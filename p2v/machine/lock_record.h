/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a lock file says, as text:
 *
 *   unrack-lock 1 <checksum, 16 hex digits, of the lines up to counter=>
 *   host=<name, for people>
 *   boot=<id of the boot>
 *   pidns=<inode of the namespace that the pid is of>
 *   pid=<number>
 *   start=<start time of the process, in clock ticks since the boot>
 *   token=<32 hex digits, also in the file's name>
 *   counter=<20 digits>
 *
 * The counter is overwritten in place, and 0 as long as its owner has not won. */
#ifndef P2V_MACHINE_LOCK_RECORD_H
#define P2V_MACHINE_LOCK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "unrack/error.h"

#define LOCK_RECORD_MAX 1024u
#define LOCK_TOKEN_DIGITS 32u
#define LOCK_COUNTER_DIGITS 20u

struct lock_record {
	char host[65], boot[65];
	char token[LOCK_TOKEN_DIGITS + 1];
	uint64_t pidns, start, counter;
	pid_t pid;
};

/* About this process, with a new token. BOOT NULL: this machine's. What can't be found out
 * is empty or 0, and then never taken for the same. */
int lock_record_self(struct lock_record *r, const char *boot, struct unrack_error *err);
/* OUT has LOCK_RECORD_MAX bytes. *counter_at: where the digits of the counter begin. */
size_t lock_record_write(const struct lock_record *r, char *out, size_t *counter_at);
/* False: not a whole record of this version. */
bool lock_record_parse(const char *text, size_t n, struct lock_record *r);

enum lock_life {
	LOCK_ALIVE,
	LOCK_DEAD,
	LOCK_FOREIGN, /* can't be looked up from here: only its counter tells */
};
/* SELF: by which own boot and namespace to tell what can be looked up. */
enum lock_life lock_record_life(const struct lock_record *r, const struct lock_record *self);

#endif
