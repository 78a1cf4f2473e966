/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A journal: 0:1 flags (1: the header's checksum is put right, 2: those of the records), then
 * the file. */
#include "fuzz.h"
#include "../../transport/journal_format.h"

static void put_right(uint8_t *p, size_t n, unsigned flags)
{
	uint32_t head = n >= 16 ? get_le32(p + 12) : 0;
	uint8_t summed[8 + 56];

	if (head < 80 || head > n)
		return;
	if (flags & 1)
		put_le64(p + head - 8, checksum64(p, head - 8));
	memcpy(summed, p + head - 8, 8);
	for (size_t at = head; flags & 2 && n - at >= JOURNAL_RECORD_SIZE; at += JOURNAL_RECORD_SIZE) {
		memcpy(summed + 8, p + at, 56);
		put_le64(p + at + 56, checksum64(summed, sizeof summed));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct journal_content c;
	struct buf again = { 0 };
	uint8_t *p = fuzz_copy(in.p, in.n);
	uint64_t sum;
	int r;

	put_right(p, in.n, flags);
	r = journal_format_parse(p, in.n, "journal", &c, &err);
	fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
	if (r == 0) {
		fuzz_check(c.end <= in.n && c.header_size <= c.end);
		fuzz_check(c.end == c.header_size + c.records * JOURNAL_RECORD_SIZE);
		if (c.records)
			fuzz_check(!journal_format_check(&c.last, c.info.id.bytes));
		fuzz_check(journal_format_header(&c.info, &again, &sum, &err) == 0);
		buf_free(&again);
		journal_info_free(&c.info);
	}
	free(p);
	return 0;
}
