/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Superblocks of md, of all versions. Layout: Linux' include/uapi/linux/raid/md_p.h; places, checksums and what
 * flags mean: drivers/md/md.c, super_90_load, super_90_validate, super_1_load, super_1_validate.
 * Threads: any. */
#ifndef DISK_MD_SUPER_H
#define DISK_MD_SUPER_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/block_source.h"

#define MD_SUPER_BYTES 4096u

enum md_role { MD_ACTIVE, MD_SPARE, MD_FAULTY, MD_OTHER };

struct md_super {
	char version[8];  /* "0.90", "1.0", "1.1", "1.2" */
	char uuid[33];    /* of the array, hexadecimal */
	int level;        /* 0, 1, 4, 5, 6, 10; negative: linear, multipath and the like */
	unsigned disks;   /* in a complete array */
	uint64_t events;  /* rises with each change; a member that has fewer is stale */
	uint64_t at;      /* of the superblock in the member, bytes */
	uint64_t start;   /* of the data, bytes */
	uint64_t bytes;   /* of the data: this much of each member is used */
	bool clean;       /* the array was stopped, all its members alike */
	const char *odd;  /* a clause: what else is under way; NULL: nothing */
	enum md_role role;
	unsigned slot;    /* of ACTIVE: its number in the array */
	unsigned number;  /* in the table of members */
	bool big_endian;  /* only 0.90 */
	uint8_t raw[MD_SUPER_BYTES];
};

/* The superblock of the member in BYTES bytes at OFF. None, two, or one that does not count is UNRACK_DAMAGED with
 * a clause that says so. */
int md_super_read(struct block_source *s, uint64_t off, uint64_t bytes, struct md_super *out,
		  struct unrack_error *err);
/* What MD says of the member with a number. */
enum md_role md_super_role(const struct md_super *md, unsigned number, unsigned *slot);
const char *md_super_level(int level, char out[16]); /* "raid1" */

#endif
