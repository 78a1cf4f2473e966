/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the image holds before a delta pass changes it, by the digests that the last pass left: for
 * the sender, who compares with it, and for the session's digest, to which what has not changed
 * belongs, too. Each of the two readers has a page of the table to itself, so that they do not
 * push out each other's; what they read the syncer has not come to yet. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "receiver_parts.h"

struct receiver_delta {
	const struct receiver_disk *disk;
	struct digest_table *here, *ahead;
	uint64_t wanted; /* below it nothing may be asked for any more */
	struct digest digest[MESSAGE_DIGESTS_MAX];
};

int receiver_delta_open(const struct receiver_disk *d, struct receiver_delta **out, struct unrack_error *err)
{
	const struct io *io = d->session->opt.io;
	struct receiver_delta *t = calloc(1, sizeof *t);
	int r;

	if (!t)
		return error_nomem(err);
	t->disk = d;
	r = digest_table_open(io, d->place.digests, d->id.bytes, true, &t->here, err);
	if (r == 0)
		r = digest_table_open(io, d->place.digests, d->id.bytes, true, &t->ahead, err);
	if (r < 0) {
		receiver_delta_close(t);
		return r;
	}
	*out = t;
	return 0;
}

void receiver_delta_close(struct receiver_delta *t)
{
	if (!t)
		return;
	digest_table_close(t->here);
	digest_table_close(t->ahead);
	free(t);
}

static int answer(struct receiver_delta *t, uint64_t first, uint64_t count, bool zeros,
		  struct unrack_error *err)
{
	struct message_digests m = { first, count, zeros ? NULL : t->digest[0].b };
	uint8_t payload[MESSAGE_CONTROL_MAX];

	return link_send(&t->disk->session->link, MESSAGE_DIGESTS, t->disk->index, payload,
			 message_encode_digests(&m, payload), err);
}

int receiver_delta_answer(struct receiver_delta *t, uint64_t position, const struct frame *f,
			  const uint8_t *payload, struct unrack_error *err)
{
	uint64_t grains = grain_count(t->disk->id.bytes), at, n, data;
	struct message_range m;
	int r = message_decode_range(MESSAGE_WANT, payload, f->length, &m, err);

	if (r < 0)
		return r;
	if (m.first < max_u64(position, t->wanted) || m.first > grains || m.count > grains - m.first)
		return error_set(err, UNRACK_DAMAGED, "the sender asks for digests of grains %llu to %llu of disk %u, "
				 "which it has no use for", (unsigned long long)m.first,
				 (unsigned long long)(m.first + m.count - 1), t->disk->index);
	t->wanted = m.first + m.count;
	for (at = m.first; r == 0 && at < t->wanted; at += n) {
		n = min_u64(t->wanted - at, MESSAGE_DIGESTS_MAX);
		r = digest_table_next(t->ahead, at, t->wanted, &data, err);
		if (r == 0 && data > at) {
			n = data - at;
			r = answer(t, at, n, true, err);
			continue;
		}
		if (r == 0)
			r = digest_table_read(t->ahead, at, t->digest, n, err);
		if (r == 0)
			r = answer(t, at, n, false, err);
	}
	return r;
}

int receiver_delta_zeros(struct receiver_delta *t, uint64_t first, uint64_t count, uint64_t *n,
			 struct unrack_error *err)
{
	uint64_t data = first;
	int r = digest_table_next(t->here, first, first + count, &data, err);

	*n = data - first;
	return r;
}

static void add(struct receiver_item *item, struct digest_stream *session, uint64_t grain,
		const struct digest *d)
{
	if (digest_is_zero(d))
		return;
	digest_whole_add(session, grain, d);
	item->data_grains++;
}

static int settle_same(struct receiver_delta *t, struct receiver_item *item, struct digest_stream *session,
		       struct unrack_error *err)
{
	uint64_t end = item->first + item->count, n, at = item->first;
	int r = digest_table_next(t->here, at, end, &at, err);

	while (r == 0 && at < end) {
		n = min_u64(end - at, MESSAGE_DIGESTS_MAX);
		r = digest_table_read(t->here, at, t->digest, n, err);
		for (uint64_t i = 0; r == 0 && i < n; i++)
			add(item, session, at + i, &t->digest[i]);
		if (r == 0)
			r = digest_table_next(t->here, at + n, end, &at, err);
	}
	return r;
}

static int settle_delta(struct receiver_delta *t, struct receiver_item *item, struct digest_stream *session,
			struct unrack_error *err)
{
	const struct message_grains *m = &item->m;
	int r = digest_table_read(t->here, item->first, t->digest, item->count, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < m->count; i++)
		t->digest[m->grain[i].place] = m->grain[i].digest;
	item->changed = m->count;
	for (uint64_t i = 0; i < item->count; i++)
		add(item, session, item->first + i, &t->digest[i]);
	return 0;
}

static int settle_zero(struct receiver_delta *t, struct receiver_item *item, struct unrack_error *err)
{
	struct digest *old = (struct digest *)item->payload;
	uint64_t zeros;
	int r = receiver_delta_zeros(t, item->first, item->count, &zeros, err);

	if (r < 0 || zeros == item->count)
		return r;
	r = digest_table_read(t->here, item->first, old, item->count, err);
	for (uint64_t i = 0; r == 0 && i < item->count; i++)
		item->changed += !digest_is_zero(&old[i]);
	return r;
}

int receiver_delta_settle(struct receiver_delta *t, struct receiver_item *item,
			  struct digest_stream *session, struct unrack_error *err)
{
	item->data_grains = item->changed = 0;
	switch (item->type) {
	case MESSAGE_SAME:
		return settle_same(t, item, session, err);
	case MESSAGE_DELTA:
		return settle_delta(t, item, session, err);
	default:
		return settle_zero(t, item, err);
	}
}
