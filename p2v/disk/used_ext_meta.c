/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a filesystem keeps itself. With flex_bg bitmaps and inode tables of many groups follow each
 * other, and lie in any group; so their runs are gathered over groups. */
#include "used_ext.h"

struct run {
	enum used_ext_part part;
	uint64_t first, count;
};

struct walk {
	used_ext_meta_visit *visit;
	void *ctx;
	struct run runs[3]; /* block bitmaps, inode bitmaps, inode tables */
};

static int flush(struct walk *w, struct run *r)
{
	int e = r->count ? w->visit(w->ctx, r->part, r->first, r->count) : 0;

	r->count = 0;
	return e;
}

static int extend(struct walk *w, struct run *r, uint64_t first, uint64_t count)
{
	int e;

	if (r->count && r->first + r->count == first) {
		r->count += count;
		return 0;
	}
	e = flush(w, r);
	r->first = first;
	r->count = count;
	return e;
}

/* The superblock and the descriptors of group G, or its copies of them. */
static int head(struct walk *w, struct used_ext_fs *f, uint32_t g)
{
	enum used_ext_part part = g ? USED_EXT_BACKUP : USED_EXT_SUPERBLOCK;
	struct ext2_super_block *s = f->fs->super;
	blk64_t super, old, meta_bg;
	uint64_t count;
	int e = 0;

	ext2fs_super_and_bgd_loc2(f->fs, g, &super, &old, &meta_bg, NULL);
	if (super || g == 0)
		e = w->visit(w->ctx, part, super, 1);
	if (e == 0 && old) {
		count = ext2fs_has_feature_meta_bg(s) ? s->s_first_meta_bg : f->fs->desc_blocks;
		if (count)
			e = w->visit(w->ctx, part, old, count);
		if (e == 0 && !ext2fs_has_feature_meta_bg(s) && s->s_reserved_gdt_blocks)
			e = w->visit(w->ctx, USED_EXT_BACKUP, old + count, s->s_reserved_gdt_blocks);
	}
	if (e == 0 && meta_bg)
		/* In each meta group the first one is used, the two others are copies. */
		e = w->visit(w->ctx, g % EXT2_DESC_PER_BLOCK(s) ? USED_EXT_BACKUP : USED_EXT_SUPERBLOCK,
			     meta_bg, 1);
	return e;
}

int used_ext_meta_walk(struct used_ext_fs *f, used_ext_meta_visit *visit, void *ctx)
{
	struct walk w = { visit, ctx, { { USED_EXT_BLOCK_BITMAP, 0, 0 }, { USED_EXT_INODE_BITMAP, 0, 0 },
					{ USED_EXT_INODE_TABLE, 0, 0 } } };
	int e = f->super.mmp ? visit(ctx, USED_EXT_MMP, f->super.mmp, 1) : 0;

	for (uint32_t g = 0; g < f->super.groups && e == 0; g++) {
		e = head(&w, f, g);
		if (e == 0)
			e = extend(&w, &w.runs[0], ext2fs_block_bitmap_loc(f->fs, g), 1);
		if (e == 0)
			e = extend(&w, &w.runs[1], ext2fs_inode_bitmap_loc(f->fs, g), 1);
		if (e == 0)
			e = extend(&w, &w.runs[2], ext2fs_inode_table_loc(f->fs, g),
				   f->fs->inode_blocks_per_group);
	}
	for (unsigned i = 0; i < 3 && e == 0; i++)
		e = flush(&w, &w.runs[i]);
	return e;
}
