/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/used_ext.h"
#include "../support/tap.h"
#include "base/bytes.h"
#include "base/size.h"

static uint8_t b[USED_EXT_SUPER_BYTES];
static char why[USED_EXT_WHY];

/* An ext4 of 40 GiB in blocks of 4 KiB, with a journal. */
static void good(void)
{
	memset(b, 0, sizeof b);
	put_le32(b, 320 * 8192);           /* inodes */
	put_le32(b + 4, 320 * 32768);      /* blocks */
	put_le32(b + 0xc, 1000);           /* free */
	put_le32(b + 0x18, 2);
	put_le32(b + 0x1c, 2);
	put_le32(b + 0x20, 32768);
	put_le32(b + 0x24, 32768);
	put_le32(b + 0x28, 8192);
	put_le16(b + 0x38, 0xef53);
	put_le16(b + 0x3a, 1);
	put_le32(b + 0x4c, 1);
	put_le16(b + 0x58, 256);
	put_le32(b + 0x5c, 0x3c);
	put_le32(b + 0x60, 0x2c2);
	put_le32(b + 0x64, 0x46b);
	memset(b + 0x68, 0xab, 16);
	put_le16(b + 0xce, 1024);
	put_le32(b + 0xe0, 8);
	put_le16(b + 0xfe, 64);
	put_le32(b + 0x108, 1700000000);
}

static bool parse(struct used_ext_super *s)
{
	why[0] = 0;
	return used_ext_super_parse(b, 40ull << 30, s, why);
}

static bool refused(const char *reason)
{
	struct used_ext_super s;

	return !parse(&s) && strstr(why, reason) && strlen(s.kind) < sizeof s.kind;
}

/* What the superblock says there makes no filesystem. */
static void insane(size_t off, unsigned bytes, uint32_t value, const char *name)
{
	good();
	if (bytes == 2)
		put_le16(b + off, (uint16_t)value);
	else
		put_le32(b + off, value);
	ok(refused("contradicts itself"), "%s", name);
}

static void kinds(void)
{
	static const struct {
		uint32_t compat, incompat, ro;
		const char *kind;
	} k[] = { { 0, 0, 0, "ext2" }, { 0x38, 2, 3, "ext2" }, { 4, 0, 0, "ext3" }, { 0x3c, 0x12, 3, "ext3" },
		  { 0x3c, 0x42, 3, "ext4" }, { 0x38, 0x2, 0x13, "ext4" } };
	struct used_ext_super s;

	for (unsigned i = 0; i < ARRAY_LEN(k); i++) {
		good();
		put_le32(b + 0x5c, k[i].compat);
		put_le32(b + 0x60, k[i].incompat);
		put_le32(b + 0x64, k[i].ro);
		ok(parse(&s), "features %x %x %x", (unsigned)k[i].compat, (unsigned)k[i].incompat,
		   (unsigned)k[i].ro);
		is_str(s.kind, k[i].kind, "are those of %s", k[i].kind);
	}
	good();
	put_le32(b + 0x60, 8);
	ok(refused("the journal of another filesystem"), "a journal on a volume of its own is kept whole");
}

static void features(void)
{
	static const struct {
		size_t off;
		uint32_t known;
	} f[] = { { 0x5c, 0x1e3f }, { 0x60, 0x3e7d6 }, { 0x64, 0x1f77b } };

	unsigned wrong = 0;

	for (unsigned i = 0; i < 3; i++)
		for (unsigned bit = 0; bit < 32; bit++) {
			struct used_ext_super s;
			bool known = f[i].known >> bit & 1;

			good();
			put_le32(b + f[i].off, get_le32(b + f[i].off) | 1u << bit);
			if (parse(&s) != known || (!known && !strstr(why, "not known") && 1u << bit != 8)) {
				printf("# feature %x at %zx: %s\n", 1u << bit, f[i].off, why);
				wrong++;
			}
		}
	is_int(wrong, 0, "each feature that is known, and no other, is taken");
	good();
	put_le32(b + 0x60, 0x2c2 | 0x1000);
	ok(refused("it has features that are not known (0, 0x1000, 0)"), "features that are not known are named");
	good();
	put_le32(b + 0x4c, 2);
	ok(refused("revision 2"), "a revision that is not known");
	put_le32(b + 0x4c, 0);
	ok(refused("features that its revision does not have"), "features in the first revision");
	memset(b + 0x5c, 0, 12);
	put_le16(b + 0x58, 0);
	put_le32(b + 0x28, 8192);
	ok(!refused(""), "the first revision, as ext2 of 1995 has it");
}

static void sizes(void)
{
	struct used_ext_super s;

	good();
	ok(parse(&s), "a filesystem as large as its volume");
	ok(s.blocks == 320 * 32768 && s.groups == 320 && s.block_size == 4096 && s.cluster_bits == 0 &&
	   s.free_blocks == 1000, "its sizes");
	ok(!used_ext_super_parse(b, (40ull << 30) - 1, &s, why), "trap: ext: larger than its partition by a byte");
	is_str(why, "it is larger than its volume (10485760 blocks of 4096 bytes)", "is said");
	put_le32(b + 0x150, 1);
	ok(!parse(&s), "trap: ext: 64bit: the upper half of its blocks counts");
	put_le32(b + 0x60, 0x242);
	ok(parse(&s), "and means nothing without that feature");

	insane(0x18, 4, 7, "blocks of 128 KiB");
	insane(0x18, 4, 0xffffffff, "blocks of 1 << 4294967305");
	insane(0x1c, 4, 1, "clusters smaller than blocks");
	insane(0x1c, 4, 4, "clusters without bigalloc");
	insane(0x14, 4, 1, "a first block that is not where blocks of its size begin");
	insane(0x20, 4, 0, "groups without blocks");
	insane(0x20, 4, 32760, "groups of other blocks than clusters");
	insane(0x28, 4, 0, "groups without inodes");
	insane(0x28, 4, 65536, "more inodes than a bitmap has bits");
	insane(0, 4, 1, "other inodes than its groups have");
	insane(0x58, 2, 0, "inodes of no bytes");
	insane(0x58, 2, 192, "inodes of 192 bytes");
	insane(0x58, 2, 8192, "inodes larger than blocks");
	insane(0xfe, 2, 0, "descriptors of no bytes");
	insane(0xfe, 2, 32, "64bit with short descriptors");
	insane(0xfe, 2, 96, "descriptors of 96 bytes");
	insane(0xfe, 2, 8192, "descriptors larger than blocks");
	insane(0xce, 2, 1025, "more blocks reserved for descriptors than the inode of them can have");
	insane(4, 4, 0, "no blocks");
	insane(0xc, 4, 320 * 32768 + 1, "more free blocks than blocks");
	good();
	put_le32(b + 0x60, 0x2d2);
	put_le32(b + 0x104, 6);
	ok(refused("contradicts"), "trap: ext: meta_bg that begins behind all groups");
	put_le32(b + 0x104, 5);
	ok(parse(&s), "or with the last one");
	good();
	put_le32(b + 0x150, 0x100000);
	ok(refused("groups of blocks, which are too many"), "more groups than are kept in memory");
	insane(0x20, 4, 8, "groups too small");
	good();
	put_le32(b + 0x20, 32768 << 4);
	put_le32(b + 0x1c, 6);
	put_le32(b + 0x64, 0x66b);
	put_le32(b, 20 * 8192);
	ok(parse(&s) && s.cluster_bits == 4 && s.groups == 20, "trap: ext: bigalloc: clusters of 16 blocks");
	put_le32(b + 0x1c, 40);
	ok(refused("contradicts"), "of 1 << 38 blocks");
	memset(b, 0, sizeof b);
	ok(refused("gone"), "zeros");
	memset(b, 0xff, sizeof b);
	ok(refused("gone"), "ones");
	put_le16(b + 0x38, 0xef53);
	ok(refused("journal of another"), "ones with the magic");
}

static void dirty(size_t off, unsigned bytes, uint32_t value, const char *reason, const char *name)
{
	struct used_ext_super s;

	good();
	if (bytes == 2)
		put_le16(b + off, (uint16_t)value);
	else
		put_le32(b + off, value);
	ok(parse(&s) && !used_ext_super_clean(&s, why), "%s", name);
	is_str(why, reason, "is said");
}

static void states(void)
{
	const char *errors = "errors were found in it: fsck has to repair it";
	const char *mounted = "it is mounted, or was not unmounted cleanly";
	const char *deleted = "it has deleted files whose space is still to be freed";
	struct used_ext_super s;

	good();
	ok(parse(&s) && used_ext_super_clean(&s, why), "a clean one");
	dirty(0x60, 4, 0x2c6, "its journal has to be replayed", "trap: ext: needs_recovery is set");
	dirty(0x3a, 2, 0, mounted, "trap: ext: the state is not VALID");
	dirty(0x3a, 2, 5, mounted, "trap: ext: its orphans are being recovered");
	dirty(0x3a, 2, 3, errors, "trap: ext: the ERROR flag");
	dirty(0x194, 4, 1, errors, "errors that were counted");
	dirty(0xe8, 4, 12, deleted, "a list of orphans");
	dirty(0x64, 4, 0x1046b, deleted, "orphans in a file of their own");
	dirty(0x64, 4, 0x446b, "its files share blocks", "shared_blocks");
	dirty(0x160, 4, 0x11, "it has snapshots", "a snapshot");
}

static void inodes(void)
{
	struct used_ext_super s;

	good();
	put_le32(b + 0x240, 3);
	put_le32(b + 0x244, 4);
	put_le32(b + 0x26c, 11);
	put_le32(b + 0x280, 12);
	put_le64(b + 0x168, 77);
	parse(&s);
	ok(s.journal == 8 && s.special[0] == 2 && s.special[1] == 8, "the root's inode and the journal's");
	ok(!s.special[2] && !s.special[3] && !s.special[4] && !s.special[5] && !s.mmp,
	   "what it has no features for is not there");
	put_le32(b + 0x5c, 0x1038);
	put_le32(b + 0x60, 0x3c2);
	put_le32(b + 0x64, 0x256b);
	parse(&s);
	ok(!s.journal && s.special[2] == 3 && s.special[3] == 4 && s.special[4] == 11 && s.special[5] == 12 &&
	   s.mmp == 77, "quotas, the file of orphans, multi-mount protection");
}

static void backups(void)
{
	struct used_ext_super s;
	uint8_t other[USED_EXT_SUPER_BYTES];

	good();
	parse(&s);
	memcpy(other, b, sizeof other);
	put_le16(other + 0x5a, 1);
	put_le32(other + 0xc, 5);
	ok(used_ext_super_backup(&s, other), "a backup may have other counts");
	memset(other + 0x68, 1, 16);
	ok(used_ext_super_backup(&s, other), "and the UUID that was before tune2fs changed it");
	put_le32(other + 0x108, 5);
	ok(!used_ext_super_backup(&s, other), "one of another filesystem is none");
	memset(other + 0x68, 0xab, 16);
	ok(used_ext_super_backup(&s, other), "nor does the time count when the UUID is right");
	put_le32(other + 0x20, 8192);
	ok(!used_ext_super_backup(&s, other), "other groups");
	memset(other, 0, sizeof other);
	ok(!used_ext_super_backup(&s, other), "zeros");
}

int main(void)
{
	kinds();
	features();
	sizes();
	states();
	inodes();
	backups();
	return tap_done();
}
