/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/size.h"
#include "receiver_parts.h"

/* Neighbouring grains in one write. */
static int write_grains(const struct receiver_disk *d, const struct receiver_item *item,
			struct unrack_error *err)
{
	const struct message_grains *m = &item->m;
	unsigned i = 0;
	int r = 0;

	while (r == 0 && i < m->count) {
		unsigned place = m->grain[i].place, n = 1;
		uint64_t off = (m->first + place) * GRAIN_SIZE;

		while (i + n < m->count && m->grain[i + n].place == place + n)
			n++;
		r = io_pwrite_all(d->session->opt.io, d->image, d->place.image,
				  item->data + (size_t)place * GRAIN_SIZE,
				  (size_t)min_u64((uint64_t)n * GRAIN_SIZE, d->id.bytes - off), off,
				  err);
		i += n;
	}
	return r;
}

void *receiver_write_run(void *arg)
{
	struct receiver_writer *w = arg;
	struct receiver *session = w->disk->session;
	struct unrack_error err;
	void *next;

	for (;;) {
		struct receiver_item *item;

		if (pool_next(w->pool, &next, &err) < 0) {
			/* Data that arrived damaged, or somebody else's failure, which was first. */
			receiver_fail(session, &err, false);
			break;
		}
		item = next;
		if (!item)
			break;
		if (!item->zero && write_grains(w->disk, item, &err) < 0) {
			receiver_disk_explain(w->disk, item->m.first, &err);
			receiver_fail(session, &err, true);
			break;
		}
		if (receiver_sync_wrote(w->sync, item) < 0)
			break;
		pool_release(w->pool);
	}
	return NULL;
}
