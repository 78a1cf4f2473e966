/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/size.h"
#include "sender_parts.h"

struct worker {
	const struct digest_key *key;
	struct deflate *deflate;
};

void *sender_grains_worker(void *ctx)
{
	const struct sender_grains_setup *setup = ctx;
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->key = setup->key;
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

int sender_grains_work(void *worker, void *arg, struct unrack_error *err)
{
	struct worker *w = worker;
	struct sender_item *item = arg;
	struct message_grains_writer m;
	size_t n;

	(void)err;
	item->len = 0;
	item->data_count = 0;
	if (item->kind != SENDER_DATA)
		return 0;
	message_grains_begin(&m, item->frame + FRAME_HEADER_SIZE, item->first, (uint16_t)item->count);
	for (uint16_t i = 0; i < (uint16_t)item->count; i++) {
		const uint8_t *grain = item->data + (size_t)i * GRAIN_SIZE;
		struct digest *digest = &item->digest[item->data_count];

		if (is_zero(grain, GRAIN_SIZE))
			continue;
		digest_grain(w->key, grain, GRAIN_SIZE, GRAIN_SIZE, digest);
		n = deflate_grain(w->deflate, grain, message_grains_room(&m));
		message_grains_add(&m, i, (uint32_t)n, digest);
		item->place[item->data_count++] = i;
	}
	if (item->data_count)
		item->len = message_grains_end(&m);
	return 0;
}
