/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Free-space btrees of several levels, as filesystems in use have them, whole and damaged. */
#include "../support/twins.h"
#include "xfs_tree_image.h"

static struct image img;

static void deep(uint32_t n, unsigned levels, const char *name)
{
	struct looked l;
	const struct range *r;
	size_t count, matches = 0;
	struct twin_source *t;

	fragment(&img, 1, n);
	t = twin_source_memory(img.p, img.size);
	look_at(twin_source(t), &l);
	r = ranges_list(l.unused, &count);
	for (size_t k = 0, m = 0; k < count && m < made.n; k++)
		if (r[k].off == (uint64_t)(img.ag_blocks + made.at[m].block) * img.block &&
		    r[k].len == (uint64_t)made.at[m].len * img.block) {
			matches++;
			m++;
		}
	ok(l.verdict == USED_PARTLY && matches == made.n && made.levels == levels, "%s: %s", name, l.why);
	ok(twin_source_reads(t) < 45, "their blocks are read many at once");
	printf("# %" PRIu64 " reads, %u extents\n", twin_source_reads(t), made.n);
	ranges_free(l.unused);
	twin_source_free(t);
	image_reset(&img);
}

static void block_with(uint32_t block, size_t at, uint32_t value, const char *why, const char *name)
{
	uint8_t *b = image_block(&img, 1, block), kept[65536];

	memcpy(kept, b, img.block);
	put_be32(b + at, value);
	image_seal_block(&img, b);
	is_whole(&img, why, name);
	memcpy(b, kept, img.block);
}

static uint32_t word(uint32_t block, size_t at)
{
	return get_be32(image_block(&img, 1, block) + at);
}

static void damaged(void)
{
	uint32_t leaf = made.bno_leaf, root = made.bno_root, head = header_size(&img);
	uint32_t next = word(leaf, 12), n = word(leaf, 4) & 0xffff;
	uint32_t room = (img.block - head) / 12;
	size_t first = head, second = head + 8, last = head + (n - 1) * 8, pointer = head + room * 8;
	uint8_t *b = image_block(&img, 1, leaf);

	block_with(leaf, 0, 0x58414742, "has a block of another kind", "another magic");
	block_with(leaf, 0, word(made.cnt_leaf, 0), "has a block of another kind",
		   "a block of the other tree");
	block_with(leaf, 4, 1 << 16 | n, "has a block of another kind", "another level");
	block_with(leaf, 4, 0, "a wrong number of entries", "no entries");
	block_with(leaf, 4, 0xffff, "a wrong number of entries", "too many entries");
	block_with(leaf, 4, n - 1, "lists of free space", "an entry less: the trees differ");
	block_with(leaf, 8, 5, "has wrong neighbours", "a left sibling");
	block_with(leaf, 12, leaf, "has wrong neighbours", "its own sibling");
	block_with(next, 8, 0xffffffff, "has wrong neighbours", "no left sibling");
	block_with(leaf, first, 0, "is not in order", "its first entry is not what the level above says");
	block_with(leaf, second, word(leaf, first), "is not in order", "an entry twice");
	block_with(leaf, last, word(next, first), "is not in order", "an entry of the next block");
	block_with(leaf, second + 4, 0, "space outside of it", "an extent of nothing");
	block_with(leaf, second + 4, 0xffffffff, "space outside of it", "over the end of the group");
	block_with(leaf, last + 4, 1000, "has space twice", "overlapping extents");
	block_with(leaf, last, 1, "is not in order", "extents of headers");
	block_with(root, pointer, root, "has two uses", "a tree that contains itself");
	block_with(root, pointer + 4, word(root, pointer), "has two uses", "a block twice");
	block_with(root, pointer, 0, "a block that can't be", "the headers as a block");
	block_with(root, pointer, 0xfffffffe, "a block that can't be", "a block outside of it");
	block_with(root, pointer, made.cnt_leaf, "has two uses", "a block of the other tree");
	block_with(root, pointer, made.at[made.n - 1].block, "of another kind", "free space as a block");
	block_with(made.cnt_leaf, second + 4, 1000, "is not in order", "sizes not in order");
	block_with(made.cnt_leaf, head, word(made.cnt_leaf, head) + 1, "is not in order",
		   "another extent in one tree");
	if (!img.v5)
		return;
	b[300] ^= 4;
	is_whole(&img, "wrong checksum", "one bit");
	b[300] ^= 4;
	block_with(leaf, 20, 8, "of another place", "written for another place");
	block_with(leaf, 32, 8, "of another place", "of another filesystem");
	block_with(leaf, 48, 0, "of another place", "of another group");
}

/* Both trees, and all counts, agree that something is free that is in use. */
static void in_use(void)
{
	uint8_t *agf, *agi, *agfl;
	uint32_t first, free;

	for (uint32_t with = 1; with <= 200; with += 199) {
		made.with = with;
		fragment(&img, 1, 400);
		if (with == 200)
			is_partly(&img, image_free_blocks(&img), "(a block among those of the trees)");
		else
			is_whole(&img, "space that is in use", "a block of the trees");
		image_reset(&img);
	}
	made.with = 0;
	fragment(&img, 1, 400);
	agf = image_header(&img, 1, 1);
	agi = image_header(&img, 1, 2);
	free = made.at[made.n - 1].block;
	first = get_be32(agf + 40);
	agfl = image_header(&img, 1, 3) + (img.v5 ? 36 : 0) + 4 * first;
	WITH_CHANGE(&img, agfl, 4, put_be32(agfl, free),
		    is_whole(&img, "space that is in use", "a block of the free list"));
	WITH_CHANGE(&img, agfl, 4, put_be32(agfl, get_be32(agfl + 4)),
		    is_whole(&img, "has two uses", "one twice in it"));
	WITH_CHANGE(&img, agi + 20, 4, put_be32(agi + 20, free),
		    is_whole(&img, "space that is in use", "inodes' root"));
	if (img.v5) {
		WITH_CHANGE(&img, agi + 328, 4, put_be32(agi + 328, free),
			    is_whole(&img, "space that is in use", "free inodes' root"));
		WITH_CHANGE(&img, agf + 24, 4, put_be32(agf + 24, free),
			    is_whole(&img, "space that is in use", "the root of owners"));
		WITH_CHANGE(&img, agf + 88, 4, put_be32(agf + 88, free),
			    is_whole(&img, "space that is in use", "the root of shared blocks"));
	}
}

/* Behind the log is free space. */
static void log_in_use(void)
{
	WITH_CHANGE(&img, img.p + 96, 4, put_be32(img.p + 96, get_be32(img.p + 96) + 64),
		    is_whole(&img, "space that is in use", "the log"));
	is_partly(&img, image_free_blocks(&img), "(which does not)");
}

int main(void)
{
	if (!image_make(&img, 256 << 20, "-m crc=0 -b size=512 -d agcount=2"))
		skip_all("mkfs.xfs is not installed, or makes no version 4");
	deep(3500, 3, "v4, three levels");
	image_free(&img);
	for (unsigned v = 4; v <= 5; v++) {
		printf("# version %u\n", v);
		if (!image_make(&img, 256 << 20, v == 4 ? "-m crc=0 -b size=1024 -d agcount=2" :
				"-b size=1024 -d agcount=2 -m rmapbt=1,reflink=1"))
			abort();
		log_in_use();
		deep(11000, 3, "three levels");
		deep(1000, 2, "two levels");
		fragment(&img, 1, 400);
		is_partly(&img, image_free_blocks(&img), "(two levels)");
		damaged();
		image_reset(&img);
		in_use();
		image_free(&img);
	}
	return tap_done();
}
