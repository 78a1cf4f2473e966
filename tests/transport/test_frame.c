/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frame headers: what is written is read back, and nothing else is taken. */
#include "../support/tap.h"
#include "base/bytes.h"
#include "unrack/digest.h"
#include "unrack/frame.h"

static struct unrack_error err;

static void make(uint8_t h[FRAME_HEADER_SIZE], uint64_t sequence)
{
	struct frame f = { .type = 4, .disk = 3, .length = 5, .sequence = sequence };

	frame_write(&f, "hello", h);
}

/* A header that was changed on purpose, by someone who knows the checksum. */
static void resum(uint8_t h[FRAME_HEADER_SIZE])
{
	put_le64(h + 32, checksum64(h, 32));
}

static void test_round_trip(void)
{
	uint8_t h[FRAME_HEADER_SIZE];
	struct frame f;

	make(h, 7);
	is_int(frame_parse(h, 7, &f, &err), 0, "a header that was written is read");
	ok(f.type == 4 && f.disk == 3 && f.length == 5 && f.sequence == 7, "with all its fields");
	is_int(frame_check_payload(&f, "hello", &err), 0, "its payload belongs to it");
	is_int(frame_check_payload(&f, "jello", &err), UNRACK_LOST, "another one does not");
	is_str(err.text, "the stream is damaged: the checksum of frame 7's 5 bytes is wrong",
	       "with the reason");
	ok(memcmp(h, "URK1", 4) == 0 && h[4] == 4 && get_le16(h + 6) == 3 && get_le32(h + 8) == 5 &&
	   get_le64(h + 16) == 7, "the bytes are where unrack-wire(5) has them");
}

static void test_flipped(void)
{
	uint8_t h[FRAME_HEADER_SIZE];
	unsigned taken = 0;
	struct frame f;

	make(h, 7);
	for (unsigned bit = 0; bit < 8 * FRAME_HEADER_SIZE; bit++) {
		h[bit / 8] ^= (uint8_t)(1 << bit % 8);
		taken += frame_parse(h, 7, &f, &err) == 0;
		h[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	is_int(taken, 0, "no flipped bit is taken");
	h[20] ^= 1;
	is_int(frame_parse(h, 7, &f, &err), UNRACK_LOST, "a flipped bit is damage of the line");
	is_str(err.text, "the stream is damaged: the checksum of frame 7's header is wrong",
	       "with the reason");
	h[0] ^= 1;
	frame_parse(h, 7, &f, &err);
	is_str(err.text, "the stream is damaged: frame 7 does not begin as a frame does",
	       "also in its first bytes");
}

static void test_order(void)
{
	uint8_t h[FRAME_HEADER_SIZE];
	struct frame f;

	make(h, 7);
	is_int(frame_parse(h, 8, &f, &err), UNRACK_LOST, "a repeated frame is refused");
	is_str(err.text, "the stream is damaged: frame 7 came where frame 8 is due", "with the reason");
	is_int(frame_parse(h, 6, &f, &err), UNRACK_LOST, "a missing one before it is noticed");
	is_int(frame_parse(h, 7 + (1ull << 32), &f, &err), UNRACK_LOST, "all 64 bits count");
}

static void test_limits(void)
{
	uint8_t h[FRAME_HEADER_SIZE];
	struct frame f;

	make(h, 0);
	put_le32(h + 8, FRAME_PAYLOAD_MAX);
	resum(h);
	is_int(frame_parse(h, 0, &f, &err), 0, "the largest payload is allowed");
	put_le32(h + 8, FRAME_PAYLOAD_MAX + 1);
	resum(h);
	is_int(frame_parse(h, 0, &f, &err), UNRACK_UNSUPPORTED, "one byte more is not");
	is_str(err.text, "frame 0 has 1114113 bytes, more than the 1114112 that are allowed",
	       "with the reason");
	put_le32(h + 8, FRAME_PAYLOAD_MAX + 1);
	put_le64(h + 32, 0);
	frame_parse(h, 0, &f, &err);
	has_str(err.text, "checksum", "the length is not looked at before the checksum");
	make(h, 0);
	h[5] = 0x10;
	resum(h);
	is_int(frame_parse(h, 0, &f, &err), UNRACK_UNSUPPORTED, "an unknown flag is refused");
	is_str(err.text, "frame 0 uses a feature that was not agreed on (flags 10)", "with the flag");
	make(h, 0);
	h[13] = 1;
	resum(h);
	is_int(frame_parse(h, 0, &f, &err), UNRACK_UNSUPPORTED, "what must be 0 is 0");
}

static void test_not_ours(void)
{
	uint8_t h[FRAME_HEADER_SIZE + 1] = "Last login: Tue Nov 22 02:57:11\n........";
	struct frame f;

	is_int(frame_parse(h, 0, &f, &err), UNRACK_UNSUPPORTED, "a greeting is no frame");
	is_str(err.text, "the far side does not speak unrack's protocol; it says "
	       "\"Last login: Tue Nov 22 02:57:11\"", "and is quoted");
	memcpy(h, "\x1b[2Jevil", 8);
	frame_parse(h, 0, &f, &err);
	is_str(err.text, "the far side does not speak unrack's protocol; it sends bytes 1b 5b 32 4a",
	       "without its control characters");
}

int main(void)
{
	test_round_trip();
	test_flipped();
	test_order();
	test_limits();
	test_not_ours();
	return tap_done();
}
