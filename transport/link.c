/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link.h"

#include <string.h>

#include "thread.h"

/* How much of what is not ours is worth quoting. */
#define QUOTE_MAX 200u

void link_init(struct link *l, struct channel *c)
{
	l->channel = c;
	l->received = l->sent = 0;
	l->said_last = false;
	atomic_init(&l->sent_ms, thread_now_ms());
	atomic_init(&l->sent_bytes, 0);
	atomic_init(&l->received_bytes, 0);
	pthread_mutex_init(&l->send_lock, NULL);
}

void link_destroy(struct link *l)
{
	pthread_mutex_destroy(&l->send_lock);
}

/* A line that is not empty, or what is no text at all. */
static bool is_enough(const uint8_t *p, size_t n)
{
	size_t printable = 0, blank = 0;

	for (size_t i = 0; i < n; i++) {
		printable += p[i] > ' ' && p[i] <= '~';
		blank += p[i] == ' ' || (p[i] >= '\t' && p[i] <= '\r');
	}
	return (printable && p[n - 1] == '\n') || (n >= FRAME_MAGIC_SIZE && printable + blank < n);
}

/* Somebody else is at the other end, who says TEXT, of which N bytes are there: the rest is read, as
 * far as it comes. */
static int quote(struct link *l, uint8_t text[QUOTE_MAX], size_t n, struct unrack_error *err)
{
	struct unrack_error dropped;

	while (n < QUOTE_MAX && !is_enough(text, n) &&
	       channel_read(l->channel, text + n, 1, &dropped) == 0)
		n++;
	return frame_refuse(text, n, err);
}

/* The first header is read byte by byte until it is clear that it is one. */
static int read_first(struct link *l, uint8_t header[FRAME_HEADER_SIZE], struct unrack_error *err)
{
	uint8_t text[QUOTE_MAX];

	for (size_t n = 0; n < FRAME_MAGIC_SIZE;) {
		int r = channel_read(l->channel, text + n, 1, err);

		if (r < 0)
			return r;
		if (!frame_begins(text, ++n))
			return quote(l, text, n, err);
	}
	memcpy(header, text, FRAME_MAGIC_SIZE);
	return channel_read(l->channel, header + FRAME_MAGIC_SIZE,
			    FRAME_HEADER_SIZE - FRAME_MAGIC_SIZE, err);
}

static int read_any(struct link *l, struct frame *f, struct unrack_error *err)
{
	uint8_t header[FRAME_HEADER_SIZE];
	int r = l->channel->spoken ? channel_read(l->channel, header, sizeof header, err)
				   : read_first(l, header, err);

	if (r == 0 && l->channel->spoken && !frame_begins(header, sizeof header))
		r = error_set(err, UNRACK_LOST, "the stream is damaged: frame %llu does not begin as a frame does",
			      (unsigned long long)l->received);
	if (r == 0)
		r = frame_parse(header, l->received, f, err);
	if (r == 0)
		r = message_check_frame(f, err);
	if (r < 0)
		return r;
	l->channel->spoken = true;
	l->received++;
	atomic_fetch_add_explicit(&l->received_bytes, FRAME_HEADER_SIZE, memory_order_relaxed);
	return 0;
}

int link_read_header(struct link *l, struct frame *f, struct unrack_error *err)
{
	int r;

	do {
		r = read_any(l, f, err);
		if (r == 0 && f->type == MESSAGE_PING)
			r = frame_check_payload(f, "", err);
	} while (r == 0 && f->type == MESSAGE_PING);
	return r;
}

int link_read_payload(struct link *l, const struct frame *f, void *buf, struct unrack_error *err)
{
	int r = f->length ? channel_read(l->channel, buf, f->length, err) : 0;

	if (r < 0)
		return r;
	atomic_fetch_add_explicit(&l->received_bytes, f->length, memory_order_relaxed);
	return frame_check_payload(f, buf, err);
}

/* With the lock held. */
static int send_locked(struct link *l, enum message_type type, uint16_t disk, uint8_t *frame,
		       size_t n, struct unrack_error *err)
{
	struct frame f = { .type = (uint8_t)type, .disk = disk, .length = (uint32_t)n,
			   .sequence = l->sent++ };
	int r;

	l->said_last |= type == MESSAGE_BYE || type == MESSAGE_ERROR;
	frame_write(&f, frame + FRAME_HEADER_SIZE, frame);
	r = channel_write(l->channel, frame, FRAME_HEADER_SIZE + n, err);
	if (r < 0)
		return r;
	atomic_store_explicit(&l->sent_ms, thread_now_ms(), memory_order_relaxed);
	atomic_fetch_add_explicit(&l->sent_bytes, FRAME_HEADER_SIZE + n, memory_order_relaxed);
	return 0;
}

int link_send_in_place(struct link *l, enum message_type type, uint16_t disk, uint8_t *frame,
		       size_t n, struct unrack_error *err)
{
	int r;

	pthread_mutex_lock(&l->send_lock);
	r = send_locked(l, type, disk, frame, n, err);
	pthread_mutex_unlock(&l->send_lock);
	return r;
}

void link_ping(struct link *l)
{
	uint8_t frame[FRAME_HEADER_SIZE];
	struct unrack_error dropped;

	if (pthread_mutex_trylock(&l->send_lock) != 0)
		return;
	if (!l->said_last)
		send_locked(l, MESSAGE_PING, 0, frame, 0, &dropped);
	pthread_mutex_unlock(&l->send_lock);
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
