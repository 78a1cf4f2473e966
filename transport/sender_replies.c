/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening to the receiver. Its reason for ending a session often arrives after our
 * writes have begun to fail; so a failed write only counts once nothing better was heard. */
#include <string.h>

#include "base/size.h"
#include "sender_parts.h"
#include "thread.h"

#define LOOK_MS 200

static void report(struct sender_replies *r, uint64_t next_grain)
{
	struct log_progress p = {
		.step = "copy",
		.disk = r->number,
		.done = min_u64(next_grain * GRAIN_SIZE, r->disk_bytes),
		.total = r->disk_bytes,
		.unit = "bytes",
		.sent = atomic_load_explicit(&r->link->sent_bytes, memory_order_relaxed),
	};

	log_progress(r->log, &p);
}

static int hear_ack(struct sender_replies *r, const struct frame *f, const uint8_t *payload,
		    struct unrack_error *err)
{
	struct message_ack m;
	int status = message_decode_ack(payload, f->length, &m, err);

	if (status < 0)
		return status;
	pthread_mutex_lock(&r->lock);
	if (f->disk != r->disk || m.next_grain < r->ack.next_grain ||
	    m.next_grain > grain_count(r->disk_bytes))
		status = error_set(err, UNRACK_DAMAGED,
				   "the receiver acknowledged grain %llu of disk %u, which can't be",
				   (unsigned long long)m.next_grain, f->disk);
	else
		r->ack = m;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	if (status == 0)
		report(r, m.next_grain);
	return status;
}

static int hear_reply(struct sender_replies *r, const struct frame *f, const uint8_t *payload,
		      struct unrack_error *err)
{
	union sender_reply reply;
	int status;

	if (f->type == MESSAGE_HELLO)
		status = message_decode_hello(payload, f->length, &reply.hello, err);
	else if (f->type == MESSAGE_ACCEPT)
		status = message_decode_accept(payload, f->length, &reply.accept, err);
	else
		status = message_decode_done(payload, f->length, &reply.done, err);
	if (status < 0)
		return status;
	pthread_mutex_lock(&r->lock);
	if (r->type != 0)
		status = error_set(err, UNRACK_DAMAGED, "the receiver sent a %s that was not due",
				   message_name(f->type));
	r->type = f->type;
	r->reply = reply;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return status;
}

/* *over: the receiver has said its last word, BYE or ERROR. */
static int hear(struct sender_replies *r, bool *over, struct unrack_error *err)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	struct unrack_error theirs;
	struct frame f;
	int status = link_read_header(r->link, &f, err);

	if (status == 0 && (f.type == MESSAGE_GRAINS || f.type == MESSAGE_DELTA))
		status = error_set(err, UNRACK_DAMAGED, "the receiver sent data");
	if (status == 0 && message_is_of_call(f.type))
		status = error_set(err, UNRACK_DAMAGED, "the receiver sent a %s within a copy",
				   message_name(f.type));
	if (status == 0)
		status = link_read_payload(r->link, &f, payload, err);
	if (status < 0)
		return status;
	switch (f.type) {
	case MESSAGE_ACK:
		return hear_ack(r, &f, payload, err);
	case MESSAGE_DIGESTS:
		pthread_mutex_lock(&r->lock);
		status = sender_digests_hear(r, &f, payload, err);
		pthread_mutex_unlock(&r->lock);
		return status;
	case MESSAGE_HELLO:
	case MESSAGE_ACCEPT:
	case MESSAGE_DONE:
		return hear_reply(r, &f, payload, err);
	case MESSAGE_BYE:
		*over = true;
		return 0;
	case MESSAGE_ERROR:
		status = message_decode_error(payload, f.length, &theirs, err);
		if (status < 0)
			return status;
		*over = true;
		*err = theirs;
		return theirs.code;
	default:
		return error_set(err, UNRACK_DAMAGED,
				 "the receiver sent a %s, which only a sender does",
				 message_name(f.type));
	}
}

/* A line that is of no more use: what that means for the copy. */
static int explain_lost(struct unrack_error *err)
{
	struct unrack_error why = *err;

	error_set(err, UNRACK_LOST, "the connection to the receiver was lost (%.500s); what it "
		  "acknowledged is safe", why.text);
	err->sys_errno = why.sys_errno;
	return UNRACK_LOST;
}

static void *replies_run(void *arg)
{
	struct sender_replies *r = arg;
	struct unrack_error err;
	bool over = false;
	int status;

	do {
		status = hear(r, &over, &err);
	} while (status == 0 && !over);
	if (status == UNRACK_LOST && !over)
		explain_lost(&err);
	pthread_mutex_lock(&r->lock);
	r->goodbye = status == 0;
	r->failed = status < 0;
	if (status < 0)
		r->why = err;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	/* The writer may be blocked on a receiver that takes nothing more. */
	if (status < 0)
		channel_shutdown(r->link->channel);
	return NULL;
}

int sender_replies_start(struct sender_replies *r, struct link *l, const struct log *log,
			 struct unrack_error *err)
{
	int status;

	memset(r, 0, sizeof *r);
	r->link = l;
	r->log = log;
	status = thread_cond_init(&r->changed, err);
	if (status < 0)
		return status;
	pthread_mutex_init(&r->lock, NULL);
	status = thread_start(&r->thread, replies_run, r, err);
	if (status < 0) {
		pthread_cond_destroy(&r->changed);
		pthread_mutex_destroy(&r->lock);
	}
	return status;
}

void sender_replies_stop(struct sender_replies *r)
{
	bool over;

	pthread_mutex_lock(&r->lock);
	over = r->goodbye;
	pthread_mutex_unlock(&r->lock);
	if (!over)
		channel_shutdown(r->link->channel);
	pthread_join(r->thread, NULL);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
}

void sender_replies_accepted(struct sender_replies *r, uint16_t disk, uint64_t bytes,
			     const struct message_accept *a)
{
	pthread_mutex_lock(&r->lock);
	r->disk = disk;
	r->disk_bytes = bytes;
	r->number = (int)a->number;
	r->ack.next_grain = a->next_grain;
	r->ack.data_grains = a->data_grains;
	r->writer_done = false;
	pthread_mutex_unlock(&r->lock);
	report(r, a->next_grain);
}

void sender_replies_writer_done(struct sender_replies *r)
{
	pthread_mutex_lock(&r->lock);
	r->writer_done = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void sender_replies_write_failed(struct sender_replies *r, const struct unrack_error *why)
{
	pthread_mutex_lock(&r->lock);
	r->write_failed = true;
	r->write_failed_ms = thread_now_ms();
	r->write_why = *why;
	pthread_mutex_unlock(&r->lock);
}

bool sender_replies_failed(struct sender_replies *r)
{
	bool failed;

	pthread_mutex_lock(&r->lock);
	failed = r->failed;
	pthread_mutex_unlock(&r->lock);
	return failed;
}

static bool has_come(const struct sender_replies *r, const struct sender_wait *w)
{
	switch (w->event) {
	case SENDER_REPLY:
		return w->type == MESSAGE_BYE ? r->goodbye : r->type == w->type;
	case SENDER_DURABLE:
		return r->ack.next_grain >= w->grain;
	case SENDER_WRITER_DONE:
		return r->writer_done;
	case SENDER_FAILURE:
		break;
	}
	return false;
}

/* Something that can't be waited out. *stop_at: when our patience ends, -1: it doesn't,
 * unless a stop is asked for. */
static int is_hopeless(const struct sender_replies *r, const struct sender_wait *w,
		       int64_t *stop_at, struct unrack_error *err)
{
	int64_t now = thread_now_ms();

	if (r->failed) {
		*err = r->why;
		return err->code;
	}
	if (r->goodbye || r->type != 0)
		return error_set(err, UNRACK_DAMAGED, "the receiver sent a %s where it was not due",
				 message_name(r->goodbye ? (unsigned)MESSAGE_BYE : r->type));
	if (r->write_failed && now - r->write_failed_ms > SENDER_REASON_MS) {
		*err = r->write_why;
		return err->code;
	}
	if (*stop_at < 0 && log_stop_asked(r->log))
		*stop_at = now + w->patience_ms;
	if (*stop_at >= 0 && now >= *stop_at)
		return error_set(err, UNRACK_INTERRUPTED,
				 "stopped; the receiver did not say how much is safe, the same command "
				 "will find out and continue");
	return 0;
}

int sender_replies_wait(struct sender_replies *r, const struct sender_wait *w,
			union sender_reply *out, struct unrack_error *err)
{
	int64_t stop_at = w->limit_ms ? thread_now_ms() + w->limit_ms : -1;
	int status = 0;

	pthread_mutex_lock(&r->lock);
	while (!has_come(r, w)) {
		status = is_hopeless(r, w, &stop_at, err);
		if (status < 0)
			break;
		thread_cond_wait(&r->changed, &r->lock, LOOK_MS);
	}
	if (status == 0 && w->event == SENDER_REPLY) {
		if (out)
			*out = r->reply;
		r->type = 0;
	}
	pthread_mutex_unlock(&r->lock);
	return status;
}
