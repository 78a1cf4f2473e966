/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a source: a disk or image that nobody else uses, and what makes it that disk.
 * Nothing is ever written to it. Threads: any. */
#ifndef UNRACK_DISK_H
#define UNRACK_DISK_H

#include <stdbool.h>

#include "unrack/block_source.h"
#include "unrack/error.h"
#include "unrack/identity.h"

enum disk_use {
	/* Nobody uses it. UNRACK_UNSAFE when PATH, a partition of it or anything built on it (LVM, md, a
	 * loop device) is mounted or used as swap, or when a virtual machine has the image open for
	 * writing: a copy would be of no single moment. */
	DISK_QUIET,
	/* It may be in use. What was written until now is brought to the disk first, and a device is read past
	 * the page cache. */
	DISK_LIVE,
};

/* Either way what was read from the node before does not count. *out is freed by block_source_close, ID by
 * identity_free. */
int disk_open(const char *path, enum disk_use use, struct block_source **out, struct identity *id,
	      struct unrack_error *err);

/* The check of a DISK_QUIET alone. Looks at sysfs, /proc/self/mountinfo and /proc/swaps. */
int disk_check_unused(const char *path, struct unrack_error *err);

/* A number that becomes another one when something is written to the block device PATH, and when the machine
 * is started anew; false: it is no block device, or its system does not count. */
bool disk_writes(const char *path, uint64_t *stamp);

/* Partition table and signatures of what is at PATH, BYTES large (for messages, and for an
 * image that has no device behind it). Serial and WWID are those of sysfs, if it has any. */
int disk_identify(const char *path, uint64_t bytes, struct identity *id, struct unrack_error *err);

/* How much of its beginning tells what a stream is; less of a disk that is smaller. */
#define DISK_HEAD_BYTES (1u << 20)
/* The partial identity (identity.h) of a disk of BYTES bytes by HEAD, its first N bytes. It names
 * the partition table's id, and only where there is none the signatures in HEAD: they may turn out to be
 * others with the whole disk at hand, such as a RAID's whose superblock is at the end.
 * UNRACK_UNSUPPORTED: HEAD begins a container of a disk, such as a qcow2. */
int disk_identify_head(const void *head, size_t n, const char *name, uint64_t bytes,
		       struct identity *id, struct unrack_error *err);

/* Whether the first sector allows that the disk boots by EFI: a GPT, or an EFI system
 * partition in the DOS table (UEFI specification 2.10, 5.2). Else it can only be BIOS. */
int disk_may_boot_efi(struct block_source *s, bool *may, struct unrack_error *err);

#endif
