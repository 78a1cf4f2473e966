/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From inside of used_xfs: what its files share.
 *
 *	used_xfs.c        the volume as a whole: totals of its allocation groups
 *	used_xfs_super.c  the superblock: geometry and features
 *	used_xfs_log.c    whether the log is clean
 *	used_xfs_ag.c     an allocation group: its headers, its free space
 *	used_xfs_tree.c   a free-space btree
 *	used_xfs_name.c   whose a byte is
 *
 * Formats: "XFS Algorithms & Data Structures" (xfs-documentation), and Linux's
 * fs/xfs/libxfs/xfs_format.h and xfs_log_format.h. How the end of the log is found:
 * xlog_find_head and xlog_find_tail in fs/xfs/xfs_log_recover.c. All integers are big-endian, but
 * checksums.
 *
 * Functions that return int end with 0 or a negative code; when they find something that is not to
 * be trusted, they return used_whole(), so the caller asks used_xfs_over() whether to go on. */
#ifndef DISK_USED_XFS_H
#define DISK_USED_XFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "used_parts.h"

#define XFS_SECTOR_MAX 32768u
#define XFS_BLOCK_MAX  65536u
#define XFS_NO_BLOCK   0xffffffffu /* NULLAGBLOCK */
#define XFS_LEVELS_MAX 9u          /* XFS_BTREE_MAXLEVELS */

#define XFS_RO_FINOBT   (1u << 0)
#define XFS_RO_RMAPBT   (1u << 1)
#define XFS_RO_REFLINK  (1u << 2)
#define XFS_RO_INOBTCNT (1u << 3)

struct xfs_fs {
	struct block_source *volume;
	struct used_look *look;
	bool v5;              /* with checksums */
	bool lazy;            /* agf_btreeblks is kept */
	uint32_t ro_features; /* XFS_RO_*; 0 in v4 */
	uint32_t block, sector; /* bytes */
	uint64_t blocks;        /* of the filesystem */
	uint32_t ag_blocks, ag_count; /* the last group may be shorter */
	uint8_t uuid[16];       /* in the log */
	uint8_t meta_uuid[16];  /* in all other metadata of v5 */
	uint32_t log_ag, log_block, log_blocks;
	uint64_t inodes, free_inodes, free_blocks; /* as the superblock counts them */
};

static inline bool used_xfs_over(const struct xfs_fs *fs, int r)
{
	return r < 0 || fs->look->verdict == USED_WHOLE;
}

/* WHAT is not readable: WHOLE, unless the reason is none of the medium. */
int used_xfs_read(struct xfs_fs *fs, void *buf, size_t n, uint64_t off, const char *what,
		  struct unrack_error *err);
/* A checksum at AT of N bytes is that of the others, with itself as zeros. */
bool used_xfs_sum_is_right(const void *data, size_t n, size_t at);

/* From N bytes of the volume's beginning. Needs nothing of LOOK but its verdict. */
int used_xfs_super(struct xfs_fs *fs, const uint8_t *p, size_t n);
/* Whether anything has to be replayed. */
int used_xfs_log(struct xfs_fs *fs, struct unrack_error *err);

/* What all groups have in common, and their sums. */
struct xfs_groups {
	uint8_t *head;   /* of a group: its headers, and what follows them */
	size_t head_size;
	uint8_t *window; /* XFS_WINDOW bytes of btree */
	uint64_t inodes, free_inodes, free_blocks;
};
#define XFS_WINDOW (256u << 10)
int used_xfs_group(struct xfs_fs *fs, uint32_t number, struct xfs_groups *all,
		   struct unrack_error *err);

DEFINE_VEC(xfs_blocks, uint32_t);

struct xfs_group {
	struct xfs_fs *fs;
	uint32_t number;
	uint32_t blocks;          /* its length */
	uint32_t first;           /* block behind the headers */
	uint64_t start;           /* byte of the volume */
	const uint8_t *head;
	size_t head_len;
	uint8_t *window;
	struct xfs_blocks taken;  /* blocks of metadata, which can't be free */
};

/* One of a group's two trees of free extents. */
struct xfs_tree {
	const char *name;
	uint32_t magic;
	bool by_size;       /* ordered by length, then by block; else by block, and the extents are
			     * unused: they go to LOOK */
	uint32_t root;
	unsigned levels;
	/* found: */
	uint64_t extents, free, digest; /* DIGEST does not depend on the order */
	uint32_t longest;
	uint32_t blocks;    /* of the tree itself */
};
/* Adds the tree's blocks to GROUP's TAKEN, which it sorts. */
int used_xfs_tree(struct xfs_group *group, struct xfs_tree *tree, struct unrack_error *err);

#endif
