/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Partition tables, read to be trusted or not: where anything is odd, nothing is concluded. What a DOS
 * table means is what Linux makes of it (block/partitions/msdos.c); GPT: UEFI specification 2.10, 5.2.3
 * and 5.3. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "crc.h"
#include "unrack/digest.h"
#include "used_parts.h"

#define TABLE_AT 446
#define ENTRY_BYTES 16
#define TYPE_GPT 0xee
#define LOGICAL_FIRST 5u /* their numbers */

#define GPT_MAGIC "EFI PART"
#define GPT_HEADER_MIN 92u
#define GPT_ENTRY_MIN 128u
#define GPT_ENTRY_MAX 4096u
#define GPT_ENTRIES_MAX (1u << 20) /* bytes */

/* Sectors that partitions must keep clear of: those of the tables. */
#define CLAIMS_MAX (2 * USED_SLOTS_MAX + 8)
struct claim {
	uint64_t first, count;
};

struct reader {
	struct block_source *disk;
	struct digest_stream *state;
	struct used_table *out;
	unsigned n;
	struct claim claims[CLAIMS_MAX];
};

/* The first reason is told. Always false, so that readers can end with it. */
__attribute__((format(printf, 2, 3))) static bool distrust(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->out->untrusted)
		return false;
	r->out->untrusted = true;
	va_start(ap, fmt);
	vsnprintf(r->out->why, sizeof r->out->why, fmt, ap);
	va_end(ap);
	return false;
}

static uint64_t sectors(const struct reader *r)
{
	return r->disk->size / SECTOR_SIZE;
}

static bool read_sectors(struct reader *r, void *buf, size_t bytes, uint64_t first)
{
	struct unrack_error e;
	uint64_t end;

	if (!add_overflows(first, div_round_up(bytes, SECTOR_SIZE), &end) && end <= sectors(r)) {
		if (block_source_read(r->disk, buf, bytes, first * SECTOR_SIZE, &e) == 0) {
			digest_stream_add(r->state, buf, bytes);
			return true;
		}
		r->out->unreadable = first;
	}
	return distrust(r, "its partition table can't be read at sector %llu", (unsigned long long)first);
}

static bool add_claim(struct reader *r, uint64_t first, uint64_t count)
{
	if (r->n == CLAIMS_MAX)
		return distrust(r, "its partition table has too many partitions");
	r->claims[r->n++] = (struct claim){ first, count };
	return true;
}

static bool add_slot(struct reader *r, unsigned number, uint64_t first, uint64_t count)
{
	uint64_t end;

	if (add_overflows(first, count, &end) || end > sectors(r)) {
		distrust(r, "its partition %u ends behind the disk", number);
		if (first >= sectors(r))
			return false;
		count = sectors(r) - first;
	}
	if (r->out->n == USED_SLOTS_MAX)
		return distrust(r, "its partition table has more than %u partitions", USED_SLOTS_MAX);
	r->out->at[r->out->n++] = (struct used_slot){ number, first * SECTOR_SIZE, count * SECTOR_SIZE };
	return add_claim(r, first, count);
}

static int by_first(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static bool check_overlaps(struct reader *r)
{
	qsort(r->claims, r->n, sizeof r->claims[0], by_first);
	for (unsigned i = 1; i < r->n; i++)
		if (r->claims[i - 1].count > r->claims[i].first - r->claims[i - 1].first)
			return distrust(r, "its partitions overlap each other, or the table, at sector %llu",
					(unsigned long long)r->claims[i].first);
	return true;
}

/* --- DOS ------------------------------------------------------------------------------------ */

struct entry {
	uint8_t flag, type;
	uint32_t first, count;
};

static struct entry get_entry(const uint8_t *sector, unsigned i)
{
	const uint8_t *p = sector + TABLE_AT + i * ENTRY_BYTES;

	return (struct entry){ p[0], p[4], get_le32(p + 8), get_le32(p + 12) };
}

static bool is_extended(const struct entry *e)
{
	return e->type == 0x05 || e->type == 0x0f || e->type == 0x85;
}

static bool is_free(const struct entry *e)
{
	return e->type == 0 || e->count == 0;
}

static bool has_magic(const uint8_t *sector)
{
	return sector[510] == 0x55 && sector[511] == 0xaa;
}

/* One link of the chain, at sector AT: at most one logical partition, and where the next link is; *next
 * is 0 at the end. */
static bool read_link(struct reader *r, const struct entry *box, uint64_t at, unsigned *number, uint64_t *next)
{
	uint64_t box_end = (uint64_t)box->first + box->count;
	uint8_t sector[SECTOR_SIZE];
	unsigned logicals = 0;

	*next = 0;
	if (!read_sectors(r, sector, sizeof sector, at) || !add_claim(r, at, 1))
		return false;
	/* An extended partition that nobody has put anything into. */
	if (at == box->first && !has_magic(sector))
		return true;
	if (!has_magic(sector))
		return distrust(r, "its extended partition has no table at sector %llu", (unsigned long long)at);
	for (unsigned i = 0; i < 4; i++) {
		struct entry e = get_entry(sector, i);

		if (is_free(&e))
			continue;
		if (is_extended(&e) ? *next != 0 : logicals++ > 0)
			return distrust(r, "its extended partition has a table with too many entries at sector %llu",
					(unsigned long long)at);
		if (is_extended(&e)) {
			*next = (uint64_t)box->first + e.first;
			/* Forward only, as all tools write it, so that the chain has an end. */
			if (*next <= at || *next >= box_end)
				return distrust(r, "the tables of its extended partition don't follow each other");
			continue;
		}
		if (at + e.first >= box_end || e.count > box_end - at - e.first)
			return distrust(r, "its partition %u ends behind the extended one", *number);
		if (!add_slot(r, (*number)++, at + e.first, e.count))
			return false;
	}
	return true;
}

static bool read_extended(struct reader *r, const struct entry *box, unsigned *number)
{
	uint64_t at = box->first, next;

	if ((uint64_t)box->first + box->count > sectors(r))
		return distrust(r, "its extended partition ends behind the disk");
	for (; read_link(r, box, at, number, &next); at = next)
		if (next == 0)
			return true;
	return false;
}

/* Everything within the extended partition is checked against its own; the rest against all of it. */
static bool check_boxes(struct reader *r, const struct entry *e)
{
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 4; k++)
			if (i != k && !is_free(&e[i]) && !is_free(&e[k]) && e[i].first <= e[k].first &&
			    e[k].first - e[i].first < e[i].count)
				return distrust(r, "its partitions %u and %u overlap", i + 1, k + 1);
	return true;
}

static void read_dos(struct reader *r, const struct entry *e)
{
	unsigned number = LOGICAL_FIRST;

	add_claim(r, 0, 1);
	check_boxes(r, e);
	for (unsigned i = 0; i < 4; i++) {
		if (is_free(&e[i]))
			continue;
		if (is_extended(&e[i]))
			read_extended(r, &e[i], &number);
		else
			add_slot(r, i + 1, e[i].first, e[i].count);
	}
	check_overlaps(r);
}

/* --- GPT ------------------------------------------------------------------------------------ */

struct gpt {
	uint64_t other, first_usable, last_usable, entries;
	uint32_t count, entry_bytes, entries_crc;
	uint8_t guid[16];
};

static bool read_header(struct reader *r, const char *which, uint64_t at, struct gpt *out)
{
	uint8_t h[SECTOR_SIZE];
	uint32_t size, crc;

	if (!read_sectors(r, h, sizeof h, at))
		return false;
	size = get_le32(h + 12);
	crc = get_le32(h + 16);
	put_le32(h + 16, 0);
	if (memcmp(h, GPT_MAGIC, 8) != 0 || get_le32(h + 8) != 0x10000 || size < GPT_HEADER_MIN || size > sizeof h ||
	    ~crc_ieee(~0u, h, size) != crc || get_le64(h + 24) != at)
		return distrust(r, "the %s of its partition table (GPT) is missing or damaged", which);
	*out = (struct gpt){ .other = get_le64(h + 32), .first_usable = get_le64(h + 40), .last_usable = get_le64(h + 48),
			     .entries = get_le64(h + 72), .count = get_le32(h + 80), .entry_bytes = get_le32(h + 84),
			     .entries_crc = get_le32(h + 88) };
	memcpy(out->guid, h + 56, sizeof out->guid);
	return true;
}

/* malloc'd; NULL: not to be trusted, or no memory, which *err tells. */
static uint8_t *read_entries(struct reader *r, const struct gpt *g, struct unrack_error *err)
{
	uint64_t bytes;
	uint8_t *p;

	if (g->entry_bytes < GPT_ENTRY_MIN || g->entry_bytes > GPT_ENTRY_MAX || g->entry_bytes % GPT_ENTRY_MIN ||
	    mul_overflows(g->count, g->entry_bytes, &bytes) || bytes == 0 || bytes > GPT_ENTRIES_MAX) {
		distrust(r, "its partition table (GPT) has %u entries of %u bytes", g->count, g->entry_bytes);
		return NULL;
	}
	p = malloc(bytes);
	if (!p) {
		error_nomem(err);
		return NULL;
	}
	if (read_sectors(r, p, bytes, g->entries) &&
	    (~crc_ieee(~0u, p, bytes) == g->entries_crc || distrust(r, "the sum of its partition table (GPT) is wrong")) &&
	    add_claim(r, g->entries, div_round_up(bytes, SECTOR_SIZE)))
		return p;
	free(p);
	return NULL;
}

static void add_entries(struct reader *r, const struct gpt *g, const uint8_t *entries)
{
	for (uint32_t i = 0; i < g->count; i++) {
		const uint8_t *p = entries + (size_t)i * g->entry_bytes;
		uint64_t first = get_le64(p + 32), last = get_le64(p + 40);

		if (is_zero(p, 16))
			continue;
		if (first < g->first_usable || last < first || last > g->last_usable)
			distrust(r, "its partition %u is not within what the table (GPT) covers", i + 1);
		else
			add_slot(r, i + 1, first, last - first + 1);
	}
	check_overlaps(r);
}

static bool agree(const struct gpt *a, const struct gpt *b)
{
	return b->other == 1 && a->first_usable == b->first_usable && a->last_usable == b->last_usable &&
	       a->count == b->count && a->entry_bytes == b->entry_bytes && a->entries_crc == b->entries_crc &&
	       !memcmp(a->guid, b->guid, sizeof a->guid);
}

/* The disk's users are content with one of the two. */
static void read_gpt(struct reader *r, struct unrack_error *err)
{
	uint8_t *entries CLEANUP_FREE = NULL, *copy CLEANUP_FREE = NULL;
	struct gpt first = { .count = 0 }, backup = { .count = 0 };
	bool any = add_claim(r, 0, 2) && read_header(r, "first header", 1, &first);
	bool both = read_header(r, "backup", any ? first.other : sectors(r) - 1, &backup) && any;

	if (both && !agree(&first, &backup))
		distrust(r, "the two copies of its partition table (GPT) differ");
	if (both)
		add_claim(r, first.other, 1);
	if (first.count)
		entries = read_entries(r, &first, err);
	if (backup.count && !err->code)
		copy = read_entries(r, &backup, err);
	if (both && (!entries || !copy))
		distrust(r, "the entries of its partition table (GPT) can't be read");
	if (entries || copy)
		add_entries(r, entries ? &first : &backup, entries ? entries : copy);
}

/* --- Which of them -------------------------------------------------------------------------- */

/* What a DOS table would be; the first sector of many other things ends with the same two bytes. */
static bool is_table(const struct entry *e)
{
	bool any = false;

	for (unsigned i = 0; i < 4; i++) {
		if (e[i].flag & 0x7f)
			return false;
		any |= !is_free(&e[i]);
	}
	return any;
}

static bool is_protective(const struct entry *e)
{
	for (unsigned i = 0; i < 4; i++)
		if (e[i].type == TYPE_GPT && e[i].count)
			return true;
	return false;
}

static bool is_hybrid(const struct entry *e)
{
	for (unsigned i = 0; i < 4; i++)
		if (!is_free(&e[i]) && (e[i].type != TYPE_GPT || e[i].first != 1))
			return true;
	return false;
}

int used_table_read(struct block_source *disk, struct digest_stream *state, struct used_table *out,
		    struct unrack_error *err)
{
	struct reader r = { .disk = disk, .state = state, .out = out };
	uint8_t sector[SECTOR_SIZE];
	struct entry e[4];

	memset(out, 0, sizeof *out);
	err->code = UNRACK_OK;
	if (sectors(&r) < 2 || !read_sectors(&r, sector, sizeof sector, 0) || !has_magic(sector))
		return 0;
	for (unsigned i = 0; i < 4; i++)
		e[i] = get_entry(sector, i);
	if (!is_table(e))
		return 0;
	strcpy(out->kind, is_protective(e) ? "gpt" : "dos");
	if (is_protective(e) && is_hybrid(e))
		distrust(&r, "its first sector has other partitions besides a GPT");
	if (is_protective(e))
		read_gpt(&r, err);
	else
		read_dos(&r, e);
	return err->code ? (int)err->code : 0;
}
