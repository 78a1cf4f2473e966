/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* diskN.digests: one digest per grain of the source, at header + index * 16. A grain of
 * zeros has no digest: its 16 bytes are zero, and a hole where the filesystem has holes,
 * so that the table of an empty 8 TiB disk takes no space. The table is read and
 * written in pages, never held whole. It describes the source and never changes after
 * the copy.
 *
 * diskN.after (struct digest_after): the grains that unrack itself replaced since, with
 * their new digests; image = table overlaid by it. */
#ifndef UNRACK_DIGEST_TABLE_H
#define UNRACK_DIGEST_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "unrack/digest.h"
#include "unrack/io.h"
#include "unrack/journal.h"
#include "unrack/log.h"

/* One thread at a time. Writes are held back until digest_table_sync or another page is
 * touched; closing drops what was not synced. */
struct digest_table;

/* A new table for DISK_BYTES. Replaces PATH. */
int digest_table_create(const struct io *io, const char *path, uint64_t disk_bytes,
			struct digest_table **out, struct unrack_error *err);
/* READ_ONLY: nothing is written. Checks header against DISK_BYTES. */
int digest_table_open(const struct io *io, const char *path, uint64_t disk_bytes, bool read_only,
		      struct digest_table **out, struct unrack_error *err);
/* Forgets everything at and above GRAIN (which may be garbage after a crash), durably. */
int digest_table_truncate(struct digest_table *t, uint64_t grain, struct unrack_error *err);
int digest_table_write(struct digest_table *t, uint64_t first, const struct digest *d, uint64_t n,
		       struct unrack_error *err);
int digest_table_read(struct digest_table *t, uint64_t first, struct digest *d, uint64_t n,
		      struct unrack_error *err);
/* The first grain at or after FIRST, below END, that has a digest; END when none has. Passes holes
 * without reading them, where the filesystem tells of them. */
int digest_table_next(struct digest_table *t, uint64_t first, uint64_t end, uint64_t *grain,
		      struct unrack_error *err);
int digest_table_sync(struct digest_table *t, struct unrack_error *err);
void digest_table_close(struct digest_table *t);

/* Makes the digests of the grains from FIRST to END, which is left out, anew from the IMAGE's bytes,
 * durably: where they may be older than it, or are damaged. IMAGE has the disk's size, or is padded
 * to a whole sector. LOG: the stop flag. */
struct block_source;
int digest_table_rebuild(struct digest_table *t, struct block_source *image, const struct digest_key *key,
			 uint64_t first, uint64_t end, const struct log *log, struct unrack_error *err);

static inline bool digest_is_zero(const struct digest *d)
{
	uint8_t or = 0;

	for (unsigned i = 0; i < DIGEST_SIZE; i++)
		or |= d->b[i];
	return or == 0;
}

/* What the whole-disk digest is made of, in this order: the size, then index and digest of
 * each grain that is not zeros; numbers as 8 bytes, little-endian. */
static inline void digest_whole_begin(struct digest_stream *s, uint64_t disk_bytes)
{
	uint8_t b[8];

	put_le64(b, disk_bytes);
	digest_stream_add(s, b, sizeof b);
}

static inline void digest_whole_add(struct digest_stream *s, uint64_t grain, const struct digest *d)
{
	uint8_t b[8 + DIGEST_SIZE];

	put_le64(b, grain);
	memcpy(b + 8, d->b, DIGEST_SIZE);
	digest_stream_add(s, b, sizeof b);
}

/* The whole-disk digest of the grains below END, and how many of them are not zeros. */
int digest_table_whole(struct digest_table *t, const struct digest_key *key, uint64_t disk_bytes,
		       uint64_t end, struct digest *whole, uint64_t *data_grains,
		       struct unrack_error *err);

struct digest_after_entry {
	uint64_t grain;
	struct digest digest; /* zero: the grain is now zeros */
};

/* Sorted by grain; written by new file and rename, with magic, version and checksum. */
int digest_after_write(const struct io *io, const char *path, const struct digest_after_entry *e,
		       uint64_t n, struct unrack_error *err);
/* A missing file is an empty list. *e is malloc'd. */
int digest_after_read(const struct io *io, const char *path, struct digest_after_entry **e,
		      uint64_t *n, struct unrack_error *err);

/* Whether a grain that is SIZE bytes at DATA, and zeros behind them, has the digest WANT. */
bool verify_grain(const struct digest_key *key, const void *data, size_t size, const struct digest *want);

struct verify_result {
	uint64_t checked;   /* grains compared */
	uint64_t different; /* grains that differ */
	uint64_t first;     /* the first of them */
};

/* Reads the IMAGE (holes are skipped where the table says zero) and compares it with the
 * table overlaid by AFTER. Differences are counted in *r, not an error; a wrong size is
 * UNRACK_DAMAGED. LOG: progress "verify" and the stop flag. */
int verify_image(const struct io *io, const char *image, enum disk_format format, uint64_t disk_bytes,
		 struct digest_table *t, const struct digest_key *key,
		 const struct digest_after_entry *after, uint64_t n_after, int disk,
		 const struct log *log, struct verify_result *r, struct unrack_error *err);

/* The same for a source, whose size must be the table's, against the table alone. */
struct block_source;
int verify_source(struct block_source *source, struct digest_table *t, const struct digest_key *key,
		  int disk, const struct log *log, struct verify_result *r, struct unrack_error *err);
/* Only its grains below END, and no further than the first that differs. The source is read in
 * order, so it may be a stream. */
int verify_source_until(struct block_source *source, struct digest_table *t, const struct digest_key *key,
			uint64_t end, int disk, const struct log *log, struct verify_result *r,
			struct unrack_error *err);

#endif
