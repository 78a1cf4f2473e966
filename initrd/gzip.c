/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gzip.h"

#include <libdeflate.h>

/* Smaller than what mkinitrd's gzip -9 makes, in a seventh of its time. */
#define LEVEL 7

static void cleanup_compressor(struct libdeflate_compressor **c)
{
	libdeflate_free_compressor(*c);
}

int gzip_pack(const uint8_t *in, size_t n, struct buf *out, struct unrack_error *err)
{
	__attribute__((cleanup(cleanup_compressor))) struct libdeflate_compressor *c =
		libdeflate_alloc_compressor(LEVEL);
	size_t bound;

	if (!c)
		return error_nomem(err);
	bound = libdeflate_gzip_compress_bound(c, n);
	if (buf_reserve(out, bound) < 0)
		return error_nomem(err);
	out->len += libdeflate_gzip_compress(c, in, n, out->data + out->len, bound);
	out->data[out->len] = '\0';
	return 0;
}
