/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gzip.h"

#include <libdeflate.h>

#include "base/bytes.h"
#include "base/size.h"

/* Deflate cannot do better than 258 bytes from 2 bits, about 1032:1. */
#define RATIO_MAX 1032

/* As mkinitrd's gzip -9; larger levels of libdeflate take ten times as long for 1 %. */
#define LEVEL 9

static void cleanup_decompressor(struct libdeflate_decompressor **d)
{
	libdeflate_free_decompressor(*d);
}

static void cleanup_compressor(struct libdeflate_compressor **c)
{
	libdeflate_free_compressor(*c);
}

/* The last four bytes of a stream are its unpacked size. They are a hint here: other
 * segments may follow the stream. */
static size_t first_guess(const uint8_t *in, size_t n, size_t limit)
{
	uint64_t guess = n >= 4 ? get_le32(in + n - 4) : 0;

	if (guess < n || guess / RATIO_MAX > n)
		guess = 4 * (uint64_t)n;
	return (size_t)min_u64(max_u64(guess, 4096), limit);
}

int gzip_unpack(const uint8_t *in, size_t n, size_t limit, const char *name, struct buf *out,
		size_t *used, struct unrack_error *err)
{
	__attribute__((cleanup(cleanup_decompressor))) struct libdeflate_decompressor *d =
		libdeflate_alloc_decompressor();
	size_t cap = first_guess(in, n, limit);

	if (!d)
		return error_nomem(err);
	for (;; cap = cap < limit / 2 ? 2 * cap : limit) {
		enum libdeflate_result r;

		if (buf_reserve(out, cap) < 0)
			return error_nomem(err);
		r = libdeflate_gzip_decompress_ex(d, in, n, out->data, cap, used, &out->len);
		if (r == LIBDEFLATE_SUCCESS)
			break;
		out->len = 0;
		if (r != LIBDEFLATE_INSUFFICIENT_SPACE)
			return error_set(err, UNRACK_DAMAGED,
					 "%s: its gzip stream is cut short or damaged; "
					 "take another copy of this file", name);
		if (cap == limit)
			return error_set(err, UNRACK_UNSUPPORTED,
					 "%s: a stream in it unpacks to more than the %zu MiB left for it; "
					 "no initrd is that large",
					 name, limit >> 20);
	}
	out->data[out->len] = '\0';
	return 0;
}

uint32_t gzip_crc32(const uint8_t *p, size_t n)
{
	return libdeflate_crc32(0, p, n);
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
