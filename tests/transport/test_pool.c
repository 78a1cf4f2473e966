/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ring of work, with threads and as the serial twin: the same tests for both. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "../support/tap.h"
#include "base/size.h"
#include "unrack/pool.h"

#define ITEMS 5u

struct item {
	unsigned number, square;
};

static atomic_int alive, working, most_working;
static unsigned fail_at;

static void *worker_new(void *ctx)
{
	atomic_fetch_add(&alive, 1);
	return ctx;
}

static void worker_free(void *worker)
{
	(void)worker;
	atomic_fetch_sub(&alive, 1);
}

static int work(void *worker, void *arg, struct unrack_error *err)
{
	struct item *item = arg;
	int now = atomic_fetch_add(&working, 1) + 1, most = atomic_load(&most_working);

	while (now > most && !atomic_compare_exchange_weak(&most_working, &most, now))
		;
	/* The first of a round is the slowest, so that later ones overtake it. */
	if (item->number % ITEMS == 0)
		usleep(200);
	item->square = item->number * item->number + *(unsigned *)worker;
	atomic_fetch_sub(&working, 1);
	if (fail_at && item->number >= fail_at)
		return error_set(err, UNRACK_DAMAGED, "item %u is bad", item->number);
	return 0;
}

struct rig {
	struct item item[ITEMS];
	void *list[ITEMS];
	unsigned add;
	struct pool *pool;
	unsigned total; /* how many items the producer makes */
};

static void rig_open(struct rig *r, unsigned workers)
{
	struct pool_options opt = { .workers = workers, .items = r->list, .n = ITEMS,
				    .worker_new = worker_new, .worker_free = worker_free,
				    .work = work, .ctx = &r->add };
	struct unrack_error err;

	fail_at = 0;
	r->add = 7;
	atomic_store(&most_working, 0);
	for (unsigned i = 0; i < ITEMS; i++)
		r->list[i] = &r->item[i];
	is_int(pool_open(&opt, &r->pool, &err), 0, "a pool of %u workers opens", workers);
}

static void *produce(void *arg)
{
	struct rig *r = arg;
	struct item *item;

	for (unsigned i = 0; i < r->total && (item = pool_take(r->pool, -1)); i++) {
		item->number = i;
		pool_submit(r->pool);
	}
	pool_finish(r->pool);
	return NULL;
}

static void test_order(unsigned workers)
{
	struct rig r = { .total = 400 };
	struct unrack_error err;
	unsigned next = 0, wrong = 0;
	pthread_t thread;
	void *item;

	rig_open(&r, workers);
	is_int(atomic_load(&alive), workers ? workers : 1, "every worker has a state of its own");
	pthread_create(&thread, NULL, produce, &r);
	while (pool_next(r.pool, &item, &err) == 0 && item) {
		const struct item *i = item;

		wrong += i->number != next || i->square != next * next + 7;
		next++;
		pool_release(r.pool);
	}
	pthread_join(thread, NULL);
	is_int(next, 400, "%u workers: all items come out", workers);
	is_int(wrong, 0, "%u workers: in order, each with its work done", workers);
	ok(atomic_load(&most_working) <= (int)(workers ? workers : 1), "no more at once than workers");
	is_int(pool_next(r.pool, &item, &err), 0, "after the last one there is no error");
	ok(!item, "and nothing");
	pool_close(r.pool);
	is_int(atomic_load(&alive), 0, "closing frees the workers");
}

static void test_bounded(unsigned workers)
{
	struct rig r = { 0 };
	struct unrack_error err;
	void *item, *again;
	unsigned waiting = 0, done = 0;

	rig_open(&r, workers);
	for (unsigned i = 0; i < ITEMS; i++) {
		struct item *it = pool_take(r.pool, -1);

		again = pool_take(r.pool, -1);
		ok(it && again == it, "an item that was not submitted is given again");
		it->number = i;
		pool_submit(r.pool);
	}
	ok(!pool_take(r.pool, 5), "%u workers: no item is free while all are in flight", workers);
	ok(!pool_stopped(r.pool), "which is no failure");
	for (int i = 0; i < 120000 && done < ITEMS; i++) {
		pool_fill(r.pool, &waiting, &done);
		usleep(1000);
	}
	ok(waiting == 0 && done == ITEMS, "%u workers: in the end all are done", workers);
	is_int(pool_next(r.pool, &item, &err), 0, "the consumer gets the first");
	is_int(pool_next(r.pool, &again, &err), 0, "and again until it is released");
	ok(item == again && item == r.list[0], "the same one");
	pool_release(r.pool);
	pool_fill(r.pool, &waiting, &done);
	is_int(done, ITEMS - 1, "what is released is done with");
	ok(pool_take(r.pool, 1000) == r.list[0], "released, it is free for the producer");
	ok(!pool_drain(r.pool, 5), "%u workers: there are others that somebody uses", workers);
	for (unsigned i = 1; i < ITEMS && pool_next(r.pool, &item, &err) == 0; i++)
		pool_release(r.pool);
	ok(pool_drain(r.pool, 1000), "until all are released");
	pool_stop(r.pool);
	ok(!pool_drain(r.pool, -1), "of a pool that has stopped that is not known");
	pool_close(r.pool);
}

static void test_failure(unsigned workers)
{
	struct rig r = { .total = 100 };
	struct unrack_error err;
	unsigned good = 0;
	pthread_t thread;
	void *item;
	int status;

	rig_open(&r, workers);
	fail_at = 31;
	pthread_create(&thread, NULL, produce, &r);
	while ((status = pool_next(r.pool, &item, &err)) == 0 && item) {
		good++;
		pool_release(r.pool);
	}
	pthread_join(thread, NULL);
	is_int(status, UNRACK_DAMAGED, "%u workers: a failure has its own code", workers);
	is_str(err.text, "item 31 is bad", "it is the first in order, whoever was faster");
	is_int(good, 31, "all before it came out");
	ok(pool_stopped(r.pool) && !pool_take(r.pool, -1), "and the pool has stopped");
	pool_close(r.pool);
}

static void *stop_soon(void *arg)
{
	usleep(2000);
	pool_stop(arg);
	return NULL;
}

static void test_stop(unsigned workers)
{
	struct rig r = { 0 };
	struct unrack_error err;
	pthread_t thread;
	void *item;

	rig_open(&r, workers);
	pthread_create(&thread, NULL, stop_soon, r.pool);
	is_int(pool_next(r.pool, &item, &err), UNRACK_INTERRUPTED, "stopping wakes a consumer");
	pthread_join(thread, NULL);
	ok(!pool_take(r.pool, -1), "and refuses a producer");
	pool_close(r.pool);

	rig_open(&r, workers);
	for (unsigned i = 0; i < ITEMS; i++) {
		pool_take(r.pool, -1);
		pool_submit(r.pool);
	}
	pthread_create(&thread, NULL, stop_soon, r.pool);
	ok(!pool_take(r.pool, -1), "stopping wakes a producer");
	pthread_join(thread, NULL);
	pool_close(r.pool);
}

static void *no_memory(void *ctx)
{
	static int calls;

	(void)ctx;
	if (calls++ == 2)
		return NULL;
	atomic_fetch_add(&alive, 1);
	return ctx;
}

static void test_open_fails(void)
{
	struct rig r = { 0 };
	struct pool_options opt = { .workers = 4, .items = r.list, .n = ITEMS, .work = work,
				    .worker_new = no_memory, .worker_free = worker_free, .ctx = &r };
	struct unrack_error err;

	is_int(pool_open(&opt, &r.pool, &err), UNRACK_INTERNAL, "a worker without memory is an error");
	is_int(atomic_load(&alive), 0, "the ones before it are freed");
	pool_close(NULL);
}

int main(void)
{
	static const unsigned workers[] = { 0, 1, 4 };

	for (unsigned i = 0; i < ARRAY_LEN(workers); i++) {
		test_order(workers[i]);
		test_bounded(workers[i]);
		test_failure(workers[i]);
		test_stop(workers[i]);
	}
	test_open_fails();
	is_int(pool_workers(-1, 8), 0, "-1 wishes the serial twin");
	is_int(pool_workers(3, 8), 3, "a number is taken as it is");
	is_int(pool_workers(30, 8), 8, "up to the maximum");
	ok(pool_workers(0, 8) >= 1 && pool_workers(0, 8) <= 8, "0 means as many as processors");
	return tap_done();
}
