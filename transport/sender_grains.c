/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "sender_effort.h"
#include "sender_parts.h"
#include "thread.h"

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

/* Grain I of ITEM into the message, if it is not what the receiver expects it to be. */
static void pack_grain(struct worker *w, struct sender_item *item, uint16_t i,
		       struct message_grains_writer *m)
{
	static const struct digest zeros;
	const uint8_t *grain = item->data + (size_t)i * GRAIN_SIZE;
	const struct digest *have = w->setup->delta ? &item->have[i] : &zeros, *is = &zeros;

	if (!is_zero(grain, GRAIN_SIZE)) {
		struct digest *digest = &item->digest[item->data_count];

		digest_grain(w->setup->key, grain, GRAIN_SIZE, GRAIN_SIZE, digest);
		item->place[item->data_count++] = i;
		is = digest;
	}
	if (memcmp(is, have, sizeof *is) == 0)
		return;
	item->changed++;
	if (is == &zeros) {
		message_grains_add(m, i, 0, is);
		return;
	}
	message_grains_add(m, i, (uint32_t)deflate_grain(w->deflate, grain, message_grains_room(m)), is);
	item->sent++;
}

static void pack(struct worker *w, struct sender_item *item)
{
	struct message_grains_writer m;

	message_grains_begin(&m, item->frame + FRAME_HEADER_SIZE, item->first, (uint16_t)item->count);
	for (uint16_t i = 0; i < (uint16_t)item->count; i++)
		pack_grain(w, item, i, &m);
	if (item->changed)
		item->len = message_grains_end(&m);
}

static void look(struct sender_effort *e)
{
	int64_t now = thread_now_ms();
	char text[256] = "";
	int fd;

	if (now < e->looked_ms + SENDER_EFFORT_LOOK_MS)
		return;
	e->looked_ms = now;
	fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof text - 1);

		text[n > 0 ? n : 0] = '\0';
		close(fd);
	}
	sender_effort_stat(e, text);
}

static void adapt(struct worker *w)
{
	enum deflate_effort effort;
	unsigned waiting, done;

	look(&w->effort);
	pool_fill(*w->setup->pool, &waiting, &done);
	effort = sender_effort_choose(&w->effort, w->setup->n, waiting, done);
	deflate_set_effort(w->deflate, effort > w->setup->least ? effort : w->setup->least);
}

int sender_grains_work(void *worker, void *arg, struct unrack_error *err)
{
	struct worker *w = worker;
	struct sender_item *item = arg;

	(void)err;
	item->len = 0;
	item->data_count = item->sent = item->changed = 0;
	if (item->kind != SENDER_DATA)
		return 0;
	if (w->setup->pool)
		adapt(w);
	pack(w, item);
	return 0;
}
