/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Old names of disks: taken apart, matched with the images, and translated to what the
 * VM's kernel will call them. Pure. Threads: any, a map being changed by one.
 *
 * Families (Documentation/devices.txt of Linux 2.4 and 2.6): hdX, sdX, vdX, xvdX and
 * i2o/hdX count disks by letters; cciss, ida and rd by controller and disk (cXdY);
 * nvmeXnY. Partitions follow directly, or behind a p where the disk's name ends in a digit. */
#ifndef UNRACK_DEVNAME_H
#define UNRACK_DEVNAME_H

#include <stdbool.h>
#include <stddef.h>

#include "unrack/buf.h"
#include "unrack/error.h"

#define DEVNAME_MAX 64  /* bytes of a name, with its NUL */
#define DEVNAME_DISKS 256 /* names of whole disks that one guest may use */

enum devname_family {
	DEVNAME_OTHER, DEVNAME_HD, DEVNAME_SD, DEVNAME_VD, DEVNAME_XVD, DEVNAME_I2O, DEVNAME_CCISS,
	DEVNAME_IDA, DEVNAME_RD, DEVNAME_NVME
};

struct devname {
	char disk[DEVNAME_MAX]; /* of the whole disk, without /dev/: "cciss/c0d0" */
	enum devname_family family;
	unsigned number;        /* order in the family: hdc 2, cciss/c1d2 258 */
	unsigned partition;     /* 0: the whole disk */
};

/* NAME with or without /dev/. False: not the name of a disk or partition ("/dev/md0",
 * "LABEL=/", "/dev/VolGroup00/LogVol00", "/dev/cciss/c0d0p"). */
bool devname_parse(const char *name, struct devname *out);
/* The first name of a disk in N bytes of TEXT (a line of a script, an argument): one that
 * begins with /dev/ and ends where a name ends. *len is 0 when there is none. */
void devname_find(const char *text, size_t n, size_t *at, size_t *len);
/* A name on its own that depends on hardware: by-id, by-path, multipath, fake RAID. */
bool devname_is_hardware_alias(const char *name);
/* The partition that such a name ends with ("...-part3", "/dev/mapper/mpathap3"); 0: none. */
unsigned devname_alias_partition(const char *name);

struct devname_mapped {
	char disk[DEVNAME_MAX]; /* "cciss/c0d0" */
	enum devname_family family;
	unsigned number;
	int image;              /* 0-based; -1: none of the images; -2: it cannot be told */
	char why[96];           /* "device.map: (hd0)" */
};

/* PREFIX is set by devname_map_target. Free nothing: it is one piece. */
struct devname_map {
	struct devname_mapped at[DEVNAME_DISKS];
	size_t n;
	unsigned images;
	char prefix[8]; /* "sd", "hd", "nvme" */
};

void devname_map_init(struct devname_map *m, unsigned images);
/* A certain fact: DISK is IMAGE. The first one for a disk wins, and for an image the first one
 * of each family: a guest that was converted by hand may use old and new names together. */
void devname_map_learn(struct devname_map *m, const char *disk, int image, const char *why);
/* A disk that some file names. NAME may be anything; what is not a disk is ignored. */
void devname_map_mention(struct devname_map *m, const char *name);
/* Gives an image to every disk that was only mentioned, where their order leaves no
 * choice; marks the rest as -1 or -2. Names mentioned later are settled by another call. */
void devname_map_settle(struct devname_map *m);
void devname_map_target(struct devname_map *m, const char *prefix);

/* The name that image I, partition P (0: whole disk) has with PREFIX, with /dev/. */
void devname_make(const char *prefix, unsigned image, unsigned partition, char out[DEVNAME_MAX]);

enum devname_result {
	DEVNAME_KEPT,   /* it is not a disk's name, or it keeps its name */
	DEVNAME_NEW,    /* OUT has the new name */
	DEVNAME_ABSENT, /* a disk that is none of the images */
	DEVNAME_UNSURE, /* which image it is cannot be told */
};
/* OUT has the new name with /dev/ if OLD had it; for the last two results it is empty. */
enum devname_result devname_translate(const struct devname_map *m, const char *old,
				      char out[DEVNAME_MAX]);
/* The image and partition that OLD means; false: not known. */
bool devname_locate(const struct devname_map *m, const char *old, int *image, unsigned *partition);

#endif
