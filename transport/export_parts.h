/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An export from inside: pieces of the disk go through a pool, whose workers read, compare and
 * compress them, and come out in order. */
#ifndef TRANSPORT_EXPORT_PARTS_H
#define TRANSPORT_EXPORT_PARTS_H

#include "unrack/block_source.h"
#include "unrack/deflate.h"
#include "unrack/export.h"
#include "unrack/message.h"

#define EXPORT_GRAINS MESSAGE_GRAINS_MAX
#define EXPORT_PIECE ((size_t)EXPORT_GRAINS * GRAIN_SIZE)

struct export_item {
	uint64_t first;
	unsigned count;                    /* grains */
	struct digest want[EXPORT_GRAINS];
	/* The worker's: */
	uint8_t *data;                     /* EXPORT_PIECE bytes, IO_DIRECT_ALIGN */
	uint8_t *packed;                   /* EXPORT_GRAINS * SOURCE_STREAM_MAX bytes, or NULL */
	struct message_grains m;           /* those that are not zeros */
	unsigned deflated;
};

/* CTX of the pool. */
struct export_setup {
	const struct export_options *o;
	struct block_source *source;
	bool pack; /* streams are wanted */
};

void *export_worker(void *setup);
void export_worker_free(void *worker);
int export_work(void *worker, void *item, struct unrack_error *err);

#endif
