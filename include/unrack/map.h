/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map of a disk: which of its grains a copy leaves out, since nothing uses them. In the image
 * they are zeros. Whatever is not in a map is copied.
 *
 * A map is made from the unused byte ranges of the disk, rounded inwards to whole grains (grain.h; the
 * short last grain of a disk is a whole one). It is small: runs, and at most MAP_RUNS_MAX of them.
 * It stays as it is once made. Threads: any, but map_free.
 *
 * diskN.map (little-endian; offset:size): 0:8 magic "UNRACKMP"  8:4 version 1  12:4 0
 * 16:8 checksum64 of all of it, with zeros here  24:8 disk's bytes  32:8 pass  40:16 state of the source
 * 56:8 number of runs  64: runs, each 8 first grain, 8 count. */
#ifndef UNRACK_MAP_H
#define UNRACK_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/digest.h"
#include "unrack/io.h"
#include "unrack/ranges.h"

/* 8 MiB in memory. A receiver has up to three at a time (kept, sent, joined), and the bytes of one. */
#define MAP_RUNS_MAX (1u << 19)

struct map;

struct map_run {
	uint64_t first, count; /* grains; COUNT is not 0 */
};

/* UNUSED (NULL: nothing is unused; at most MAP_RUNS_MAX ranges) stays the caller's. */
int map_new(uint64_t disk_bytes, struct ranges *unused, struct map **out, struct unrack_error *err);
/* From RUNS, which must be sorted, not touch, and lie within the disk: else UNRACK_DAMAGED. */
int map_from_runs(uint64_t disk_bytes, const struct map_run *runs, size_t n, struct map **out,
		  struct unrack_error *err);
/* A below GRAIN, B from there on: what a copy that was continued with another map leaves out. */
int map_splice(const struct map *a, const struct map *b, uint64_t grain, struct map **out,
	       struct unrack_error *err);
void map_free(struct map *m); /* NULL is fine */

/* The unused runs. */
const struct map_run *map_runs(const struct map *m, size_t *n);
uint64_t map_disk_bytes(const struct map *m);
uint64_t map_unused_bytes(const struct map *m);
/* The first used grain at or after GRAIN, and where its run ends; both the number of the disk's grains
 * when there is none. M may be NULL in this function only: all of SIZE bytes is used. */
void map_next_used(const struct map *m, uint64_t size, uint64_t grain, uint64_t *first,
		   uint64_t *end);

/* What belongs to the map in its file: of which pass it is, and what the source was then. */
struct map_origin {
	uint64_t pass;
	struct digest state; /* of the source (used.h); zeros: not known */
};
/* By new file and rename. */
int map_write(const struct io *io, const char *path, const struct map *m,
	      const struct map_origin *origin, struct unrack_error *err);
/* Missing: UNRACK_IO with sys_errno ENOENT. DISK_BYTES must be the file's. ORIGIN may be NULL. */
int map_read(const struct io *io, const char *path, uint64_t disk_bytes, struct map **out,
	     struct map_origin *origin, struct unrack_error *err);

#endif
