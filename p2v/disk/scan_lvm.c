/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LVM2's metadata, as far as the name of a group and the ids of its physical volumes.
 * Layout: LVM2's lib/format_text/layout.h and lib/label/label.h; text: lib/format_text/export.c. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "scan_groups.h"

#define LABEL_SECTORS 4 /* the label is in one of the first */
#define LABEL_OFFSET 20 /* within it: where the header of the volume begins */
#define LABEL_TYPE 24
#define PV_SIZE_AT (LVM_ID + 8) /* lists of areas follow the id and the size of the device */
#define AREAS_MAX 16
#define MDA_HEADER 512u
#define MDA_MAGIC_AT 4
#define MDA_START_AT 24 /* start, size, then the place of the text: offset, size */
#define TEXT_MAX (4u << 20)

struct area {
	uint64_t off, bytes;
};

/* The next of a list of areas that ends with one of zeros. */
static bool next_area(const uint8_t *sector, size_t *at, struct area *out)
{
	if (*at + 16 > SECTOR_SIZE)
		return false;
	out->off = get_le64(sector + *at);
	out->bytes = get_le64(sector + *at + 8);
	*at += 16;
	return out->off != 0;
}

/* The first metadata area that the label names. */
static bool find_metadata(const uint8_t *sector, struct area *out)
{
	size_t at = get_le32(sector + LABEL_OFFSET);

	if (memcmp(sector, "LABELONE", 8) != 0 || memcmp(sector + LABEL_TYPE, "LVM2 001", 8) != 0 ||
	    at > SECTOR_SIZE - PV_SIZE_AT)
		return false;
	at += PV_SIZE_AT;
	for (unsigned i = 0; i < AREAS_MAX && next_area(sector, &at, out); i++)
		;
	return next_area(sector, &at, out);
}

/* The text lies in a ring behind the area's header. */
static char *read_ring(struct block_source *s, uint64_t ring, uint64_t ring_bytes, uint64_t at, size_t n)
{
	struct unrack_error dropped;
	size_t head = (size_t)min_u64(n, ring_bytes - at);
	char *text = malloc(n);

	if (text && block_source_read(s, text, head, ring + at, &dropped) == 0 &&
	    block_source_read(s, text + head, n - head, ring, &dropped) == 0)
		return text;
	free(text);
	return NULL;
}

static bool read_group(struct block_source *s, uint64_t pv, uint64_t pv_bytes, const struct area *mda,
		       struct scan_lvm *out)
{
	uint8_t header[MDA_HEADER];
	struct unrack_error dropped;
	char *text CLEANUP_FREE = NULL;
	uint64_t start, size, at, n;

	if (mda->bytes <= MDA_HEADER || mda->off > pv_bytes || mda->bytes > pv_bytes - mda->off ||
	    block_source_read(s, header, sizeof header, pv + mda->off, &dropped) < 0 ||
	    memcmp(header + MDA_MAGIC_AT, " LVM2 x[5A%r0N*>", 16) != 0)
		return false;
	start = get_le64(header + MDA_START_AT);
	size = get_le64(header + MDA_START_AT + 8);
	at = get_le64(header + MDA_START_AT + 16);
	n = get_le64(header + MDA_START_AT + 24);
	if (start != mda->off || size != mda->bytes || at < MDA_HEADER || at >= size || n == 0 ||
	    n > size - MDA_HEADER || n > TEXT_MAX)
		return false;
	text = read_ring(s, pv + start + MDA_HEADER, size - MDA_HEADER, at - MDA_HEADER, (size_t)n);
	return text && scan_lvm_parse(text, (size_t)n, out);
}

bool scan_lvm_read(struct block_source *s, uint64_t off, uint64_t bytes, struct scan_lvm *out)
{
	uint8_t head[LABEL_SECTORS * SECTOR_SIZE];
	struct unrack_error dropped;
	struct area mda;

	if (bytes < sizeof head || block_source_read(s, head, sizeof head, off, &dropped) < 0)
		return false;
	for (unsigned i = 0; i < LABEL_SECTORS; i++)
		if (find_metadata(head + i * SECTOR_SIZE, &mda))
			return read_group(s, off, bytes, &mda, out);
	return false;
}

/* --- The text: NAME { key = value ... section { ... } }, with # comments --------------------- */

struct token {
	const char *at;
	size_t n;
	char kind; /* 'w' a word, 's' a string without its quotes, 0 the end, else itself: { } = */
};

static const char *skip_space(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '#')
			while (p < end && *p != '\n')
				p++;
		else if ((unsigned char)*p > ' ')
			break;
	}
	return p < end ? p : end;
}

static struct token next_token(const char **text, const char *end)
{
	const char *p = skip_space(*text, end);
	struct token t = { p, 1, 0 };

	if (p == end) {
		t.n = 0;
	} else if (*p == '"') {
		t.kind = 's';
		t.at = ++p;
		while (p < end && *p != '"')
			p += *p == '\\' && end - p > 1 ? 2 : 1;
		t.n = (size_t)(p - t.at);
		if (p < end)
			p++;
	} else if (strchr("{}=[],", *p)) {
		t.kind = *p++;
	} else {
		t.kind = 'w';
		while (p < end && (unsigned char)*p > ' ' && !strchr("{}=[],\"#", *p))
			p++;
		t.n = (size_t)(p - t.at);
	}
	*text = p;
	return t;
}

static bool is_word(const struct token *t, const char *word)
{
	return t->kind == 'w' && t->n == strlen(word) && !memcmp(t->at, word, t->n);
}

/* Without the dashes that make ids readable. */
static void take_id(const struct token *t, char out[LVM_ID + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < t->n && n < LVM_ID; i++)
		if (t->at[i] != '-')
			out[n++] = t->at[i];
	out[n] = '\0';
}

static void take_text(const struct token *t, char *out, size_t room)
{
	size_t n = t->n < room ? t->n : room - 1;

	memcpy(out, t->at, n);
	out[n] = '\0';
}

static void take_value(const struct token *key, const struct token *value, unsigned depth, bool in_pvs,
		       struct scan_lvm *out)
{
	char number[24];

	if (depth == 1 && is_word(key, "id") && value->kind == 's') {
		take_id(value, out->id);
	} else if (depth == 1 && is_word(key, "seqno")) {
		take_text(value, number, sizeof number);
		out->seqno = strtoull(number, NULL, 10);
	} else if (depth == 3 && in_pvs && is_word(key, "id") && value->kind == 's') {
		if (out->n_pvs < LVM_PVS_MAX)
			take_id(value, out->pvs[out->n_pvs]);
		out->n_pvs++;
	}
}

/* The first section is the group; behind it, the file says who wrote it. */
bool scan_lvm_parse(const char *text, size_t n, struct scan_lvm *out)
{
	const char *end = text + n;
	struct token key = { .kind = 0 }, t;
	unsigned depth = 0;
	bool in_pvs = false;

	memset(out, 0, sizeof *out);
	while ((t = next_token(&text, end)).kind) {
		if (t.kind == '{') {
			if (++depth == 1 && key.kind == 'w')
				take_text(&key, out->group, sizeof out->group);
			if (depth == 2)
				in_pvs = is_word(&key, "physical_volumes");
		} else if (t.kind == '}') {
			if (depth <= 1)
				break;
			depth--;
		} else if (t.kind == '=') {
			t = next_token(&text, end);
			take_value(&key, &t, depth, in_pvs, out);
		}
		key = t;
	}
	return *out->group && *out->id && out->n_pvs > 0;
}
