/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every item has a ticket: its number in the order of submission. Ticket t lives in slot
 * t % n, and four counters divide the ring:
 *
 *	released <= done in order <= begun <= submitted <= released + n
 *
 * A worker begins the lowest ticket that nobody has begun. */
#include "unrack/pool.h"

#include <assert.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#include "thread.h"

struct slot {
	bool done;
	int status;
	struct unrack_error err; /* when status < 0 */
};

struct worker {
	struct pool *pool;
	void *own;
	pthread_t thread;
};

struct pool {
	struct pool_options opt;
	struct slot *slots;
	struct worker *workers; /* the serial twin has one, without a thread */
	unsigned made, started;

	pthread_mutex_t lock;
	pthread_cond_t freed, filled, worked; /* for the producer, the workers, the consumer */
	uint64_t submitted, begun, released;
	unsigned done; /* and not released */
	bool finished, stopped;
};

static void *item_of(struct pool *p, uint64_t ticket)
{
	return p->opt.items[ticket % p->opt.n];
}

static void stop_locked(struct pool *p)
{
	p->stopped = true;
	pthread_cond_broadcast(&p->freed);
	pthread_cond_broadcast(&p->filled);
	pthread_cond_broadcast(&p->worked);
}

/* Called and left with the lock held, which is open while the work goes on. */
static void work_on(struct pool *p, struct worker *w, uint64_t ticket)
{
	struct slot *slot = &p->slots[ticket % p->opt.n];
	int r;

	pthread_mutex_unlock(&p->lock);
	r = p->opt.work(w->own, item_of(p, ticket), &slot->err);
	pthread_mutex_lock(&p->lock);
	slot->status = r;
	slot->done = true;
	p->done++;
	if (ticket == p->released)
		pthread_cond_signal(&p->worked);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->stopped && p->begun == p->submitted && !p->finished)
			thread_cond_wait(&p->filled, &p->lock, -1);
		if (p->stopped || p->begun == p->submitted)
			break;
		work_on(p, w, p->begun++);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int make_workers(struct pool *p, struct unrack_error *err)
{
	unsigned n = p->opt.workers ? p->opt.workers : 1;

	for (p->made = 0; p->made < n; p->made++) {
		struct worker *w = &p->workers[p->made];

		w->pool = p;
		if (p->opt.worker_new && !(w->own = p->opt.worker_new(p->opt.ctx)))
			return error_nomem(err);
	}
	for (; p->started < p->opt.workers; p->started++) {
		struct worker *w = &p->workers[p->started];
		int r = thread_start(&w->thread, worker_run, w, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int pool_open(const struct pool_options *opt, struct pool **out, struct unrack_error *err)
{
	struct pool *p = calloc(1, sizeof *p);
	int r;

	assert(opt->n >= 1 && opt->workers <= POOL_WORKERS_MAX);
	if (!p)
		return error_nomem(err);
	p->opt = *opt;
	pthread_mutex_init(&p->lock, NULL);
	r = thread_cond_init(&p->freed, err);
	if (r < 0)
		goto no_freed;
	r = thread_cond_init(&p->filled, err);
	if (r < 0)
		goto no_filled;
	r = thread_cond_init(&p->worked, err);
	if (r < 0)
		goto no_worked;
	p->slots = calloc(opt->n, sizeof *p->slots);
	p->workers = calloc(opt->workers ? opt->workers : 1, sizeof *p->workers);
	r = p->slots && p->workers ? make_workers(p, err) : error_nomem(err);
	if (r < 0) {
		pool_close(p);
		return r;
	}
	*out = p;
	return 0;

no_worked:
	pthread_cond_destroy(&p->filled);
no_filled:
	pthread_cond_destroy(&p->freed);
no_freed:
	pthread_mutex_destroy(&p->lock);
	free(p);
	return r;
}

void *pool_take(struct pool *p, int timeout_ms)
{
	int64_t end = thread_now_ms() + timeout_ms;
	void *item = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->stopped && p->submitted == p->released + p->opt.n) {
		int64_t left = timeout_ms < 0 ? -1 : end - thread_now_ms();

		if (timeout_ms >= 0 && left <= 0)
			break;
		thread_cond_wait(&p->freed, &p->lock, left);
	}
	if (!p->stopped && p->submitted < p->released + p->opt.n)
		item = item_of(p, p->submitted);
	pthread_mutex_unlock(&p->lock);
	return item;
}

void pool_submit(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	assert(p->submitted < p->released + p->opt.n);
	p->slots[p->submitted % p->opt.n].done = false;
	p->submitted++;
	if (!p->opt.workers)
		work_on(p, &p->workers[0], p->begun++);
	pthread_mutex_unlock(&p->lock);
	/* Who is woken wants the lock at once. */
	if (p->opt.workers)
		pthread_cond_signal(&p->filled);
}

bool pool_drain(struct pool *p, int timeout_ms)
{
	int64_t end = thread_now_ms() + timeout_ms, left = -1;
	bool drained;

	pthread_mutex_lock(&p->lock);
	while (!p->stopped && p->released < p->submitted) {
		if (timeout_ms >= 0 && (left = end - thread_now_ms()) <= 0)
			break;
		thread_cond_wait(&p->freed, &p->lock, left);
	}
	drained = !p->stopped && p->released == p->submitted;
	pthread_mutex_unlock(&p->lock);
	return drained;
}

void pool_finish(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->finished = true;
	pthread_cond_broadcast(&p->filled);
	pthread_cond_broadcast(&p->worked);
	pthread_mutex_unlock(&p->lock);
}

int pool_next(struct pool *p, void **item, struct unrack_error *err)
{
	struct slot *slot;
	int r = 0;

	*item = NULL;
	pthread_mutex_lock(&p->lock);
	slot = &p->slots[p->released % p->opt.n];
	while (!p->stopped && !(p->released < p->submitted && slot->done) &&
	       !(p->finished && p->released == p->submitted))
		thread_cond_wait(&p->worked, &p->lock, -1);
	if (p->stopped) {
		r = error_set(err, UNRACK_INTERRUPTED, "stopped");
	} else if (p->released < p->submitted && slot->status < 0) {
		*err = slot->err;
		r = slot->status;
		stop_locked(p);
	} else if (p->released < p->submitted) {
		*item = item_of(p, p->released);
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

void pool_release(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	assert(p->released < p->submitted);
	p->released++;
	p->done--;
	pthread_mutex_unlock(&p->lock);
	pthread_cond_signal(&p->freed);
}

void pool_fill(struct pool *p, unsigned *waiting, unsigned *done)
{
	pthread_mutex_lock(&p->lock);
	*waiting = (unsigned)(p->submitted - p->begun);
	*done = p->done;
	pthread_mutex_unlock(&p->lock);
}

void pool_stop(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	stop_locked(p);
	pthread_mutex_unlock(&p->lock);
}

bool pool_stopped(struct pool *p)
{
	bool stopped;

	pthread_mutex_lock(&p->lock);
	stopped = p->stopped;
	pthread_mutex_unlock(&p->lock);
	return stopped;
}

void pool_close(struct pool *p)
{
	if (!p)
		return;
	pool_stop(p);
	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->workers[i].thread, NULL);
	for (unsigned i = 0; i < p->made; i++)
		if (p->opt.worker_free)
			p->opt.worker_free(p->workers[i].own);
	pthread_cond_destroy(&p->freed);
	pthread_cond_destroy(&p->filled);
	pthread_cond_destroy(&p->worked);
	pthread_mutex_destroy(&p->lock);
	free(p->workers);
	free(p->slots);
	free(p);
}

unsigned pool_workers(int wish, unsigned max)
{
	cpu_set_t set;
	unsigned n = 1;

	if (wish < 0)
		return 0;
	if (wish > 0)
		n = (unsigned)wish;
	else if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = (unsigned)CPU_COUNT(&set);
	return n < max ? n : max;
}
