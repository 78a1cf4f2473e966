/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree is read level by level, from its root down: all blocks of a level are known, in order, from
 * those above, so that neighbours can be read at once, and each one's siblings be checked. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "used_xfs.h"

#define BLOCKS_MAX (1u << 18) /* of a level: some 80 million pieces of free space of a group */
/* Of what is read at once, at least one block in so many is wanted. */
#define SPARSE_MAX 8u
#define NEAR_MAX   512u

/* struct xfs_btree_block, short form, of v4 and of v5 */
#define HEADER_V4  16u
#define HEADER_V5  56u
#define CRC_AT     52u
#define PAIR       8u /* struct xfs_alloc_rec: block, length; a node's keys are such, too */
#define POINTER    4u

struct child {
	uint64_t key;   /* its first pair, as the tree orders them */
	uint32_t block; /* of the group */
};
DEFINE_VEC(children, struct child);

struct walk {
	struct xfs_group *group;
	struct xfs_tree *tree;
	uint32_t from, blocks; /* what the window has */
	unsigned level;
	bool root;
	bool any;              /* LAST and END are of this level's pairs so far */
	uint64_t last;
	uint32_t end;
};

static int broken(const struct walk *w, const char *what)
{
	return used_whole(w->group->fs->look, "%s of allocation group %" PRIu32 " %s", w->tree->name,
			  w->group->number, what);
}

static uint64_t order(const struct xfs_tree *tree, const uint8_t *pair)
{
	uint64_t block = get_be32(pair), len = get_be32(pair + 4);

	return tree->by_size ? len << 32 | block : block;
}

/* What to read at once for CHILDREN[I], in which LOW and HIGH are: with those that will follow, if they
 * are near. */
static void find_near(const struct xfs_fs *fs, const struct children *children, size_t i, uint32_t *low,
		      uint32_t *high)
{
	uint32_t l = *low, h = *high, wanted = 1;

	for (size_t j = i + 1; j < children->len && j <= i + NEAR_MAX; j++) {
		uint32_t b = children->at[j].block;
		uint32_t to_l = b < l ? b : l, to_h = b > h ? b : h;

		if (((uint64_t)(to_h - to_l) + 1) * fs->block > XFS_WINDOW)
			continue;
		l = to_l;
		h = to_h;
		wanted++;
	}
	if ((h - l) / SPARSE_MAX < wanted) {
		*low = l;
		*high = h;
	}
}

/* The block of CHILDREN[I] from the window, into which those that follow it are read with it. */
static int fetch(struct walk *w, const struct children *children, size_t i, const uint8_t **out,
		 struct unrack_error *err)
{
	struct xfs_group *g = w->group;
	struct xfs_fs *fs = g->fs;
	uint32_t want = children->at[i].block, low = want, high = want;
	int r;

	if (((uint64_t)want + 1) * fs->block <= g->head_len) {
		*out = g->head + (size_t)want * fs->block;
		return 0;
	}
	if (want < w->from || want - w->from >= w->blocks) {
		find_near(fs, children, i, &low, &high);
		w->blocks = 0;
		r = used_xfs_read(fs, g->window, (size_t)(high - low + 1) * fs->block,
				  g->start + (uint64_t)low * fs->block, w->tree->name, err);
		if (used_xfs_over(fs, r))
			return r;
		w->from = low;
		w->blocks = high - low + 1;
	}
	*out = g->window + (size_t)(want - w->from) * fs->block;
	return 0;
}

static int check_header(const struct walk *w, const uint8_t *b, const struct children *children, size_t i)
{
	const struct xfs_group *g = w->group;
	const struct xfs_fs *fs = g->fs;
	uint32_t left = i > 0 ? children->at[i - 1].block : XFS_NO_BLOCK;
	uint32_t right = i + 1 < children->len ? children->at[i + 1].block : XFS_NO_BLOCK;
	uint64_t daddr = (g->start + (uint64_t)children->at[i].block * fs->block) / SECTOR_SIZE;
	uint32_t pairs = get_be16(b + 6);
	uint32_t room =
		(fs->block - (fs->v5 ? HEADER_V5 : HEADER_V4)) / (w->level ? PAIR + POINTER : PAIR);

	if (get_be32(b) != w->tree->magic || get_be16(b + 4) != w->level)
		return broken(w, "has a block of another kind");
	if (fs->v5 && !used_xfs_sum_is_right(b, fs->block, CRC_AT))
		return broken(w, "has a wrong checksum");
	if (fs->v5 && (get_be64(b + 16) != daddr || memcmp(b + 32, fs->meta_uuid, 16) != 0 ||
		       get_be32(b + 48) != g->number))
		return broken(w, "has a block of another place");
	if (get_be32(b + 8) != left || get_be32(b + 12) != right)
		return broken(w, "has wrong neighbours");
	if (pairs > room || (pairs == 0 && !(w->root && w->level == 0)))
		return broken(w, "has a wrong number of entries");
	return 0;
}

/* Whether any of the LEN blocks from BLOCK is known to be metadata. */
static bool is_taken(const struct xfs_group *g, uint32_t block, uint32_t len)
{
	const struct xfs_fs *fs = g->fs;
	size_t low = 0, high = g->taken.len;

	if (g->number == fs->log_ag && block < fs->log_block + fs->log_blocks &&
	    fs->log_block < block + len)
		return true;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (g->taken.at[mid] < block)
			low = mid + 1;
		else
			high = mid;
	}
	return low < g->taken.len && g->taken.at[low] < block + len;
}

/* So that two trees can be compared without having both. */
static uint64_t mixed(uint32_t block, uint32_t len)
{
	uint64_t x = ((uint64_t)block << 32 | len) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

static int take_extent(struct walk *w, uint32_t block, uint32_t len, struct unrack_error *err)
{
	struct xfs_group *g = w->group;
	struct xfs_tree *tree = w->tree;

	if (block < g->first || block >= g->blocks || len == 0 || len > g->blocks - block)
		return broken(w, "has space outside of it");
	tree->extents++;
	tree->free += len;
	tree->digest += mixed(block, len);
	tree->longest = len > tree->longest ? len : tree->longest;
	if (tree->by_size)
		return 0;
	if (block < w->end)
		return broken(w, "has space twice");
	w->end = block + len;
	if (is_taken(g, block, len))
		return broken(w, "has space that is in use");
	return ranges_add(g->fs->look->unused, g->start + (uint64_t)block * g->fs->block,
			  (uint64_t)len * g->fs->block, err);
}

static int add_child(struct walk *w, uint64_t key, uint32_t block, struct children *below,
		     struct unrack_error *err)
{
	if (block < w->group->first || block >= w->group->blocks || below->len >= BLOCKS_MAX)
		return broken(w, "has a block that can't be");
	if (xfs_blocks_push(&w->group->taken, block) < 0 ||
	    children_push(below, (struct child){ key, block }) < 0)
		return error_nomem(err);
	return 0;
}

static int read_block(struct walk *w, const struct children *children, size_t i, struct children *below,
		      struct unrack_error *err)
{
	const uint8_t *b = NULL, *pairs, *pointers;
	struct xfs_fs *fs = w->group->fs;
	uint32_t header = fs->v5 ? HEADER_V5 : HEADER_V4, n;
	int r = fetch(w, children, i, &b, err);

	if (!used_xfs_over(fs, r))
		r = check_header(w, b, children, i);
	if (used_xfs_over(fs, r))
		return r;
	n = get_be16(b + 6);
	pairs = b + header;
	pointers = pairs + (fs->block - header) / (PAIR + POINTER) * PAIR;
	for (uint32_t j = 0; j < n && !used_xfs_over(fs, r); j++) {
		const uint8_t *pair = pairs + j * PAIR;
		uint64_t key = order(w->tree, pair);

		if ((w->any && key <= w->last) || (j == 0 && !w->root && key != children->at[i].key))
			return broken(w, "is not in order");
		w->any = true;
		w->last = key;
		r = w->level ? add_child(w, key, get_be32(pointers + j * POINTER), below, err) :
			       take_extent(w, get_be32(pair), get_be32(pair + 4), err);
	}
	return r;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int sort_taken(struct xfs_group *g)
{
	qsort(g->taken.at, g->taken.len, sizeof *g->taken.at, by_number);
	for (size_t i = 1; i < g->taken.len; i++)
		if (g->taken.at[i] == g->taken.at[i - 1])
			return used_whole(g->fs->look, "block %" PRIu32 " of allocation group %" PRIu32
					  " has two uses", g->taken.at[i], g->number);
	return 0;
}

/* CHILDREN are replaced by those below them. */
static int read_level(struct walk *w, struct children *children, struct unrack_error *err)
{
	struct children below = { 0 };
	int r = 0;

	w->any = false;
	w->end = 0;
	for (size_t i = 0; i < children->len && !used_xfs_over(w->group->fs, r); i++)
		r = read_block(w, children, i, &below, err);
	w->tree->blocks += (uint32_t)children->len;
	children_free(children);
	*children = below;
	return r;
}

int used_xfs_tree(struct xfs_group *group, struct xfs_tree *tree, struct unrack_error *err)
{
	struct walk w = { .group = group, .tree = tree, .root = true };
	struct children level = { 0 };
	int r = add_child(&w, 0, tree->root, &level, err);

	for (unsigned i = tree->levels; i-- > 0 && !used_xfs_over(group->fs, r);) {
		w.level = i;
		/* From here on all of the tree's blocks are known. */
		if (i == 0)
			r = sort_taken(group);
		if (!used_xfs_over(group->fs, r))
			r = read_level(&w, &level, err);
		w.root = false;
	}
	children_free(&level);
	return r;
}
