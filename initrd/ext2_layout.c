/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ext2_layout.h"

#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

#define MAGIC 0xef53u
#define FIRST_INODE_MIN 11u
#define GROUP_BLOCKS_MIN 256u /* mke2fs -g */

#define COMPAT_JOURNAL 0x4u
#define COMPAT_RESIZE_INODE 0x10u
#define COMPAT_EXT2 0x39u /* dir_prealloc, ext_attr, resize_inode, dir_index */
#define INCOMPAT_FILETYPE 0x2u
#define INCOMPAT_RECOVER 0x4u
#define RO_SPARSE_SUPER 0x1u
#define RO_EXT2 0x3u /* and large_file */

const char *ext2_layout_kind(const uint8_t *p, size_t n)
{
	const uint8_t *s = p + EXT2_LAYOUT_SUPER;
	uint32_t compat, incompat, ro_compat;

	if (n < EXT2_LAYOUT_SUPER + 58 || get_le16(s + 56) != MAGIC)
		return NULL;
	if (n < 2 * EXT2_LAYOUT_SUPER)
		return "ext2";
	compat = get_le32(s + 92);
	incompat = get_le32(s + 96);
	ro_compat = get_le32(s + 100);
	if (compat & ~(COMPAT_EXT2 | COMPAT_JOURNAL) || incompat & ~(INCOMPAT_FILETYPE | INCOMPAT_RECOVER) ||
	    ro_compat & ~RO_EXT2)
		return "ext4";
	return compat & COMPAT_JOURNAL || incompat & INCOMPAT_RECOVER ? "ext3" : "ext2";
}

static int contradicts(const char *name, const char *what, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED, "%s: the %s of its ext2 filesystem contradicts itself; take another "
			 "copy of this file", name, what);
}

static bool blocks_sane(const uint8_t *s, struct ext2_layout *l)
{
	if (get_le32(s + 24) > 2 || get_le32(s + 28) != get_le32(s + 24))
		return false;
	l->block_size = 1024u << get_le32(s + 24);
	l->blocks = get_le32(s + 4);
	l->first_block = get_le32(s + 20);
	l->blocks_per_group = get_le32(s + 32);
	return l->first_block == (l->block_size == 1024) && l->blocks > l->first_block &&
	       l->blocks_per_group >= GROUP_BLOCKS_MIN && l->blocks_per_group <= 8 * l->block_size &&
	       l->blocks_per_group % 8 == 0 && get_le32(s + 36) == l->blocks_per_group;
}

/* BLOCKS is at most EXT2_LAYOUT_IMAGE_MAX / 1024 here. */
static bool inodes_sane(const uint8_t *s, struct ext2_layout *l)
{
	bool dynamic = get_le32(s + 76) == 1;
	uint32_t reserved = get_le16(s + 206);

	l->groups = (uint32_t)div_round_up(l->blocks - l->first_block, l->blocks_per_group);
	l->descriptor_blocks = (uint32_t)div_round_up(l->groups * EXT2_LAYOUT_DESCRIPTOR, l->block_size);
	l->reserved_blocks = reserved;
	l->inodes = get_le32(s);
	l->inodes_per_group = get_le32(s + 40);
	l->inode_size = dynamic ? get_le16(s + 88) : 128;
	l->first_inode = dynamic ? get_le32(s + 84) : FIRST_INODE_MIN;
	if (get_le32(s + 76) > 1 || l->inodes_per_group == 0 || l->inodes_per_group > 8 * l->block_size ||
	    (uint64_t)l->inodes_per_group * l->groups != l->inodes || l->inode_size < 128 ||
	    l->inode_size > l->block_size || l->inode_size & (l->inode_size - 1) ||
	    l->first_inode < FIRST_INODE_MIN || l->first_inode > l->inodes || reserved > l->block_size / 4)
		return false;
	l->table_blocks = (uint32_t)div_round_up((uint64_t)l->inodes_per_group * l->inode_size, l->block_size);
	return true;
}

static bool inside(uint32_t first, uint32_t n, uint32_t low, uint32_t high)
{
	return first >= low && first < high && n <= high - first;
}

static bool groups_sane(const uint8_t *p, const struct ext2_layout *l)
{
	for (uint32_t g = 0; g < l->groups; g++) {
		uint32_t low = ext2_layout_group_first(l, g), high = low + ext2_layout_group_blocks(l, g);
		struct ext2_layout_group d;

		if (ext2_layout_super_blocks(l, g) >= high - low)
			return false;
		d = ext2_layout_group(l, p, g);
		low += ext2_layout_super_blocks(l, g);
		if (!inside(d.block_bitmap, 1, low, high) || !inside(d.inode_bitmap, 1, low, high) ||
		    !inside(d.table, l->table_blocks, low, high))
			return false;
	}
	return true;
}

int ext2_layout_read(const uint8_t *p, size_t n, const char *name, struct ext2_layout *out,
		     struct unrack_error *err)
{
	const uint8_t *s = p + EXT2_LAYOUT_SUPER;

	*out = (struct ext2_layout){ 0 };
	if (n < 2 * EXT2_LAYOUT_SUPER)
		return error_set(err, UNRACK_DAMAGED, "%s: its ext2 filesystem is cut short; take another copy of "
				 "this file", name);
	if (n > EXT2_LAYOUT_IMAGE_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is a ramdisk of %zu MiB; more than %u MiB are not "
				 "handled", name, n >> 20, EXT2_LAYOUT_IMAGE_MAX >> 20);
	out->resize_inode = get_le32(s + 92) & COMPAT_RESIZE_INODE;
	out->sparse_super = get_le32(s + 100) & RO_SPARSE_SUPER;
	if (!blocks_sane(s, out))
		return contradicts(name, "superblock", err);
	if ((uint64_t)out->blocks * out->block_size > n)
		return error_set(err, UNRACK_DAMAGED, "%s: its ext2 filesystem has %u blocks of %u bytes, but ends "
				 "after %zu bytes; take another copy of this file", name, out->blocks,
				 out->block_size, n);
	if (!inodes_sane(s, out))
		return contradicts(name, "superblock", err);
	return groups_sane(p, out) ? 0 : contradicts(name, "table of groups", err);
}

uint32_t ext2_layout_group_first(const struct ext2_layout *l, uint32_t group)
{
	return l->first_block + group * l->blocks_per_group;
}

uint32_t ext2_layout_group_blocks(const struct ext2_layout *l, uint32_t group)
{
	return (uint32_t)min_u64(l->blocks_per_group, l->blocks - ext2_layout_group_first(l, group));
}

static bool power_of(uint32_t n, uint32_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

uint32_t ext2_layout_super_blocks(const struct ext2_layout *l, uint32_t group)
{
	if (l->sparse_super && group > 1 && !power_of(group, 3) && !power_of(group, 5) && !power_of(group, 7))
		return 0;
	return 1 + l->descriptor_blocks + l->reserved_blocks;
}

struct ext2_layout_group ext2_layout_group(const struct ext2_layout *l, const uint8_t *p, uint32_t group)
{
	const uint8_t *d = p + (size_t)(l->first_block + 1) * l->block_size +
			   (size_t)group * EXT2_LAYOUT_DESCRIPTOR;

	return (struct ext2_layout_group){ get_le32(d), get_le32(d + 4), get_le32(d + 8) };
}

size_t ext2_layout_inode(const struct ext2_layout *l, const uint8_t *p, uint32_t inode)
{
	uint32_t group = (inode - 1) / l->inodes_per_group, place = (inode - 1) % l->inodes_per_group;

	return (size_t)ext2_layout_group(l, p, group).table * l->block_size + (size_t)place * l->inode_size;
}
