/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include <time.h>

#include "base/size.h"
#include "sender_effort.h"
#include "sender_parts.h"

struct worker {
	const struct sender_grains_setup *setup;
	struct deflate *deflate;
	struct sender_effort effort;
};

void *sender_grains_worker(void *ctx)
{
	const struct sender_grains_setup *setup = ctx;
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->setup = setup;
	w->deflate = deflate_open(setup->engine);
	if (!w->deflate) {
		free(w);
		return NULL;
	}
	return w;
}

void sender_grains_worker_free(void *worker)
{
	struct worker *w = worker;

	if (!w)
		return;
	deflate_close(w->deflate);
	free(w);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pack(struct worker *w, struct sender_item *item)
{
	struct message_grains_writer m;
	size_t n;

	message_grains_begin(&m, item->frame + FRAME_HEADER_SIZE, item->first, (uint16_t)item->count);
	for (uint16_t i = 0; i < (uint16_t)item->count; i++) {
		const uint8_t *grain = item->data + (size_t)i * GRAIN_SIZE;
		struct digest *digest = &item->digest[item->data_count];

		if (is_zero(grain, GRAIN_SIZE))
			continue;
		digest_grain(w->setup->key, grain, GRAIN_SIZE, GRAIN_SIZE, digest);
		n = deflate_grain(w->deflate, grain, message_grains_room(&m));
		message_grains_add(&m, i, (uint32_t)n, digest);
		item->place[item->data_count++] = i;
	}
	if (item->data_count)
		item->len = message_grains_end(&m);
}

static void pack_adapted(struct worker *w, struct sender_item *item)
{
	uint64_t wall = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
	unsigned waiting, done;

	pool_fill(*w->setup->pool, &waiting, &done);
	deflate_set_effort(w->deflate, sender_effort_choose(&w->effort, w->setup->n, waiting, done));
	pack(w, item);
	sender_effort_took(&w->effort, now_ns(CLOCK_MONOTONIC) - wall,
			   now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu);
}

int sender_grains_work(void *worker, void *arg, struct unrack_error *err)
{
	struct worker *w = worker;
	struct sender_item *item = arg;

	(void)err;
	item->len = 0;
	item->data_count = 0;
	if (item->kind == SENDER_DATA && w->setup->pool)
		pack_adapted(w, item);
	else if (item->kind == SENDER_DATA)
		pack(w, item);
	return 0;
}
