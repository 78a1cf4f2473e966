/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sender_parts.h"
#include "unrack/digest_table.h"

static int flush_zeros(struct sender_pass *p, struct unrack_error *err)
{
	struct message_zero m = { p->zero_first, p->zero_count };
	uint8_t payload[MESSAGE_CONTROL_MAX];

	if (p->zero_count == 0)
		return 0;
	p->zero_count = 0;
	return link_send(p->link, MESSAGE_ZERO, p->disk, payload, message_encode_zero(&m, payload),
			 err);
}

/* Ranges come in order and without gaps, so one that is all zero continues the last. */
static int write_zeros(struct sender_pass *p, const struct sender_item *item,
		       struct unrack_error *err)
{
	if (p->zero_count == 0)
		p->zero_first = item->first;
	p->zero_count += item->count;
	return p->zero_count >= SENDER_ZERO_GRAINS ? flush_zeros(p, err) : 0;
}

static int write_grains(struct sender_pass *p, struct sender_item *item, struct unrack_error *err)
{
	for (unsigned i = 0; i < item->data_count; i++)
		digest_whole_add(p->session, item->first + item->place[i], &item->digest[i]);
	p->data_grains += item->data_count;
	return link_send_in_place(p->link, MESSAGE_GRAINS, p->disk, item->frame, item->len, err);
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

	if (item->kind == SENDER_ZERO || (item->kind == SENDER_DATA && item->len == 0))
		return write_zeros(p, item, err);
	r = flush_zeros(p, err);
	if (r < 0)
		return r;
	switch (item->kind) {
	case SENDER_CHECKPOINT:
		return write_checkpoint(p, item, err);
	case SENDER_END:
		return write_end(p, err);
	default:
		return write_grains(p, item, err);
	}
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
		r = flush_zeros(p, &err);
	if (r < 0) {
		sender_replies_write_failed(p->replies, &err);
		pool_stop(p->pool);
	}
	sender_replies_writer_done(p->replies);
	return NULL;
}
