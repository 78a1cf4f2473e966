/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of an XFS bytes are: its own structures are found from their roots. What is neither these nor free is of
 * a file or a folder, of which nothing is said: that would take reading all inodes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "used_xfs.h"

/* A disk that goes bad is not read for ever. */
#define READS_MAX 20000u
#define CHUNK     64u /* inodes of a record */
#define HOLE      4u  /* of them, one bit of the record's mask tells */
#define INCOMPAT_SPARSE (1u << 1)

/* The trees of a group that have short pointers: where their roots are in AGF or AGI. */
static const struct tree {
	const char *name;
	uint32_t magic_v4, magic_v5;
	bool of_inodes;             /* its root is in AGI */
	unsigned root_at, levels_at;
	unsigned key_bytes;         /* of a node, for each child */
	uint32_t feature;           /* XFS_RO_*; 0: it is always there */
} trees[] = {
	{ "list of free space", 0x41425442, 0x41423342, false, 16, 28, 8, 0 },
	{ "list of free space by size", 0x41425443, 0x41423343, false, 20, 32, 8, 0 },
	{ "list of inodes", 0x49414254, 0x49414233, true, 20, 24, 4, 0 },
	{ "list of free inodes", 0, 0x46494233, true, 328, 332, 4, XFS_RO_FINOBT },
	{ "list of owners", 0, 0x524d4233, false, 24, 36, 40, XFS_RO_RMAPBT },
	{ "list of shared blocks", 0, 0x52334643, false, 88, 92, 4, XFS_RO_REFLINK },
};
#define TREE_FREE   (&trees[0])
#define TREE_INODES (&trees[2])

struct search {
	struct xfs_fs fs;
	const struct log *log;
	uint32_t inodes;  /* of a block */
	bool sparse;      /* a chunk of inodes may have holes, which are others' */
	unsigned reads;
	uint8_t *head, *block;
	/* The range, within a group: */
	uint32_t group;
	uint64_t start;   /* the group's byte */
	uint32_t blocks;  /* of the group */
	uint32_t first, last;
};

static void settle(struct used_name *name, enum used_name_kind kind, const char *what)
{
	name->kind = kind;
	snprintf(name->name, sizeof name->name, "%s", what);
}

static bool read_at(struct search *s, void *buf, size_t n, uint64_t off)
{
	struct unrack_error dropped = UNRACK_ERROR_INIT;

	return s->reads++ < READS_MAX && !log_stop_asked(s->log) &&
	       block_source_read(s->fs.volume, buf, n, off, &dropped) == 0;
}

static bool read_block(struct search *s, const struct tree *t, uint32_t block, unsigned level)
{
	const uint8_t *b = s->block;

	return block < s->blocks && read_at(s, s->block, s->fs.block, s->start + (uint64_t)block * s->fs.block) &&
	       get_be32(b) == (s->fs.v5 ? t->magic_v5 : t->magic_v4) && get_be16(b + 4) == level;
}

static uint32_t header_bytes(const struct search *s)
{
	return s->fs.v5 ? 56 : 16;
}

/* How many entries a node has, and where its pointers are. */
static uint32_t node_entries(const struct search *s, const struct tree *t, const uint8_t **pointers)
{
	uint32_t room = (s->fs.block - header_bytes(s)) / (t->key_bytes + 4);

	*pointers = s->block + header_bytes(s) + (size_t)room * t->key_bytes;
	return (uint32_t)min_u64(get_be16(s->block + 6), room);
}

/* Where T begins; no levels: it isn't there. */
static uint32_t root_of(const struct search *s, const struct tree *t, unsigned *levels)
{
	const uint8_t *p = s->head + (t->of_inodes ? 2 : 1) * (size_t)s->fs.sector;

	*levels = get_be32(p + t->levels_at);
	if (*levels > XFS_LEVELS_MAX || (t->feature && !(s->fs.ro_features & t->feature)))
		*levels = 0;
	return get_be32(p + t->root_at);
}

static int children_of(struct search *s, const struct tree *t, const struct xfs_blocks *level,
		       unsigned number, struct xfs_blocks *below, struct unrack_error *err)
{
	for (size_t i = 0; i < level->len; i++) {
		const uint8_t *pointers;
		uint32_t n;

		if (!read_block(s, t, level->at[i], number))
			continue;
		n = node_entries(s, t, &pointers);
		for (uint32_t j = 0; j < n; j++)
			if (xfs_blocks_push(below, get_be32(pointers + (size_t)j * 4)) < 0)
				return error_nomem(err);
	}
	return 0;
}

/* Whether any of T's blocks is in the range. All are known without the last level being read. */
static int is_of_tree(struct search *s, const struct tree *t, bool *found, struct unrack_error *err)
{
	struct xfs_blocks level = { 0 }, below = { 0 };
	unsigned levels;
	uint32_t root = root_of(s, t, &levels);
	int r = levels && xfs_blocks_push(&level, root) < 0 ? error_nomem(err) : 0;

	*found = false;
	while (r == 0 && levels-- > 0 && !*found) {
		for (size_t i = 0; i < level.len; i++)
			*found |= level.at[i] >= s->first && level.at[i] <= s->last;
		if (levels > 0 && !*found)
			r = children_of(s, t, &level, levels, &below, err);
		xfs_blocks_free(&level);
		level = below;
		below = (struct xfs_blocks){ 0 };
	}
	xfs_blocks_free(&level);
	return r;
}

/* The last record of T whose first number is at most KEY, of RECORD_BYTES; NULL: none. In the search's block. */
static const uint8_t *lookup(struct search *s, const struct tree *t, unsigned record_bytes, uint32_t key)
{
	unsigned levels;
	uint32_t block = root_of(s, t, &levels);

	while (levels-- > 0) {
		const uint8_t *keys = s->block + header_bytes(s), *pointers = NULL;
		unsigned bytes = levels ? t->key_bytes : record_bytes;
		uint32_t n, i;

		if (!read_block(s, t, block, levels))
			return NULL;
		n = levels ? node_entries(s, t, &pointers) :
			     (uint32_t)min_u64(get_be16(s->block + 6), (s->fs.block - header_bytes(s)) / bytes);
		for (i = 0; i < n && get_be32(keys + (size_t)i * bytes) <= key; i++)
			;
		if (i == 0)
			return NULL;
		if (levels == 0)
			return keys + (size_t)(i - 1) * bytes;
		block = get_be32(pointers + (size_t)(i - 1) * 4);
	}
	return NULL;
}

static bool is_free(struct search *s)
{
	const uint8_t *extent = lookup(s, TREE_FREE, 8, s->first);

	return extent && s->last < (uint64_t)get_be32(extent) + get_be32(extent + 4);
}

static bool is_inodes(struct search *s)
{
	uint64_t first = (uint64_t)s->first * s->inodes, last = ((uint64_t)s->last + 1) * s->inodes - 1;
	const uint8_t *chunk = lookup(s, TREE_INODES, 16, (uint32_t)min_u64(last, UINT32_MAX));

	for (unsigned i = 0; chunk && i < CHUNK; i++) {
		uint64_t inode = (uint64_t)get_be32(chunk) + i;

		if (inode >= first && inode <= last && !(s->sparse && get_be16(chunk + 4) >> i / HOLE & 1))
			return true;
	}
	return false;
}

/* The first sectors of a group. False: the range is behind them. */
static bool is_head(const struct search *s, struct used_name *name)
{
	static const char *const names[] = { "superblock", "header of free space", "header of inodes", "free list" };
	uint64_t off = name->off - s->start, end = off + max_u64(name->len, 1);

	if (off >= 4ull * s->fs.sector)
		return false;
	if (s->group > 0 && end <= s->fs.sector)
		settle(name, USED_NAME_FILE, "a copy of the superblock");
	else
		settle(name, USED_NAME_VITAL, names[s->group > 0 ? max_u64(off / s->fs.sector, 1) : off / s->fs.sector]);
	return true;
}

static bool is_log(const struct search *s)
{
	return s->group == s->fs.log_ag && s->first < s->fs.log_block + s->fs.log_blocks &&
	       s->fs.log_block <= s->last;
}

static int name_one(struct search *s, struct used_name *name, struct unrack_error *err)
{
	uint64_t block = name->off / s->fs.block, last = (name->off + max_u64(name->len, 1) - 1) / s->fs.block;
	bool found = false;

	if (block >= s->fs.blocks) {
		settle(name, USED_NAME_UNKNOWN, "behind the end of the filesystem");
		return 0;
	}
	s->group = (uint32_t)(block / s->fs.ag_blocks);
	block -= (uint64_t)s->group * s->fs.ag_blocks;
	last -= (uint64_t)s->group * s->fs.ag_blocks;
	s->start = (uint64_t)s->group * s->fs.ag_blocks * s->fs.block;
	s->blocks = (uint32_t)min_u64(s->fs.ag_blocks,
				      s->fs.blocks - (uint64_t)s->group * s->fs.ag_blocks);
	s->first = (uint32_t)block;
	s->last = (uint32_t)min_u64(last, s->blocks - 1);
	if (is_head(s, name))
		return 0;
	if (is_log(s)) {
		settle(name, USED_NAME_VITAL, "log");
		return 0;
	}
	settle(name, USED_NAME_UNKNOWN, "a file or folder");
	if (!read_at(s, s->head, 4 * (size_t)s->fs.sector, s->start))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		int r = is_of_tree(s, &trees[i], &found, err);

		if (r < 0 || found) {
			settle(name, USED_NAME_VITAL, trees[i].name);
			return r;
		}
	}
	if (is_free(s))
		settle(name, USED_NAME_FREE, "free space");
	else if (is_inodes(s))
		settle(name, USED_NAME_VITAL, "inodes");
	return 0;
}

/* As much of the first sectors as can be read and is enough, since the bad ones may be among them. */
static size_t read_head(struct search *s)
{
	static const size_t sizes[] = { XFS_SECTOR_MAX, 4096, SECTOR_SIZE };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		if (sizes[i] <= s->fs.volume->size && read_at(s, s->head, sizes[i], 0))
			return sizes[i];
	return 0;
}

int used_xfs_name(struct block_source *volume, struct used_name *names, size_t n, const struct log *log,
		  struct unrack_error *err)
{
	uint8_t *head CLEANUP_FREE = malloc(4 * (size_t)XFS_SECTOR_MAX);
	uint8_t *block CLEANUP_FREE = malloc(XFS_BLOCK_MAX);
	struct used_look look = { .verdict = USED_PARTLY };
	struct search s = { .fs = { .volume = volume, .look = &look }, .log = log, .head = head, .block = block };
	uint32_t inode;
	size_t bytes;
	int r;

	if (!head || !block)
		return error_nomem(err);
	for (size_t i = 0; i < n; i++) {
		names[i].name[0] = '\0';
		names[i].kind = USED_NAME_UNKNOWN;
		if (names[i].off < SECTOR_SIZE)
			settle(&names[i], USED_NAME_VITAL, "superblock");
	}
	bytes = read_head(&s);
	if (bytes == 0)
		return 0;
	r = used_xfs_super(&s.fs, head, bytes);
	inode = get_be16(head + 104);
	if (used_xfs_over(&s.fs, r) || inode < 256 || inode > s.fs.block)
		return r;
	s.inodes = s.fs.block / inode;
	s.sparse = s.fs.v5 && get_be32(head + 216) & INCOMPAT_SPARSE;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (log_stop_asked(log))
			return error_set(err, UNRACK_INTERRUPTED, "interrupted");
		r = name_one(&s, &names[i], err);
	}
	return r;
}
