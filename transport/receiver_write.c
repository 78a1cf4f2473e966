/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "receiver_parts.h"

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
		if (!item->zero && image_write(w->disk->image, &item->m, item->data, &err) < 0) {
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
