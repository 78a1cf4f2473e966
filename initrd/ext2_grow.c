/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ext2_grow.h"

#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

/* What a group takes for itself. */
static uint32_t overhead(const struct ext2_layout *l, uint32_t group)
{
	return ext2_layout_super_blocks(l, group) + 2 + l->table_blocks;
}

uint32_t ext2_grow_size(const struct ext2_layout *l, uint32_t blocks, uint32_t inodes)
{
	uint32_t room = l->blocks_per_group - ext2_layout_group_blocks(l, l->groups - 1), size = l->blocks;

	for (uint32_t g = l->groups;; g++) {
		uint32_t taken = (uint32_t)min_u64(room, blocks);

		blocks -= taken;
		if (!blocks && !inodes)
			return size + taken;
		if ((g + 1) * EXT2_LAYOUT_DESCRIPTOR > l->descriptor_blocks * l->block_size ||
		    overhead(l, g) >= l->blocks_per_group)
			return 0;
		size += room + overhead(l, g);
		room = l->blocks_per_group - overhead(l, g);
		inodes -= (uint32_t)min_u64(inodes, l->inodes_per_group);
		/* No group without a block of its own. */
		blocks = blocks ? blocks : 1;
	}
}

static void set_bits(uint8_t *map, uint32_t from, uint32_t to, bool on)
{
	for (uint32_t k = from; k < to; k++) {
		uint8_t bit = (uint8_t)(1u << k % 8);

		map[k / 8] = on ? map[k / 8] | bit : map[k / 8] & (uint8_t)~bit;
	}
}

/* NEW is what it will be. */
static void add_group(uint8_t *p, const struct ext2_layout *new, uint32_t g)
{
	uint32_t first = ext2_layout_group_first(new, g), super = ext2_layout_super_blocks(new, g);
	uint32_t map = first + super, bits = 8 * new->block_size;
	uint8_t *d = p + (size_t)(new->first_block + 1) * new->block_size + (size_t)g * EXT2_LAYOUT_DESCRIPTOR;
	uint8_t *blocks = p + (size_t)map * new->block_size, *inodes = blocks + new->block_size;

	memset(d, 0, EXT2_LAYOUT_DESCRIPTOR);
	put_le32(d, map);
	put_le32(d + 4, map + 1);
	put_le32(d + 8, map + 2);
	set_bits(blocks, 0, overhead(new, g), true);
	set_bits(blocks, ext2_layout_group_blocks(new, g), bits, true);
	set_bits(inodes, new->inodes_per_group, bits, true);
}

int ext2_grow(struct buf *image, const struct ext2_layout *l, uint32_t blocks)
{
	size_t from = (size_t)l->blocks * l->block_size, to = (size_t)blocks * l->block_size;
	struct ext2_layout new = *l;
	uint32_t last = l->groups - 1;
	uint8_t *map;

	if (to > image->len && buf_zeros(image, to - image->len) < 0)
		return -1;
	memset(image->data + from, 0, to - from);
	new.blocks = blocks;
	new.groups = (uint32_t)div_round_up(blocks - l->first_block, l->blocks_per_group);
	map = image->data + (size_t)ext2_layout_group(l, image->data, last).block_bitmap * l->block_size;
	set_bits(map, ext2_layout_group_blocks(l, last), ext2_layout_group_blocks(&new, last), false);
	for (uint32_t g = l->groups; g < new.groups; g++)
		add_group(image->data, &new, g);
	put_le32(image->data + EXT2_LAYOUT_SUPER, new.groups * l->inodes_per_group);
	put_le32(image->data + EXT2_LAYOUT_SUPER + 4, blocks);
	return 0;
}
