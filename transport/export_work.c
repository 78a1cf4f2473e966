/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "export_parts.h"
#include "source_sparse.h"

struct worker {
	const struct export_setup *setup;
	struct deflate *deflate;
	struct inflate *inflate;
};

void export_worker_free(void *worker)
{
	struct worker *w = worker;

	if (!w)
		return;
	deflate_close(w->deflate);
	inflate_close(w->inflate);
	free(w);
}

void *export_worker(void *setup)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->setup = setup;
	w->deflate = deflate_open(DEFLATE_BEST);
	w->inflate = inflate_open();
	if (!w->deflate || !w->inflate) {
		export_worker_free(w);
		return NULL;
	}
	return w;
}

/* Grain N into DATA, and if it is a stream there, that into Z; else *size is UINT32_MAX. */
static int read_grain(struct worker *w, uint64_t n, uint8_t *data, uint8_t *z, uint32_t *size,
		      struct unrack_error *err)
{
	struct block_source *s = w->setup->source;
	uint64_t off = n * GRAIN_SIZE;
	size_t bytes = (size_t)min_u64(GRAIN_SIZE, s->size - off);
	int r;

	*size = UINT32_MAX;
	memset(data + bytes, 0, GRAIN_SIZE - bytes);
	if (!w->setup->pack)
		return block_source_read(s, data, bytes, off, err);
	r = source_sparse_stream(s, n, z, size, err);
	if (r < 0)
		return r;
	if (*size == 0)
		memset(data, 0, GRAIN_SIZE);
	else if (*size == UINT32_MAX)
		return block_source_read(s, data, bytes, off, err);
	else if (inflate_grain(w->inflate, z, *size, data, err) < 0)
		return error_prefix(err, "%s is damaged at byte %" PRIu64 " of the disk", s->name, off);
	return 0;
}

int export_work(void *worker, void *arg, struct unrack_error *err)
{
	struct worker *w = worker;
	struct export_item *item = arg;
	const struct export_options *o = w->setup->o;
	struct message_grains *m = &item->m;
	int r;

	m->first = item->first;
	m->span = (uint16_t)item->count;
	m->count = 0;
	item->deflated = 0;
	for (unsigned i = 0; i < item->count; i++) {
		uint8_t *data = item->data + (size_t)i * GRAIN_SIZE;
		uint8_t *z = item->packed ? item->packed + (size_t)i * SOURCE_STREAM_MAX : NULL;
		struct message_grain *g = &m->grain[m->count];
		uint32_t size;

		r = read_grain(w, item->first + i, data, z, &size, err);
		if (r < 0)
			return r;
		if (!verify_grain(o->key, data, GRAIN_SIZE, &item->want[i]))
			return error_set(err, UNRACK_UNSAFE,
					 "%s changed at byte %" PRIu64 " of the disk since unrack wrote it; it may "
					 "have run", o->image, (item->first + i) * GRAIN_SIZE);
		if (digest_is_zero(&item->want[i]))
			continue;
		/* Longer ones than ours are another program's. */
		if (z && (size == UINT32_MAX || size > DEFLATE_GRAIN_MAX)) {
			size = (uint32_t)deflate_grain(w->deflate, data, z);
			item->deflated++;
		}
		*g = (struct message_grain){ .place = (uint16_t)i, .size = z ? size : GRAIN_SIZE,
					     .digest = item->want[i], .z = z };
		m->count++;
	}
	return 0;
}
