/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A partition table: 0:1 flags (1: a GPT's sums are put right), then a disk as in sparse.h. */
#include "sparse.h"
#include "../../p2v/disk/crc.h"
#include "../../p2v/disk/used_parts.h"
#include "unrack/digest.h"

#define ENTRIES_MAX 65536u

static void put_right(struct sparse *d, uint64_t at)
{
	uint8_t *h = sparse_at(d, at), entries[ENTRIES_MAX];
	struct unrack_error e;
	uint64_t first, bytes;
	uint32_t size;

	if (!h)
		return;
	first = get_le64(h + 72);
	bytes = (uint64_t)get_le32(h + 80) * get_le32(h + 84);
	size = get_le32(h + 12);
	if (first < UINT32_MAX && bytes <= sizeof entries) {
		sparse_read(&d->source, entries, bytes, first * SECTOR_SIZE, &e);
		put_le32(h + 88, ~crc_ieee(~0u, entries, bytes));
	}
	put_le32(h + 16, 0);
	if (size <= SECTOR_SIZE)
		put_le32(h + 16, ~crc_ieee(~0u, h, size));
}

static void read_table(struct sparse *d, struct used_table *t, struct digest *state)
{
	static const struct digest_key key;
	struct digest_stream *stream = digest_stream_new(&key);
	struct unrack_error e = UNRACK_ERROR_INIT;

	fuzz_check(stream && used_table_read(&d->source, stream, t, &e) == 0);
	digest_stream_end(stream, state);
	digest_stream_free(stream);
}

static void check(const struct sparse *d, const struct used_table *t)
{
	fuzz_check(t->n <= USED_SLOTS_MAX);
	fuzz_check(!*t->kind || !strcmp(t->kind, "dos") || !strcmp(t->kind, "gpt"));
	fuzz_check(t->untrusted ? *t->why : !*t->why);
	fuzz_check(*t->kind || t->n == 0);
	for (unsigned i = 0; i < t->n; i++) {
		const struct used_slot *a = &t->at[i];

		fuzz_check(a->off <= d->source.size && a->len <= d->source.size - a->off);
		/* What is not trusted may have any partitions on the disk. */
		if (t->untrusted)
			continue;
		/* Sector 0 has the table. */
		fuzz_check(a->off >= SECTOR_SIZE && a->off % SECTOR_SIZE == 0 && a->len % SECTOR_SIZE == 0 && a->len > 0);
		for (unsigned k = 0; k < i; k++) {
			const struct used_slot *b = &t->at[k];

			fuzz_check(a->number != b->number);
			fuzz_check(a->off + a->len <= b->off || b->off + b->len <= a->off);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	struct used_table t, again;
	struct digest state, state_again;
	struct sparse d;

	sparse_open(&d, &in);
	if (flags & 1) {
		uint8_t *first = sparse_at(&d, 1);

		put_right(&d, 1);
		if (first)
			put_right(&d, get_le64(first + 32));
	}
	read_table(&d, &t, &state);
	check(&d, &t);
	read_table(&d, &again, &state_again);
	fuzz_check(!memcmp(&t, &again, sizeof t) && !memcmp(&state, &state_again, sizeof state));
	return 0;
}
