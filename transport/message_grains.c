/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRAINS and DELTA, the messages that carry the data. */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "message_parts.h"

_Static_assert(MESSAGE_GRAINS_LIMIT <= FRAME_PAYLOAD_MAX, "GRAINS fits in a frame");

void message_grains_begin(struct message_grains_writer *w, uint8_t *out, uint64_t first,
			  uint16_t span)
{
	assert(span >= 1 && span <= MESSAGE_GRAINS_MAX);
	put_le64(out, first);
	put_le16(out + 8, span);
	put_le32(out + 12, 0);
	w->out = out;
	w->len = MESSAGE_GRAINS_HEAD;
	w->count = 0;
}

uint8_t *message_grains_room(const struct message_grains_writer *w)
{
	return w->out + w->len + MESSAGE_GRAIN_HEAD;
}

void message_grains_add(struct message_grains_writer *w, uint16_t place, uint32_t size,
			const struct digest *digest)
{
	uint8_t *p = w->out + w->len;

	assert(w->count < MESSAGE_GRAINS_MAX && size <= DEFLATE_GRAIN_MAX);
	put_le16(p, place);
	put_le16(p + 2, 0);
	put_le32(p + 4, size);
	memcpy(p + 8, digest->b, DIGEST_SIZE);
	w->len += MESSAGE_GRAIN_HEAD + size;
	w->count++;
}

size_t message_grains_end(struct message_grains_writer *w)
{
	put_le16(w->out + 10, w->count);
	return w->len;
}

/* The head of grain I at P, which is there. NEXT: the lowest place that it may have. */
static int decode_head(unsigned type, const uint8_t *p, unsigned next, unsigned span,
		       struct message_grain *g, struct unrack_error *err)
{
	static const uint8_t none[DIGEST_SIZE];

	g->place = get_le16(p);
	g->size = get_le32(p + 4);
	memcpy(g->digest.b, p + 8, DIGEST_SIZE);
	if (g->place < next || g->place >= span || get_le16(p + 2) != 0)
		return message_bad(err, type, "its grains are not in order");
	if (g->size > DEFLATE_GRAIN_MAX || (g->size == 0 && type != MESSAGE_DELTA))
		return message_bad(err, type, "the length of a grain is wrong");
	if (g->size == 0 && memcmp(g->digest.b, none, sizeof none) != 0)
		return message_bad(err, type, "a grain of zeros has a digest");
	return 0;
}

int message_decode_grains(unsigned type, const void *payload, size_t n, struct message_grains *m,
			  struct unrack_error *err)
{
	const uint8_t *p = payload, *end = p + n;
	unsigned next = 0;

	if (n < MESSAGE_GRAINS_HEAD)
		return message_bad(err, type, "it is too short");
	m->first = get_le64(p);
	m->span = get_le16(p + 8);
	m->count = get_le16(p + 10);
	if (m->first > MESSAGE_GRAIN_LAST || m->span == 0 || m->span > MESSAGE_GRAINS_MAX ||
	    get_le32(p + 12) != 0)
		return message_bad(err, type, "its range is impossible");
	if (m->count == 0 || m->count > m->span)
		return message_bad(err, type, "it lists more grains than its range has, or none");
	p += MESSAGE_GRAINS_HEAD;
	for (unsigned i = 0; i < m->count; i++) {
		struct message_grain *g = &m->grain[i];
		int r;

		if (end - p < (ptrdiff_t)MESSAGE_GRAIN_HEAD)
			return message_bad(err, type, "it ends within a grain");
		r = decode_head(type, p, next, m->span, g, err);
		if (r < 0)
			return r;
		next = g->place + 1u;
		p += MESSAGE_GRAIN_HEAD;
		if ((ptrdiff_t)g->size > end - p)
			return message_bad(err, type, "the length of a grain is wrong");
		g->z = p;
		p += g->size;
	}
	if (p != end)
		return message_bad(err, type, "bytes follow its last grain");
	return 0;
}
