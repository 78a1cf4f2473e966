/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deflate_engine.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdlib.h>

struct deflate_libdeflate {
	struct libdeflate_compressor *fast, *more, *stored;
};

struct deflate_libdeflate *deflate_libdeflate_open(void)
{
	struct deflate_libdeflate *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->fast = libdeflate_alloc_compressor(1);
	d->stored = libdeflate_alloc_compressor(0);
	if (!d->fast || !d->stored) {
		deflate_libdeflate_close(d);
		return NULL;
	}
	return d;
}

bool deflate_libdeflate_prepare(struct deflate_libdeflate *d)
{
	if (!d->more)
		d->more = libdeflate_alloc_compressor(5);
	return d->more != NULL;
}

size_t deflate_libdeflate_bytes(struct deflate_libdeflate *d, bool more, const uint8_t *data, size_t n,
				uint8_t *out, size_t size)
{
	return libdeflate_zlib_compress(more ? d->more : d->fast, data, n, out, size);
}

size_t deflate_libdeflate_store(struct deflate_libdeflate *d, const uint8_t grain[GRAIN_SIZE],
				uint8_t out[DEFLATE_GRAIN_MAX])
{
	size_t n = libdeflate_zlib_compress(d->stored, grain, GRAIN_SIZE, out, DEFLATE_GRAIN_MAX);

	assert(n > GRAIN_SIZE);
	return n;
}

void deflate_libdeflate_close(struct deflate_libdeflate *d)
{
	if (!d)
		return;
	if (d->fast)
		libdeflate_free_compressor(d->fast);
	if (d->more)
		libdeflate_free_compressor(d->more);
	if (d->stored)
		libdeflate_free_compressor(d->stored);
	free(d);
}
