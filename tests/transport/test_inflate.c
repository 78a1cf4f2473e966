/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Zlib streams that are not exactly one grain. */
#include "copy.h"
#include "unrack/deflate.h"

static struct unrack_error err;
static struct inflate *in;
static uint8_t grain[GRAIN_SIZE];

/* Stored blocks by hand: SIZE bytes of 'x'. Without the right checksum when WRONG. */
static size_t store(uint8_t *z, size_t size, bool wrong)
{
	uint32_t a = 1, b = 0;
	uint8_t *p = z;

	*p++ = 0x78;
	*p++ = 0x01;
	for (size_t left = size; left > 0;) {
		size_t n = min_u64(left, 65535);

		*p++ = left == n;
		put_le16(p, (uint16_t)n);
		put_le16(p + 2, (uint16_t)~n);
		memset(p + 4, 'x', n);
		p += 4 + n;
		left -= n;
	}
	for (size_t i = 0; i < size; i++) {
		a = (a + 'x') % 65521;
		b = (b + a) % 65521;
	}
	put_be32(p, (b << 16 | a) + wrong);
	return (size_t)(p + 4 - z);
}

int main(void)
{
	static uint8_t z[4 * GRAIN_SIZE];
	uint8_t *text = copy_data(GRAIN_SIZE, COPY_TEXT, 5);
	struct deflate *d = deflate_open(DEFLATE_BEST);
	unsigned refused = 0;
	size_t n;

	in = inflate_open();
	n = store(z, GRAIN_SIZE, false);
	is_int(n, DEFLATE_GRAIN_MAX, "a stored grain has the largest size there is");
	is_int(inflate_grain(in, z, n, grain, &err), 0, "one grain, stored, is taken");
	ok(grain[0] == 'x' && grain[GRAIN_SIZE - 1] == 'x', "and comes out");

	is_int(inflate_grain(in, z, n + 1, grain, &err), UNRACK_DAMAGED, "a byte too many is refused");
	is_str(err.text, "1 bytes follow its compressed bytes", "with the reason");
	is_int(inflate_grain(in, z, n - 1, grain, &err), UNRACK_DAMAGED, "a byte too few is refused");
	is_str(err.text, "its compressed bytes are damaged", "with the reason");
	is_int(inflate_grain(in, z, 0, grain, &err), UNRACK_DAMAGED, "no bytes are refused");
	n = store(z, GRAIN_SIZE, true);
	is_int(inflate_grain(in, z, n, grain, &err), UNRACK_DAMAGED, "a wrong checksum is refused");
	n = store(z, GRAIN_SIZE - 1, false);
	is_int(inflate_grain(in, z, n, grain, &err), UNRACK_DAMAGED, "less than a grain is refused");
	is_str(err.text, "its compressed bytes hold 65535 bytes instead of 65536", "with the reason");
	n = store(z, GRAIN_SIZE + 1, false);
	is_int(inflate_grain(in, z, n, grain, &err), UNRACK_DAMAGED, "more than a grain is refused");
	is_str(err.text, "its compressed bytes hold more than 65536 bytes", "with the reason");

	/* Adler-32 is weak: what still inflates after a flipped bit is left to the digest. Here
	 * it matters that no input reads or writes out of bounds. */
	n = deflate_grain(d, text, z);
	for (size_t bit = 0; bit < 8 * n; bit += 97) {
		z[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refused += inflate_grain(in, z, n, grain, &err) == UNRACK_DAMAGED;
		z[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ok(refused > n / 97 * 8 * 9 / 10, "nearly all flipped bits are found here already");
	inflate_close(in);
	inflate_close(NULL);
	deflate_close(d);
	free(text);
	return tap_done();
}
