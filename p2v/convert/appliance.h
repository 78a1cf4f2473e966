/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What finding and mounting a guest's filesystems needs of the machine that holds its
 * disks. guest_gfs.c implements it with libguestfs; tests with a table. File operations on
 * what is mounted go through struct guest_ops. All paths and device names are the
 * appliance's. */
#ifndef CONVERT_APPLIANCE_H
#define CONVERT_APPLIANCE_H

#include "unrack/guest.h"
#include "unrack/log.h"

struct appliance_ops {
	/* Partitions, and disks without any, each followed by a NUL. */
	int (*partitions)(void *ctx, struct buf *names, struct unrack_error *err);
	/* Logical volumes ("/dev/VG/LV") that are active, each followed by a NUL. */
	int (*volumes)(void *ctx, struct buf *names, struct unrack_error *err);
	/* Up to N bytes at the start of a device; *got fewer when it is smaller. */
	int (*head)(void *ctx, const char *device, uint8_t *head, size_t n, size_t *got,
		    struct unrack_error *err);
	/* A place to mount at while nothing is mounted at "/". */
	int (*mkmountpoint)(void *ctx, const char *path, struct unrack_error *err);
	int (*mount)(void *ctx, const char *device, const char *fstype, bool writable,
		     const char *where, struct unrack_error *err);
	int (*umount_all)(void *ctx, struct unrack_error *err);
	int (*space)(void *ctx, const char *where, uint64_t *bytes, uint64_t *inodes,
		     struct unrack_error *err);
};

struct appliance {
	const struct appliance_ops *ops;
	void *ctx;
};

/* Fills G's parts and mounts, and leaves everything mounted, read-only unless
 * G->writable. G's disks and disk_heads are set already. */
int guest_mount_all(struct guest *g, const struct appliance *a, const struct log *log,
		    struct unrack_error *err);

/* The index in g->parts of what a root= or fstab field means ("LABEL=/", "UUID=...",
 * "/dev/cciss/c0d0p3", "/dev/mapper/VolGroup00-LogVol00"); -1: none; -2: more than one. */
struct devname_map;
int guest_mount_resolve(const struct guest *g, const struct devname_map *names, const char *spec);

/* Are the programs there that an appliance needs? 0 or UNRACK_MISSING. */
int appliance_programs(struct unrack_error *err);
/* libguestfs's errors go on with advice about itself: only their first line, without its full stop. ERROR may be
 * NULL: it gave no reason. */
void appliance_first_line(const char *error, char out[256]);
/* Why an appliance does not start, as far as it can be told from here: a missing program or
 * kernel, else ERROR and the last that it said. Always an error (mostly UNRACK_MISSING). */
int appliance_explain(const char *error, const char *console, struct unrack_error *err);
/* The last line of what it said, without what a terminal would act on. */
void appliance_last_words(const char *console, char out[256]);

#endif
