/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libblkid and the first bytes say about a disk: its table, partitions and signatures. Read
 * as Linux would: a GPT counts only behind a protective MBR. Threads: any. */
#ifndef DISK_PARTS_H
#define DISK_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/block_source.h"
#include "unrack/error.h"
#include "unrack/identity.h"

#define PARTS_MAX 256 /* partitions of one disk that are looked at */

struct parts_signature {
	char type[32];   /* libblkid's name ("ext3", "LVM2_member", "swsuspend"), "" for none */
	char uuid[64];   /* as libblkid writes it, "" for none */
	char label[128]; /* cut where it is longer; any bytes */
	bool raid;       /* a member of a RAID or volume group, not of use alone */
	bool ambiguous;  /* there are several, and none can be preferred; TYPE is "" */
};

struct parts_entry {
	unsigned number;
	uint64_t first, bytes; /* of the disk */
	char type[40];         /* "83", or the GUID in lower case */
	bool bootable;         /* active, or an EFI system partition */
	bool extended;         /* holds logical partitions, no data */
	bool outside;          /* ends behind the disk; its signature was not read */
	struct parts_signature sig;
};

struct parts {
	char table[16]; /* "dos", "gpt" or another of libblkid's names; "" for none */
	char id[64];    /* of the table, "" for none */
	/* Without a table: of the whole. With one: the RAID that the whole disk is a member of. */
	struct parts_signature whole;
	unsigned n;
	struct parts_entry at[PARTS_MAX];
};

/* *out is freed by free(). PATH is a file or block device of BYTES bytes. Sectors that can't be read count
 * as zeros; only a disk that can't be opened is an error. */
int parts_read(const char *path, uint64_t bytes, struct parts **out, struct unrack_error *err);

/* ends.c: a file in memory that is like the LEN bytes at OFF of FD, as far as signatures lie in them: with zeros
 * between both ends, and for sectors that can't be read. -1: it can't be had. */
int ends_open(int fd, uint64_t off, uint64_t len);

/* identify.c: the identity by what was read; see disk_identify. */
int identify_parts(const char *path, uint64_t bytes, const struct parts *p, struct identity *id,
		   struct unrack_error *err);

/* disk.c: UNRACK_UNSUPPORTED when the bytes of S are a container of a disk, such as a qcow2. */
int disk_check_raw(struct block_source *s, struct unrack_error *err);

#endif
