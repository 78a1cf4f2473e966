/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One scan while it runs: which disks, each of them, and all of them together. */
#ifndef DISK_SCAN_LOOK_H
#define DISK_SCAN_LOOK_H

#include <sys/stat.h>

#include "base/vec.h"
#include "scan_parts.h"

struct look {
	char *path, *dir; /* DIR: its folder in sysfs, NULL for none */
	struct stat st;   /* of PATH; st_mode 0 when there is nothing */
	bool partition;
	struct scan_facts facts;
	struct block_source *source; /* NULL: can't be read, or not kept */
	struct parts *parts;   /* NULL: not read */
	char *identity;        /* strict part, NULL: not known */
	struct json *json;     /* what the result says of it, */
	struct scan_notes notes; /* its list will be a member of that; both NULL once handed over */
};

DEFINE_VEC(look_vec, struct look *);
DEFINE_VEC(group_vec, struct scan_group);

struct scan {
	const struct scan_root *root;
	const struct log *log;
	struct look_vec disks;
	unsigned n_sources;
	struct group_vec groups; /* members of groups that were seen */
	bool hidden;             /* some hold what we can't see into */
	struct json *warnings;   /* of all together */
};

/* scan_find.c: the disks of this machine, or what PATH names: one, or the images of a folder. */
int scan_find_machine(struct scan *s, struct unrack_error *err);
int scan_find_named(struct scan *s, const char *path, struct unrack_error *err);

/* scan_look.c: fills D. What is wrong with the disk becomes part of the result. */
int scan_look(struct scan *s, struct look *d, struct unrack_error *err);

/* scan_used.c: what of them a copy would send; after all of them were looked at. */
int scan_used(struct scan *s, struct unrack_error *err);

#endif
