/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* diskN.journal: what of a disk is durable. See unrack-journal(5) for the bytes.
 *
 * A header (magic, version, checksum; size, format, seed of the digests, the source's
 * identity), then 64-byte records, each with sequence number and checksum, appended.
 * The last good record is the truth. A torn tail (bad bytes with no good record behind
 * them) is what a crash leaves and is dropped; a bad record with a good one behind it is
 * damage: UNRACK_DAMAGED.
 *
 * The caller keeps the order that makes acknowledged mean durable: image data and its
 * fdatasync, then digests and their fdatasync, then journal_append, which writes and
 * syncs the record. After any failed write or sync the journal is dead: every later
 * append fails, since a second fdatasync that succeeds proves nothing.
 *
 * One owner, one thread at a time. */
#ifndef UNRACK_JOURNAL_H
#define UNRACK_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/digest.h"
#include "unrack/identity.h"
#include "unrack/io.h"

enum disk_format { DISK_FLAT = 1, DISK_STREAM = 2, DISK_SPARSE = 3 };

/* Everything that is durable, as of one record. */
struct journal_point {
	uint64_t next_grain;  /* all grains below this one are on stable storage */
	uint64_t data_grains; /* of them, how many are not all zero */
	uint64_t pass;        /* 1 for the first copy, counts up with each delta pass */
	bool complete;        /* the pass is finished and checked */
	struct digest whole;  /* when complete: digest over {size, (index, digest) of non-zero grains} */
	uint64_t image_mtime_ns; /* when complete: the image's own mtime as unrack left it, else 0 */
	uint64_t image_length;   /* while not complete: the durable bytes of an image that grows, else 0 */
};

struct journal_info {
	enum disk_format format;
	uint8_t seed[DIGEST_SEED_SIZE];
	struct identity id; /* freed by journal_close / journal_info_free */
};

struct journal;

/* Creates PATH (must not exist) with a durable header and no records. INFO is copied. */
int journal_create(const struct io *io, const char *path, const struct journal_info *info,
		   struct journal **out, struct unrack_error *err);
/* Opens to go on; a torn tail is cut off, many records are compacted by new file and rename. */
int journal_open(const struct io *io, const char *path, struct journal **out,
		 struct unrack_error *err);
/* Reads without changing anything (status, verify). */
int journal_read(const struct io *io, const char *path, struct journal_info *info,
		 struct journal_point *point, struct unrack_error *err);

const struct journal_info *journal_get_info(const struct journal *j);
const struct journal_point *journal_last(const struct journal *j); /* all zero before the first */
int journal_append(struct journal *j, const struct journal_point *p, struct unrack_error *err);
void journal_close(struct journal *j); /* NULL is fine */
void journal_info_free(struct journal_info *info);

#endif
