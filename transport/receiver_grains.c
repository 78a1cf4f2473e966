/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "receiver_parts.h"

struct worker {
	const struct receiver_disk *disk;
	struct inflate *inflate;
};

void *receiver_grains_worker(void *ctx)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->disk = ctx;
	w->inflate = inflate_open();
	if (!w->inflate) {
		free(w);
		return NULL;
	}
	return w;
}

void receiver_grains_worker_free(void *worker)
{
	struct worker *w = worker;

	if (!w)
		return;
	inflate_close(w->inflate);
	free(w);
}

static int unpack(struct worker *w, struct receiver_item *item, const struct message_grain *g,
		  struct unrack_error *err)
{
	uint64_t index = item->m.first + g->place;
	uint32_t size = grain_bytes(w->disk->id.bytes, index);
	uint8_t *data = item->data + (size_t)g->place * GRAIN_SIZE;
	struct digest digest;
	int r = inflate_grain(w->inflate, g->z, g->size, data, err);

	if (r < 0)
		return r;
	/* Behind the end of the disk only zeros may come: they would be lost. */
	digest_grain(&w->disk->key, data, size, GRAIN_SIZE, &digest);
	if (memcmp(&digest, &g->digest, sizeof digest) != 0)
		return error_set(err, UNRACK_IO, "its digest is not the one that the sender computed");
	/* It would count as data here, and as a hole whenever the copy is verified. */
	if (is_zero(data, size))
		return error_set(err, UNRACK_DAMAGED, "it is all zeros, which are never sent as data");
	return 0;
}

int receiver_grains_work(void *worker, void *arg, struct unrack_error *err)
{
	struct worker *w = worker;
	struct receiver_item *item = arg;

	if ((item->type != MESSAGE_GRAINS && item->type != MESSAGE_DELTA) || !image_wants_inflated(w->disk->image))
		return 0;
	for (unsigned i = 0; i < item->m.count; i++) {
		const struct message_grain *g = &item->m.grain[i];

		if (g->size == 0 || unpack(w, item, g, err) == 0)
			continue;
		/* The frame was whole, so a memory or a program has failed; trying again may help. */
		err->code = UNRACK_IO;
		return error_prefix(err, "the data of disk %u at byte %llu arrived damaged",
				    w->disk->index,
				    (unsigned long long)(item->m.first + g->place) * GRAIN_SIZE);
	}
	return 0;
}
