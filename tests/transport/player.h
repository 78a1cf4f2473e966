/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel that plays a recording, and records what is written. */
#ifndef TESTS_PLAYER_H
#define TESTS_PLAYER_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "unrack/buf.h"
#include "unrack/channel.h"

struct player {
	struct channel channel;
	struct buf in;     /* the caller's */
	size_t at;
	struct buf out;    /* what was written; freed by the caller */
	pthread_mutex_t lock;
	bool down;
};

static int player_read(struct channel *c, void *buf, size_t n, struct unrack_error *err)
{
	struct player *p = c->ctx;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	if (p->down || p->in.len - p->at < n) {
		r = error_set(err, UNRACK_LOST, "the recording ends");
		err->sys_errno = ECONNRESET;
	} else {
		memcpy(buf, p->in.data + p->at, n);
		p->at += n;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

static int player_write(struct channel *c, const void *buf, size_t n, struct unrack_error *err)
{
	struct player *p = c->ctx;

	(void)err;
	pthread_mutex_lock(&p->lock);
	if (buf_append(&p->out, buf, n) < 0)
		abort();
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static void player_shutdown(struct channel *c)
{
	struct player *p = c->ctx;

	pthread_mutex_lock(&p->lock);
	p->down = true;
	pthread_mutex_unlock(&p->lock);
}

static void player_close(struct channel *c)
{
	(void)c;
}

static const struct channel_ops player_ops = { player_read, player_write, player_shutdown,
					       player_close, NULL };

static void player_open(struct player *p, const struct buf *in)
{
	*p = (struct player){ .channel = { .ops = &player_ops, .ctx = p }, .in = *in,
			      .lock = PTHREAD_MUTEX_INITIALIZER };
}

#endif
