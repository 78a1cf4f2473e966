/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which file bytes of an ext2, ext3 or ext4 filesystem belong to. Nothing leads from a block to its inode,
 * or from an inode to its folder; so both are looked for, first in the group where the block is and around
 * it, where the kernel puts them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "used_ext.h"

/* A disk that goes bad is not read for ever. A read is a piece of an inode table, or a block. */
#define READS_MAX 20000u
#define TABLE_PIECE 65536u
#define INODE_BLOCKS_MAX (64u << 20)

#define EXTENT_MAGIC 0xf30au

struct target {
	struct used_name *name;
	uint64_t first, last; /* blocks */
	uint32_t inode;       /* 0: not found */
	uint32_t folder;      /* that has a name of it; itself, if it is one */
	bool structure;       /* of the inode: where its blocks are */
	bool done;
};

struct search {
	struct used_ext_fs *f;
	struct target *targets;
	size_t n;
	const struct log *log;
	uint8_t *table;     /* TABLE_PIECE bytes */
	uint8_t *seen;      /* a bit for each group that was searched */
	bool folders;       /* searched for folders, not for blocks */
};

static void settle(struct target *t, enum used_name_kind kind, const char *name)
{
	t->name->kind = kind;
	snprintf(t->name->name, sizeof t->name->name, "%s", name);
	t->done = true;
}

/* --- The filesystem's own ----------------------------------------------------------------- */

static int meet_part(void *ctx, enum used_ext_part part, uint64_t first, uint64_t count)
{
	static const char *const names[] = {
		[USED_EXT_SUPERBLOCK] = "superblock and group descriptors",
		[USED_EXT_BACKUP] = "a copy of superblock and group descriptors",
		[USED_EXT_BLOCK_BITMAP] = "block bitmap",
		[USED_EXT_INODE_BITMAP] = "inode bitmap",
		[USED_EXT_INODE_TABLE] = "inode table",
		[USED_EXT_MMP] = "multi-mount protection",
	};
	struct search *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		struct target *t = &s->targets[i];

		if (first <= t->last && t->first < first + count && (!t->done || part != USED_EXT_BACKUP))
			settle(t, part == USED_EXT_BACKUP ? USED_NAME_FILE : USED_NAME_VITAL, names[part]);
	}
	return 0;
}

/* By the bitmaps of its groups. */
static bool is_free(struct search *s, const struct target *t)
{
	const struct used_ext_super *super = &s->f->super;
	uint8_t *bits CLEANUP_FREE = malloc(super->block_size);
	uint32_t known = UINT32_MAX;

	for (uint64_t b = t->first; bits && b <= t->last && b < super->blocks; b++) {
		uint64_t at = b - super->first_block;
		uint32_t g = (uint32_t)(at / super->blocks_per_group);
		uint32_t bit = (uint32_t)(at % super->blocks_per_group) >> super->cluster_bits;

		if (ext2fs_has_group_desc_csum(s->f->fs) &&
		    ext2fs_bg_flags_test(s->f->fs, g, EXT2_BG_BLOCK_UNINIT))
			continue;
		if (g != known && !used_ext_io_read_block(s->f, ext2fs_block_bitmap_loc(s->f->fs, g), 1, bits))
			return false;
		known = g;
		if (bits[bit / 8] >> bit % 8 & 1)
			return false;
	}
	return bits;
}

/* Before its first block, behind its last one, or in none that is used. */
static void meet_outside(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct target *t = &s->targets[i];

		if (t->done)
			continue;
		if (t->first < s->f->super.first_block)
			settle(t, USED_NAME_VITAL, "boot sector");
		else if (t->first >= s->f->super.blocks)
			settle(t, USED_NAME_UNKNOWN, "behind the end of the filesystem");
		else if (is_free(s, t))
			settle(t, USED_NAME_FREE, "free space");
	}
}

/* --- Inodes ------------------------------------------------------------------------------- */

/* The blocks FIRST on belong to INODE. */
static void meet_blocks(struct search *s, uint32_t inode, uint64_t first, uint64_t count, bool structure)
{
	for (size_t i = 0; i < s->n; i++) {
		struct target *t = &s->targets[i];

		if (!t->done && t->inode == 0 && first <= t->last && t->first < first + count) {
			t->inode = inode;
			t->structure = structure;
		}
	}
}

struct blocks {
	struct search *search;
	uint32_t inode;
	uint64_t sum;
};

static int meet_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t index, blk64_t ref, int ref_offset,
		      void *ctx)
{
	struct blocks *b = ctx;

	(void)fs, (void)ref, (void)ref_offset;
	meet_blocks(b->search, b->inode, *block, 1, index < 0);
	return ++b->sum > INODE_BLOCKS_MAX ? BLOCK_ABORT : 0;
}

/* RAW: the inode's bytes. Most have all their extents, or blocks, in them; the others are followed. */
static void meet_inode(struct search *s, uint32_t number, const uint8_t *raw)
{
	const uint8_t *i_block = raw + 40;
	uint32_t flags = get_le32(raw + 32);
	unsigned type = get_le16(raw) & 0xf000, entries;
	bool short_link = type == LINUX_S_IFLNK && get_le32(raw + 4) < 60; /* which is where blocks would be */
	struct blocks b = { s, number, 0 };
	bool follow = false;

	if (get_le32(raw + 104))
		meet_blocks(s, number, get_le32(raw + 104) | (uint64_t)get_le16(raw + 118) << 32, 1, false);
	if (flags & EXT4_INLINE_DATA_FL || short_link ||
	    (type != LINUX_S_IFREG && type != LINUX_S_IFDIR && type != LINUX_S_IFLNK))
		return;
	if (flags & EXT4_EXTENTS_FL) {
		entries = get_le16(i_block) == EXTENT_MAGIC ? min_u64(get_le16(i_block + 2), 4) : 0;
		follow = entries && get_le16(i_block + 6) != 0;
		for (unsigned i = 1; i <= entries && !follow; i++) {
			unsigned len = get_le16(i_block + 12 * i + 4);

			meet_blocks(s, number, get_le32(i_block + 12 * i + 8) |
				    (uint64_t)get_le16(i_block + 12 * i + 6) << 32,
				    len > 32768 ? len - 32768 : len, false);
		}
	} else {
		for (unsigned i = 0; i < 12; i++)
			if (get_le32(i_block + 4 * i))
				meet_blocks(s, number, get_le32(i_block + 4 * i), 1, false);
		follow = get_le32(i_block + 48) || get_le32(i_block + 52) || get_le32(i_block + 56);
	}
	if (follow)
		ext2fs_block_iterate3(s->f->fs, number, BLOCK_FLAG_READ_ONLY, NULL, meet_block, &b);
}

struct entries {
	struct search *search;
	uint32_t folder;
};

static int meet_entry(ext2_ino_t dir, int entry, struct ext2_dir_entry *e, int offset, int block_size,
		      char *buf, void *ctx)
{
	struct entries *in = ctx;

	(void)dir, (void)offset, (void)block_size, (void)buf;
	if (entry == DIRENT_DOT_FILE || entry == DIRENT_DOT_DOT_FILE)
		return 0;
	for (size_t i = 0; i < in->search->n; i++) {
		struct target *t = &in->search->targets[i];

		if (!t->done && t->folder == 0 && t->inode == e->inode)
			t->folder = in->folder;
	}
	return 0;
}

static void search_inode(struct search *s, uint32_t number, const uint8_t *raw)
{
	struct entries in = { s, number };

	if (get_le16(raw + 26) == 0 || get_le16(raw) == 0)
		return;
	if (!s->folders)
		meet_inode(s, number, raw);
	else if ((get_le16(raw) & 0xf000) == LINUX_S_IFDIR)
		ext2fs_dir_iterate2(s->f->fs, number, 0, NULL, meet_entry, &in);
}

static void search_group(struct search *s, uint32_t g)
{
	struct used_ext_fs *f = s->f;
	uint32_t per_group = f->fs->super->s_inodes_per_group, size = EXT2_INODE_SIZE(f->fs->super);
	uint32_t n = per_group, per_piece = TABLE_PIECE / size, unused;

	if (ext2fs_has_group_desc_csum(f->fs)) {
		unused = ext2fs_bg_itable_unused(f->fs, g);
		n = ext2fs_bg_flags_test(f->fs, g, EXT2_BG_INODE_UNINIT) || unused > n ? 0 : n - unused;
	}
	if (s->folders && ext2fs_bg_used_dirs_count(f->fs, g) == 0)
		n = 0;
	for (uint32_t i = 0; i < n && f->reads_left > 0; i += per_piece) {
		uint32_t here = (uint32_t)min_u64(per_piece, n - i);
		uint64_t bytes = round_up((uint64_t)here * size, f->super.block_size);
		uint64_t block = ext2fs_inode_table_loc(f->fs, g) + (uint64_t)i * size / f->super.block_size;

		f->reads_left--;
		if (!used_ext_io_read_block(f, block, bytes / f->super.block_size, s->table))
			continue;
		for (uint32_t k = 0; k < here; k++)
			search_inode(s, g * per_group + i + k + 1, s->table + (size_t)k * size);
	}
}

static bool found(const struct search *s, const struct target *t)
{
	return t->done || (s->folders ? t->folder != 0 || t->inode == 0 : t->inode != 0);
}

/* Looks into CENTRE, then into the groups before and behind it, farther and farther. What others look for is
 * found, too. */
static int search_around(struct search *s, const struct target *t, uint32_t centre,
			 struct unrack_error *err)
{
	uint32_t groups = s->f->super.groups;

	for (uint64_t d = 0; d < 2ull * groups && s->f->reads_left > 0 && !found(s, t); d++) {
		uint64_t g = d & 1 ? centre - (d + 1) / 2 : centre + d / 2;

		if (g >= groups || s->seen[g / 8] >> g % 8 & 1)
			continue;
		if (log_stop_asked(s->log))
			return error_set(err, UNRACK_INTERRUPTED, "interrupted");
		s->seen[g / 8] |= (uint8_t)(1u << g % 8);
		search_group(s, (uint32_t)g);
	}
	return 0;
}

static int search_all(struct search *s, bool folders, struct unrack_error *err)
{
	const struct used_ext_super *super = &s->f->super;
	int r = 0;

	s->folders = folders;
	memset(s->seen, 0, super->groups / 8 + 1);
	for (size_t i = 0; i < s->n && r == 0; i++) {
		struct target *t = &s->targets[i];

		if (!found(s, t))
			r = search_around(s, t, folders ? (t->inode - 1) / s->f->fs->super->s_inodes_per_group :
					  (uint32_t)((t->first - super->first_block) / super->blocks_per_group),
					  err);
	}
	return r;
}

/* --- Names -------------------------------------------------------------------------------- */

/* Names are what somebody chose: shown without what terminals obey. */
static void tame(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

/* The few inodes that are in no folder; and folders know where they are. */
static void look_at_inodes(struct search *s)
{
	char why[USED_EXT_WHY], text[80];
	bool clean = used_ext_super_clean(&s->f->super, why);
	struct ext2_inode inode;

	for (size_t i = 0; i < s->n; i++) {
		struct target *t = &s->targets[i];

		if (t->inode == 0)
			continue;
		snprintf(text, sizeof text, "inode %" PRIu32 " of the filesystem itself", t->inode);
		if (t->inode == s->f->super.journal)
			settle(t, clean ? USED_NAME_FILE : USED_NAME_VITAL, "journal");
		else if (t->inode == EXT2_RESIZE_INO)
			settle(t, USED_NAME_FILE, "blocks reserved for more group descriptors");
		else if (t->inode != EXT2_ROOT_INO && t->inode < EXT2_FIRST_INODE(s->f->fs->super))
			settle(t, USED_NAME_VITAL, text);
		else if (ext2fs_read_inode(s->f->fs, t->inode, &inode) == 0 && LINUX_S_ISDIR(inode.i_mode))
			t->folder = t->inode;
	}
}

static void name_file(struct search *s, struct target *t)
{
	bool folder = t->folder && t->folder == t->inode;
	char *path = NULL, text[sizeof t->name->name];

	if (t->folder == 0 || ext2fs_get_pathname(s->f->fs, t->folder, folder ? 0 : t->inode, &path))
		snprintf(text, sizeof text, "inode %" PRIu32, t->inode);
	else
		snprintf(text, sizeof text, "%s", path);
	free(path);
	tame(text);
	settle(t, folder || t->structure ? USED_NAME_VITAL : USED_NAME_FILE, text);
}

static int search_names(struct search *s, struct unrack_error *err)
{
	int r;

	used_ext_meta_walk(s->f, meet_part, s);
	meet_outside(s);
	s->f->reads_left = READS_MAX;
	r = search_all(s, false, err);
	if (r < 0)
		return r;
	look_at_inodes(s);
	r = search_all(s, true, err);
	s->f->reads_left = max_u64(s->f->reads_left, READS_MAX / 10);
	for (size_t i = 0; i < s->n; i++)
		if (!s->targets[i].done && s->targets[i].inode)
			name_file(s, &s->targets[i]);
	return r;
}

/* What can be told without the group descriptors. */
static void meet_head(struct search *s, const struct used_ext_super *super)
{
	uint64_t end = USED_EXT_SUPER_OFF + USED_EXT_SUPER_BYTES;

	if (super)
		end = max_u64(end, (super->first_block + 1ull) * super->block_size +
			      (uint64_t)super->groups * super->descriptor_size);
	for (size_t i = 0; i < s->n; i++) {
		struct used_name *name = s->targets[i].name;

		if (name->off < end && name->off + name->len > USED_EXT_SUPER_OFF)
			settle(&s->targets[i], USED_NAME_VITAL, "superblock and group descriptors");
	}
}

int used_ext_name(struct block_source *volume, struct used_name *names, size_t n, const struct log *log,
		  struct unrack_error *err)
{
	uint8_t b[USED_EXT_SUPER_BYTES];
	char why[USED_EXT_WHY];
	struct used_ext_super super;
	struct unrack_error dropped;
	struct target *targets CLEANUP_FREE = calloc(n ? n : 1, sizeof *targets);
	uint8_t *table CLEANUP_FREE = malloc(TABLE_PIECE);
	struct search s = { .targets = targets, .n = n, .log = log, .table = table };
	bool known;
	int r = 0;

	if (!targets || !table)
		return error_nomem(err);
	for (size_t i = 0; i < n; i++) {
		targets[i].name = &names[i];
		names[i].kind = USED_NAME_UNKNOWN;
		names[i].name[0] = '\0';
	}
	known = block_source_read(volume, b, sizeof b, USED_EXT_SUPER_OFF, &dropped) == 0 &&
		used_ext_super_parse(b, volume->size, &super, why);
	meet_head(&s, known ? &super : NULL);
	if (!known || !(s.f = used_ext_io_open(volume, &super, why)))
		return 0;
	for (size_t i = 0; i < n; i++) {
		targets[i].first = names[i].off / super.block_size;
		targets[i].last = (names[i].off + max_u64(names[i].len, 1) - 1) / super.block_size;
	}
	s.seen = malloc(super.groups / 8 + 1);
	r = s.seen ? search_names(&s, err) : error_nomem(err);
	free(s.seen);
	used_ext_io_close(s.f);
	return r;
}
