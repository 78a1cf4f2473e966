/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Free-space btrees of several levels, as filesystems in use have them, put into an image. */
#ifndef TESTS_XFS_TREE_IMAGE_H
#define TESTS_XFS_TREE_IMAGE_H

#include "xfs_image.h"

#define EXTENTS_MAX 12000u
#define BLOCKS_MAX  256u

struct extent {
	uint32_t block, len;
};

/* How the trees of a group lie. */
struct made {
	uint32_t bno_root, cnt_root, bno_leaf, cnt_leaf; /* each tree's first leaf */
	unsigned levels;
	uint32_t base, blocks; /* where trees are */
	uint32_t with;         /* not 0: that one of these blocks is free, too */
	uint32_t n;
	struct extent at[EXTENTS_MAX];
};

static struct made made; /* by the last FRAGMENT */

static uint32_t header_size(const struct image *i)
{
	return i->v5 ? 56 : 16;
}

static int by_block(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

static int by_len(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->len != y->len ? (x->len < y->len ? -1 : 1) : by_block(a, b);
}

/* Where the Nth block of the trees goes: not in order. */
static uint32_t place(uint32_t n)
{
	return made.base + n * 89 % made.blocks;
}

static void put_block(const struct image *i, uint32_t ag, uint32_t block, uint32_t magic,
		      unsigned level, uint32_t n, uint32_t left, uint32_t right)
{
	uint8_t *b = image_block(i, ag, block);

	memset(b, 0, i->block);
	put_be32(b, magic);
	put_be16(b + 4, (uint16_t)level);
	put_be16(b + 6, (uint16_t)n);
	put_be32(b + 8, left);
	put_be32(b + 12, right);
	if (i->v5) {
		put_be64(b + 16, (uint64_t)(b - i->p) / 512);
		memcpy(b + 32, i->p + 32, 16);
		put_be32(b + 48, ag);
	}
}

/* A tree of N extents from the NEXTth block; fills it level by level. Returns its root. */
static uint32_t put_tree(const struct image *i, uint32_t ag, uint32_t magic, const struct extent *at,
			 uint32_t n, uint32_t *next, unsigned *levels, uint32_t *leaf)
{
	static struct {
		struct extent first;
		uint32_t block;
	} below[EXTENTS_MAX], here[EXTENTS_MAX];
	uint32_t head = header_size(i), count = n;

	*leaf = place(*next);
	for (unsigned level = 0;; level++) {
		uint32_t room = (i->block - head) / (level ? 12 : 8), blocks = (count + room - 1) / room;

		for (uint32_t k = 0; k < blocks; k++) {
			uint32_t from = (uint32_t)((uint64_t)count * k / blocks);
			uint32_t to = (uint32_t)((uint64_t)count * (k + 1) / blocks),
				 block = place(*next + k);
			uint8_t *b = image_block(i, ag, block);

			put_block(i, ag, block, magic, level, to - from,
				  k ? place(*next + k - 1) : 0xffffffff,
				  k + 1 < blocks ? place(*next + k + 1) : 0xffffffff);
			for (uint32_t j = from; j < to; j++) {
				struct extent e = level ? below[j].first : at[j];

				put_be32(b + head + (j - from) * 8, e.block);
				put_be32(b + head + (j - from) * 8 + 4, e.len);
				if (level)
					put_be32(b + head + room * 8 + (j - from) * 4, below[j].block);
			}
			image_seal_block(i, b);
			here[k].first = level ? below[from].first : at[from];
			here[k].block = block;
		}
		memcpy(below, here, blocks * sizeof here[0]);
		*next += blocks;
		count = blocks;
		*levels = level + 1;
		if (blocks == 1)
			return below[0].block;
	}
}

/* Instead of the largest free space of a group that mkfs.xfs made: trees, and N single pieces. */
static void fragment(const struct image *i, uint32_t ag, uint32_t n)
{
	uint8_t *agf = image_header(i, ag, 1), *root = image_block(i, ag, get_be32(agf + 16));
	uint32_t records = (uint32_t)root[6] << 8 | root[7], most = 0, next = 0, sum = 0, longest = 0;
	static struct extent sorted[EXTENTS_MAX];

	made.n = 0;
	for (uint32_t k = 0; k < records; k++) {
		const uint8_t *r = root + header_size(i) + k * 8;

		made.at[made.n++] = (struct extent){ get_be32(r), get_be32(r + 4) };
		if (made.at[k].len > made.at[most].len)
			most = k;
	}
	made.base = made.at[most].block;
	made.blocks = BLOCKS_MAX;
	if (made.at[most].len < made.blocks + 6 * n + 1)
		abort();
	for (uint32_t k = 0; k < n; k++) {
		struct extent e = { made.base + made.blocks + 6 * k + 1, 1 + k * 7 % 5 };

		if (k == 0)
			made.at[most] = e;
		else
			made.at[made.n++] = e;
	}
	if (made.with)
		made.at[made.n++] = (struct extent){ place(made.with), 1 };
	qsort(made.at, made.n, sizeof made.at[0], by_block);
	memcpy(sorted, made.at, sizeof sorted);
	qsort(sorted, made.n, sizeof sorted[0], by_len);
	for (uint32_t k = 0; k < made.n; k++) {
		sum += made.at[k].len;
		longest = made.at[k].len > longest ? made.at[k].len : longest;
	}
	made.bno_root = put_tree(i, ag, i->v5 ? 0x41423342 : 0x41425442, made.at, made.n, &next,
				 &made.levels, &made.bno_leaf);
	made.cnt_root = put_tree(i, ag, i->v5 ? 0x41423343 : 0x41425443, sorted, made.n, &next,
				 &made.levels, &made.cnt_leaf);
	if (next > made.blocks)
		abort();
	put_be64(i->p + 144, get_be64(i->p + 144) - get_be32(agf + 52) + sum + next - 2);
	put_be32(agf + 16, made.bno_root);
	put_be32(agf + 20, made.cnt_root);
	put_be32(agf + 28, made.levels);
	put_be32(agf + 32, made.levels);
	put_be32(agf + 52, sum);
	put_be32(agf + 56, longest);
	put_be32(agf + 60, next - 2);
	image_seal(i);
}

#endif
