/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The headers of allocation groups, whole and damaged. */
#include "xfs_image.h"

static struct image img;
static uint64_t unused;

static void header_with(unsigned which, size_t at, uint32_t value, const char *why, const char *name)
{
	uint8_t *p = image_header(&img, 1, which) + at;

	WITH_CHANGE(&img, p, 4, put_be32(p, value), is_whole(&img, why, name));
}

static uint32_t header_word(unsigned which, size_t at)
{
	return get_be32(image_header(&img, 1, which) + at);
}

static void common(void)
{
	static const char *why[4] = { "the superblock of allocation group 1 is not as it should be",
				      "the header of free space of allocation group 1 is not as it "
				      "should be",
				      "the header of inodes of allocation group 1 is not as it should "
				      "be",
				      "the free list of allocation group 1 is not as it should be" };
	static const size_t uuid[4] = { 32, 64, 296, 8 };

	for (unsigned h = 0; h < (img.v5 ? 4 : 3); h++) {
		header_with(h, 0, 0x58414748, why[h], "another magic");
		if (img.v5 || h == 0)
			header_with(h, uuid[h], 0x1020304, why[h], "of another filesystem");
		if (h > 0 && img.v5) {
			image_header(&img, 1, h)[img.sector - 1] ^= 1;
			is_whole(&img, why[h], "a bit at its end");
			image_header(&img, 1, h)[img.sector - 1] ^= 1;
		}
	}
	for (unsigned h = 1; h < 3; h++) {
		header_with(h, 4, 2, why[h], "another version");
		header_with(h, 8, 0, why[h], "of another group");
		header_with(h, 12, img.ag_blocks - 1, why[h], "another length");
	}
	header_with(0, 4, 512, why[0], "other blocks");
	header_with(0, 84, img.ag_blocks + 1, why[0], "other groups");
}

static void free_space(void)
{
	const char *header = "the header of free space of allocation group 1";

	header_with(1, 28, 0, header, "no levels");
	header_with(1, 28, 10, header, "too many levels");
	header_with(1, 32, 0, header, "no levels in the other tree");
	header_with(1, 28, 2, "has a block of another kind", "a level too many");
	header_with(1, 16, 0, "has a block that can't be", "the headers as a root");
	header_with(1, 16, 0xffffffff, "has a block that can't be", "a root outside of it");
	header_with(1, 16, header_word(1, 20), "has two uses", "one root for both");
	header_with(1, 52, header_word(1, 52) - 1, "free blocks, but lists", "free blocks miscounted");
	header_with(1, 56, header_word(1, 56) - 1, "free blocks, but lists", "another longest extent");
	header_with(1, 60, 1, "counts 1 blocks of its trees, but has 0", "blocks of trees miscounted");
	header_with(2, 20, 0, "a block's number of allocation group 1", "inodes in the headers");
	header_with(2, 16, header_word(2, 16) + 64, "count different inodes", "inodes miscounted");
}

/* A free list that begins at FROM, with an end as for a kernel that takes it for SIZE long. */
static void put_list(uint32_t from, uint32_t size)
{
	uint8_t *agf = image_header(&img, 1, 1), *list = image_header(&img, 1, 3) + (img.v5 ? 36 : 0);
	uint32_t blocks[64], n = header_word(1, 48), old = header_word(1, 40);

	for (uint32_t i = 0; i < n; i++)
		blocks[i] = get_be32(list + 4 * (old + i));
	memset(list, 0xff, img.sector - (img.v5 ? 36 : 0));
	for (uint32_t i = 0; i < n; i++)
		put_be32(list + 4 * ((from + i) % size), blocks[i]);
	put_be32(agf + 40, from);
	put_be32(agf + 44, (from + n - 1) % size);
}

static void free_list(void)
{
	uint32_t size = (img.sector - (img.v5 ? 36 : 0)) / 4, n = header_word(1, 48);
	uint8_t *agf = image_header(&img, 1, 1), kept[2][512];
	const char *list = "the free list of allocation group 1";

	memcpy(kept[0], agf, 512);
	memcpy(kept[1], image_header(&img, 1, 3), 512);
	header_with(1, 40, size, list, "it begins nowhere");
	header_with(1, 44, 0xffffffff, list, "it ends nowhere");
	header_with(1, 48, 0xffffffff, list, "it has no end");
	header_with(1, 48, n + 1, list, "its blocks miscounted");
	put_list(size - 2, size);
	image_seal(&img);
	is_partly(&img, unused, "a list that goes around");
	memcpy(agf, kept[0], 512);
	memcpy(image_header(&img, 1, 3), kept[1], 512);
	put_list(size - 3, size - 1);
	image_seal(&img);
	if (img.v5)
		is_partly(&img, unused, "a list that went around under Linux before 4.5");
	else
		is_whole(&img, list, "that is none of version 4");
	memcpy(agf, kept[0], 512);
	memcpy(image_header(&img, 1, 3), kept[1], 512);
	image_seal(&img);
}

/* No single bit of what is read makes space unused that is in use. */
static void flips(void)
{
	struct looked good, l;
	uint32_t roots[2] = { header_word(1, 16), header_word(1, 20) };
	bool right = true;
	unsigned partly = 0;

	look(&img, &good);
	for (unsigned k = 0; k < 48; k++) {
		uint32_t x = k * 2654435761u ^ k * 40503u;
		uint8_t *where = k & 1 ? image_block(&img, 1, roots[k >> 1 & 1]) + (x >> 8) % 64 :
					 image_header(&img, k >> 1 & 1, k >> 2 & 3) + (x >> 8) % 512;
		size_t n, m;
		const struct range *a, *b;

		*where ^= (uint8_t)(1u << (x & 7));
		look(&img, &l);
		a = ranges_list(good.unused, &n);
		b = ranges_list(l.unused, &m);
		partly += l.verdict == USED_PARTLY;
		right &= l.r == 0 &&
			 (l.verdict == USED_WHOLE || (n == m && memcmp(a, b, n * sizeof *a) == 0));
		ranges_free(l.unused);
		*where ^= (uint8_t)(1u << (x & 7));
	}
	ok(right, "no flipped bit makes anything unused");
	printf("# of 48, %u are of no meaning here\n", partly);
	ranges_free(good.unused);
}

int main(void)
{
	for (unsigned v = 4; v <= 5; v++) {
		if (!image_make(&img, 32 << 20,
				v == 4 ? "-m crc=0 -d agcount=2" : "-m rmapbt=1 -d agcount=2"))
			skip_all("mkfs.xfs is not installed, or makes no version 4");
		unused = image_free_blocks(&img);
		printf("# version %u\n", v);
		is_partly(&img, unused, "(made by mkfs.xfs)");
		common();
		free_space();
		free_list();
		flips();
		image_free(&img);
	}
	return tap_done();
}
