/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "receiver_parts.h"

/* Punches only what is data. */
static int write_zeros(struct image *im, const struct receiver_item *item, struct unrack_error *err)
{
	const struct digest *old = (const struct digest *)item->payload;
	uint64_t i = 0;
	int r = 0;

	while (r == 0 && i < item->count) {
		uint64_t n = 1;

		if (digest_is_zero(&old[i])) {
			i++;
			continue;
		}
		while (i + n < item->count && !digest_is_zero(&old[i + n]))
			n++;
		r = image_zero(im, item->first + i, n, err);
		i += n;
	}
	return r;
}

static int write_item(struct receiver_writer *w, const struct receiver_item *item,
		      struct unrack_error *err)
{
	if (item->type == MESSAGE_ZERO)
		return write_zeros(w->disk->image, item, err);
	return image_write(w->disk->image, &item->m, item->data, err);
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
		if (w->disk->delta && receiver_sync_touch(w->sync, item) < 0)
			break;
		/* Who stood still for long may have lost the folder. */
		if (item->changed > 0 && receiver_still_owner(session, &err) < 0) {
			receiver_fail(session, &err, true);
			break;
		}
		if (item->changed > 0 && write_item(w, item, &err) < 0) {
			receiver_disk_explain(w->disk, item->first, &err);
			receiver_fail(session, &err, true);
			break;
		}
		if (receiver_sync_wrote(w->sync, item) < 0)
			break;
		pool_release(w->pool);
	}
	return NULL;
}
