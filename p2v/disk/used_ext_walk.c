/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which blocks of a filesystem are free, by its bitmaps: group by group, since all bitmaps of a large one
 * are too much to keep. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "used_ext.h"

/* Bitmaps that lie near each other are read together. */
#define WINDOW_BYTES (1u << 20)

struct walk {
	struct used_ext_fs *f;
	struct used_look *look;
	struct unrack_error *err;
	const struct range *meta; /* in blocks */
	size_t n_meta, next_meta;
	uint8_t *bits;            /* of a group, a bit for each cluster */
	uint8_t *window;
	uint64_t window_first, window_count; /* blocks */
	uint64_t run, run_end;    /* free clusters of the filesystem, not yet added */
	uint64_t free;            /* clusters */
};

static bool block_uninit(struct used_ext_fs *f, uint32_t g)
{
	return ext2fs_has_group_desc_csum(f->fs) && ext2fs_bg_flags_test(f->fs, g, EXT2_BG_BLOCK_UNINIT);
}

/* Reads the bitmap of G, and those of next groups that lie close behind it. */
static bool fill_window(struct walk *w, uint32_t g)
{
	uint64_t first = ext2fs_block_bitmap_loc(w->f->fs, g), end = first + 1, block;
	uint64_t most = WINDOW_BYTES / w->f->super.block_size;

	for (uint32_t h = g + 1; h < w->f->super.groups && end - first < most; h++) {
		block = ext2fs_block_bitmap_loc(w->f->fs, h);
		if (block_uninit(w->f, h))
			continue;
		if (block < end || block - first >= most)
			break;
		end = block + 1;
	}
	w->window_first = first;
	w->window_count = end - first;
	if (used_ext_io_read_block(w->f, first, end - first, w->window))
		return true;
	/* A bad sector between bitmaps is nobody's concern here. */
	w->window_count = 1;
	return used_ext_io_read_block(w->f, first, 1, w->window);
}

static uint8_t *bitmap(struct walk *w, uint32_t g)
{
	uint64_t block = ext2fs_block_bitmap_loc(w->f->fs, g);

	if ((block < w->window_first || block - w->window_first >= w->window_count) && !fill_window(w, g)) {
		w->window_count = 0;
		return NULL;
	}
	return w->window + (block - w->window_first) * w->f->super.block_size;
}

/* The first bit at or after FROM that is VALUE; N when there is none. BITS is made of whole words. */
static uint32_t next_bit(const uint8_t *bits, uint32_t from, uint32_t n, bool value)
{
	while (from < n) {
		uint64_t word = get_le64(bits + from / 64 * 8);

		word = (value ? word : ~word) >> from % 64;
		if (word) {
			from += (uint32_t)__builtin_ctzll(word);
			return from < n ? from : n;
		}
		from += 64 - from % 64;
	}
	return n;
}

/* Meets the metadata that lies in the clusters FIRST to END (of the filesystem): MARK sets their bits.
 * False: a bit is not set. */
static bool meet_meta(struct walk *w, uint64_t first, uint64_t end, bool mark)
{
	uint64_t base = w->f->super.first_block;
	unsigned shift = w->f->super.cluster_bits;

	for (; w->next_meta < w->n_meta; w->next_meta++) {
		const struct range *m = &w->meta[w->next_meta];
		uint64_t from = max_u64((m->off - base) >> shift, first);
		uint64_t behind = ((m->off + m->len - 1 - base) >> shift) + 1;
		uint32_t a = (uint32_t)(from - first), b = (uint32_t)(min_u64(behind, end) - first);

		if (from >= end)
			return true;
		if (!mark && next_bit(w->bits, a, b, false) < b)
			return false;
		for (; mark && a < b; a++)
			w->bits[a / 8] |= (uint8_t)(1u << a % 8);
		if (behind > end)
			return true;
	}
	return true;
}

static int end_run(struct walk *w)
{
	const struct used_ext_super *s = &w->f->super;
	uint64_t from = s->first_block + (w->run << s->cluster_bits);
	uint64_t to = min_u64(s->first_block + (w->run_end << s->cluster_bits), s->blocks);

	return ranges_add(w->look->unused, from * s->block_size, (to - from) * s->block_size, w->err);
}

/* Runs of neighbouring groups often are one. */
static int add_run(struct walk *w, uint64_t first, uint64_t end)
{
	int e = 0;

	if (first != w->run_end) {
		e = end_run(w);
		w->run = first;
	}
	w->run_end = end;
	return e;
}

/* Free clusters of a group, which has N from FIRST on. */
static int add_free(struct walk *w, uint64_t first, uint32_t n, uint32_t *count)
{
	uint32_t end = 0, start;

	*count = 0;
	while ((start = next_bit(w->bits, end, n, false)) < n) {
		int e;

		end = next_bit(w->bits, start, n, true);
		*count += end - start;
		e = add_run(w, first + start, first + end);
		if (e < 0)
			return e;
	}
	return 0;
}

static int walk_group(struct walk *w, uint32_t g)
{
	const struct used_ext_super *s = &w->f->super;
	uint32_t per_group = s->blocks_per_group >> s->cluster_bits, n, count;
	uint64_t first = (uint64_t)g * per_group;
	uint64_t end = min_u64(first + per_group,
			       div_round_up(s->blocks - s->first_block, 1ull << s->cluster_bits));
	bool uninit = block_uninit(w->f, g);
	uint8_t *read;
	int e;

	n = (uint32_t)(end - first);
	if (uninit) {
		memset(w->bits, 0, s->block_size);
	} else {
		read = bitmap(w, g);
		if (!read)
			return used_whole(w->look, "its block bitmap of group %" PRIu32 " can't be read", g);
		if (!ext2fs_block_bitmap_csum_verify(w->f->fs, g, (char *)read, (int)(per_group / 8)))
			return used_whole(w->look, "its block bitmap of group %" PRIu32 " has a wrong checksum", g);
		memcpy(w->bits, read, s->block_size);
	}
	if (!meet_meta(w, first, end, uninit))
		return used_whole(w->look, "its block bitmap of group %" PRIu32 " has blocks of its own as free",
				  g);
	e = add_free(w, first, n, &count);
	if (e < 0)
		return e;
	if (count != ext2fs_bg_free_blocks_count(w->f->fs, g))
		return used_whole(w->look, "its free blocks of group %" PRIu32 " are not those of its bitmap", g);
	w->free += count;
	return 1;
}

int used_ext_walk(struct used_ext_fs *f, struct ranges *meta, struct used_look *look,
		  struct unrack_error *err)
{
	const struct used_ext_super *s = &f->super;
	uint8_t *bits CLEANUP_FREE = malloc(s->block_size);
	uint8_t *window CLEANUP_FREE = malloc(WINDOW_BYTES);
	struct walk w = { .f = f, .look = look, .err = err, .bits = bits, .window = window };
	int r;

	if (!bits || !window)
		return error_nomem(err);
	w.meta = ranges_list(meta, &w.n_meta);
	for (uint32_t g = 0; g < s->groups; g++)
		if ((r = walk_group(&w, g)) <= 0)
			return r;
	r = end_run(&w);
	if (r < 0)
		return r;
	if (w.free << s->cluster_bits != s->free_blocks)
		return used_whole(look, "its groups have other free blocks than its superblock says");
	look->verdict = USED_PARTLY;
	return 0;
}
