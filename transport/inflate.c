/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libdeflate.h>
#include <stdlib.h>

#include "unrack/deflate.h"

/* The library's own object, under our name. */
struct inflate;

static struct libdeflate_decompressor *inner(struct inflate *i)
{
	return (struct libdeflate_decompressor *)i;
}

struct inflate *inflate_open(void)
{
	return (struct inflate *)libdeflate_alloc_decompressor();
}

int inflate_some(struct inflate *i, const void *z, size_t n, uint8_t *out, size_t room, size_t *made,
		 struct unrack_error *err)
{
	size_t used = 0;
	enum libdeflate_result r = libdeflate_zlib_decompress_ex(inner(i), z, n, out, room, &used, made);

	if (r == LIBDEFLATE_INSUFFICIENT_SPACE)
		return error_set(err, UNRACK_DAMAGED, "its compressed bytes hold more than %zu bytes", room);
	if (r != LIBDEFLATE_SUCCESS)
		return error_set(err, UNRACK_DAMAGED, "its compressed bytes are damaged");
	if (used != n)
		return error_set(err, UNRACK_DAMAGED, "%zu bytes follow its compressed bytes",
				 n - used);
	return 0;
}

int inflate_grain(struct inflate *i, const void *z, size_t n, uint8_t grain[GRAIN_SIZE],
		  struct unrack_error *err)
{
	size_t made = 0;
	int r = inflate_some(i, z, n, grain, GRAIN_SIZE, &made, err);

	if (r == 0 && made != GRAIN_SIZE)
		return error_set(err, UNRACK_DAMAGED,
				 "its compressed bytes hold %zu bytes instead of %u", made, GRAIN_SIZE);
	return r;
}

void inflate_close(struct inflate *i)
{
	if (i)
		libdeflate_free_decompressor(inner(i));
}
