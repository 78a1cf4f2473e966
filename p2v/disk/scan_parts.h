/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of scan share. Threads: any. */
#ifndef DISK_SCAN_PARTS_H
#define DISK_SCAN_PARTS_H

#include "parts.h"
#include "scan_groups.h"
#include "unrack/scan.h"

/* Where the kernel shows its devices; tests have trees of their own. */
struct scan_root {
	const char *sys, *dev; /* "/sys", "/dev" */
};
int scan_disks_at(const struct scan_root *root, const char *const *paths, unsigned n,
		  const struct log *log, struct json **out, struct unrack_error *err);

/* scan_sysfs.c: what the kernel says of a disk. */
struct scan_facts {
	char model[256], serial[256], wwid[256]; /* "" for not known */
	char bus[16];                            /* "scsi", "sas", "ata", "usb", "nvme", ... */
	bool removable;                          /* the medium, or a bus whose disks are pulled out */
	bool read_only;
	uint64_t bytes;
	unsigned sector_bytes; /* 0: not known */
};
void scan_sysfs_facts(const char *dir, struct scan_facts *out);

/* The names of ROOT's disks, in their order, '!' as sysfs has it. Freed by scan_names_free. */
struct scan_names {
	char **at;
	unsigned n;
};
int scan_sysfs_list(const struct scan_root *root, struct scan_names *out, struct unrack_error *err);
int scan_names_add(struct scan_names *names, const char *name);
void scan_names_free(struct scan_names *names);

/* The device node of a name of sysfs, malloc'd: "/dev/cciss/c0d0p1". */
char *scan_sysfs_node(const struct scan_root *root, const char *name);
/* The node of a partition, malloc'd; NULL when there is none. */
char *scan_sysfs_partition(const struct scan_root *root, const char *dir, unsigned number);
/* What is built upon the disk and its partitions: an array of device nodes. */
struct json *scan_sysfs_holders(const struct scan_root *root, const char *dir);

/* What is said of one disk. */
struct scan_notes {
	struct json *list;   /* the sentences */
	bool trouble;        /* copied as it is, it would be of no use, or do harm */
	bool table_is_told;  /* why there is no table has been said */
};

/* scan_table.c: what is wrong with the partition table in the first and the last sector. */
void scan_table_warn(struct block_source *s, const struct parts *p, struct scan_notes *notes);

/* scan_warn.c: what would bite when this disk is copied, apart from its table. */
struct scan_subject {
	const char *path;
	const struct scan_facts *facts;
	const struct parts *parts; /* NULL: not read */
	const char *identity;      /* "": nothing is on it */
	bool partition;            /* not a whole disk */
	const struct json *holders;
};
void scan_warn_disk(const struct scan_subject *d, struct scan_notes *notes);

#endif
