/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "used_xfs.h"

/* The first four sectors of a group: a superblock, and the headers of free space, of inodes, and of
 * the free list (struct xfs_agf, xfs_agi, xfs_agfl). */
#define SB_MAGIC     0x58465342u /* XFSB */
#define AGF_MAGIC    0x58414746u /* XAGF */
#define AGI_MAGIC    0x58414749u /* XAGI */
#define AGFL_MAGIC   0x5841464cu /* XAFL, v5 */
#define AGFL_HEADER  36u         /* v5; v4 has none */
#define AGF_CRC_AT   216u
#define AGI_CRC_AT   312u
#define AGFL_CRC_AT  32u

#define BNO_MAGIC_V4 0x41425442u /* ABTB */
#define BNO_MAGIC_V5 0x41423342u /* AB3B */
#define CNT_MAGIC_V4 0x41425443u /* ABTC */
#define CNT_MAGIC_V5 0x41423343u /* AB3C */

static int broken(const struct xfs_group *g, const char *what)
{
	return used_whole(g->fs->look, "%s of allocation group %" PRIu32 " is not as it should be", what,
			  g->number);
}

/* P is AGF or AGI, whose first four numbers and those of v5 have the same meaning. */
static bool header_is_right(const struct xfs_group *g, const uint8_t *p, uint32_t magic, size_t uuid_at,
			    size_t crc_at)
{
	const struct xfs_fs *fs = g->fs;

	return get_be32(p) == magic && get_be32(p + 4) == 1 && get_be32(p + 8) == g->number &&
	       get_be32(p + 12) == g->blocks &&
	       (!fs->v5 || (memcmp(p + uuid_at, fs->meta_uuid, 16) == 0 &&
			    used_xfs_sum_is_right(p, fs->sector, crc_at)));
}

static int take(struct xfs_group *g, const uint8_t *block, struct unrack_error *err)
{
	uint32_t b = get_be32(block);

	if (b < g->first || b >= g->blocks)
		return broken(g, "a block's number");
	return xfs_blocks_push(&g->taken, b) < 0 ? error_nomem(err) : 0;
}

/* The first is LIST[FROM], the last LIST[TO], and behind LIST[SIZE - 1] it goes on with LIST[0]. Kernels
 * disagree by one on SIZE in v5 (the header's size is not a multiple of 8; Linux 4.5): either is fine. */
static int free_list(struct xfs_group *g, const uint8_t *agf, const uint8_t *agfl,
		     struct unrack_error *err)
{
	const struct xfs_fs *fs = g->fs;
	uint32_t from = get_be32(agf + 40), to = get_be32(agf + 44), n = get_be32(agf + 48);
	size_t header = fs->v5 ? AGFL_HEADER : 0;
	uint32_t size = (uint32_t)((fs->sector - header) / 4);
	int r = 0;

	if (fs->v5 && (get_be32(agfl) != AGFL_MAGIC || get_be32(agfl + 4) != g->number ||
		       memcmp(agfl + 8, fs->meta_uuid, 16) != 0 ||
		       !used_xfs_sum_is_right(agfl, fs->sector, AGFL_CRC_AT)))
		return broken(g, "the free list");
	if (from >= size || to >= size || n > size)
		return broken(g, "the free list");
	if ((from + n) % size != (to + 1) % size) {
		size--;
		if (!fs->v5 || from >= size || to >= size || n > size ||
		    (from + n) % size != (to + 1) % size)
			return broken(g, "the free list");
	}
	for (uint32_t i = 0; i < n && !used_xfs_over(fs, r); i++)
		r = take(g, agfl + header + (size_t)((from + i) % size) * 4, err);
	return r;
}

/* Roots of the other trees. */
static int other_trees(struct xfs_group *g, const uint8_t *agf, const uint8_t *agi,
		       struct unrack_error *err)
{
	uint32_t has = g->fs->ro_features;
	int r = take(g, agi + 20, err);

	if (!used_xfs_over(g->fs, r) && has & XFS_RO_FINOBT)
		r = take(g, agi + 328, err);
	if (!used_xfs_over(g->fs, r) && has & XFS_RO_RMAPBT)
		r = take(g, agf + 24, err);
	if (!used_xfs_over(g->fs, r) && has & XFS_RO_REFLINK)
		r = take(g, agf + 88, err);
	return r;
}

static int compare_counts(const struct xfs_group *g, const uint8_t *agf, const struct xfs_tree *bno,
			  const struct xfs_tree *cnt)
{
	uint64_t more = (uint64_t)bno->blocks - 1 + cnt->blocks - 1;

	if (bno->extents != cnt->extents || bno->free != cnt->free || bno->digest != cnt->digest)
		return used_whole(g->fs->look, "the two lists of free space of allocation group %" PRIu32
				  " differ", g->number);
	if (bno->free != get_be32(agf + 52) || bno->longest != get_be32(agf + 56))
		return used_whole(g->fs->look, "allocation group %" PRIu32 " counts %" PRIu32
				  " free blocks, but lists %" PRIu64,
				  g->number, get_be32(agf + 52), bno->free);
	if (g->fs->ro_features & XFS_RO_RMAPBT)
		more += get_be32(agf + 80) - 1;
	if (g->fs->lazy && more != get_be32(agf + 60))
		return used_whole(g->fs->look, "allocation group %" PRIu32 " counts %" PRIu32
				  " blocks of its trees, but has %" PRIu64,
				  g->number, get_be32(agf + 60), more);
	return 0;
}

static int free_space(struct xfs_group *g, const uint8_t *agf, struct xfs_groups *all,
		      struct unrack_error *err)
{
	struct xfs_tree bno = { .name = "the list of free space",
				.magic = g->fs->v5 ? BNO_MAGIC_V5 : BNO_MAGIC_V4,
				.root = get_be32(agf + 16), .levels = get_be32(agf + 28) };
	struct xfs_tree cnt = { .name = "the list of free space by size", .by_size = true,
				.magic = g->fs->v5 ? CNT_MAGIC_V5 : CNT_MAGIC_V4,
				.root = get_be32(agf + 20), .levels = get_be32(agf + 32) };
	int r;

	if (bno.levels == 0 || bno.levels > XFS_LEVELS_MAX || cnt.levels == 0 ||
	    cnt.levels > XFS_LEVELS_MAX)
		return broken(g, "the header of free space");
	r = used_xfs_tree(g, &cnt, err);
	if (!used_xfs_over(g->fs, r))
		r = used_xfs_tree(g, &bno, err);
	if (!used_xfs_over(g->fs, r))
		r = compare_counts(g, agf, &bno, &cnt);
	/* The trees' blocks but their roots count as free, and so does the free list. */
	all->free_blocks += bno.free + get_be32(agf + 48) + bno.blocks - 1 + cnt.blocks - 1;
	if (g->fs->ro_features & XFS_RO_RMAPBT)
		all->free_blocks += get_be32(agf + 80) - 1;
	return r;
}

static int read_group(struct xfs_group *g, struct xfs_groups *all, struct unrack_error *err)
{
	struct xfs_fs *fs = g->fs;
	const uint8_t *sb = all->head, *agf = sb + fs->sector, *agi = agf + fs->sector,
		      *agfl = agi + fs->sector;
	int r = used_xfs_read(fs, all->head, g->head_len, g->start, "the header of an allocation group",
			      err);

	if (used_xfs_over(fs, r))
		return r;
	digest_stream_add(fs->look->state, agf, 2 * (size_t)fs->sector);
	if (get_be32(sb) != SB_MAGIC || get_be32(sb + 4) != fs->block ||
	    get_be32(sb + 84) != fs->ag_blocks || memcmp(sb + 32, fs->uuid, 16) != 0)
		return broken(g, "the superblock");
	if (!header_is_right(g, agf, AGF_MAGIC, 64, AGF_CRC_AT))
		return broken(g, "the header of free space");
	if (!header_is_right(g, agi, AGI_MAGIC, 296, AGI_CRC_AT))
		return broken(g, "the header of inodes");
	all->inodes += get_be32(agi + 16);
	all->free_inodes += get_be32(agi + 28);
	r = free_list(g, agf, agfl, err);
	if (!used_xfs_over(fs, r))
		r = other_trees(g, agf, agi, err);
	if (!used_xfs_over(fs, r))
		r = free_space(g, agf, all, err);
	return r;
}

int used_xfs_group(struct xfs_fs *fs, uint32_t number, struct xfs_groups *all, struct unrack_error *err)
{
	uint64_t before = (uint64_t)number * fs->ag_blocks;
	struct xfs_group g = {
		.fs = fs,
		.number = number,
		.blocks = (uint32_t)min_u64(fs->ag_blocks, fs->blocks - before),
		.first = (uint32_t)div_round_up(4 * fs->sector, fs->block),
		.start = before * fs->block,
		.head = all->head,
		.window = all->window,
	};
	int r;

	g.head_len = (size_t)min_u64(all->head_size, (uint64_t)g.blocks * fs->block);
	r = read_group(&g, all, err);
	xfs_blocks_free(&g.taken);
	return r;
}
