/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which parts of disks nothing uses, by what is written on them: partition tables, filesystems,
 * LVM, md, swap. Everything is read through block_source, so a disk may be an image, a device, or a
 * far one; no driver of the kernel takes part.
 *
 * Only what is understood as a whole and consistent counts: a clean filesystem, its counts
 * and checksums right, that nothing else claims the space of. All else is used: the first track,
 * gaps between partitions, and volumes of any other kind, to their last byte. */
#ifndef UNRACK_USED_H
#define UNRACK_USED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/block_source.h"
#include "unrack/digest.h"
#include "unrack/log.h"
#include "unrack/map.h"

/* One volume (a partition, a logical volume, a whole disk, free space of a volume group), for people. */
struct used_volume {
	char name[160];   /* "partition 2", "vg0/root", "the whole disk" */
	char kind[32];    /* "ext4", "xfs", "swap", "LVM2", "raid1", "" when not known */
	uint64_t bytes;
	uint64_t used;    /* what of them is copied; at most BYTES */
	bool whole;       /* it might have been less, but is not trusted: WHY says why */
	char why[256];    /* a clause: "its journal has to be replayed"; "" when there is nothing to say */
	bool trouble;     /* WHY is bad news for the copy itself, such as a hibernated system */
	unsigned disk;    /* index of the disk, or the first of several, that it is on */
};

struct used {
	unsigned n;             /* disks, as they were given */
	struct map **maps;      /* of each */
	struct digest *states;  /* of each: changes whenever a volume on it was mounted, made, resized
				 * or otherwise changed by its owner between two looks; of a disk with data
				 * that nothing can tell this of, whenever any of the disks changes */
	bool *loose;            /* of each: there is such data on it; where the system counts writes, ask that, too */
	struct used_volume *volumes;
	size_t n_volumes;
	struct used_places *places; /* what lies where, for used_what */
};

/* SOURCES: all disks of one machine that are copied together, since volume groups span disks.
 * A source that can't be read somewhere is no error: that volume is used as a whole. Errors are of
 * memory, and UNRACK_INTERRUPTED by LOG's stop flag. */
int used_find(struct block_source *const *sources, unsigned n, const struct log *log,
	      struct used **out, struct unrack_error *err);
void used_free(struct used *u); /* NULL is fine */

/* What lies in a range of a disk of U, which can't be read. SOURCES: as for used_find. WHAT gets words for
 * people, of printable characters: "/var/log/messages on vg0/root", "swap on partition 2", ""; *vital says that nothing
 * behind it can be trusted or found without it: tables, superblocks, folders. It may take long. Errors are of
 * memory, and UNRACK_INTERRUPTED by LOG's stop flag. */
int used_what(const struct used *u, struct block_source *const *sources, unsigned disk, uint64_t off,
	      uint64_t len, const struct log *log, char *what, size_t size, bool *vital,
	      struct unrack_error *err);

#endif
