/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing to an ext2 filesystem in memory. This is the interface of the one file of this layer that
 * includes libext2fs; that gets only filesystems which ext2_tree_check found free of errors, since it
 * trusts what it reads, and nothing of it reaches a file.
 *
 * After an error, or EXT2_FS_NO_*, the filesystem is to be dropped, and its image thrown away. NAME is
 * for messages. Deterministic: NOW takes the place of the time. One thread at a time. */
#ifndef INITRD_EXT2_FS_H
#define INITRD_EXT2_FS_H

#include "unrack/initrd.h"

/* Results besides 0 and errors. */
enum {
	EXT2_FS_NO_BLOCKS = 1,
	EXT2_FS_NO_INODES,
	EXT2_FS_NO_NAME, /* of ext2_fs_find */
};

struct ext2_fs;

/* IMAGE stays the caller's, and keeps its length. GREW: it has new groups. */
int ext2_fs_open(struct buf *image, bool grew, uint32_t now, const char *name, struct ext2_fs **out,
		 struct unrack_error *err);
/* A new filesystem in IMAGE, which is zeros, as `mke2fs -O none -b 1024 -I 128` makes it: its root folder
 * is empty. EXT2_FS_NO_BLOCKS: what it needs itself does not fit. */
int ext2_fs_create(struct buf *image, uint32_t inodes, const uint8_t uuid[16], uint32_t now, const char *name,
		   struct ext2_fs **out, struct unrack_error *err);
/* Writes all that is still to be written. F is gone in any case. */
int ext2_fs_close(struct ext2_fs *f, struct unrack_error *err);
void ext2_fs_drop(struct ext2_fs *f);

/* Names are those of one entry of the folder DIR. */
int ext2_fs_find(struct ext2_fs *f, uint32_t dir, const char *name, uint32_t *inode, struct unrack_error *err);
/* A file of any kind, with what M says of it but for its name, number and links. */
int ext2_fs_put(struct ext2_fs *f, uint32_t dir, const char *name, const struct initrd_member *m,
		uint32_t *inode, struct unrack_error *err);
int ext2_fs_link(struct ext2_fs *f, uint32_t dir, const char *name, uint32_t inode, struct unrack_error *err);
/* Of a folder that is there: owner, mode and times of M. */
int ext2_fs_set(struct ext2_fs *f, uint32_t inode, const struct initrd_member *m, struct unrack_error *err);
/* Takes the name away, and the file with its last one. Not of a folder. */
int ext2_fs_unlink(struct ext2_fs *f, uint32_t dir, const char *name, uint32_t inode, struct unrack_error *err);
/* Another content of a file, which keeps all else. */
int ext2_fs_replace(struct ext2_fs *f, uint32_t inode, const void *data, size_t n, struct unrack_error *err);
bool ext2_fs_is_folder(struct ext2_fs *f, uint32_t inode);

#endif
