/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which superblocks of XFS are trusted. */
#include "xfs_image.h"

static struct image v4, v5;

static void bits(const struct image *i, size_t at, uint32_t set, const char *why, const char *name)
{
	WITH_CHANGE(i, i->p + at, 4, put_be32(i->p + at, get_be32(i->p + at) | set),
		    is_whole(i, why, name));
}

static void number(const struct image *i, size_t at, uint32_t n, const char *why, const char *name)
{
	WITH_CHANGE(i, i->p + at, 4, put_be32(i->p + at, n), is_whole(i, why, name));
}

static void short_number(const struct image *i, size_t at, uint16_t n, const char *why, const char *name)
{
	WITH_CHANGE(i, i->p + at, 2, put_be16(i->p + at, n), is_whole(i, why, name));
}

static void byte(const struct image *i, size_t at, uint8_t n, const char *why, const char *name)
{
	WITH_CHANGE(i, i->p + at, 1, i->p[at] = n, is_whole(i, why, name));
}

static void any_version(const struct image *i)
{
	const char *sizes = "sizes that can't be";

	printf("# version %d\n", i->v5 ? 5 : 4);
	number(i, 0, 0x58465344, "no superblock of XFS", "another magic");
	short_number(i, 100, 0xb4a6, "XFS version 6, which is not known", "a version of the future");
	byte(i, 126, 1, "making it was not finished", "mkfs died");
	number(i, 4, 256, sizes, "blocks too small");
	number(i, 4, 0x1001000, sizes, "blocks of no power of two");
	number(i, 4, 131072, sizes, "blocks too large");
	byte(i, 120, 13, sizes, "blocks of another size");
	byte(i, 121, 40, sizes, "sectors of another size");
	short_number(i, 102, 256, sizes, "sectors too small");
	short_number(i, 102, 65535, sizes, "sectors too large");
	number(i, 84, 0, sizes, "groups of nothing");
	number(i, 84, 63, sizes, "groups too small");
	number(i, 84, i->ag_blocks * 2 + 2, sizes, "groups too large for their logarithm");
	byte(i, 124, 200, sizes, "a logarithm that can't be");
	number(i, 88, 0, sizes, "no groups");
	number(i, 88, i->ag_count - 1, "not that of its allocation groups", "too few groups");
	number(i, 88, 0xffffffff, "not that of its allocation groups", "too many groups");
	WITH_CHANGE(i, i->p + 8, 8, put_be64(i->p + 8, i->size / i->block + 1),
		    is_whole(i, "larger than its volume", "cut off"));
	WITH_CHANGE(i, i->p + 8, 8, put_be64(i->p + 8, UINT64_MAX / 8),
		    is_whole(i, "larger than its volume", "larger than anything"));
	WITH_CHANGE(i, i->p + 8, 8, put_be64(i->p + 8, (i->ag_count - 1) * i->ag_blocks + 1),
		    is_whole(i, "last allocation group is too small", "a last group without headers"));
	WITH_CHANGE(i, i->p + 48, 8, put_be64(i->p + 48, 0),
		    is_whole(i, "its log is on another device", "external"));
	WITH_CHANGE(i, i->p + 48, 8, put_be64(i->p + 48, UINT64_MAX),
		    is_whole(i, "a place of the log that can't be", "a log nowhere"));
	number(i, 96, 1, "a place of the log that can't be", "a log too small");
	number(i, 96, i->ag_blocks, "a place of the log that can't be",
	       "a log over the end of its group");
	number(i, 96, 0xffffffff, "a place of the log that can't be", "a log too large");
	number(i, 148, get_be32(i->p + 148) + 1, "free blocks, its allocation groups",
	       "free blocks miscounted");
	number(i, 132, get_be32(i->p + 132) + 64, "count different inodes", "inodes miscounted");
	number(i, 140, get_be32(i->p + 140) + 1, "count different inodes", "free inodes miscounted");
}

/* Its data lie on another device, and are not counted among the free blocks of this one. */
static void realtime(const struct image *i)
{
	WITH_CHANGE(i, i->p + 16, 16, (put_be64(i->p + 16, 1 << 20), put_be64(i->p + 24, 1 << 16)),
		    is_partly(i, image_free_blocks(i), "trap: XFS: a realtime section lies outside"));
}

static void only_v4(void)
{
	const char *unknown = "features that are not known here";

	short_number(&v4, 100, get_be16(v4.p + 100) | 0x0200, unknown, "v4: the bit that nobody knows");
	short_number(&v4, 100, get_be16(v4.p + 100) & 0xdfff, unknown, "v4: directories as on IRIX");
	bits(&v4, 200, 0x400, unknown, "v4: more features");
	bits(&v4, 204, 0x400, unknown, "v4: more features, written to the wrong place");
	/* RHEL 5: what is at that place is as good. */
	WITH_CHANGE(&v4, v4.p + 200, 4, put_be32(v4.p + 200, 0),
		    is_partly(&v4, image_free_blocks(&v4), "v4: features at the wrong place only"));
}

static void only_v5(void)
{
	const char *unknown = "features that are not known here";
	static const struct {
		uint32_t bit;
		const char *name;
	} known[] = {
		{ 1u << 5, "v5: large extent counters" },
		{ 1u << 6, "v5: exchange-range" },
		{ 1u << 7, "v5: parent pointers" },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		WITH_CHANGE(&v5, v5.p + 216, 4, put_be32(v5.p + 216, get_be32(v5.p + 216) | known[i].bit),
			    is_partly(&v5, image_free_blocks(&v5), known[i].name));
	bits(&v5, 216, 1u << 4, "in need of xfs_repair", "v5: repair was begun");
	bits(&v5, 216, 1u << 8, unknown, "v5: metadata directories");
	bits(&v5, 216, 1u << 31, unknown, "v5: any other incompatible feature");
	bits(&v5, 212, 1u << 4, unknown, "v5: any other feature for reading only");
	bits(&v5, 220, 2, unknown, "v5: any other feature of the log");
	v5.p[108] ^= 1;
	is_whole(&v5, "its superblock's checksum is wrong", "v5: one bit of its label");
	v5.p[108] ^= 1;
}

int main(void)
{
	if (!image_make(&v4, 32 << 20, "-m crc=0 -d agcount=2") ||
	    !image_make(&v5, 32 << 20, "-d agcount=2"))
		skip_all("mkfs.xfs is not installed, or makes no version 4");
	is_partly(&v4, image_free_blocks(&v4), "(version 4)");
	is_partly(&v5, image_free_blocks(&v5), "(version 5)");
	any_version(&v4);
	any_version(&v5);
	realtime(&v4);
	realtime(&v5);
	only_v4();
	only_v5();
	v5.size = 600;
	is_whole(&v5, "larger than its volume", "a volume of a sector");
	v5.size = 300;
	is_whole(&v5, "sizes", "of less");
	v5.size = 100;
	is_whole(&v5, "no superblock", "of not even a superblock");
	v5.size = 32 << 20;
	image_free(&v4);
	image_free(&v5);
	return tap_done();
}
