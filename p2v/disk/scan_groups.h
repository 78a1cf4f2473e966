/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volume groups and arrays: what a member tells of the others. Readers are plain: nothing is
 * assembled or activated. Threads: any. */
#ifndef DISK_SCAN_GROUPS_H
#define DISK_SCAN_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lvm.h"
#include "unrack/json.h"

struct scan_lvm {
	char group[128];     /* its name */
	char id[LVM_ID + 1]; /* of the group */
	uint64_t seqno;      /* rises with each change of the group */
	unsigned n_pvs;      /* may be more than are kept in PVS */
	char pvs[LVM_PVS_MAX][LVM_ID + 1];
};

/* The group that the LVM2 physical volume in BYTES bytes at OFF belongs to. False when there is none
 * (a volume without group or without metadata), or it can't be read. */
bool scan_lvm_read(struct block_source *s, uint64_t off, uint64_t bytes, struct scan_lvm *out);
/* The same of the metadata's text. */
bool scan_lvm_parse(const char *text, size_t n, struct scan_lvm *out);

struct scan_md {
	char uuid[33]; /* hexadecimal */
	int level;     /* 0, 1, 4, 5, 6, 10; negative: linear, multipath and the like */
	unsigned disks;
	uint64_t events; /* rises with each change; a member that has fewer is stale */
};

/* The array of the md member in BYTES bytes at OFF: superblocks 0.90 and 1.0 at its end, 1.1 and 1.2
 * at its beginning. */
bool scan_md_read(struct block_source *s, uint64_t off, uint64_t bytes, struct scan_md *out);
const char *scan_md_level(const struct scan_md *md, char out[16]); /* "raid1" */

/* One member; freed by scan_group_free. */
struct scan_group {
	char *where;        /* "/dev/sda2" */
	char pv[64];        /* its UUID as libblkid gives it, of LVM */
	struct scan_lvm *lvm; /* one of both; none, of a physical volume without metadata of its own */
	struct scan_md *md;
};
void scan_group_free(struct scan_group *g);

/* What is missing, stale or there twice among all members that were found: sentences into WARNINGS.
 * HIDDEN: some of the disks hold what we can't see into, so that a missing volume may be there. */
void scan_groups_warn(const struct scan_group *at, size_t n, bool hidden, struct json *warnings);

/* A sentence into an array of them. */
void scan_warn(struct json *warnings, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
