/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel with frames on it: counts them, checks them, knows which messages may be how long,
 * and does not trouble the reader with PINGs. Threads: one reads, any may send. */
#ifndef TRANSPORT_LINK_H
#define TRANSPORT_LINK_H

#include <pthread.h>
#include <stdatomic.h>

#include "unrack/channel.h"
#include "unrack/frame.h"
#include "unrack/message.h"

struct link {
	struct channel *channel; /* the caller's */
	uint64_t received;       /* frames; the reading thread's */
	pthread_mutex_t send_lock;
	uint64_t sent;           /* frames; under send_lock */
	bool said_last;          /* BYE or ERROR: nothing is due after it; under send_lock */
	atomic_int_fast64_t sent_ms; /* when the last frame, or the link itself, was made */
	atomic_uint_fast64_t sent_bytes, received_bytes;
};

void link_init(struct link *l, struct channel *c);
void link_destroy(struct link *l);

/* The next frame's header, checked, its length within what its type may have. What comes instead
 * of the first frame is quoted, however little it is. */
int link_read_header(struct link *l, struct frame *f, struct unrack_error *err);
/* Its payload; BUF has room for f->length. Checked. */
int link_read_payload(struct link *l, const struct frame *f, void *buf, struct unrack_error *err);

/* One frame. PAYLOAD may be NULL when N is 0. */
int link_send(struct link *l, enum message_type type, uint16_t disk, const void *payload,
	      size_t n, struct unrack_error *err);
/* The same in one write: FRAME has FRAME_HEADER_SIZE bytes of room before its N of payload. */
int link_send_in_place(struct link *l, enum message_type type, uint16_t disk, uint8_t *frame,
		       size_t n, struct unrack_error *err);

/* A PING, unless another thread is sending just now (then we are heard anyway), or the last word
 * was said. Best effort. */
void link_ping(struct link *l);

/* Tells the far side why the session ends. Best effort. */
void link_send_error(struct link *l, const struct unrack_error *why);

#endif
