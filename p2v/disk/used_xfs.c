/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "used_xfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "crc32c.h"

/* Enough for the headers and, as mkfs.xfs places them, the roots of the trees. */
#define HEAD_BYTES 16384u

int used_xfs_read(struct xfs_fs *fs, void *buf, size_t n, uint64_t off, const char *what,
		  struct unrack_error *err)
{
	int r = block_source_read(fs->volume, buf, n, off, err);

	switch (r) {
	case 0:
	case UNRACK_INTERNAL:
	case UNRACK_INTERRUPTED:
	case UNRACK_LOST:
		return r;
	default:
		return used_whole(fs->look, "%s can't be read", what);
	}
}

bool used_xfs_sum_is_right(const void *data, size_t n, size_t at)
{
	static const uint8_t none[4];
	const uint8_t *p = data;
	uint32_t sum = crc32c(crc32c(0, p, at), none, sizeof none);

	return crc32c(sum, p + at + 4, n - at - 4) == get_le32(p + at);
}

static int totals(struct xfs_fs *fs, const struct xfs_groups *all)
{
	if (all->free_blocks != fs->free_blocks)
		return used_whole(fs->look, "its superblock counts %" PRIu64 " free blocks, "
				  "its allocation groups %" PRIu64, fs->free_blocks, all->free_blocks);
	if (all->inodes != fs->inodes || all->free_inodes != fs->free_inodes)
		return used_whole(fs->look, "its superblock and its groups count different inodes");
	return 0;
}

static int groups(struct xfs_fs *fs, struct unrack_error *err)
{
	size_t head = (size_t)max_u64(4 * fs->sector, HEAD_BYTES);
	uint8_t *head_buf CLEANUP_FREE = malloc(head);
	uint8_t *window CLEANUP_FREE = malloc(XFS_WINDOW);
	struct xfs_groups all = { .head = head_buf, .head_size = head, .window = window };

	if (!head_buf || !window)
		return error_nomem(err);
	for (uint32_t i = 0; i < fs->ag_count; i++) {
		int r = used_xfs_group(fs, i, &all, err);

		if (used_xfs_over(fs, r))
			return r;
	}
	return totals(fs, &all);
}

int used_xfs(struct block_source *volume, struct used_look *look, struct unrack_error *err)
{
	struct xfs_fs fs = { .volume = volume, .look = look };
	uint8_t *super CLEANUP_FREE = malloc(XFS_SECTOR_MAX);
	size_t n = (size_t)min_u64(volume->size, XFS_SECTOR_MAX);
	int r;

	if (!super)
		return error_nomem(err);
	snprintf(look->kind, sizeof look->kind, "xfs");
	look->verdict = USED_PARTLY;
	r = used_xfs_read(&fs, super, n, 0, "its superblock", err);
	if (!used_xfs_over(&fs, r)) {
		r = used_xfs_super(&fs, super, n);
		digest_stream_add(look->state, super, min_u64(n, max_u64(fs.sector, SECTOR_SIZE)));
	}
	if (!used_xfs_over(&fs, r))
		r = used_xfs_log(&fs, err);
	if (!used_xfs_over(&fs, r))
		r = groups(&fs, err);
	return r;
}
