/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link.h"

#include <string.h>

void link_init(struct link *l, struct channel *c)
{
	l->channel = c;
	l->received = l->sent = 0;
	atomic_init(&l->sent_bytes, 0);
	pthread_mutex_init(&l->send_lock, NULL);
}

void link_destroy(struct link *l)
{
	pthread_mutex_destroy(&l->send_lock);
}

int link_read_header(struct link *l, struct frame *f, struct unrack_error *err)
{
	uint8_t header[FRAME_HEADER_SIZE];
	int r = channel_read(l->channel, header, sizeof header, err);

	if (r == 0)
		r = frame_parse(header, l->received, f, err);
	if (r == 0)
		r = message_check_frame(f, err);
	if (r == 0)
		l->received++;
	return r;
}

int link_read_payload(struct link *l, const struct frame *f, void *buf, struct unrack_error *err)
{
	int r = f->length ? channel_read(l->channel, buf, f->length, err) : 0;

	return r < 0 ? r : frame_check_payload(f, buf, err);
}

int link_send_in_place(struct link *l, enum message_type type, uint16_t disk, uint8_t *frame,
		       size_t n, struct unrack_error *err)
{
	struct frame f = { .type = (uint8_t)type, .disk = disk, .length = (uint32_t)n };
	int r;

	pthread_mutex_lock(&l->send_lock);
	f.sequence = l->sent++;
	frame_write(&f, frame + FRAME_HEADER_SIZE, frame);
	r = channel_write(l->channel, frame, FRAME_HEADER_SIZE + n, err);
	pthread_mutex_unlock(&l->send_lock);
	if (r == 0)
		atomic_fetch_add_explicit(&l->sent_bytes, FRAME_HEADER_SIZE + n, memory_order_relaxed);
	return r;
}

int link_send(struct link *l, enum message_type type, uint16_t disk, const void *payload,
	      size_t n, struct unrack_error *err)
{
	uint8_t frame[FRAME_HEADER_SIZE + MESSAGE_CONTROL_MAX];

	if (n)
		memcpy(frame + FRAME_HEADER_SIZE, payload, n);
	return link_send_in_place(l, type, disk, frame, n, err);
}

void link_send_error(struct link *l, const struct unrack_error *why)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	struct unrack_error dropped;
	size_t n = message_encode_error(why, payload);

	link_send(l, MESSAGE_ERROR, 0, payload, n, &dropped);
}
