/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/scan_groups.h"
#include "../support/tap.h"
#include "base/bytes.h"

#define BYTES (1u << 20)
#define OFF 1024u

static uint8_t disk[OFF + BYTES];

/* The sum of all words, without itself. */
static uint32_t sum(const uint8_t *b, size_t n)
{
	uint64_t s = 0;

	for (size_t i = 0; i < n; i += 4)
		s += get_le32(b + i);
	return (uint32_t)(s + (s >> 32));
}

static void super_1(uint64_t sector, uint64_t says, int level)
{
	uint8_t *b = disk + OFF + sector * 512;

	memset(disk, 0, sizeof disk);
	put_le32(b, 0xa92b4efc);
	put_le32(b + 4, 1);
	for (unsigned i = 0; i < 16; i++)
		b[16 + i] = (uint8_t)(0xf0 + i);
	put_le32(b + 72, (uint32_t)level);
	put_le32(b + 92, 3);
	put_le64(b + 144, says);
	put_le64(b + 200, 1ull << 40);
	put_le64(b + 128, sector ? 0 : 16);
	put_le32(b + 216, sum(b, 256));
}

static bool look(uint64_t bytes, struct scan_md *md)
{
	struct unrack_error e;
	struct block_source *s;
	bool found;

	block_source_open_memory(disk, sizeof disk, "disk", &s, &e);
	found = scan_md_read(s, OFF, bytes, md);
	block_source_close(s);
	return found;
}

static void old(void)
{
	uint8_t *b = disk + OFF + BYTES - 65536;
	struct scan_md md;

	memset(disk, 0, sizeof disk);
	put_le32(b, 0xa92b4efc);
	put_le32(b + 8, 90);
	put_le32(b + 20, 0xbf987208);
	put_le32(b + 28, 1);
	put_le32(b + 40, 2);
	put_le32(b + 52, 0xba83a9c3);
	put_le32(b + 56, 0x3d186b3c);
	put_le32(b + 60, 0x53958f34);
	put_le32(b + 156, 19);
	put_le32(b + 160, 1);
	put_le32(b + 152, sum(b, 4096));
	ok(look(BYTES, &md), "a superblock of version 0.90");
	is_str(md.uuid, "bf987208ba83a9c33d186b3c53958f34", "its UUID, as mdadm writes it");
	ok(md.level == 1 && md.disks == 2, "its level and disks");
	is_int(md.events, 19 + (1ll << 32), "its events");
	ok(!look(BYTES - 512, &md), "is not found in a volume of another size");
}

int main(void)
{
	struct scan_md md;
	char level[16];

	old();
	super_1(0, 0, 5);
	ok(look(BYTES, &md), "version 1.1, at the beginning");
	is_str(md.uuid, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "its UUID");
	ok(md.disks == 3 && md.events == 1ull << 40, "its disks and events");
	is_str(scan_md_level(&md, level), "raid5", "its level");
	super_1(8, 8, -1);
	ok(look(BYTES, &md), "version 1.2, behind 4 KiB");
	is_str(scan_md_level(&md, level), "linear", "a linear one");
	super_1(2032, 2032, -4);
	ok(look(BYTES, &md), "version 1.0, at the end");
	is_str(scan_md_level(&md, level), "md", "multipath");
	super_1(8, 0, 1);
	ok(!look(BYTES, &md), "one that was made for another place is none");
	super_1(0, 0, 1);
	for (unsigned n = 0; n < 20; n++)
		look(n * 512, &md);
	ok(!look(0, &md), "nothing");
	ok(!look(100ull << 40, &md) || md.disks == 3, "a size behind the disk");
	memset(disk, 0xff, sizeof disk);
	ok(!look(BYTES, &md), "garbage");
	return tap_done();
}
