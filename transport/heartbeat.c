/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "heartbeat.h"

#include "base/size.h"
#include "thread.h"

/* How often we look whether to stop. */
#define LOOK_MS 100
/* PINGs of one silence: some may be late, or lost with a line that comes back. */
#define BEATS 5u
#define EVERY_MIN_MS 10u
/* However patient we are: the other side may have a limit of its own (`serve --root`: 120 s). */
#define EVERY_MAX_MS 20000u

/* Sends a PING if one is due. How long until the next: at most, since others send too. */
static int64_t beat(struct heartbeat *h)
{
	int64_t idle = thread_now_ms() - atomic_load_explicit(&h->link->sent_ms, memory_order_relaxed);

	if (idle < h->every_ms)
		return h->every_ms - idle;
	link_ping(h->link);
	return h->every_ms;
}

static void *run(void *arg)
{
	struct heartbeat *h = arg;

	pthread_mutex_lock(&h->lock);
	while (!h->ending) {
		int64_t wait = -1;

		pthread_mutex_unlock(&h->lock);
		if (h->every_ms)
			wait = beat(h);
		if (!h->stopped && log_stop_asked(h->log)) {
			h->stopped = true;
			channel_stop_reading(h->link->channel);
		}
		if (h->log && !h->stopped && (wait < 0 || wait > LOOK_MS))
			wait = LOOK_MS;
		pthread_mutex_lock(&h->lock);
		if (!h->ending)
			thread_cond_wait(&h->wake, &h->lock, wait);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

int heartbeat_start(struct heartbeat *h, struct link *l, unsigned silence_ms,
		    const struct log *log, struct unrack_error *err)
{
	int r;

	*h = (struct heartbeat){ .link = l, .log = log && log->stop ? log : NULL };
	if (silence_ms)
		h->every_ms = (unsigned)min_u64(max_u64(silence_ms / BEATS, EVERY_MIN_MS), EVERY_MAX_MS);
	if (!h->every_ms && !h->log)
		return 0;
	r = thread_cond_init(&h->wake, err);
	if (r < 0)
		return r;
	pthread_mutex_init(&h->lock, NULL);
	r = thread_start(&h->thread, run, h, err);
	if (r < 0) {
		pthread_mutex_destroy(&h->lock);
		pthread_cond_destroy(&h->wake);
		return r;
	}
	h->running = true;
	return 0;
}

bool heartbeat_stop(struct heartbeat *h)
{
	if (!h->running)
		return false;
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->wake);
	h->running = false;
	return h->stopped;
}
