/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "../../transport/journal_format.h"
#include "../support/tap.h"
#include "base/bytes.h"

#define DISK (10u * 65536u + 100u) /* 11 grains */

static struct unrack_error err;

/* A journal of N records in *b. */
static struct journal_info make(struct buf *b, unsigned n)
{
	struct journal_info info = { .format = DISK_FLAT };
	uint64_t sum;

	memset(info.seed, 0x5a, sizeof info.seed);
	if (identity_init(&info.id, DISK, "mbr=1a2b3c4d\n", "serial=S\n", &err) < 0 ||
	    journal_format_header(&info, b, &sum, &err) < 0)
		exit(1);
	for (unsigned i = 0; i < n; i++) {
		struct journal_point p = { .next_grain = i + 1, .data_grains = i, .pass = 1 };
		uint8_t rec[JOURNAL_RECORD_SIZE];

		journal_format_record(&p, 5 + i, sum, rec);
		buf_append(b, rec, sizeof rec);
	}
	return info;
}

static int parse(const uint8_t *data, size_t n, struct journal_content *c)
{
	/* A copy of its own, so that ASan sees a read past the end. */
	uint8_t *copy = malloc(n + !n);
	int r;

	memcpy(copy, data, n);
	r = journal_format_parse(copy, n, "j", c, &err);
	free(copy);
	if (r == 0)
		journal_info_free(&c->info);
	return r;
}

static void test_bytes(void)
{
	/* The example of unrack-journal(5). */
	struct buf b = { 0 };
	struct journal_info info = make(&b, 1);
	const uint8_t *h = b.data, *rec = b.data + 128;

	is_int(b.len, 192, "header of two records' size, and one record");
	ok(!memcmp(h, "UNRKJRNL", 8), "magic");
	is_int(get_le32(h + 8), 1, "version");
	is_int(get_le32(h + 12), 128, "size of the header");
	is_int(get_le64(h + 16), DISK, "size of the disk");
	is_int(get_le32(h + 24), DISK_FLAT, "format");
	is_int(get_le32(h + 28), 65536, "grain");
	ok(h[32] == 0x5a && h[63] == 0x5a, "seed");
	is_int(get_le32(h + 64), 13, "length of the strict text");
	is_int(get_le32(h + 68), 9, "length of the advisory text");
	ok(!memcmp(h + 72, "mbr=1a2b3c4d\nserial=S\n", 22), "both texts");
	ok(get_le64(h + 120) == checksum64(h, 120), "checksum");
	is_int(get_le64(rec), 5, "record: sequence");
	is_int(get_le64(rec + 8), 1, "record: next grain");
	is_int(get_le32(rec + 48), 1, "record: pass");
	is_int(get_le32(rec + 52), 0, "record: flags");
	journal_info_free(&info);
	buf_free(&b);
}

static void test_round_trip(void)
{
	struct buf b = { 0 };
	struct journal_info info = make(&b, 3);
	struct journal_content c;
	struct journal_point p = { .next_grain = 11, .data_grains = 4, .pass = 7, .complete = true,
				   .image_mtime_ns = 123456789012345 };
	uint8_t rec[JOURNAL_RECORD_SIZE];

	memset(p.whole.b, 0xee, sizeof p.whole.b);
	is_int(journal_format_parse(b.data, b.len, "j", &c, &err), 0, "a journal is read");
	is_str(c.info.id.strict, "mbr=1a2b3c4d\n", "strict identity");
	is_str(c.info.id.advisory, "serial=S\n", "advisory identity");
	is_int(c.info.id.bytes, DISK, "size");
	ok(c.info.format == DISK_FLAT && !memcmp(c.info.seed, info.seed, sizeof info.seed),
	   "format and seed");
	ok(c.records == 3 && c.seq == 7 && c.last.next_grain == 3, "the last record counts");
	is_int(c.end, b.len, "no torn tail");
	journal_format_record(&p, 8, c.header_sum, rec);
	journal_info_free(&c.info);
	buf_append(&b, rec, sizeof rec);
	is_int(parse(b.data, b.len, &c), 0, "a complete record is read");
	ok(c.last.next_grain == 11 && c.last.data_grains == 4 && c.last.pass == 7 && c.last.complete &&
		   c.last.image_mtime_ns == 123456789012345 && !memcmp(&c.last.whole, &p.whole, 16),
	   "with all its fields");
	journal_info_free(&info);
	buf_free(&b);
}

/* Cut at every byte: records that are whole count, the header is all or nothing. */
static void test_cut(void)
{
	struct buf b = { 0 };
	struct journal_info info = make(&b, 3);
	struct journal_content c;
	bool header = true, records = true;

	for (size_t n = 0; n <= b.len; n++) {
		int r = parse(b.data, n, &c);

		if (n < 128)
			header &= r == UNRACK_DAMAGED;
		else
			records &= r == 0 && c.records == (n - 128) / 64 &&
				   c.end == 128 + c.records * 64;
	}
	ok(header, "a header cut at any byte is damage");
	ok(records, "a record cut at any byte is a torn tail");
	journal_info_free(&info);
	buf_free(&b);
}

static void test_flips(void)
{
	struct buf b = { 0 };
	struct journal_info info = make(&b, 3);
	struct journal_content c;
	bool header = true, middle = true, last = true;

	for (size_t i = 0; i < b.len; i++) {
		int r;

		b.data[i] ^= 1 << i % 8;
		r = parse(b.data, b.len, &c);
		b.data[i] ^= 1 << i % 8;
		if (i < 128)
			header &= r == UNRACK_DAMAGED;
		else if (i < 256)
			middle &= r == UNRACK_DAMAGED && strstr(err.text, "and a good one follows");
		else
			last &= r == 0 && c.records == 2 && c.last.next_grain == 2;
	}
	ok(header, "any flipped bit in the header is damage");
	ok(middle, "any flipped bit in a record before a good one is damage");
	ok(last, "any flipped bit in the last record drops it");
	b.data[140] ^= 1;
	parse(b.data, b.len, &c);
	is_str(err.text, "j is damaged: record 0 at byte 128 is bad, and a good one follows",
	       "the sentence names the place");
	journal_info_free(&info);
	buf_free(&b);
}

/* Replaces bytes of a good header and signs it again. */
static void patched(size_t at, uint32_t value, int want, const char *why)
{
	struct buf b = { 0 };
	struct journal_info info = make(&b, 0);
	struct journal_content c;

	put_le32(b.data + at, value);
	put_le64(b.data + 120, checksum64(b.data, 120));
	is_int(parse(b.data, b.len, &c), want, "a signed header with %u at %zu", value, at);
	has_str(err.text, why, "why");
	journal_info_free(&info);
	buf_free(&b);
}

static void test_hostile_header(void)
{
	patched(8, 2, UNRACK_UNSUPPORTED, "version 2, this unrack knows version 1; use the newer one");
	patched(24, 9, UNRACK_UNSUPPORTED, "unknown disk format 9");
	patched(28, 4096, UNRACK_UNSUPPORTED, "grain size 4096");
	patched(64, 0xffffffff, UNRACK_DAMAGED, "does not fit");
	patched(64, IDENTITY_TEXT_MAX - 1, UNRACK_DAMAGED, "does not fit");
	patched(64, 120 - 72 - 9 + 1, UNRACK_DAMAGED, "does not fit");
	patched(68, 0x7fffffff, UNRACK_DAMAGED, "does not fit");
	patched(68, 11, UNRACK_DAMAGED, "has a NUL in it");
	patched(68, 8, UNRACK_DAMAGED, "not lines of key=value");
	patched(12, 0, UNRACK_DAMAGED, "can't have 0 bytes");
	patched(12, 64, UNRACK_DAMAGED, "can't have 64 bytes");
	patched(12, 100, UNRACK_DAMAGED, "can't have 100 bytes");
	patched(12, 192, UNRACK_DAMAGED, "can't have 192 bytes");
	patched(12, 0xffffffc0, UNRACK_DAMAGED, "can't have 4294967232 bytes");
	patched(0, 0, UNRACK_DAMAGED, "not a journal");
}

static void test_hostile_records(void)
{
	static const struct {
		struct journal_point p;
		uint64_t seq;
		const char *why;
	} cases[] = {
		{ { .next_grain = 12, .pass = 1 }, 6, "beyond the end of the disk" },
		{ { .next_grain = 2, .data_grains = 3, .pass = 1 }, 6, "more data than grains" },
		{ { .next_grain = 2, .pass = 0 }, 6, "pass is out of range" },
		{ { .next_grain = 10, .pass = 1, .complete = true }, 6, "says complete before the end" },
		{ { .next_grain = 2, .pass = 1 }, 5, "out of sequence" },
		{ { .next_grain = 2, .pass = 1 }, 7, "out of sequence" },
	};
	struct buf b = { 0 }, other = { 0 };
	struct journal_info info = make(&b, 1), info2;
	struct journal_content c;
	uint8_t rec[JOURNAL_RECORD_SIZE];
	uint64_t sum = get_le64(b.data + 120);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		journal_format_record(&cases[i].p, cases[i].seq, sum, rec);
		b.len = 192;
		buf_append(&b, rec, sizeof rec);
		is_int(parse(b.data, b.len, &c), UNRACK_DAMAGED, "signed but senseless record %zu", i);
		has_str(err.text, cases[i].why, "why");
	}
	journal_format_record(&cases[5].p, 6, sum, rec);
	put_le32(rec + 52, 2);
	b.len = 192;
	buf_append(&b, rec, sizeof rec);
	is_int(parse(b.data, b.len, &c), 0, "an unsigned change is a torn tail");
	info2 = make(&other, 1);
	other.data[40] ^= 1; /* another seed: another journal */
	put_le64(other.data + 120, checksum64(other.data, 120));
	is_int(parse(other.data, other.len, &c), 0, "records of another journal");
	is_int(c.records, 0, "are not taken for its own");
	journal_info_free(&info);
	journal_info_free(&info2);
	buf_free(&b);
	buf_free(&other);
}

int main(void)
{
	test_bytes();
	test_round_trip();
	test_cut();
	test_flips();
	test_hostile_header();
	test_hostile_records();
	return tap_done();
}
