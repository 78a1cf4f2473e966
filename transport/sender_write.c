/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "sender_parts.h"
#include "unrack/digest_table.h"
#include "unrack/patient.h"

static int flush(struct sender_pass *p, struct unrack_error *err)
{
	struct message_range m = p->waiting;
	uint8_t payload[MESSAGE_CONTROL_MAX];

	if (m.count == 0)
		return 0;
	p->waiting.count = 0;
	return link_send(p->link, p->waiting_type, p->disk, payload, message_encode_range(&m, payload),
			 err);
}

/* Ranges come in order and without gaps, so one of the same kind continues the last. */
static int write_range(struct sender_pass *p, enum message_type type, const struct sender_item *item,
		       struct unrack_error *err)
{
	uint64_t most = type == MESSAGE_SAME ? SENDER_SAME_GRAINS : SENDER_ZERO_GRAINS;
	int r = p->waiting_type == type ? 0 : flush(p, err);

	if (r < 0)
		return r;
	p->waiting_type = type;
	if (p->waiting.count == 0)
		p->waiting.first = item->first;
	p->waiting.count += item->count;
	return p->waiting.count >= most ? flush(p, err) : 0;
}

/* Told before the frame that has zeros in their place: so nobody has the zeros and not the reason. */
static int write_lost(struct sender_pass *p, struct unrack_error *err)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	struct patient_lost lost;
	int r = 0;

	while (r == 0 && patient_next_lost(p->source, &lost)) {
		struct message_lost m = { .off = lost.off, .len = lost.len };

		snprintf(m.text, sizeof m.text, "%s", lost.what);
		r = link_send(p->link, MESSAGE_LOST, p->disk, payload, message_encode_lost(&m, payload), err);
	}
	return r;
}

static int write_data(struct sender_pass *p, struct sender_item *item, struct unrack_error *err)
{
	int r = p->patient ? write_lost(p, err) : 0;

	for (unsigned i = 0; i < item->data_count; i++)
		digest_whole_add(p->session, item->first + item->place[i], &item->digest[i]);
	p->data_grains += item->data_count;
	p->sent_grains += item->sent;
	p->changed_grains += item->changed;
	if (r == 0 && item->len == 0)
		return write_range(p, p->delta ? MESSAGE_SAME : MESSAGE_ZERO, item, err);
	if (r == 0)
		r = flush(p, err);
	if (r < 0)
		return r;
	return link_send_in_place(p->link, p->delta ? MESSAGE_DELTA : MESSAGE_GRAINS, p->disk, item->frame,
				  item->len, err);
}

static int write_checkpoint(struct sender_pass *p, const struct sender_item *item,
			    struct unrack_error *err)
{
	struct message_checkpoint m = { item->first };
	uint8_t payload[MESSAGE_CONTROL_MAX];

	return link_send(p->link, MESSAGE_CHECKPOINT, p->disk, payload,
			 message_encode_checkpoint(&m, payload), err);
}

static int write_end(struct sender_pass *p, struct unrack_error *err)
{
	struct message_end m = { .first = p->first, .data_grains = p->data_grains };
	uint8_t payload[MESSAGE_CONTROL_MAX];

	digest_stream_end(p->session, &m.session);
	p->whole = m.session;
	return link_send(p->link, MESSAGE_END, p->disk, payload, message_encode_end(&m, payload),
			 err);
}

static int write_item(struct sender_pass *p, struct sender_item *item, struct unrack_error *err)
{
	int r;

	switch (item->kind) {
	case SENDER_DATA:
		return write_data(p, item, err);
	case SENDER_ZERO:
		return write_range(p, MESSAGE_ZERO, item, err);
	case SENDER_CHECKPOINT:
		r = flush(p, err);
		return r < 0 ? r : write_checkpoint(p, item, err);
	case SENDER_END:
		break;
	}
	r = flush(p, err);
	return r < 0 ? r : write_end(p, err);
}

void *sender_write_run(void *arg)
{
	struct sender_pass *p = arg;
	struct unrack_error err;
	void *item;
	int r;

	do {
		r = pool_next(p->pool, &item, &err);
		if (r == 0 && item) {
			r = write_item(p, item, &err);
			pool_release(p->pool);
		}
	} while (r == 0 && item);
	/* What was read before the source failed is of use too. */
	if (r == 0)
		r = flush(p, &err);
	if (r < 0) {
		sender_replies_write_failed(p->replies, &err);
		pool_stop(p->pool);
	}
	sender_replies_writer_done(p->replies);
	return NULL;
}
