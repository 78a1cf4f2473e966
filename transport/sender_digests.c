/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the receiver's image holds, asked for in windows, two at a time: one that the reader is in,
 * and one that is on its way. Windows without data are never asked for. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "sender_parts.h"
#include "thread.h"

/* How often we look up from waiting, to see whether we should stop. */
#define LOOK_MS 200
#define WINDOWS 2u

struct window {
	uint64_t first, count; /* grains */
	uint64_t have;         /* of them, that have come */
	struct digest digest[MESSAGE_WANT_MAX];
};

struct sender_digests {
	uint16_t disk;
	uint64_t grains;  /* of the disk */
	uint64_t asked;   /* windows below this index were asked for, or are of no use */
	struct window window[WINDOWS];
};

int sender_digests_open(struct sender_replies *r, uint16_t disk, uint64_t grains, struct unrack_error *err)
{
	struct sender_digests *d = calloc(1, sizeof *d);

	if (!d)
		return error_nomem(err);
	d->disk = disk;
	d->grains = grains;
	pthread_mutex_lock(&r->lock);
	r->digests = d;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

void sender_digests_close(struct sender_replies *r)
{
	struct sender_digests *d;

	pthread_mutex_lock(&r->lock);
	d = r->digests;
	r->digests = NULL;
	pthread_mutex_unlock(&r->lock);
	free(d);
}

/* Until W has all that was asked for below END. */
static int wait_for(struct sender_replies *r, const struct window *w, uint64_t end,
		    struct unrack_error *err)
{
	int status = 0;

	pthread_mutex_lock(&r->lock);
	while (status == 0 && w->first + w->have < end) {
		/* Whatever else the receiver says here is not due, and digests won't follow. */
		if (r->failed || r->write_failed || r->goodbye || r->type != 0)
			status = error_set(err, UNRACK_IO, "the copy has stopped");
		else if (log_stop_asked(r->log))
			status = error_set(err, UNRACK_INTERRUPTED, "stopped");
		else
			thread_cond_wait(&r->changed, &r->lock, LOOK_MS);
	}
	pthread_mutex_unlock(&r->lock);
	return status;
}

static int ask(struct sender_replies *r, struct sender_digests *d, uint64_t index, uint64_t from,
	       struct unrack_error *err)
{
	struct window *w = &d->window[index % WINDOWS];
	struct message_range m = { .first = max_u64(index * MESSAGE_WANT_MAX, from) };
	uint8_t payload[MESSAGE_CONTROL_MAX];
	/* An answer that nobody waits for any more would come into the new window. */
	int status = wait_for(r, w, w->first + w->count, err);

	if (status < 0)
		return status;
	m.count = min_u64((index + 1) * MESSAGE_WANT_MAX, d->grains) - m.first;
	pthread_mutex_lock(&r->lock);
	w->first = m.first;
	w->count = m.count;
	w->have = 0;
	pthread_mutex_unlock(&r->lock);
	status = link_send(r->link, MESSAGE_WANT, d->disk, payload, message_encode_range(&m, payload), err);
	if (status < 0)
		sender_replies_write_failed(r, err);
	return status;
}

int sender_digests_get(struct sender_replies *r, uint64_t first, uint64_t count, struct digest *out,
		       struct unrack_error *err)
{
	struct sender_digests *d = r->digests;
	uint64_t index = first / MESSAGE_WANT_MAX;
	const struct window *w = &d->window[index % WINDOWS];
	int status = 0;

	d->asked = max_u64(d->asked, index);
	while (status == 0 && d->asked <= index + 1 && d->asked * MESSAGE_WANT_MAX < d->grains) {
		status = ask(r, d, d->asked, first, err);
		d->asked++;
	}
	if (status == 0)
		status = wait_for(r, w, first + count, err);
	if (status == 0)
		memcpy(out, &w->digest[first - w->first], (size_t)count * sizeof *out);
	return status;
}

int sender_digests_hear(struct sender_replies *r, const struct frame *f, const uint8_t *payload,
			struct unrack_error *err)
{
	struct sender_digests *d = r->digests;
	struct message_digests m;
	struct window *due = NULL;
	int status = message_decode_digests(payload, f->length, &m, err);

	if (status < 0)
		return status;
	/* Of two windows that wait, the lower one was asked for first. */
	for (unsigned i = 0; d && i < WINDOWS; i++) {
		struct window *w = &d->window[i];

		if (w->have < w->count && (!due || w->first < due->first))
			due = w;
	}
	if (!due || f->disk != d->disk || m.first != due->first + due->have ||
	    m.count > due->count - due->have)
		return error_set(err, UNRACK_DAMAGED, "the receiver sent digests of grains %llu to %llu of disk %u, "
				 "which were not asked for", (unsigned long long)m.first,
				 (unsigned long long)(m.first + m.count - 1), f->disk);
	if (m.digest)
		memcpy(&due->digest[due->have], m.digest, (size_t)m.count * sizeof due->digest[0]);
	else
		memset(&due->digest[due->have], 0, (size_t)m.count * sizeof due->digest[0]);
	due->have += m.count;
	pthread_cond_broadcast(&r->changed);
	return 0;
}
