/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The partitions of a guest's disks while its root is looked for. */
#ifndef CONVERT_GUEST_PARTS_H
#define CONVERT_GUEST_PARTS_H

#include "appliance.h"
#include "fsprobe.h"

#define GUEST_PARTS_MAX 1024u

struct candidate {
	struct fsprobe probe;
	char at[16];        /* where it is mounted to be looked at, or "" */
	bool root;          /* has /etc/fstab */
	bool boot;          /* has GRUB's files at its top: it is mounted at /boot */
	bool rhel_like;
	char release[128];  /* first line of its release file */
	char problem[256];  /* why it can't be mounted or read */
};

struct search {
	struct guest *g;
	const struct appliance *a;
	const struct log *log;
	struct candidate *at; /* beside g->parts; malloc'd */
	struct devname_map *names; /* the guest's names of disks, as far as they are known; malloc'd */
};

/* Fills g->parts and the candidates' probes. */
int guest_parts_find(struct search *s, struct unrack_error *err);

/* "/dev/sdb3": disk 1, partition 3; "/dev/sdb": partition 0. False for other names. */
bool guest_parts_parse_name(const char *name, int *disk, int *partition);
/* The name of a whole disk: 1 is "/dev/sdb", 26 is "/dev/sdaa". */
void guest_parts_disk_name(unsigned disk, char out[16]);

/* Whether a file below the place where C is mounted is there, and its content. */
bool guest_parts_read_below(struct search *s, const struct candidate *c, const char *path, struct buf *text);

/* The candidate that the first disk's boot loader starts by default; -1: that can't be told. */
int guest_root_of_loader(struct search *s);

/* "partition 3 of disk 0 (ext3, label /)", for a person. */
void guest_parts_describe(const struct guest_part *p, char *out, size_t size);

#endif
