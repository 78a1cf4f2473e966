/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/ext2_grow.h"
#include "base/bytes.h"
#include "made_ramdisk.h"

static struct unrack_error err;

/* 3000 KiB of RHEL 2.1: one group, whose table of inodes has 94 blocks. */
static const struct ext2_layout one = {
	.block_size = 1024, .blocks = 3000, .first_block = 1, .blocks_per_group = 8192, .groups = 1, .inodes = 752,
	.inodes_per_group = 752, .inode_size = 128, .first_inode = 11, .descriptor_blocks = 1, .table_blocks = 94,
};

static void sizes(void)
{
	struct ext2_layout l = one;

	is_int(ext2_grow_size(&one, 0, 0), 3000, "nothing is missing");
	is_int(ext2_grow_size(&one, 1, 0), 3001, "one block more");
	is_int(ext2_grow_size(&one, 5193, 0), 8193, "as many as the group has");
	is_int(ext2_grow_size(&one, 5194, 0), 8193 + 2 + 2 + 94 + 1, "one more takes another group, and what that needs");
	is_int(ext2_grow_size(&one, 0, 1), 8193 + 2 + 2 + 94 + 1, "so does an inode");
	is_int(ext2_grow_size(&one, 5200, 753), 8193 + 8192 + 98 + 1, "or two groups");
	l.sparse_super = true;
	is_int(ext2_grow_size(&l, 0, 753), 8193 + 8192 + 96 + 1, "of which the second has no superblock then");
	l.blocks_per_group = 3000;
	l.blocks = 3001;
	is_int(ext2_grow_size(&l, 1, 0), 3001 + 99, "a full group");
	is_int(ext2_grow_size(&one, 8192 * 40, 0), 0, "more groups than descriptors have room for");
	l.table_blocks = 3000;
	is_int(ext2_grow_size(&l, 1, 0), 0, "groups that would hold nothing");
}

/* A filesystem grows, and is one without errors afterwards but for what the superblock counts. */
static void grows(uint32_t blocks, uint32_t inodes, const char *what)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct ext2_tree t;
	uint32_t size, free_blocks = 0, free_inodes = 0, before = 0, inodes_before = 0;

	made_ramdisk(&b, "#!/bin/nash\n", "x", 300);
	made(ext2_tree_read(b.data, b.len, "a ramdisk", &t, &err) == 0, what);
	for (uint32_t k = 1; k < t.layout.blocks; k++)
		before += !ext2_tree_uses(&t, k);
	for (uint32_t k = 1; k <= t.layout.inodes; k++)
		inodes_before += !ext2_tree_has_inode(&t, k);
	size = ext2_grow_size(&t.layout, blocks, inodes);
	is_int(ext2_grow(&b, &t.layout, size), 0, "%s", what);
	ext2_tree_free(&t);
	is_int(b.len, (long)size * 1024, "it has its size");
	is_int(ext2_tree_read(b.data, b.len, "grown", &t, &err), 0, "it is read");
	is_int(ext2_tree_check(&t, &err), 0, "it is without errors");
	for (uint32_t k = 1; k < t.layout.blocks; k++)
		free_blocks += !ext2_tree_uses(&t, k);
	for (uint32_t k = 1; k <= t.layout.inodes; k++)
		free_inodes += !ext2_tree_has_inode(&t, k);
	ok(free_blocks >= before + blocks, "%u blocks more are free", free_blocks - before);
	ok(free_inodes >= inodes_before + inodes, "and %u inodes", free_inodes - inodes_before);
	ext2_tree_free(&t);
}

int main(void)
{
	sizes();
	grows(1, 0, "by one block");
	grows(7893, 0, "to the end of its group");
	grows(7894, 0, "by another group");
	grows(20000, 0, "by three");
	grows(0, 100, "for inodes alone");
	return tap_done();
}
