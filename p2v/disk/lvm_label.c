/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "crc.h"
#include "lvm.h"

#define SUM_START 0xf597a6cfu
#define LABEL_SECTORS 4u  /* the label is in one of the first */
#define LABEL_SECTOR_AT 8
#define LABEL_SUM_AT 16
#define LABEL_HEADER_AT 20 /* within the label: where the header of the volume begins; the sum begins here */
#define LABEL_TYPE_AT 24
#define LISTS_AT (LVM_ID + 8) /* lists of areas follow the id and the size of the device */
#define MDA_HEADER 512u
#define MDA_MAGIC_AT 4    /* so does the sum */
#define MDA_VERSION_AT 20
#define MDA_START_AT 24   /* start, size, then the places of two texts: the valid one, one to be */
#define PLACE_BYTES 24u   /* offset, size, sum, flags */
#define PLACE_IGNORED 1u

/* A list of areas that ends with one of zeros. False when it ends behind the sector. */
static bool take_list(const uint8_t *sector, size_t *at, struct lvm_spans *out)
{
	for (out->n = 0; *at + 16 <= SECTOR_SIZE; out->n++) {
		struct lvm_span span = { get_le64(sector + *at), get_le64(sector + *at + 8) };

		*at += 16;
		if (span.off == 0)
			return true;
		out->at[out->n] = span;
	}
	return false;
}

/* Zeros where the extension would be mean version 0: there is none. */
static bool take_lists(const uint8_t *sector, size_t at, struct lvm_label *out)
{
	if (!take_list(sector, &at, &out->data) || !take_list(sector, &at, &out->areas))
		return false;
	if (at + 8 > SECTOR_SIZE || get_le32(sector + at) == 0)
		return true;
	at += 8;
	return take_list(sector, &at, &out->boot);
}

static bool is_label(const uint8_t *sector)
{
	return !memcmp(sector, "LABELONE", 8);
}

static int parse_label(const uint8_t *sector, unsigned number, struct lvm_label *out, struct unrack_error *err)
{
	size_t at = get_le32(sector + LABEL_HEADER_AT);

	if (crc_ieee(SUM_START, sector + LABEL_HEADER_AT, SECTOR_SIZE - LABEL_HEADER_AT) !=
	    get_le32(sector + LABEL_SUM_AT))
		return error_set(err, UNRACK_DAMAGED, "the checksum of its label is wrong");
	if (get_le64(sector + LABEL_SECTOR_AT) != number)
		return error_set(err, UNRACK_DAMAGED, "its label was made for another place");
	if (memcmp(sector + LABEL_TYPE_AT, "LVM2 001", 8) != 0)
		return error_set(err, UNRACK_DAMAGED, "its label is of a kind that is not known");
	if (at > SECTOR_SIZE - LISTS_AT)
		return error_set(err, UNRACK_DAMAGED, "its label contradicts itself");
	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < LVM_ID; i++)
		out->id[i] = (char)sector[at + i];
	out->bytes = get_le64(sector + at + LVM_ID);
	if (!take_lists(sector, at + LISTS_AT, out))
		return error_set(err, UNRACK_DAMAGED, "its label names more areas than it has room for");
	return 0;
}

int lvm_label_read(struct block_source *s, uint64_t off, uint64_t bytes, struct lvm_label *out, bool *none,
		   struct unrack_error *err)
{
	uint8_t head[LABEL_SECTORS * SECTOR_SIZE];
	unsigned found = LABEL_SECTORS;
	int r;

	if (none)
		*none = false;
	if (bytes < sizeof head)
		return error_set(err, UNRACK_DAMAGED, "it is smaller than its label");
	r = block_source_read(s, head, sizeof head, off, err);
	if (r < 0)
		return error_prefix(err, "its label can't be read");
	for (unsigned i = 0; i < LABEL_SECTORS; i++) {
		if (!is_label(head + i * SECTOR_SIZE))
			continue;
		if (found < LABEL_SECTORS)
			return error_set(err, UNRACK_DAMAGED, "it has two labels");
		found = i;
	}
	if (found < LABEL_SECTORS)
		return parse_label(head + found * SECTOR_SIZE, found, out, err);
	if (none)
		*none = true;
	return error_set(err, UNRACK_DAMAGED, "it has no label");
}

static int parse_area(const uint8_t *h, const struct lvm_span *span, struct lvm_area *out, struct unrack_error *err)
{
	const uint8_t *valid = h + MDA_START_AT + 16, *next = valid + PLACE_BYTES;

	if (crc_ieee(SUM_START, h + MDA_MAGIC_AT, MDA_HEADER - MDA_MAGIC_AT) != get_le32(h))
		return error_set(err, UNRACK_DAMAGED, "the checksum of a metadata area's header is wrong");
	if (memcmp(h + MDA_MAGIC_AT, " LVM2 x[5A%r0N*>", 16) != 0 || get_le32(h + MDA_VERSION_AT) != 1 ||
	    get_le64(h + MDA_START_AT) != span->off || get_le64(h + MDA_START_AT + 8) != span->bytes)
		return error_set(err, UNRACK_DAMAGED, "a metadata area is not what its label says");
	out->span = *span;
	out->at = get_le64(valid);
	out->bytes = get_le64(valid + 8);
	out->sum = get_le32(valid + 16);
	out->ignored = get_le32(valid + 20) & PLACE_IGNORED;
	/* Sizes of zero were left behind by old versions together with offsets. */
	out->pending = get_le64(next) != 0 && get_le64(next + 8) != 0 && get_le64(next) != out->at;
	if (out->at == 0)
		out->bytes = 0;
	if (out->bytes == 0)
		return 0;
	if (out->at < MDA_HEADER || out->at >= span->bytes || out->bytes > span->bytes - MDA_HEADER)
		return error_set(err, UNRACK_DAMAGED, "a metadata area's text lies outside of it");
	if (out->bytes > LVM_TEXT_MAX)
		return error_set(err, UNRACK_DAMAGED, "its metadata are larger than %u MiB", LVM_TEXT_MAX >> 20);
	return 0;
}

int lvm_label_area(struct block_source *s, uint64_t off, uint64_t bytes, const struct lvm_span *span,
		   struct lvm_area *out, struct unrack_error *err)
{
	uint8_t header[MDA_HEADER];
	int r;

	if (span->bytes <= MDA_HEADER || span->off > bytes || span->bytes > bytes - span->off)
		return error_set(err, UNRACK_DAMAGED, "a metadata area lies outside of the volume");
	r = block_source_read(s, header, sizeof header, off + span->off, err);
	if (r < 0)
		return error_prefix(err, "a metadata area can't be read");
	return parse_area(header, span, out, err);
}

int lvm_label_text(struct block_source *s, uint64_t off, const struct lvm_area *area, char **out,
		   struct unrack_error *err)
{
	uint64_t area_at = off + area->span.off;
	size_t head = (size_t)min_u64(area->bytes, area->span.bytes - area->at), n = (size_t)area->bytes;
	char *text = malloc(n ? n : 1);
	int r;

	if (!text)
		return error_nomem(err);
	r = block_source_read(s, text, head, area_at + area->at, err);
	if (r == 0)
		r = block_source_read(s, text + head, n - head, area_at + MDA_HEADER, err);
	if (r < 0)
		error_prefix(err, "its metadata can't be read");
	else if (crc_ieee(SUM_START, text, n) != area->sum)
		r = error_set(err, UNRACK_DAMAGED, "the checksum of its metadata is wrong");
	if (r < 0) {
		free(text);
		return r;
	}
	*out = text;
	return 0;
}
