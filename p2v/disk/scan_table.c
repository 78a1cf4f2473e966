/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a GPT fits its disk: two headers, the second in the very last sector. Layout: UEFI
 * specification 2.10, 5.2.3 (protective MBR) and 5.3.2 (headers). Linux takes no GPT without a
 * protective MBR, and no backup unless told to (block/partitions/efi.c). */
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "crc.h"
#include "scan_parts.h"

#define MBR_TABLE 446
#define MBR_ENTRY 16
#define TYPE_GPT 0xee
#define GPT_MAGIC "EFI PART"
#define HEADER_MIN 92u
#define SECTOR_4K 4096u

enum header { HEADER_NONE, HEADER_DAMAGED, HEADER_VALID };

struct gpt {
	uint64_t alternate, last_usable; /* sectors */
};

static enum header read_header(struct block_source *s, uint64_t sector, struct gpt *out)
{
	uint8_t h[SECTOR_SIZE];
	struct unrack_error dropped;
	uint32_t size, crc;

	if (sector >= s->size / SECTOR_SIZE ||
	    block_source_read(s, h, sizeof h, sector * SECTOR_SIZE, &dropped) < 0 || memcmp(h, GPT_MAGIC, 8) != 0)
		return HEADER_NONE;
	size = get_le32(h + 12);
	crc = get_le32(h + 16);
	put_le32(h + 16, 0);
	if (size < HEADER_MIN || size > sizeof h || ~crc_ieee(~0u, h, size) != crc || get_le64(h + 24) != sector)
		return HEADER_DAMAGED;
	out->alternate = get_le64(h + 32);
	out->last_usable = get_le64(h + 48);
	return HEADER_VALID;
}

static bool is_protective(const uint8_t *mbr)
{
	for (unsigned i = 0; i < 4; i++)
		if (mbr[MBR_TABLE + i * MBR_ENTRY + 4] == TYPE_GPT)
			return mbr[510] == 0x55 && mbr[511] == 0xaa;
	return false;
}

/* The image of a disk whose sectors have 4096 bytes: its GPT is in the second one of these. */
static bool is_4k(struct block_source *s)
{
	struct unrack_error dropped;
	char magic[8];

	return s->size >= 2 * SECTOR_4K && block_source_read(s, magic, sizeof magic, SECTOR_4K, &dropped) == 0 &&
	       !memcmp(magic, GPT_MAGIC, sizeof magic);
}

/* The first header is as it should be; the other one? */
static void warn_backup(struct block_source *s, const struct gpt *gpt, struct scan_notes *notes)
{
	uint64_t last = s->size / SECTOR_SIZE - 1;
	struct gpt other;

	notes->trouble |= gpt->last_usable > last;
	notes->table_is_told |= gpt->alternate > last;
	if (gpt->alternate > last && gpt->alternate < UINT64_MAX / SECTOR_SIZE) {
		scan_warn(notes->list, "the partition table (GPT) of %s was made for a disk of %llu bytes, but this one ends at "
			  "byte %llu: its end is cut off, or hidden from here (a host protected area), and what was "
			  "there would be lost", s->name, (unsigned long long)(gpt->alternate + 1) * SECTOR_SIZE,
			  (unsigned long long)s->size);
	} else if (read_header(s, gpt->alternate, &other) != HEADER_VALID) {
		scan_warn(notes->list, "the backup of the partition table (GPT) of %s is missing or damaged: the copy has only one "
			  "table too, and tools will ask to repair it; sgdisk -e writes a new one", s->name);
	} else if (gpt->alternate < last) {
		scan_warn(notes->list, "the backup of the partition table (GPT) of %s is in sector %llu and not in the last one, "
			  "%llu: the disk was enlarged, tools and firmware may complain about the copy; sgdisk -e moves "
			  "it", s->name, (unsigned long long)gpt->alternate, (unsigned long long)last);
	}
}

/* There is a protective MBR, and no first header behind it. */
static void warn_first(struct block_source *s, const struct parts *p, struct scan_notes *notes)
{
	struct gpt gpt;

	notes->trouble = notes->table_is_told = true;
	if (!*p->table && is_4k(s))
		scan_warn(notes->list, "%s is the image of a disk with sectors of 4096 bytes: VMware's virtual disks have "
			  "512-byte sectors, and its partition table can't be read there", s->name);
	else if (read_header(s, s->size / SECTOR_SIZE - 1, &gpt) == HEADER_VALID)
		scan_warn(notes->list, "the first of the two partition tables (GPT) of %s is damaged: Linux does not use the backup "
			  "by itself, so the copy would not boot; restore it first (gdisk, recovery menu)", s->name);
	else
		scan_warn(notes->list, "%s says that it has a partition table of the GPT kind, but none is there: the disk or the "
			  "image is damaged or cut off, and nothing would find its partitions", s->name);
}

void scan_table_warn(struct block_source *s, const struct parts *p, struct scan_notes *notes)
{
	uint8_t mbr[SECTOR_SIZE];
	struct unrack_error dropped;
	struct gpt gpt = { 0, 0 };
	enum header first;

	if (s->size < 2 * SECTOR_SIZE || block_source_read(s, mbr, sizeof mbr, 0, &dropped) < 0)
		return;
	first = read_header(s, 1, &gpt);
	if (is_protective(mbr) && first == HEADER_VALID)
		warn_backup(s, &gpt, notes);
	else if (is_protective(mbr))
		warn_first(s, p, notes);
	else if (first == HEADER_VALID && !strcmp(p->table, "dos"))
		scan_warn(notes->list, "%s has a left over GPT besides its DOS partition table: Linux uses the DOS one, but other "
			  "tools may show or repair the wrong one", s->name);
	else if (first == HEADER_VALID) {
		notes->table_is_told = true;
		scan_warn(notes->list, "%s has a GPT without the protective MBR before it: Linux does not see its partitions, nor "
			  "would it in the copy", s->name);
	}
}
