/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where things are in an ext2 filesystem that a ramdisk of the 2.4 kernels may hold: superblock and
 * group descriptors, by their bytes. Pure. What is wrong in them is found here, before anything
 * follows what they say.
 *
 * A filesystem is a row of groups of blocks. Each has a bitmap of its blocks, one of its inodes, and
 * a piece of the table of inodes; some begin with a copy of superblock and descriptors. Source:
 * Linux Documentation/filesystems/ext2.rst, fs/ext2/ext2.h; those of ext4 for resize_inode. */
#ifndef INITRD_EXT2_LAYOUT_H
#define INITRD_EXT2_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"

#define EXT2_LAYOUT_SUPER 1024u /* where the superblock is, and how long */
#define EXT2_LAYOUT_DESCRIPTOR 32u
/* 2.4 kernels have ramdisks of 4 or 8 MiB unless they are told otherwise. While one is changed up to five
 * times as much is in memory. */
#define EXT2_LAYOUT_IMAGE_MAX (48u << 20)

#define EXT2_LAYOUT_ROOT 2u        /* inodes */
#define EXT2_LAYOUT_RESIZE_INODE 7u

struct ext2_layout {
	uint32_t block_size, blocks, first_block;
	uint32_t blocks_per_group, groups;
	uint32_t inodes, inodes_per_group, inode_size, first_inode; /* below FIRST_INODE: no files, but for root */
	uint32_t descriptor_blocks, reserved_blocks; /* behind a superblock; reserved for more descriptors */
	uint32_t table_blocks;                       /* of inodes, in each group */
	bool sparse_super, resize_inode;
};

/* "ext2", "ext3", "ext4" for a superblock at P, NULL for none. Only ext2 is read further. */
const char *ext2_layout_kind(const uint8_t *p, size_t n);

/* NAME is for messages. UNRACK_DAMAGED: it contradicts itself, or the image is too short;
 * UNRACK_UNSUPPORTED: larger than any ramdisk. */
int ext2_layout_read(const uint8_t *p, size_t n, const char *name, struct ext2_layout *out,
		     struct unrack_error *err);

uint32_t ext2_layout_group_first(const struct ext2_layout *l, uint32_t group);
uint32_t ext2_layout_group_blocks(const struct ext2_layout *l, uint32_t group);
/* How many blocks at the beginning of GROUP superblock and descriptors take. */
uint32_t ext2_layout_super_blocks(const struct ext2_layout *l, uint32_t group);

/* Three places of a group, from its descriptor. */
struct ext2_layout_group {
	uint32_t block_bitmap, inode_bitmap, table;
};
struct ext2_layout_group ext2_layout_group(const struct ext2_layout *l, const uint8_t *p, uint32_t group);

/* Offset of an inode, from 1 to INODES. */
size_t ext2_layout_inode(const struct ext2_layout *l, const uint8_t *p, uint32_t inode);

#endif
