/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ramdisks: 0:1 the image (0: one with files of all kinds, made here; else zeros, so many times 64 KiB), 1:1 flags
 * (1: bitmaps and counts are put right, so that it is written to; 2: what comes in makes it grow); then, each,
 * 3 offset, 2 how many bytes, and the bytes that are put there. */
#include <sys/stat.h>

#include "fuzz.h"
#include "../../initrd/ext2.h"
#include "../../initrd/ext2_tree.h"

#define UNIT (64u << 10)
#define IMAGE_MAX (1u << 20)
#define RAMDISK_MAX (3u << 20)
#define NEW_TIME 2000
#define GROW_BYTES (700u << 10)

static struct buf base;
static uint8_t big[GROW_BYTES];

static void make_base(void)
{
	static const struct initrd_member m[] = {
		{ ".", S_IFDIR | 0755, 0, 0, 2, 1, 0, 0, 1000, NULL, 0 },
		{ "linuxrc", S_IFREG | 0755, 0, 0, 1, 2, 0, 0, 1001, (const uint8_t *)"#!/bin/nash\nmount x\n", 20 },
		{ "bin", S_IFDIR | 0755, 0, 0, 2, 3, 0, 0, 1002, NULL, 0 },
		{ "bin/nash", S_IFREG | 0755, 0, 0, 2, 4, 0, 0, 1003, big, 30000 },
		{ "bin/vgscan", S_IFREG | 0755, 0, 0, 2, 4, 0, 0, 1003, big, 30000 },
		{ "bin/static", S_IFREG | 0755, 1, 2, 1, 5, 0, 0, 1004, big, 300000 },
		{ "sbin", S_IFLNK | 0777, 0, 0, 1, 6, 0, 0, 1005, (const uint8_t *)"bin", 3 },
		{ "slow", S_IFLNK | 0777, 0, 0, 1, 7, 0, 0, 1006, big, 200 },
		{ "dev/console", S_IFCHR | 0600, 0, 0, 1, 8, 5, 1, 1007, NULL, 0 },
		{ "dev/big", S_IFBLK | 0600, 0, 0, 1, 9, 259, 1000, 1008, NULL, 0 },
		{ "lib/x.o", S_IFREG | 0644, 0, 0, 1, 10, 0, 0, 1009, NULL, 0 },
		{ "deep/er/than/that", S_IFIFO | 0644, 0, 0, 1, 11, 0, 0, 1010, NULL, 0 },
	};
	struct unrack_error err = UNRACK_ERROR_INIT;

	for (size_t k = 0; k < sizeof big; k++)
		big[k] = (uint8_t)(k % 250 + 1);
	fuzz_check(ext2_make(m, ARRAY_LEN(m), 500, 1024, "base", &base, &err) == 0);
}

static void take_image(struct fuzz_in *in, struct buf *image)
{
	unsigned units = (unsigned)fuzz_take(in, 1);
	size_t zeros = units ? min_u64((size_t)units * UNIT, IMAGE_MAX) : 0;

	if (!base.len)
		make_base();
	if (buf_append(image, base.data, units ? 0 : base.len) < 0 || buf_zeros(image, zeros) < 0)
		abort();
}

static void put_changes(struct fuzz_in *in, struct buf *image)
{
	while (in->n) {
		size_t at = fuzz_take(in, 3) % image->len, n = fuzz_take(in, 2);

		n = (size_t)min_u64(n, min_u64(in->n, image->len - at));
		memcpy(image->data + at, in->p, n);
		in->p += n;
		in->n -= n;
	}
}

static void set_bit(uint8_t *map, uint32_t k, bool on)
{
	map[k / 8] = on ? map[k / 8] | (uint8_t)(1u << k % 8) : map[k / 8] & (uint8_t)~(1u << k % 8);
}

static void put_group_right(const struct ext2_tree *t, uint8_t *p, uint32_t g)
{
	struct ext2_layout_group d = ext2_layout_group(&t->layout, p, g);
	uint32_t size = t->layout.block_size, per = t->layout.inodes_per_group;

	for (uint32_t k = 0; k < ext2_layout_group_blocks(&t->layout, g); k++)
		set_bit(p + (size_t)d.block_bitmap * size, k,
			ext2_tree_uses(t, ext2_layout_group_first(&t->layout, g) + k));
	for (uint32_t k = 0; k < per; k++)
		set_bit(p + (size_t)d.inode_bitmap * size, k, ext2_tree_has_inode(t, g * per + k + 1));
}

/* What ext2_tree_check compares. */
static void put_right(struct buf *image)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct ext2_tree t;

	if (ext2_tree_read(image->data, image->len, "image", &t, &err) < 0)
		return;
	put_le16(image->data + EXT2_LAYOUT_SUPER + 58, 1);
	put_le32(image->data + EXT2_LAYOUT_SUPER + 232, 0);
	for (uint32_t g = 0; g < t.layout.groups; g++)
		put_group_right(&t, image->data, g);
	for (uint32_t k = 1; k <= t.layout.inodes; k++) {
		uint8_t *p = image->data + ext2_layout_inode(&t.layout, image->data, k);

		put_le16(p + 26, (uint16_t)t.nodes[k].links);
		if (t.nodes[k].links)
			put_le32(p + 28, t.nodes[k].blocks * (t.layout.block_size / 512));
		else if (k < t.layout.first_inode && k != EXT2_LAYOUT_RESIZE_INODE)
			memset(p, 0, 128);
	}
	ext2_tree_free(&t);
}

/* Of I everything but the members that are exchanged is in NEW. */
static void check_kept(const struct initrd *i, const struct initrd *new)
{
	for (size_t k = 0; k < initrd_len(i); k++) {
		const struct initrd_member *m = initrd_at(i, k), *n = initrd_find(new, m->name);
		const struct initrd_member *script = initrd_find(i, "linuxrc");

		fuzz_check(n && (n->mode & S_IFMT) == (initrd_find(i, m->name)->mode & S_IFMT));
		if (m != initrd_find(i, m->name) || n->mtime == NEW_TIME || (script && script->ino == m->ino))
			continue;
		fuzz_check(n->size == m->size && !memcmp(n->data, m->data, m->size) && n->mode == m->mode &&
			   n->uid == m->uid && n->gid == m->gid && n->mtime == m->mtime);
	}
}

static void write_to(const struct initrd *i, bool grow)
{
	char names[][16] = { "lib/new.o", "etc/a/b", "lib/x.o" };
	const struct image_new add[] = {
		{ names[0], { big, grow ? GROW_BYTES : 2000, 0 } }, { names[1], { big, 1, 0 } }, { names[2], { big, 20000, 0 } },
	};
	const struct image_replace replace = { image_index(i, "linuxrc"), big, 3000 };
	struct image_edit e = { .replace = &replace, .n_replace = replace.item != SIZE_MAX, .add = add,
				.n_add = ARRAY_LEN(add), .mtime = NEW_TIME, .ramdisk_max = RAMDISK_MAX };
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf out = { 0 }, again = { 0 };
	const struct initrd_member *m;
	struct initrd *new;
	int r;

	if (e.n_replace && !S_ISREG(i->items.at[replace.item].m.mode))
		e.n_replace = 0;
	r = image_write_edited(i, &e, &out, &err);
	fuzz_check(r == image_write_edited(i, &e, &again, &err));
	if (r == 0) {
		fuzz_check(out.len == again.len && !memcmp(out.data, again.data, out.len));
		fuzz_check(out.len <= RAMDISK_MAX);
		fuzz_check(initrd_open(out.data, out.len, "new", &new, &err) == 0);
		check_kept(i, new);
		m = initrd_find(new, "etc/a/b");
		fuzz_check(!m || m->size == 1 || S_ISDIR(m->mode) || initrd_find(i, "etc"));
		initrd_close(new);
	} else {
		fuzz_check(err.text[0] && r != UNRACK_INTERNAL);
	}
	buf_free(&out);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf image = { 0 };
	struct initrd *i = NULL;
	uint64_t sum = 0;
	unsigned flags;

	take_image(&in, &image);
	flags = (unsigned)fuzz_take(&in, 1);
	put_changes(&in, &image);
	if (flags & 1)
		put_right(&image);
	if (initrd_open(image.data, image.len, "image", &i, &err) == 0) {
		for (size_t k = 0; k < initrd_len(i); k++)
			for (size_t b = 0; b < initrd_at(i, k)->size; b++)
				sum += initrd_at(i, k)->data[b];
		if (i->ramdisk && sum != 1)
			write_to(i, flags & 2);
	} else {
		fuzz_check(err.text[0]);
	}
	initrd_close(i);
	buf_free(&image);
	return 0;
}
