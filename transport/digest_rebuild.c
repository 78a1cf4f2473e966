/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/block_source.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"

/* Grains read at a time. */
#define BATCH 16u

static int rebuild_batch(struct digest_table *t, struct block_source *image, const struct digest_key *key,
			 uint64_t first, uint64_t n, uint8_t *data, struct unrack_error *err)
{
	uint64_t off = first * GRAIN_SIZE, bytes = min_u64(n * GRAIN_SIZE, image->size - off);
	struct digest digest[BATCH] = { 0 };
	int r = block_source_read(image, data, (size_t)bytes, off, err);

	for (uint64_t i = 0; r == 0 && i < n; i++) {
		const uint8_t *grain = data + i * GRAIN_SIZE;
		size_t size = (size_t)min_u64(GRAIN_SIZE, bytes - i * GRAIN_SIZE);

		/* The padding counts as zeros, as in every digest. */
		if (!is_zero(grain, size))
			digest_grain(key, grain, size, GRAIN_SIZE, &digest[i]);
	}
	return r < 0 ? r : digest_table_write(t, first, digest, n, err);
}

int digest_table_rebuild(struct digest_table *t, struct block_source *image, const struct digest_key *key,
			 uint64_t first, uint64_t end, const struct log *log, struct unrack_error *err)
{
	CLEANUP_FREE uint8_t *data = malloc((size_t)BATCH * GRAIN_SIZE);
	int r = 0;

	if (!data)
		return error_nomem(err);
	for (uint64_t n; r == 0 && first < end; first += n) {
		n = min_u64(BATCH, end - first);
		r = rebuild_batch(t, image, key, first, n, data, err);
		if (r == 0 && log_stop_asked(log))
			r = error_set(err, UNRACK_INTERRUPTED, "stopped; the same command continues");
	}
	return r < 0 ? r : digest_table_sync(t, err);
}
