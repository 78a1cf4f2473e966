/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/scan_parts.h"
#include "../support/tap.h"
#include "base/bytes.h"

#define SECTORS 128u

static uint8_t disk[SECTORS * 512];

/* The sum as a polynomial, bit by bit from the top, unlike the code's. */
static uint32_t sum(const uint8_t *p, size_t n)
{
	uint32_t c = UINT32_MAX, out = 0;

	for (size_t i = 0; i < n * 8; i++) {
		uint32_t bit = p[i / 8] >> i % 8 & 1, top = c >> 31;

		c = c << 1 ^ (bit ^ top ? 0x04c11db7u : 0);
	}
	for (unsigned i = 0; i < 32; i++)
		out |= (~c >> i & 1) << (31 - i);
	return out;
}

static void header(uint64_t at, uint64_t other)
{
	uint8_t *h = disk + at * 512;

	memset(h, 0, 512);
	memcpy(h, "EFI PART", 8);
	put_le32(h + 12, 92);
	put_le64(h + 24, at);
	put_le64(h + 32, other);
	put_le64(h + 48, other > at ? other - 33 : at - 33);
	put_le32(h + 16, sum(h, 92));
}

static void mbr(uint8_t type)
{
	disk[446 + 16 + 4] = type;
	disk[510] = 0x55;
	disk[511] = 0xaa;
}

static void make(uint64_t backup)
{
	memset(disk, 0, sizeof disk);
	mbr(0xee);
	header(1, backup);
	if (backup < SECTORS)
		header(backup, 1);
}

static struct scan_notes notes;
static char said[1024];

static const char *look(uint64_t bytes, const char *table)
{
	struct parts *p = calloc(1, sizeof *p);
	struct unrack_error e;
	struct block_source *s;

	snprintf(p->table, sizeof p->table, "%s", table);
	notes = (struct scan_notes){ json_new_array(), false, false };
	block_source_open_memory(disk, bytes, "/dev/sda", &s, &e);
	scan_table_warn(s, p, &notes);
	block_source_close(s);
	free(p);
	snprintf(said, sizeof said, "%s", json_at_str(notes.list, 0, ""));
	if (json_len(notes.list) > 1)
		snprintf(said, sizeof said, "more than one");
	json_free(notes.list);
	return said;
}

int main(void)
{
	make(SECTORS - 1);
	is_str(look(sizeof disk, "gpt"), "", "a GPT that fits");
	make(SECTORS - 8);
	has_str(look(sizeof disk, "gpt"), "is in sector 120 and not in the last one, 127", "a backup before the end");
	ok(!notes.trouble, "does not speak against a copy");
	make(SECTORS - 1);
	disk[(SECTORS - 1) * 512 + 50] ^= 1;
	has_str(look(sizeof disk, "gpt"), "backup of the partition table (GPT) of /dev/sda is missing or damaged", "a damaged backup");
	make(SECTORS + 1000);
	has_str(look(sizeof disk, ""), "was made for a disk of 578048 bytes, but this one ends at byte 65536", "a GPT of a larger disk");
	ok(notes.trouble && notes.table_is_told, "does");
	make(SECTORS + 20);
	has_str(look(sizeof disk, "gpt"), "was made for a disk of 76288 bytes", "one that lacks no more than the backup");
	ok(!notes.trouble, "does not");
	make(UINT64_MAX);
	is_str(look(sizeof disk, ""), "the backup of the partition table (GPT) of /dev/sda is missing or damaged: the copy has only one "
	       "table too, and tools will ask to repair it; sgdisk -e writes a new one", "an absurd place of the backup");
	make(SECTORS - 1);
	disk[512 + 60] ^= 1;
	has_str(look(sizeof disk, "gpt"), "the first of the two partition tables (GPT) of /dev/sda is damaged", "a damaged first header");
	make(SECTORS - 1);
	put_le32(disk + 512 + 12, 4096);
	has_str(look(sizeof disk, "gpt"), "is damaged", "a header larger than its sector");
	memset(disk + 512, 0, sizeof disk - 512);
	has_str(look(sizeof disk, ""), "but none is there", "a protective MBR and nothing else");
	memcpy(disk + 4096, "EFI PART", 8);
	has_str(look(sizeof disk, ""), "image of a disk with sectors of 4096 bytes", "an image of a disk with larger sectors");
	make(SECTORS - 1);
	mbr(0x83);
	has_str(look(sizeof disk, "dos"), "left over GPT besides its DOS", "a DOS table over a GPT");
	memset(disk, 0, 512);
	has_str(look(sizeof disk, ""), "a GPT without the protective MBR", "no protective MBR");
	memset(disk, 0, sizeof disk);
	mbr(0x83);
	is_str(look(sizeof disk, "dos"), "", "a DOS table alone");
	is_str(look(512, "dos"), "", "a disk of one sector");
	is_str(look(0, ""), "", "a disk of none");
	make(SECTORS - 1);
	for (uint64_t n = 0; n < 5000; n += 77)
		look(n, "");
	ok(true, "cut anywhere, it does no harm");
	return tap_done();
}
