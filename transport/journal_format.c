/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal_format.h"

#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "unrack/grain.h"

/* Magic, version and size of the header, and its checksum in its last 8 bytes, keep their
 * places in all versions, so that a newer file is told from a damaged one. */
#define VERSION 1u
#define AT_VERSION 8
#define AT_SIZE 12
#define AT_BYTES 16
#define AT_FORMAT 24
#define AT_GRAIN 28
#define AT_SEED 32
#define AT_STRICT_LEN 64
#define AT_ADVISORY_LEN 68
#define HEADER_FIXED 72
#define SUM_SIZE 8u

static const uint8_t magic[8] = "UNRKJRNL";

/* A record. */
#define REC_SEQ 0
#define REC_NEXT 8
#define REC_DATA 16
#define REC_MTIME 24
#define REC_WHOLE 32
#define REC_LENGTH 32 /* in its place while the copy is not complete */
#define REC_PASS 48
#define REC_FLAGS 52
#define REC_SUM 56
#define FLAG_COMPLETE 1u

int journal_format_header(const struct journal_info *info, struct buf *out, uint64_t *sum,
			  struct unrack_error *err)
{
	size_t strict = strnlen(info->id.strict, IDENTITY_TEXT_MAX);
	size_t advisory = strnlen(info->id.advisory, IDENTITY_TEXT_MAX);
	size_t used = HEADER_FIXED + strict + advisory + SUM_SIZE;
	size_t size = (size_t)round_up(used, JOURNAL_RECORD_SIZE);
	uint8_t *h;

	if (strict >= IDENTITY_TEXT_MAX || advisory >= IDENTITY_TEXT_MAX)
		return error_set(err, UNRACK_INTERNAL, "the identity of a disk is too long");
	buf_clear(out);
	if (buf_zeros(out, size) < 0)
		return error_nomem(err);
	h = out->data;
	memcpy(h, magic, sizeof magic);
	put_le32(h + AT_VERSION, VERSION);
	put_le32(h + AT_SIZE, (uint32_t)size);
	put_le64(h + AT_BYTES, info->id.bytes);
	put_le32(h + AT_FORMAT, info->format);
	put_le32(h + AT_GRAIN, GRAIN_SIZE);
	memcpy(h + AT_SEED, info->seed, DIGEST_SEED_SIZE);
	put_le32(h + AT_STRICT_LEN, (uint32_t)strict);
	put_le32(h + AT_ADVISORY_LEN, (uint32_t)advisory);
	memcpy(h + HEADER_FIXED, info->id.strict, strict);
	memcpy(h + HEADER_FIXED + strict, info->id.advisory, advisory);
	*sum = checksum64(h, size - SUM_SIZE);
	put_le64(h + size - SUM_SIZE, *sum);
	return 0;
}

/* Includes the header's, so that a record of another journal is never taken for one of this. */
static uint64_t record_sum(const uint8_t *rec, uint64_t header)
{
	uint8_t b[8 + REC_SUM];

	put_le64(b, header);
	memcpy(b + 8, rec, REC_SUM);
	return checksum64(b, sizeof b);
}

void journal_format_record(const struct journal_point *p, uint64_t seq, uint64_t header,
			   uint8_t out[JOURNAL_RECORD_SIZE])
{
	memset(out, 0, JOURNAL_RECORD_SIZE);
	put_le64(out + REC_SEQ, seq);
	put_le64(out + REC_NEXT, p->next_grain);
	put_le64(out + REC_DATA, p->data_grains);
	put_le64(out + REC_MTIME, p->image_mtime_ns);
	if (p->complete)
		memcpy(out + REC_WHOLE, p->whole.b, DIGEST_SIZE);
	else
		put_le64(out + REC_LENGTH, p->image_length);
	put_le32(out + REC_PASS, (uint32_t)p->pass);
	put_le32(out + REC_FLAGS, p->complete ? FLAG_COMPLETE : 0);
	put_le64(out + REC_SUM, record_sum(out, header));
}

const char *journal_format_check(const struct journal_point *p, uint64_t bytes)
{
	if (p->next_grain > grain_count(bytes))
		return "it lies beyond the end of the disk";
	if (p->data_grains > p->next_grain)
		return "it has more data than grains";
	if (p->pass == 0 || p->pass > UINT32_MAX)
		return "its pass is out of range";
	if (p->complete && p->next_grain != grain_count(bytes))
		return "it says complete before the end of the disk";
	return NULL;
}

static int parse_texts(const uint8_t *h, uint32_t size, const char *name, struct journal_info *info,
		       struct unrack_error *err)
{
	uint32_t strict = get_le32(h + AT_STRICT_LEN), advisory = get_le32(h + AT_ADVISORY_LEN);
	struct buf a = { 0 }, b = { 0 };
	int r;

	if (strict >= IDENTITY_TEXT_MAX || advisory >= IDENTITY_TEXT_MAX ||
	    HEADER_FIXED + strict + advisory + SUM_SIZE > size)
		return error_set(err, UNRACK_DAMAGED, "%s: the identity does not fit into the header",
				 name);
	if (memchr(h + HEADER_FIXED, '\0', strict + advisory))
		return error_set(err, UNRACK_DAMAGED, "%s: the identity has a NUL in it", name);
	if (buf_append(&a, h + HEADER_FIXED, strict) < 0 ||
	    buf_append(&b, h + HEADER_FIXED + strict, advisory) < 0)
		r = error_nomem(err);
	else
		r = identity_init(&info->id, get_le64(h + AT_BYTES), buf_str(&a), buf_str(&b), err);
	if (r < 0)
		error_prefix(err, "%s", name);
	buf_free(&a);
	buf_free(&b);
	return r;
}

static int parse_header(const uint8_t *h, size_t n, const char *name, struct journal_content *c,
			struct unrack_error *err)
{
	if (n < HEADER_FIXED || memcmp(h, magic, sizeof magic) != 0)
		return error_set(err, UNRACK_DAMAGED,
				 "%s is not a journal of unrack; if it is lost, copy to another folder",
				 name);
	c->header_size = get_le32(h + AT_SIZE);
	if (c->header_size < HEADER_FIXED + SUM_SIZE || c->header_size > JOURNAL_HEADER_MAX ||
	    c->header_size % JOURNAL_RECORD_SIZE || c->header_size > n)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: its header can't have %u bytes",
				 name, c->header_size);
	c->header_sum = get_le64(h + c->header_size - SUM_SIZE);
	if (checksum64(h, c->header_size - SUM_SIZE) != c->header_sum)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: the checksum of its header is wrong",
				 name);
	if (get_le32(h + AT_VERSION) != VERSION)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s has format version %u, this unrack knows version %u; use the newer one",
				 name, get_le32(h + AT_VERSION), VERSION);
	c->info.format = get_le32(h + AT_FORMAT);
	if (c->info.format < DISK_FLAT || c->info.format > DISK_SPARSE ||
	    get_le32(h + AT_GRAIN) != GRAIN_SIZE)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: unknown disk format %u or grain size %u",
				 name, (unsigned)c->info.format, get_le32(h + AT_GRAIN));
	memcpy(c->info.seed, h + AT_SEED, DIGEST_SEED_SIZE);
	return parse_texts(h, c->header_size, name, &c->info, err);
}

static bool good_record(const uint8_t *rec, uint64_t header)
{
	return get_le64(rec + REC_SUM) == record_sum(rec, header);
}

static void parse_record(const uint8_t *rec, struct journal_point *p)
{
	*p = (struct journal_point){
		.next_grain = get_le64(rec + REC_NEXT),
		.data_grains = get_le64(rec + REC_DATA),
		.image_mtime_ns = get_le64(rec + REC_MTIME),
		.pass = get_le32(rec + REC_PASS),
		.complete = get_le32(rec + REC_FLAGS) & FLAG_COMPLETE,
	};
	if (p->complete)
		memcpy(p->whole.b, rec + REC_WHOLE, DIGEST_SIZE);
	else
		p->image_length = get_le64(rec + REC_LENGTH);
}

static int parse_records(const uint8_t *data, size_t n, const char *name, struct journal_content *c,
			 struct unrack_error *err)
{
	uint64_t slots = (n - c->header_size) / JOURNAL_RECORD_SIZE, bad = slots, bad_at = 0;

	for (uint64_t i = 0; i < slots; i++) {
		uint64_t at = c->header_size + i * JOURNAL_RECORD_SIZE;
		const uint8_t *rec = data + at;
		uint64_t seq = get_le64(rec + REC_SEQ);
		const char *why;

		if (!good_record(rec, c->header_sum)) {
			bad = bad < slots ? bad : i;
			bad_at = bad == i ? at : bad_at;
			continue;
		}
		if (bad < slots)
			return error_set(err, UNRACK_DAMAGED,
					 "%s is damaged: record %llu at byte %llu is bad, and a good one follows",
					 name, (unsigned long long)bad, (unsigned long long)bad_at);
		parse_record(rec, &c->last);
		why = journal_format_check(&c->last, c->info.id.bytes);
		if (!why && get_le32(rec + REC_FLAGS) & ~FLAG_COMPLETE)
			why = "it has unknown flags";
		if (!why && (seq == 0 || (i > 0 && seq != c->seq + 1)))
			why = "it is out of sequence";
		if (why)
			return error_set(err, UNRACK_DAMAGED, "%s is damaged: record %llu: %s", name,
					 (unsigned long long)i, why);
		c->seq = seq;
		c->records++;
	}
	c->end = c->header_size + c->records * JOURNAL_RECORD_SIZE;
	return 0;
}

int journal_format_parse(const uint8_t *data, size_t n, const char *name,
			 struct journal_content *c, struct unrack_error *err)
{
	int r;

	*c = (struct journal_content){ 0 };
	r = parse_header(data, n, name, c, err);
	if (r == 0)
		r = parse_records(data, n, name, c, err);
	if (r < 0)
		journal_info_free(&c->info);
	return r;
}
