/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Initrds that are ramdisks: an ext2 filesystem, which a kernel of the 2.4 series copies into /dev/ram0
 * and mounts, and whose /linuxrc it starts. mkinitrd of RHEL 2.1 and 3 makes them, of 3000 and 8000 KiB
 * (4000 on ia64 and i386), with blocks of 1 KiB.
 *
 * They are read by code of our own, since libext2fs trusts what it reads. They are changed in place,
 * in a copy in memory: all that is not changed, inode numbers and times among it, stays as mkinitrd
 * made it, and no feature comes in that the kernel may not know. */
#ifndef INITRD_EXT2_H
#define INITRD_EXT2_H

#include "image.h"

/* What a kernel's ramdisk holds unless its command line says ramdisk_size=. Sources: RHEL 3's
 * CONFIG_BLK_DEV_RAM_SIZE; the default of drivers/block/rd.c in 2.4.9. */
#define EXT2_RAMDISK_KIB 8192u
#define EXT2_RAMDISK_249_KIB 4096u

/* Reads the members of the filesystem at P, which is the stream of I whose index is STREAM, into I,
 * and marks I as a ramdisk. UNRACK_DAMAGED, UNRACK_UNSUPPORTED: see ext2_tree.h. */
int ext2_read(struct initrd *i, size_t stream, struct unrack_error *err);

/* How many KiB of ramdisk I needs. */
size_t ext2_ramdisk_kib(const struct initrd *i);
/* How many a kernel of this version has, unless it is told otherwise. */
size_t ext2_ramdisk_default(const char *kver);

/* Appends I, which is a ramdisk, with EDIT (NULL: none) to OUT, packed as it was. It grows as far as what
 * is new does not fit. UNRACK_NOSPACE: it would have to grow beyond the ramdisk; the sentence has the
 * ramdisk_size= that it would take. UNRACK_UNSUPPORTED: beyond EXT2_LAYOUT_IMAGE_MAX. UNRACK_DAMAGED: it has
 * errors, which e2fsck would find. */
int ext2_write(const struct initrd *i, const struct image_edit *edit, struct buf *out, struct unrack_error *err);

/* A new filesystem in OUT, not packed, with the N members at M, as mke2fs -O none -b 1024 -I 128 makes it; of
 * KIB, or as many more as they take, up to MAX_KIB. Files of one number with several links are one file;
 * folders that have no member are 0755 of root; a member "." is the root folder. Deterministic, down to the
 * UUID. NAME is for messages. UNRACK_NOSPACE, UNRACK_UNSUPPORTED: see
 * above; UNRACK_USAGE: a path that cannot be. */
int ext2_make(const struct initrd_member *m, size_t n, size_t kib, size_t max_kib, const char *name,
	      struct buf *out, struct unrack_error *err);

#endif
