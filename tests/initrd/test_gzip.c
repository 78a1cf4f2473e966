/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "made.h"

static struct unrack_error err;

static int unpack(const struct buf *b, size_t n, size_t limit, struct buf *out, size_t *used)
{
	buf_clear(out);
	return gzip_unpack(b->data, n, limit, "x.img", out, used, &err);
}

static void round_trip(void)
{
	CLEANUP_BUF struct buf a = { 0 }, b = { 0 }, out = { 0 };
	size_t used, first;

	for (int i = 0; i < 20000; i++)
		buf_printf(&a, "line %d\n", i * i);
	is_int(gzip_pack(a.data, a.len, &b, &err), 0, "packs");
	first = b.len;
	ok(first < a.len / 2, "and makes it smaller");
	is_int(unpack(&b, b.len, 1 << 20, &out, &used), 0, "unpacks");
	is_int(used, first, "uses the whole stream");
	ok(out.len == a.len && !memcmp(out.data, a.data, a.len), "to the same bytes");
	ok(!memcmp(b.data + 4, "\0\0\0\0", 4), "the header holds no time");
	is_int(b.data[3], 0, "and no name");

	is_int(gzip_pack((const uint8_t *)"two", 3, &b, &err), 0, "appends a second stream");
	is_int(unpack(&b, b.len, 1 << 20, &out, &used), 0, "of two streams the first is unpacked");
	is_int(used, first, "and its end is told");
	is_int(out.len, a.len, "without the second one");
}

static void damage(void)
{
	CLEANUP_BUF struct buf a = { 0 }, b = { 0 }, out = { 0 };
	size_t used;
	int refused = 0;

	for (int i = 0; i < 40; i++)
		buf_printf(&a, "%d ", i * 7919);
	gzip_pack(a.data, a.len, &b, &err);
	for (size_t n = 0; n < b.len; n++) {
		int r = unpack(&b, n, 1 << 20, &out, &used);
		refused += r == UNRACK_DAMAGED && out.len == 0;
	}
	is_int(refused, (long)b.len, "cut at any byte: damaged");
	has_str(err.text, "x.img: its gzip stream is cut short or damaged; take another copy", "and said so");
	b.data[b.len - 6] ^= 1;
	is_int(unpack(&b, b.len, 1 << 20, &out, &used), UNRACK_DAMAGED, "a wrong checksum is noticed");
	b.data[b.len - 6] ^= 1;
	b.data[b.len / 2] ^= 0x40;
	is_int(unpack(&b, b.len, 1 << 20, &out, &used), UNRACK_DAMAGED, "so is a flipped bit");
}

static void bombs(void)
{
	CLEANUP_BUF struct buf a = { 0 }, b = { 0 }, out = { 0 };
	size_t used;

	buf_zeros(&a, 5 << 20);
	gzip_pack(a.data, a.len, &b, &err);
	ok(b.len < 8192, "5 MiB of zeros are packed small");
	is_int(unpack(&b, b.len, 4 << 20, &out, &used), UNRACK_UNSUPPORTED, "more than the limit is refused");
	is_str(err.text, "x.img: a stream in it unpacks to more than the 4 MiB left for it; no initrd is that large",
	       "and said so");
	ok(out.cap <= 8 << 20, "and not kept in memory");
	is_int(unpack(&b, b.len, 5 << 20, &out, &used), 0, "as much as the limit is taken");

	buf_free(&out);
	memset(b.data + b.len - 4, 0xff, 4);
	is_int(unpack(&b, b.len, 512 << 20, &out, &used), UNRACK_DAMAGED, "a false size is noticed");
	ok(out.cap <= 64 << 20, "and memory is not taken at its word");
	buf_free(&out);
	memset(b.data + b.len - 4, 0, 4);
	is_int(unpack(&b, b.len, 512 << 20, &out, &used), UNRACK_DAMAGED, "so is one that is too small");
}

int main(void)
{
	round_trip();
	damage();
	bombs();
	return tap_done();
}
