/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame: 0:1 flags (1: the header's checksum is put right, 2: the payload's), 1:8 the sequence
 * number that is due, then header and payload. */
#include "fuzz.h"
#include "unrack/digest.h"
#include "unrack/frame.h"
#include "unrack/message.h"

static void put_right(uint8_t *header, const uint8_t *payload, size_t n, unsigned flags)
{
	uint32_t length = get_le32(header + 8);

	if (flags & 2)
		put_le64(header + 24, checksum64(payload, length < n ? length : n));
	if (flags & 1)
		put_le64(header + 32, checksum64(header, 32));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	uint64_t sequence = fuzz_take(&in, 8);
	uint8_t header[FRAME_HEADER_SIZE] = { 0 }, again[FRAME_HEADER_SIZE];
	struct unrack_error err = UNRACK_ERROR_INIT;
	size_t head = in.n < sizeof header ? in.n : sizeof header, n;
	struct frame f;
	uint8_t *payload;
	int r;

	if (in.n)
		memcpy(header, in.p, head);
	payload = fuzz_copy(in.p + head, in.n - head);
	n = in.n - head;
	put_right(header, payload, n, flags);
	r = frame_parse(header, sequence, &f, &err);
	fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
	if (r == 0) {
		fuzz_check(f.sequence == sequence && f.length <= FRAME_PAYLOAD_MAX);
		r = message_check_frame(&f, &err);
		fuzz_check(r < 0 || f.length <= message_limit(f.type));
	}
	if (r == 0 && f.length <= n && frame_check_payload(&f, payload, &err) == 0) {
		frame_write(&f, payload, again);
		fuzz_check(memcmp(again, header, sizeof header) == 0);
	}
	free(payload);
	return 0;
}
