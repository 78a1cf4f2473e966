/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/archive.h"
#include "made.h"

static struct unrack_error err;

static int unpack(const struct buf *b, size_t n, size_t limit, struct buf *out, size_t *used)
{
	buf_clear(out);
	return archive_unpack(PACK_GZIP, b->data, n, limit, "x.img", out, used, &err);
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
	buf_free(&out);

	is_int(gzip_pack((const uint8_t *)"two", 3, &b, &err), 0, "appends a second stream");
	is_int(unpack(&b, b.len, 1 << 20, &out, &used), 0, "of two streams the first is unpacked");
	is_int(used, first, "and its end is told");
	is_int(out.len, a.len, "without the second one");
}

int main(void)
{
	round_trip();
	return tap_done();
}
