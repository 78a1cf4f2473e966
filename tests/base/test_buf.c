/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "base/bytes.h"
#include "base/size.h"
#include "base/vec.h"
#include "unrack/buf.h"

DEFINE_VEC(int_vec, int);

static void buffers(void)
{
	struct buf b = { 0 };
	char *s;

	is_str(buf_str(&b), "", "an empty buffer is an empty string");
	ok(buf_puts(&b, "ab") == 0 && buf_printf(&b, "%d-%s", 7, "x") == 0, "text is added");
	is_str(buf_str(&b), "ab7-x", "in order");
	ok(buf_zeros(&b, 100) == 0 && b.len == 105 && b.data[104] == 0, "zeros are added");
	ok(buf_append(&b, "q", 1) == 0 && b.data[105] == 'q' && b.data[106] == 0, "NUL behind the end");
	is_int(buf_reserve(&b, SIZE_MAX - 2), -1, "an absurd size is refused");
	is_int(b.len, 106, "and changes nothing");
	buf_clear(&b);
	is_str(buf_str(&b), "", "cleared");
	for (int i = 0; i < 10000; i++)
		buf_append(&b, "0123456789", 10);
	is_int(b.len, 100000, "grows");
	s = buf_steal(&b);
	ok(s && strlen(s) == 100000 && b.len == 0, "steal hands the memory over");
	free(s);
	s = buf_steal(&b);
	is_str(s, "", "stealing nothing gives an empty string");
	free(s);
	buf_free(&b);
}

static void numbers(void)
{
	uint8_t b[8];
	uint64_t v;

	put_le64(b, 0x0123456789abcdefULL);
	ok(b[0] == 0xef && b[7] == 0x01, "little-endian bytes");
	ok(get_le64(b) == 0x0123456789abcdefULL && get_le32(b) == 0x89abcdef && get_le16(b) == 0xcdef,
	   "read back");
	ok(get_be32(b) == 0xefcdab89 && get_be64(b) == 0xefcdab8967452301ULL && get_be16(b) == 0xefcd,
	   "big-endian");
	ok(add_overflows(UINT64_MAX, 1, &v) && !add_overflows(UINT64_MAX - 1, 1, &v), "sums are checked");
	ok(mul_overflows(1ULL << 40, 1ULL << 30, &v) && !mul_overflows(3, 4, &v) && v == 12, "products too");
	is_int(round_up(1000000, 512), 1000448, "round up to a sector");
	is_int(round_up(1024, 512), 1024, "an even size stays");
	is_int(round_down(1023, 512), 512, "round down");
	is_int(div_round_up(65537, 65536), 2, "grains of 65537 bytes");
}

static void quoted(void)
{
	struct buf b = { 0 };

	buf_quote(&b, "/dev/cciss/c0d0");
	buf_puts(&b, " ");
	buf_quote(&b, "it's; $(rm)");
	buf_puts(&b, " ");
	buf_quote(&b, "");
	is_str(buf_str(&b), "/dev/cciss/c0d0 'it'\\''s; $(rm)' ''", "words as a shell takes them back");
	buf_free(&b);
}

static void zero_test(void)
{
	static uint8_t b[4096];
	bool good = true;

	for (size_t n = 0; n <= 100; n++)
		good = good && is_zero(b, n);
	ok(good && is_zero(b, sizeof b), "zeros of any length are zero");
	for (size_t at = 0; at < 300; at++) {
		b[at] = 1;
		good = good && !is_zero(b, 300) && is_zero(b, at);
		b[at] = 0;
	}
	ok(good, "one byte anywhere is seen, and none before it");
}

int main(void)
{
	struct int_vec v = { 0 };

	buffers();
	quoted();
	numbers();
	zero_test();
	for (int i = 0; i < 1000; i++)
		int_vec_push(&v, i);
	ok(v.len == 1000 && v.at[999] == 999, "a vector grows");
	int_vec_free(&v);
	ok(v.len == 0 && !v.at, "and is freed");
	return tap_done();
}
