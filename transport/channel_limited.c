/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bucket of tokens, kept as a time: the moment at which all that was written would have gone
 * through a line of exactly this rate. It is never further back than the burst that we allow, and we
 * write when it has come. So sleeping too long is made up for, and a pause is not. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/size.h"
#include "thread.h"
#include "unrack/channel.h"

#define SECOND 1000000000ull
#define BURST (SECOND / 20)
/* A piece is a fiftieth of a second's worth, but neither so long that others on the line notice,
 * nor so short that headers make up much of it, nor longer than a quarter of a second. */
#define PIECE_MAX 65536u
#define PIECE_GOOD 4096u

struct limited {
	struct channel channel;
	struct channel *inner;
	uint64_t rate;
	size_t piece;
	uint64_t through; /* ns; 0: nothing was written yet. The writer's */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool down;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* Until the next piece may go. */
static int wait_for_turn(struct limited *l, struct unrack_error *err)
{
	uint64_t now = now_ns();
	bool down;

	if (l->through == 0)
		l->through = now;
	pthread_mutex_lock(&l->lock);
	while (!l->down && now < l->through) {
		thread_cond_wait(&l->wake, &l->lock,
				 (int64_t)div_round_up(l->through - now, SECOND / 1000));
		now = now_ns();
	}
	down = l->down;
	pthread_mutex_unlock(&l->lock);
	if (down) {
		error_errno(err, ECANCELED, "the connection was shut down");
		return err->code = UNRACK_LOST;
	}
	l->through = max_u64(l->through, now - BURST);
	return 0;
}

static int limited_write(struct channel *c, const void *buf, size_t n, struct unrack_error *err)
{
	struct limited *l = c->ctx;
	const uint8_t *p = buf;

	while (n > 0) {
		size_t part = n < l->piece ? n : l->piece;
		int r = wait_for_turn(l, err);

		if (r == 0)
			r = channel_write(l->inner, p, part, err);
		if (r < 0)
			return r;
		l->through += part * SECOND / l->rate;
		p += part;
		n -= part;
	}
	return 0;
}

static int limited_read(struct channel *c, void *buf, size_t n, struct unrack_error *err)
{
	struct limited *l = c->ctx;

	l->inner->silence_ms = c->silence_ms;
	return channel_read(l->inner, buf, n, err);
}

static void limited_shutdown(struct channel *c)
{
	struct limited *l = c->ctx;

	pthread_mutex_lock(&l->lock);
	l->down = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	channel_shutdown(l->inner);
}

static void limited_stop_reading(struct channel *c)
{
	struct limited *l = c->ctx;

	channel_stop_reading(l->inner);
}

static void limited_close(struct channel *c)
{
	struct limited *l = c->ctx;

	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->wake);
	free(l);
}

static const struct channel_ops limited_ops = { limited_read, limited_write, limited_shutdown,
						limited_close, limited_stop_reading };

static size_t piece_of(uint64_t rate)
{
	uint64_t piece = rate / 50;

	if (piece < PIECE_GOOD)
		piece = min_u64(PIECE_GOOD, rate / 4);
	return (size_t)max_u64(min_u64(piece, PIECE_MAX), 1);
}

int channel_open_limited(struct channel *inner, uint64_t rate, struct channel **out,
			 struct unrack_error *err)
{
	struct limited *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return error_nomem(err);
	r = thread_cond_init(&l->wake, err);
	if (r < 0) {
		free(l);
		return r;
	}
	pthread_mutex_init(&l->lock, NULL);
	l->channel = (struct channel){ .ops = &limited_ops, .ctx = l, .silence_ms = inner->silence_ms,
				       .spoken = inner->spoken };
	l->inner = inner;
	l->rate = rate;
	l->piece = piece_of(rate);
	*out = &l->channel;
	return 0;
}
