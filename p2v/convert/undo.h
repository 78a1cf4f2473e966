/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* undo-diskN: what ranges of a disk held before a fix replaced them. A file is written
 * once, before the disk is touched, and never changed. A second fix saves in a file of its
 * own (undo-diskN.2, ...) the ranges that no earlier one has, so that all of them together
 * give back the original disk, in any order.
 *
 *   0      magic "UNRKUNDO"
 *   8      u32 version (1), u32 length of this header (128)
 *   16     u32 disk, u32 generation (1, 2, ...)
 *   24     u64 bytes of the disk
 *   32     u64 pieces, u64 offset of the data, u64 length of the data
 *   56     u64 checksum of the table
 *   64     32 bytes: random seed of the digests
 *   96     zeros
 *   120    u64 checksum of bytes 0 to 119
 *   128    table: per piece u64 start, u64 length, u32 kind (1 data, 2 hole), u32 zero,
 *          16 bytes digest (zero for a hole); pieces ascend and do not overlap
 *   ...    the data of the pieces of kind 1, one behind the other
 *
 * Integers are little-endian. A piece is at most 1 MiB, so that it is checked before any of
 * it is used. Checksums are XXH3-64, digests XXH3-128 with a secret from the seed. */
#ifndef CONVERT_UNDO_H
#define CONVERT_UNDO_H

#include "overlay.h"
#include "unrack/block_source.h"

#define UNDO_PIECE_MAX (1u << 20)

enum undo_kind { UNDO_DATA = 1, UNDO_HOLE = 2 };

struct undo_piece {
	uint64_t start, length;
	enum undo_kind kind;
	uint8_t digest[16];
};

struct undo; /* an open file of this kind */

/* Saves RANGES (ascending) of BASE as PATH, durably: new file, sync, rename. *saved (may be
 * NULL) is how many bytes it holds. */
int undo_save(const struct io *io, const char *path, unsigned disk, unsigned generation,
	      struct block_source *base, const struct overlay_ranges *ranges, const struct log *log,
	      uint64_t *saved, struct unrack_error *err);
/* Checks header and table against DISK, GENERATION and DISK_BYTES. */
int undo_open(const struct io *io, const char *path, unsigned disk, unsigned generation,
	      uint64_t disk_bytes, struct undo **out, struct unrack_error *err);
uint64_t undo_count(const struct undo *u);
const struct undo_piece *undo_at(const struct undo *u, uint64_t i);
/* Compares all data with their digests, and changes nothing. */
int undo_verify(struct undo *u, const struct log *log, struct unrack_error *err);
/* Writes everything back into the image open as FD; holes become holes. Not synced. */
int undo_restore(struct undo *u, int fd, const char *image, const struct log *log,
		 struct unrack_error *err);
void undo_close(struct undo *u); /* NULL is fine */

/* Takes out of RANGES what U has. */
int undo_subtract(const struct undo *u, struct overlay_ranges *ranges, struct unrack_error *err);

#endif
