/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRAINS and DELTA: made in place, taken apart, and never believed. */
#include "copy.h"

static struct unrack_error err;
static uint8_t out[MESSAGE_GRAINS_LIMIT + 64];

static size_t make(void)
{
	static const uint16_t places[] = { 0, 3, 15 };
	struct message_grains_writer w;
	struct digest d;

	message_grains_begin(&w, out, 1000, 16);
	for (unsigned i = 0; i < 3; i++) {
		memset(message_grains_room(&w), 'a' + (int)i, 10 * (i + 1));
		memset(&d, (int)i, sizeof d);
		message_grains_add(&w, places[i], 10 * (i + 1), &d);
	}
	return message_grains_end(&w);
}

static void refused(size_t n, const char *why, const char *what)
{
	struct message_grains m;

	is_int(message_decode_grains(MESSAGE_GRAINS, out, n, &m, &err), UNRACK_DAMAGED, "%s is refused", what);
	has_str(err.text, why, "with the reason");
	make();
}

static void test_wrong(void)
{
	size_t n = make();
	struct message_grains m;
	unsigned taken = 0;

	for (size_t i = 0; i < n; i++)
		taken += message_decode_grains(MESSAGE_GRAINS, out, i, &m, &err) == 0;
	is_int(taken, 0, "no shorter message is taken");
	refused(n + 1, "bytes follow", "a longer one");
	put_le64(out, UINT64_MAX);
	refused(n, "range is impossible", "a position beyond all disks");
	put_le16(out + 8, 0);
	refused(n, "range is impossible", "an empty span");
	put_le16(out + 8, MESSAGE_GRAINS_MAX + 1);
	refused(n, "range is impossible", "a span that is too long");
	put_le16(out + 10, 0);
	refused(n, "or none", "a message without grains");
	put_le16(out + 8, 2);
	refused(n, "more grains than its range", "more grains than the span has");
	put_le16(out + 16, 16);
	refused(n, "not in order", "a place outside of the span");
	put_le16(out + 50, 0);
	refused(n, "not in order", "a grain that comes twice");
	put_le32(out + 20, 0);
	refused(n, "length of a grain", "an empty grain");
	put_le32(out + 20, DEFLATE_GRAIN_MAX + 1);
	refused(n, "length of a grain", "a grain that is too long");
	put_le32(out + 20, 0xffffffff);
	refused(n, "length of a grain", "a length that wraps");
	put_le32(out + 20, 9);
	refused(n, "", "a length that is short by one");
	put_le16(out + 10, 4);
	refused(n, "ends within a grain", "a grain that is announced but not there");
}

static void test_noise(void)
{
	uint32_t state = 99;
	size_t n = make();
	struct message_grains m;
	unsigned wild = 0;

	for (unsigned round = 0; round < 20000; round++) {
		make();
		for (unsigned i = copy_random(&state) % 4 + 1; i > 0; i--)
			out[copy_random(&state) % n] = (uint8_t)copy_random(&state);
		if (message_decode_grains(MESSAGE_GRAINS, out, n, &m, &err) < 0)
			continue;
		for (unsigned i = 0; i < m.count; i++)
			wild += m.grain[i].place >= m.span || m.grain[i].z < out ||
				m.grain[i].z + m.grain[i].size > out + n;
	}
	is_int(wild, 0, "whatever is taken lies within the message");
}

static void test_largest(void)
{
	struct message_grains_writer w;
	struct message_grains m;
	struct digest d = { { 1 } };
	size_t n;

	message_grains_begin(&w, out, 0, MESSAGE_GRAINS_MAX);
	for (uint16_t i = 0; i < MESSAGE_GRAINS_MAX; i++)
		message_grains_add(&w, i, DEFLATE_GRAIN_MAX, &d);
	n = message_grains_end(&w);
	is_int(n, message_limit(MESSAGE_GRAINS), "the largest message has the size of its limit");
	is_int(message_decode_grains(MESSAGE_GRAINS, out, n, &m, &err), 0, "and is taken");
}

/* In a DELTA a grain may have become zeros. */
static void test_delta(void)
{
	struct message_grains_writer w;
	struct message_grains m;
	struct digest none = { { 0 } }, d = { { 7 } };
	size_t n;

	message_grains_begin(&w, out, 50, 4);
	message_grains_add(&w, 1, 0, &none);
	memset(message_grains_room(&w), 'z', 30);
	message_grains_add(&w, 2, 30, &d);
	n = message_grains_end(&w);
	is_int(message_decode_grains(MESSAGE_DELTA, out, n, &m, &err), 0, "DELTA is read back");
	ok(m.first == 50 && m.span == 4 && m.count == 2 && m.grain[0].size == 0 && m.grain[0].place == 1 &&
	   m.grain[1].size == 30 && m.grain[1].z[29] == 'z', "with zeros and data");
	is_int(message_decode_grains(MESSAGE_GRAINS, out, n, &m, &err), UNRACK_DAMAGED,
	       "in a GRAINS zeros are not listed");
	has_str(err.text, "a GRAINS came that is not valid: the length of a grain is wrong", "with the reason");
	out[24] = 1;
	is_int(message_decode_grains(MESSAGE_DELTA, out, n, &m, &err), UNRACK_DAMAGED, "zeros have no digest");
	has_str(err.text, "a DELTA came that is not valid: a grain of zeros has a digest", "with the reason");
}

int main(void)
{
	size_t n = make();
	struct message_grains m;

	is_int(n, 16 + 3 * 24 + 60, "heads and streams lie side by side");
	is_int(message_decode_grains(MESSAGE_GRAINS, out, n, &m, &err), 0, "GRAINS is read back");
	ok(m.first == 1000 && m.span == 16 && m.count == 3, "with its range");
	ok(m.grain[1].place == 3 && m.grain[1].size == 20 && m.grain[1].z[19] == 'b' &&
	   m.grain[1].digest.b[15] == 1, "and each grain");
	test_wrong();
	test_noise();
	test_largest();
	test_delta();
	return tap_done();
}
