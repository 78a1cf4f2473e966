/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A larger filesystem in the same place, as resize2fs makes it: the last group of blocks gets longer, and
 * new groups follow. Nothing that is there moves. libext2fs has no such function. Making a new
 * filesystem and copying the files would be the other way; it would have to know and keep all that an
 * inode can have, attributes and numbers among it, where this one touches none.
 *
 * With blocks of 1 KiB a group has 8192, so that up to the 8 MiB of a ramdisk only a bitmap changes. */
#ifndef INITRD_EXT2_GROW_H
#define INITRD_EXT2_GROW_H

#include "ext2_layout.h"
#include "unrack/buf.h"

/* How many blocks the filesystem L must have for BLOCKS more of them, and INODES more inodes, to be
 * free; 0: the table of groups has no room for them. */
uint32_t ext2_grow_size(const struct ext2_layout *l, uint32_t blocks, uint32_t inodes);

/* Grows the filesystem L in IMAGE to what ext2_grow_size gave. Superblock and bitmaps are right then; how
 * much is free, and copies of the superblock, are left to who opens it. -1: no memory. */
int ext2_grow(struct buf *image, const struct ext2_layout *l, uint32_t blocks);

#endif
