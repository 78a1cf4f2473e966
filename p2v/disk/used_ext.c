/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether an ext2, ext3 or ext4 filesystem can be trusted to know which of its blocks are free. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "used_ext.h"

/* What following the few inodes that are looked at may read. */
#define INODE_READS 16384u
#define INODE_BLOCKS_MAX (4u << 20)

#define JOURNAL_MAGIC 0xc03b3998u
#define MMP_MAGIC 0x004d4d50u
#define MMP_CLEAN 0xff4d4d50u

/* The steps return 1 to go on, 0 when the verdict is made (used_whole), or an error of memory. */

struct meta {
	struct used_ext_fs *f;
	struct ranges *blocks;
	uint64_t sum;
	struct unrack_error *err;
};

static int meta_add(struct meta *m, uint64_t first, uint64_t count)
{
	m->sum += count;
	return ranges_add(m->blocks, first, count, m->err);
}

static int meta_visit(void *ctx, enum used_ext_part part, uint64_t first, uint64_t count)
{
	struct meta *m = ctx;
	uint64_t end;

	(void)part;
	if (first < m->f->super.first_block || add_overflows(first, count, &end) ||
	    end > m->f->super.blocks)
		return 1;
	return meta_add(m, first, count);
}

struct inode_walk {
	struct meta *meta;
	uint64_t first, count; /* a run that may still grow */
	uint64_t sum;
	int error;
	bool bad;
};

static int inode_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t index, blk64_t ref, int ref_offset,
		       void *ctx)
{
	struct inode_walk *w = ctx;

	(void)fs, (void)index, (void)ref, (void)ref_offset;
	if (w->count && *block == w->first + w->count) {
		w->count++;
	} else {
		w->error = w->count ? meta_add(w->meta, w->first, w->count) : 0;
		w->first = *block;
		w->count = 1;
	}
	w->bad = *block >= w->meta->f->super.blocks || ++w->sum > INODE_BLOCKS_MAX;
	return w->bad || w->error < 0 ? BLOCK_ABORT : 0;
}

/* The blocks of an inode that the kernel relies on are in use like any other part of it. */
static int add_inode(struct meta *m, uint32_t number, struct used_look *look)
{
	struct inode_walk w = { .meta = m };
	struct ext2_inode inode;
	errcode_t e = ext2fs_read_inode(m->f->fs, number, &inode);

	if (e == 0 && (number == EXT2_ROOT_INO ? !LINUX_S_ISDIR(inode.i_mode) : !LINUX_S_ISREG(inode.i_mode)))
		return used_whole(look, "its inode %" PRIu32 " is not what it should be", number);
	if (e == 0 && !(inode.i_flags & EXT4_INLINE_DATA_FL))
		e = ext2fs_block_iterate3(m->f->fs, number, BLOCK_FLAG_READ_ONLY, NULL, inode_block, &w);
	if (w.error == 0 && w.count)
		w.error = meta_add(m, w.first, w.count);
	if (w.error < 0)
		return w.error;
	if (e || w.bad)
		return used_whole(look, "its inode %" PRIu32 " can't be read", number);
	return 1;
}

/* Everything that must be marked as used, sorted. */
static int find_meta(struct meta *m, struct used_look *look)
{
	int r = used_ext_meta_walk(m->f, meta_visit, m);

	if (r < 0)
		return r;
	if (r > 0)
		return used_whole(look, "its group descriptors point behind its end");
	m->f->reads_left = INODE_READS;
	for (unsigned i = 0; i < USED_EXT_SPECIAL; i++)
		if (m->f->super.special[i] && (r = add_inode(m, m->f->super.special[i], look)) <= 0)
			return r;
	if (ranges_bytes(m->blocks) != m->sum)
		return used_whole(look, "parts of it lie one upon the other");
	return 1;
}

static int check_descriptors(struct used_ext_fs *f, struct used_look *look)
{
	for (uint32_t g = 0; g < f->super.groups; g++)
		if (!ext2fs_group_desc_csum_verify(f->fs, g))
			return used_whole(look, "the checksum of its group %" PRIu32 " is wrong", g);
	return 1;
}

/* One backup of the superblock, of those that are there, must be this filesystem's: another one's
 * superblock may have survived at the beginning of a volume. */
static int check_backup(struct used_ext_fs *f, struct used_look *look)
{
	struct ext2_super_block *s = f->fs->super;
	uint32_t places[] = { 1, 3, 5, 7, s->s_backup_bgs[0], s->s_backup_bgs[1] };
	uint8_t b[USED_EXT_SUPER_BYTES];
	struct unrack_error dropped;
	bool any = false;

	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		if (places[i] == 0 || places[i] >= f->super.groups || !ext2fs_bg_has_super(f->fs, (dgrp_t)places[i]))
			continue;
		any = true;
		if (block_source_read(f->volume, b, sizeof b,
				      ext2fs_group_first_block2(f->fs, places[i]) * f->super.block_size,
				      &dropped) == 0 && used_ext_super_backup(&f->super, b))
			return 1;
	}
	return any ? used_whole(look, "no backup of its superblock is there") : 1;
}

static int check_mmp(struct used_ext_fs *f, uint8_t *block, struct used_look *look)
{
	if (f->super.mmp == 0)
		return 1;
	if (!used_ext_io_read_block(f, f->super.mmp, 1, block) || get_le32(block) != MMP_MAGIC)
		return used_whole(look, "its multi-mount protection can't be read");
	if (get_le32(block + 4) != MMP_CLEAN)
		return used_whole(look, "another machine, or fsck, is using it");
	return 1;
}

/* The flag that it needs no recovery is not enough: what is in the journal would be replayed. */
static int check_journal(struct used_ext_fs *f, uint8_t *block, struct used_look *look)
{
	blk64_t at = 0;

	if (f->super.journal == 0)
		return 1;
	if (ext2fs_bmap2(f->fs, f->super.journal, NULL, NULL, 0, 0, NULL, &at) || at == 0 ||
	    !used_ext_io_read_block(f, at, 1, block) || get_be32(block) != JOURNAL_MAGIC)
		return used_whole(look, "its journal can't be read");
	if (get_be32(block + 0x1c) != 0)
		return used_whole(look, "its journal has to be replayed");
	if (get_be32(block + 0x20) != 0)
		return used_whole(look, "its journal has recorded an error");
	return 1;
}

static int look_into(struct used_ext_fs *f, struct used_look *look, struct unrack_error *err)
{
	struct meta meta = { .f = f, .blocks = ranges_new(0), .err = err };
	uint8_t *block CLEANUP_FREE = malloc(f->super.block_size);
	int r = meta.blocks && block ? check_descriptors(f, look) : error_nomem(err);

	if (r > 0)
		r = check_backup(f, look);
	if (r > 0)
		r = check_mmp(f, block, look);
	if (r > 0)
		r = find_meta(&meta, look);
	if (r > 0)
		r = check_journal(f, block, look);
	if (r > 0)
		r = used_ext_walk(f, meta.blocks, look, err);
	ranges_free(meta.blocks);
	return r;
}

int used_ext(struct block_source *volume, struct used_look *look, struct unrack_error *err)
{
	uint8_t b[USED_EXT_SUPER_BYTES];
	struct unrack_error dropped;
	struct used_ext_super super;
	char why[USED_EXT_WHY] = "";
	struct used_ext_fs *f;
	int r;

	if (block_source_read(volume, b, sizeof b, USED_EXT_SUPER_OFF, &dropped) < 0)
		return used_whole(look, "its superblock can't be read");
	digest_stream_add(look->state, b, sizeof b);
	r = used_ext_super_parse(b, volume->size, &super, why) && used_ext_super_clean(&super, why);
	if (*super.kind)
		memcpy(look->kind, super.kind, sizeof super.kind);
	if (!r || !(f = used_ext_io_open(volume, &super, why)))
		return used_whole(look, "%s", why);
	r = look_into(f, look, err);
	used_ext_io_close(f);
	return r;
}
