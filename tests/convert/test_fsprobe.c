/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../p2v/convert/fsprobe.h"
#include "../support/tap.h"
#include "base/bytes.h"

static uint8_t head[FSPROBE_BYTES];
static struct fsprobe p;

static void probe(void)
{
	fsprobe_read(head, sizeof head, &p);
}

static void clear(void)
{
	memset(head, 0, sizeof head);
}

static void put_ext(uint32_t compat, uint32_t incompat, uint32_t ro, uint16_t state)
{
	uint8_t *s = head + 1024;

	clear();
	put_le16(s + 0x38, 0xef53);
	put_le16(s + 0x3a, state);
	put_le32(s + 0x5c, compat);
	put_le32(s + 0x60, incompat);
	put_le32(s + 0x64, ro);
	for (int i = 0; i < 16; i++)
		s[0x68 + i] = (uint8_t)(i * 17);
	memcpy(s + 0x78, "/boot-sixteen-ch", 16);
}

static void test_ext(void)
{
	put_ext(0, 2, 1, 1);
	probe();
	is_str(p.type, "ext2", "no journal is ext2");
	is_str(p.uuid, "00112233-4455-6677-8899-aabbccddeeff", "its UUID");
	is_str(p.label, "/boot-sixteen-ch", "a label that fills its field");
	ok(p.mountable && !p.dirty && !p.errors, "clean");
	put_ext(4, 6, 3, 1);
	probe();
	is_str(p.type, "ext3", "a journal is ext3");
	ok(p.dirty, "that must be replayed");
	put_ext(4, 0x42, 3, 2 | 1);
	probe();
	is_str(p.type, "ext4", "extents are ext4");
	ok(p.errors, "with its error flag");
	put_ext(4, 2, 0x10 | 1, 1);
	probe();
	is_str(p.type, "ext4", "so is what ext3 can't write");
	put_ext(0, 8, 0, 1);
	probe();
	is_str(p.type, "jbd", "an external journal");
	ok(!p.mountable, "is not a filesystem");
}

static void test_others(void)
{
	clear();
	memcpy(head, "XFSB", 4);
	head[32] = 0xab;
	memcpy(head + 108, "data-of-web01", 12);
	probe();
	is_str(p.type, "xfs", "XFS");
	is_str(p.label, "data-of-web0", "its label has twelve bytes");
	has_str(p.uuid, "ab000000-", "its UUID");
	ok(p.mountable, "may hold a system");

	clear();
	memcpy(head + 4086, "SWAPSPACE2", 10);
	memcpy(head + 1024 + 28, "SWAP-sda2", 9);
	head[1024 + 12] = 1;
	probe();
	is_str(p.type, "swap", "swap");
	is_str(p.label, "SWAP-sda2", "its label");
	ok(!p.hibernated && !p.mountable, "not in use");
	memcpy(head + 4086, "S1SUSPEND\0", 10);
	probe();
	ok(p.hibernated && !strcmp(p.type, "swap"), "a hibernated system");

	clear();
	memcpy(head + 512, "LABELONE", 8);
	memcpy(head + 536, "LVM2 001", 8);
	put_le16(head + 1024 + 0x38, 0xef53);
	probe();
	is_str(p.type, "LVM2_member", "a physical volume, whatever was there before");
	ok(!p.mountable, "is not mounted");
	is_str(p.uuid, "", "without a UUID that is one");
	put_le32(head + 512 + 20, 32);
	memcpy(head + 512 + 32, "AbCdEf0123456789ABCDEFghijklmnop", 32);
	probe();
	is_str(p.uuid, "AbCdEf-0123-4567-89AB-CDEF-ghij-klmnop", "its UUID, as LVM shows it");
	put_le32(head + 512 + 20, 0xfffffff0);
	probe();
	is_str(p.uuid, "", "one elsewhere is not looked for");
	clear();
	put_le32(head + 4096, 0xa92b4efc);
	put_le16(head + 1024 + 0x38, 0xef53);
	probe();
	is_str(p.type, "linux_raid_member", "so is a leg of an array");
	clear();
	memcpy(head, "LUKS\xba\xbe", 6);
	probe();
	is_str(p.type, "crypto_LUKS", "an encrypted partition");
	clear();
	memcpy(head + 65536 + 64, "_BHRfS_M", 8);
	probe();
	is_str(p.type, "btrfs", "btrfs");
	clear();
	memcpy(head + 3, "NTFS    ", 8);
	probe();
	is_str(p.type, "ntfs", "NTFS");
	clear();
	memcpy(head + 82, "FAT32   ", 8);
	probe();
	is_str(p.type, "vfat", "FAT");
	clear();
	probe();
	ok(!strcmp(p.type, "") && !p.label[0] && !p.uuid[0] && !p.mountable, "zeros are nothing");
}

/* A swap partition that was formatted keeps the end of its header. */
static void test_ext_over_swap(void)
{
	put_ext(4, 2, 1, 1);
	memcpy(head + 4086, "SWAPSPACE2", 10);
	probe();
	is_str(p.type, "ext3", "a filesystem made where swap was");
}

/* A partition may end anywhere: its start is in memory of exactly that size. */
static void test_short(void)
{
	unsigned taken = 0;

	put_ext(4, 2, 1, 1);
	for (size_t n = 0; n < sizeof head; n += n < 5000 ? 1 : 1009) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, head, n);
		fsprobe_read(exact, n, &p);
		taken += n < 2048 && p.type[0];
		free(exact);
	}
	is_int(taken, 0, "half a superblock is none");
}

static void test_active(void)
{
	clear();
	is_int(fsprobe_active(head, 512), 0, "no boot sector, no active partition");
	put_le16(head + 510, 0xaa55);
	is_int(fsprobe_active(head, 512), 0, "none is marked");
	head[446 + 32] = 0x80;
	is_int(fsprobe_active(head, 512), 3, "the third");
	head[446] = 0x80;
	is_int(fsprobe_active(head, 512), 1, "the first of two");
	is_int(fsprobe_active(head, 511), 0, "a short sector has none");
}

int main(void)
{
	test_ext();
	test_others();
	test_ext_over_swap();
	test_short();
	test_active();
	return tap_done();
}
