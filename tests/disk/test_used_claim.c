/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/used_parts.h"
#include "../support/tap.h"
#include "base/bytes.h"

static const struct used_sign ext = { USED_EXT, "ext", 1024, false }, xfs = { USED_XFS, "XFS", 0, false },
			      swap = { USED_SWAP, "swap", 4086, false }, lvm = { USED_LVM, "LVM2", 512, false },
			      md090 = { USED_MD, "md 0.90", 960 << 10, true }, md10 = { USED_MD, "md 1.0", 1000 << 10, true },
			      md12 = { USED_MD, "md 1.2", 4096, false }, isw = { USED_RAID, "Intel RAID", 1023 << 10, true },
			      ntfs = { USED_OTHER, "NTFS", 3, false }, table = { USED_TABLE, "a partition table", 0, false },
			      gpt = { USED_TABLE, "a GPT", 512, false };
static struct used_signs s;
static struct used_claim c;

static void claim(const struct used_sign *a, const struct used_sign *b, enum used_depth depth)
{
	s = (struct used_signs){ .n = 0 };
	if (a)
		s.at[s.n++] = *a;
	if (b)
		s.at[s.n++] = *b;
	used_claim_volume(&s, depth, &c);
}

static void volumes(void)
{
	claim(&ext, NULL, USED_ON_DISK);
	ok(c.what == USED_CLAIM_READ && c.read == used_ext && !*c.why, "an ext alone is read");
	claim(&xfs, NULL, USED_ON_GROUP);
	ok(c.what == USED_CLAIM_READ && c.read == used_xfs, "an XFS on a logical volume");
	claim(&swap, NULL, USED_ON_ARRAY);
	ok(c.what == USED_CLAIM_READ && c.read == used_swap, "swap on an array");
	claim(&ntfs, NULL, USED_ON_DISK);
	ok(c.what == USED_CLAIM_ALL && !*c.why && !strcmp(c.kind, "NTFS"), "what nobody reads is all used, without a reason");
	claim(NULL, NULL, USED_ON_DISK);
	ok(c.what == USED_CLAIM_ALL && !*c.why && !*c.kind, "so is what has no signature, such as a raw database");
	claim(&lvm, NULL, USED_ON_ARRAY);
	ok(c.what == USED_CLAIM_LVM, "a physical volume on an array");
	claim(&lvm, NULL, USED_ON_GROUP);
	ok(c.what == USED_CLAIM_ALL && strstr(c.why, "physical volume on a logical one"), "not on a logical volume");
	claim(&md12, NULL, USED_ON_DISK);
	ok(c.what == USED_CLAIM_MD, "a member of an array");
	claim(&md12, NULL, USED_ON_GROUP);
	ok(c.what == USED_CLAIM_ALL && strstr(c.why, "member of an array"), "not on a logical volume");
}

static void second_signature_means_whole(void)
{
	static const struct used_sign *const pairs[][2] = { { &ext, &swap }, { &ext, &xfs }, { &swap, &lvm }, { &ext, &isw },
		{ &ext, &table }, { &ext, &md12 }, { &md090, &md10 }, { &md090, &isw }, { &lvm, &ntfs }, { &swap, &ntfs } };
	char want[160];

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		claim(pairs[i][0], pairs[i][1], USED_ON_DISK);
		snprintf(want, sizeof want, "it has signatures of both %s and %s (wipefs lists them)", pairs[i][0]->name, pairs[i][1]->name);
		ok(c.what == USED_CLAIM_ALL && !strcmp(c.why, want), "%s and %s", pairs[i][0]->name, pairs[i][1]->name);
	}
	claim(&md090, &ext, USED_ON_DISK);
	ok(c.what == USED_CLAIM_MD, "a superblock at the end belongs to what looks like a bare filesystem (md 0.90)");
	claim(&lvm, &md10, USED_ON_DISK);
	ok(c.what == USED_CLAIM_MD, "or a physical volume (md 1.0)");
	claim(&md090, &ext, USED_ON_GROUP);
	ok(c.what == USED_CLAIM_ALL && *c.why, "on a logical volume it is one too many");
	s = (struct used_signs){ .unreadable = true, .n = 1, .at = { ext } };
	used_claim_volume(&s, USED_ON_DISK, &c);
	ok(c.what == USED_CLAIM_ALL && strstr(c.why, "can't be read"), "a volume whose end can't be read");
}

/* A disk of 1 MiB with partition 3 in its last 256 KiB. */
static uint8_t disk[1 << 20];
static struct used_table t;

static bool trusted(const char *kind, const struct used_sign *sign, uint32_t md_kib)
{
	struct unrack_error e;
	struct block_source *src;

	t = (struct used_table){ .n = 1, .at = { { 3, 768 << 10, 256 << 10 } } };
	strcpy(t.kind, kind);
	s = (struct used_signs){ .n = sign != NULL };
	if (sign)
		s.at[0] = *sign;
	put_le32(disk + (sign ? sign->at : 0) + 32, md_kib);
	block_source_open_memory(disk, sizeof disk, "disk", &src, &e);
	used_claim_disk(src, &s, &t);
	block_source_close(src);
	return !t.untrusted && t.n == 1;
}

static void whole_disks(void)
{
	static const struct used_sign elsewhere = { USED_MD, "md 0.90", 896 << 10, true };
	static const struct used_sign btrfs_in = { USED_OTHER, "btrfs", 800 << 10, false };

	ok(trusted("dos", NULL, 0), "a disk with a table and nothing else");
	ok(trusted("dos", &table, 0), "its table is no second signature");
	ok(trusted("gpt", &gpt, 0), "nor is a GPT its own");
	ok(!trusted("dos", &gpt, 0), "an old GPT behind a DOS table is one");
	has_str(t.why, "it has a partition table and, at byte 512, a signature of a GPT", "which is told");
	ok(!trusted("dos", &ext, 0), "so is an ext of the whole disk");
	ok(!trusted("dos", &lvm, 0), "and a physical volume's label before the first partition");
	ok(trusted("dos", &btrfs_in, 0), "what lies within a partition is its content");
	ok(!trusted("gpt", &isw, 0), "a controller's RAID claims the whole disk, although a partition lies there too");
	ok(trusted("dos", &md090, 192), "an md superblock in the last partition that is as large as that is the partition's");
	ok(!trusted("dos", &md090, 960), "one of a device that is as large as the disk is the disk's (md 0.90)");
	ok(!trusted("dos", &md090, 0), "one that does not tell may be");
	ok(!trusted("dos", &elsewhere, 192), "one at a place that is not counted from the partition's end is the disk's");
	ok(!trusted("dos", &md10, 0), "md 1.0 knows its place: the disk's");
	s = (struct used_signs){ .unreadable = true };
	t = (struct used_table){ .kind = "dos", .n = 1 };
	used_claim_disk(NULL, &s, &t);
	ok(!t.untrusted && t.n == 1, "a disk whose end can't be read has its partitions");
}

int main(void)
{
	volumes();
	second_signature_means_whole();
	whole_disks();
	return tap_done();
}
