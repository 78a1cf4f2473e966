/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/size.h"
#include "receiver_parts.h"

/* An image is larger than memory is worth: what goes past the page cache is copied once less, drives out
 * nothing that somebody uses, and leaves less to do for the checkpoint. But each such write waits for
 * the disk, which does not pay for a few grains between holes. */
#define DIRECT_MIN (4 * GRAIN_SIZE)

static void set_direct(struct receiver_writer *w, bool on)
{
	if (w->direct == on || (on && w->direct_fails))
		return;
	if (io_direct(w->disk->session->opt.io, w->disk->image, on))
		w->direct = on;
	else
		w->direct_fails = true;
}

static int write_run(struct receiver_writer *w, const uint8_t *data, size_t n, uint64_t off,
		     struct unrack_error *err)
{
	const struct io *io = w->disk->session->opt.io;
	const char *path = w->disk->place.image;
	size_t head = n < DIRECT_MIN ? 0 : (size_t)round_down(n, IO_DIRECT_ALIGN);
	int r = 0;

	if (head > 0) {
		set_direct(w, true);
		r = io_pwrite_all(io, w->disk->image, path, data, head, off, err);
		/* It wants more of the address or the length than we keep to, also behind a short write. */
		if (r < 0 && w->direct && err->sys_errno == EINVAL) {
			w->direct_fails = true;
			head = 0;
			r = 0;
		}
	}
	if (r == 0 && head < n) {
		set_direct(w, false);
		r = io_pwrite_all(io, w->disk->image, path, data + head, n - head, off + head, err);
	}
	return r;
}

/* Neighbouring grains in one write. */
static int write_grains(struct receiver_writer *w, const struct receiver_item *item,
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
		r = write_run(w, item->data + (size_t)place * GRAIN_SIZE,
			      (size_t)min_u64((uint64_t)n * GRAIN_SIZE, w->disk->id.bytes - off), off,
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
		if (!item->zero && write_grains(w, item, &err) < 0) {
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
