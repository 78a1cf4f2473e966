/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring of work items between one producer and one consumer, with threads that compute
 * in between. Items come out in the order in which they went in, whoever was faster, so
 * the result does not depend on how many workers there are:
 *
 *	producer: pool_take -> fills the item -> pool_submit ... pool_finish
 *	workers:  work(item), several at once; they only compute
 *	consumer: pool_next -> uses the item -> pool_release
 *
 * The items are the caller's and there is a fixed number of them: what is in flight is
 * bounded by it, and nothing is allocated on the way. With 0 workers this is the serial
 * twin: pool_submit does the work itself, and everything else is the same.
 *
 * Threads: take, submit, drain and finish from one thread, next and release from one thread
 * (it may be the same), stop from any. */
#ifndef UNRACK_POOL_H
#define UNRACK_POOL_H

#include <stdbool.h>

#include "unrack/error.h"

#define POOL_WORKERS_MAX 64u

struct pool;

struct pool_options {
	unsigned workers;    /* 0: the serial twin; at most POOL_WORKERS_MAX */
	void *const *items;  /* N of them; must outlive the pool */
	unsigned n;          /* at least 1 */
	/* What a worker needs for itself. NULL from worker_new: no memory. Both may be
	 * NULL; WORK gets NULL then. Called from the thread that opens or closes. */
	void *(*worker_new)(void *ctx);
	void (*worker_free)(void *worker);
	int (*work)(void *worker, void *item, struct unrack_error *err);
	void *ctx;
};

int pool_open(const struct pool_options *opt, struct pool **out, struct unrack_error *err);

/* The next free item, waiting up to TIMEOUT_MS (-1: for ever) while all are in use; the
 * same one again until it is submitted. NULL: the time is over, or the pool has stopped. */
void *pool_take(struct pool *p, int timeout_ms);
void pool_submit(struct pool *p);
/* Waits up to TIMEOUT_MS (-1: for ever) until all that was submitted is released: nobody uses any item then. False:
 * the time is over, or the pool has stopped. From the producer's thread. */
bool pool_drain(struct pool *p, int timeout_ms);
/* Nothing more will be submitted. */
void pool_finish(struct pool *p);

/* The next item in order, when its work is done; the same one again until it is
 * released. *item is NULL after the last one. If the work on this item failed, its error
 * is returned and the pool has stopped. A pool that was stopped from outside ends at once
 * with UNRACK_INTERRUPTED. */
int pool_next(struct pool *p, void **item, struct unrack_error *err);
void pool_release(struct pool *p);

/* How the ring is filled just now, from any thread: items that nobody has begun, and items
 * that are done but not released. */
void pool_fill(struct pool *p, unsigned *waiting, unsigned *done);

/* Wakes everybody. Work that has begun is finished, nothing new is. */
void pool_stop(struct pool *p);
bool pool_stopped(struct pool *p);
/* Stops, waits for the workers and frees. NULL is fine. */
void pool_close(struct pool *p);

/* How many workers a wish of the caller means: 0 is one per processor that this process
 * may use, -1 the serial twin; at most MAX. */
unsigned pool_workers(int wish, unsigned max);

#endif
