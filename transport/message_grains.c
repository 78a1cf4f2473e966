/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRAINS, the message that carries the data. */
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

static int bad(struct unrack_error *err, const char *what)
{
	return message_bad(err, MESSAGE_GRAINS, what);
}

int message_decode_grains(const void *payload, size_t n, struct message_grains *m,
			  struct unrack_error *err)
{
	const uint8_t *p = payload, *end = p + n;
	unsigned next = 0; /* the lowest place that the next grain may have */

	if (n < MESSAGE_GRAINS_HEAD)
		return bad(err, "it is too short");
	m->first = get_le64(p);
	m->span = get_le16(p + 8);
	m->count = get_le16(p + 10);
	if (m->first > MESSAGE_DISK_BYTES_MAX / GRAIN_SIZE || m->span == 0 ||
	    m->span > MESSAGE_GRAINS_MAX || get_le32(p + 12) != 0)
		return bad(err, "its range is impossible");
	if (m->count == 0 || m->count > m->span)
		return bad(err, "it lists more grains than its range has, or none");
	p += MESSAGE_GRAINS_HEAD;
	for (unsigned i = 0; i < m->count; i++) {
		struct message_grain *g = &m->grain[i];

		if (end - p < (ptrdiff_t)MESSAGE_GRAIN_HEAD)
			return bad(err, "it ends within a grain");
		g->place = get_le16(p);
		g->size = get_le32(p + 4);
		if (g->place < next || g->place >= m->span || get_le16(p + 2) != 0)
			return bad(err, "its grains are not in order");
		next = g->place + 1u;
		memcpy(g->digest.b, p + 8, DIGEST_SIZE);
		p += MESSAGE_GRAIN_HEAD;
		if (g->size == 0 || g->size > DEFLATE_GRAIN_MAX || (ptrdiff_t)g->size > end - p)
			return bad(err, "the length of a grain is wrong");
		g->z = p;
		p += g->size;
	}
	if (p != end)
		return bad(err, "bytes follow its last grain");
	return 0;
}
