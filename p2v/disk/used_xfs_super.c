/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "used_xfs.h"

/* struct xfs_dsb */
#define SB_MAGIC     0x58465342u /* XFSB */
#define SB_CRC_AT    224u
#define SB_SIZE      264u
#define AG_BLOCKS_MIN 64u        /* XFS_MIN_AG_BLOCKS */
#define AG_BYTES_MAX (1ull << 40)
#define LOG_BYTES_MIN (256u << 10) /* XFS_MIN_LOG_BLOCKS of the smallest size */
#define LOG_BYTES_MAX (1ull << 31)

/* sb_versionnum: the bits of v4 but SHARED, which nobody knows. */
#define VERSION_OK      0xfdffu
#define VERSION_DIRV2   0x2000u
#define VERSION_MORE    0x8000u
/* sb_features2 */
#define FEATURES2_LAZY  0x0002u
#define FEATURES2_OK                                                                                   \
	(FEATURES2_LAZY | 0x0008u /* attr2 */ | 0x0080u /* projid32 */ | 0x0200u /* ftype */)

#define RO_OK (XFS_RO_FINOBT | XFS_RO_RMAPBT | XFS_RO_REFLINK | XFS_RO_INOBTCNT)
#define INCOMPAT_META_UUID   (1u << 2)
#define INCOMPAT_NEEDSREPAIR (1u << 4)
/* ftype, sparse inodes, meta_uuid, bigtime, nrext64, exchange-range, parent: none of them changes how
 * free space is kept. Metadata directories, realtime groups and zones do. */
#define INCOMPAT_OK     (1u << 0 | 1u << 1 | INCOMPAT_META_UUID | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7)
#define LOG_INCOMPAT_OK (1u << 0) /* extended attributes */

static bool power_of_two(uint32_t size, unsigned log)
{
	return log < 32 && size == 1u << log;
}

static int features(struct xfs_fs *fs, const uint8_t *p)
{
	unsigned version = get_be16(p + 100);
	/* Old kernels wrote it to the wrong place; newer ones take both. */
	uint32_t features2 = version & VERSION_MORE ? get_be32(p + 200) | get_be32(p + 204) : 0;
	uint32_t ro = get_be32(p + 212), incompat = get_be32(p + 216);

	switch (version & 15) {
	case 4:
		if (!(version & VERSION_DIRV2) || version & ~VERSION_OK || features2 & ~FEATURES2_OK)
			return used_whole(fs->look, "it has features that are not known here (%#x, %#x)",
					  version, features2);
		fs->lazy = features2 & FEATURES2_LAZY;
		memcpy(fs->meta_uuid, p + 32, 16);
		return 0;
	case 5:
		if (incompat & INCOMPAT_NEEDSREPAIR)
			return used_whole(fs->look, "it is marked as in need of xfs_repair");
		if (ro & ~RO_OK || incompat & ~INCOMPAT_OK || get_be32(p + 220) & ~LOG_INCOMPAT_OK)
			return used_whole(fs->look,
					  "it has features that are not known here (%#x, %#x, %#x)", ro,
					  incompat, get_be32(p + 220));
		fs->lazy = true;
		fs->ro_features = ro;
		memcpy(fs->meta_uuid, incompat & INCOMPAT_META_UUID ? p + 248 : p + 32, 16);
		return 0;
	default:
		return used_whole(fs->look, "it is XFS version %u, which is not known here",
				  version & 15);
	}
}

static int geometry(struct xfs_fs *fs, const uint8_t *p)
{
	uint32_t last;
	uint64_t bytes;

	if (!power_of_two(fs->block, p[120]) || p[120] < 9 || p[120] > 16 ||
	    !power_of_two(fs->sector, p[121]) || p[121] < 9 || p[121] > 15 || p[121] > p[120] ||
	    fs->ag_blocks < AG_BLOCKS_MIN || (uint64_t)fs->ag_blocks * fs->block > AG_BYTES_MAX ||
	    fs->ag_blocks < 4 * fs->sector / fs->block + 4 || fs->ag_count == 0 || p[124] > 31 ||
	    fs->ag_blocks > 1ull << p[124] || fs->ag_blocks <= 1ull << p[124] >> 1)
		return used_whole(fs->look, "its superblock has sizes that can't be");
	if (mul_overflows(fs->blocks, fs->block, &bytes) || bytes > fs->volume->size)
		return used_whole(fs->look, "it is larger than its volume");
	if (fs->blocks > (uint64_t)fs->ag_count * fs->ag_blocks ||
	    fs->blocks <= (uint64_t)(fs->ag_count - 1) * fs->ag_blocks)
		return used_whole(fs->look, "its size is not that of its allocation groups");
	last = (uint32_t)(fs->blocks - (uint64_t)(fs->ag_count - 1) * fs->ag_blocks);
	if (last < AG_BLOCKS_MIN || last < 4 * fs->sector / fs->block + 4)
		return used_whole(fs->look, "its last allocation group is too small");
	return 0;
}

static int log_place(struct xfs_fs *fs, const uint8_t *p)
{
	uint64_t start = get_be64(p + 48), bytes;
	unsigned ag_log = p[124];

	if (start == 0)
		return used_whole(fs->look, "its log is on another device");
	fs->log_blocks = get_be32(p + 96);
	fs->log_block = (uint32_t)(start & ((1ull << ag_log) - 1));
	bytes = (uint64_t)fs->log_blocks * fs->block;
	if (start >> ag_log >= fs->ag_count || bytes < LOG_BYTES_MIN || bytes > LOG_BYTES_MAX ||
	    (uint64_t)fs->log_block + fs->log_blocks > fs->ag_blocks ||
	    (start >> ag_log) * fs->ag_blocks + fs->log_block + fs->log_blocks > fs->blocks)
		return used_whole(fs->look, "its superblock has a place of the log that can't be");
	fs->log_ag = (uint32_t)(start >> ag_log);
	return 0;
}

int used_xfs_super(struct xfs_fs *fs, const uint8_t *p, size_t n)
{
	int r;

	if (n < SB_SIZE || get_be32(p) != SB_MAGIC)
		return used_whole(fs->look, "it has no superblock of XFS");
	fs->block = get_be32(p + 4);
	fs->blocks = get_be64(p + 8);
	fs->ag_blocks = get_be32(p + 84);
	fs->ag_count = get_be32(p + 88);
	fs->sector = get_be16(p + 102);
	fs->v5 = (get_be16(p + 100) & 15) == 5;
	fs->inodes = get_be64(p + 128);
	fs->free_inodes = get_be64(p + 136);
	fs->free_blocks = get_be64(p + 144);
	memcpy(fs->uuid, p + 32, 16);
	if (fs->sector > n || fs->sector < SB_SIZE)
		return used_whole(fs->look, "its superblock has sizes that can't be");
	if (fs->v5 && !used_xfs_sum_is_right(p, fs->sector, SB_CRC_AT))
		return used_whole(fs->look, "its superblock's checksum is wrong");
	if (p[126])
		return used_whole(fs->look, "making it was not finished");
	r = features(fs, p);
	if (!used_xfs_over(fs, r))
		r = geometry(fs, p);
	if (!used_xfs_over(fs, r))
		r = log_place(fs, p);
	return r;
}
