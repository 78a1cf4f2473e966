/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What bytes of an XFS are that can't be read. */
#include <errno.h>

#include "../support/twins.h"
#include "xfs_tree_image.h"

static struct image img;

/* Of LEN bytes at OFF, which can't be read. */
static struct used_name name_of(uint64_t off, uint64_t len)
{
	struct used_name name = { .off = off, .len = len };
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct twin_source *t = twin_source_memory(img.p, img.size);
	struct block_source *s = twin_source(t);

	twin_source_bad(t, off, len, EIO, 0);
	if (used_xfs_name(s, &name, 1, NULL, &e) < 0)
		abort();
	block_source_close(s);
	twin_source_free(t);
	return name;
}

static void is_named(uint64_t off, uint64_t len, enum used_name_kind kind, const char *want)
{
	struct used_name name = name_of(off, len);

	ok(name.kind == kind && !strcmp(name.name, want), "%s", want);
	if (name.kind != kind || strcmp(name.name, want) != 0)
		printf("# got %d, \"%s\"\n", name.kind, name.name);
}

static uint64_t byte_of(uint32_t ag, uint32_t block)
{
	return ((uint64_t)ag * img.ag_blocks + block) * img.block;
}

static uint32_t header_word(unsigned which, size_t at)
{
	return get_be32(image_header(&img, 1, which) + at);
}

static void own_structures(void)
{
	uint64_t group = byte_of(1, 0);

	is_named(0, 512, USED_NAME_VITAL, "superblock");
	is_named(img.sector, 512, USED_NAME_VITAL, "header of free space");
	is_named(group, 512, USED_NAME_FILE, "a copy of the superblock");
	is_named(group, 1024, USED_NAME_VITAL, "header of free space");
	is_named(group + 2ull * img.sector, 512, USED_NAME_VITAL, "header of inodes");
	is_named(group + 3ull * img.sector + 100, 1, USED_NAME_VITAL, "free list");
	is_named(img.log, 512, USED_NAME_VITAL, "log");
	is_named(img.log + (uint64_t)img.log_blocks * 512 - 512, 512, USED_NAME_VITAL, "log");
	is_named(byte_of(1, header_word(2, 20)), 512, USED_NAME_VITAL, "list of inodes");
	if (img.v5) {
		is_named(byte_of(1, header_word(2, 328)), 512, USED_NAME_VITAL, "list of free inodes");
		is_named(byte_of(1, header_word(1, 24)), 512, USED_NAME_VITAL, "list of owners");
		is_named(byte_of(1, header_word(1, 88)), 512, USED_NAME_VITAL, "list of shared blocks");
	}
}

static void free_space(void)
{
	const struct extent *e = &made.at[made.n - 3];

	is_named(byte_of(1, made.bno_root), 512, USED_NAME_VITAL, "list of free space");
	is_named(byte_of(1, made.bno_leaf), 512, USED_NAME_VITAL, "list of free space");
	is_named(byte_of(1, made.cnt_leaf), 512, USED_NAME_VITAL, "list of free space by size");
	is_named(byte_of(1, e->block), (uint64_t)e->len * img.block, USED_NAME_FREE, "free space");
	is_named(byte_of(1, e->block), (uint64_t)e->len * img.block + 1, USED_NAME_UNKNOWN, "a file or folder");
	is_named(byte_of(1, e->block) - 1, 1, USED_NAME_UNKNOWN, "a file or folder");
	is_named(byte_of(1, made.at[made.n - 1].block + 10), 512, USED_NAME_UNKNOWN, "a file or folder");
}

/* mkfs.xfs makes one chunk, with the root folder; its number has the block in it. */
static void inodes(void)
{
	uint32_t inode = (uint32_t)get_be64(img.p + 56), size = img.p[104] << 8 | img.p[105];
	uint64_t at = (uint64_t)inode * size;

	is_named(at, 1, USED_NAME_VITAL, "inodes");
	is_named(at + 64ull * size - 1, 1, USED_NAME_VITAL, "inodes");
	if (img.v5) {
		uint8_t *record = image_block(&img, 0, get_be32(image_header(&img, 0, 2) + 20)) + 56;

		/* A hole of 16 inodes, as where there was no room for 64. */
		put_be16(record + 4, 0xf000);
		is_named(at + 64ull * size - 1, 1, USED_NAME_UNKNOWN, "a file or folder");
		is_named(at + 47ull * size, 1, USED_NAME_VITAL, "inodes");
		put_be16(record + 4, 0);
	}
}

static void outside(void)
{
	uint64_t end = get_be64(img.p + 8) * img.block;
	struct used_name name;

	is_named(end + 100, 1, USED_NAME_UNKNOWN, "behind the end of the filesystem");
	img.p[3] ^= 1;
	name = name_of(byte_of(1, 0) + 512, 512);
	ok(name.kind == USED_NAME_UNKNOWN && !name.name[0], "nothing is known of what is no XFS");
	img.p[3] ^= 1;
	is_named(byte_of(1, 0), 4096, USED_NAME_VITAL, "header of free space");
}

/* Damaged lists end, and name nothing that is not there. */
static void hostile(void)
{
	uint8_t *agf = image_header(&img, 1, 1), *root = image_block(&img, 1, made.bno_root);

	put_be32(agf + 28, 0xffffffff);
	is_named(byte_of(1, made.bno_leaf), 512, USED_NAME_UNKNOWN, "a file or folder");
	put_be32(agf + 28, made.levels);
	put_be16(root + 6, 0xffff);
	is_named(byte_of(1, made.at[0].block), 512, USED_NAME_FREE, "free space");
	put_be32(agf + 16, 0xfffffff0);
	is_named(byte_of(1, made.bno_leaf), 512, USED_NAME_UNKNOWN, "a file or folder");
	for (unsigned k = 0; k < 200; k++) {
		uint32_t x = k * 2654435761u;
		uint8_t *p = (k & 1 ? image_block(&img, 1, made.cnt_root) : image_header(&img, 1, k & 2 ? 1 : 2));

		p[(x >> 8) % img.sector] ^= (uint8_t)(1u << (x & 7));
		name_of(byte_of(1, x % img.ag_blocks), 4096);
	}
	ok(true, "any other damage does no harm");
}

int main(void)
{
	for (unsigned v = 4; v <= 5; v++) {
		if (!image_make(&img, 40 << 20, v == 4 ? "-m crc=0 -b size=1024 -d agcount=2,size=38m" :
				"-b size=1024 -m rmapbt=1,reflink=1 -d agcount=2,size=38m"))
			skip_all("mkfs.xfs is not installed, or makes no version 4");
		printf("# version %u\n", v);
		fragment(&img, 1, 400);
		own_structures();
		free_space();
		inodes();
		outside();
		hostile();
		image_free(&img);
	}
	return tap_done();
}
