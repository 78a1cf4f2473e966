/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold of volumes that are built on others, whatever is written on them. */
#ifndef TESTS_FUZZ_BUILT_H
#define TESTS_FUZZ_BUILT_H

#include "fuzz.h"
#include "../../p2v/disk/used_parts.h"
#include "unrack/digest.h"

#define BUILT_DISKS 2u

struct built {
	struct block_source *sources[BUILT_DISKS];
	struct used_builds members, out;
	struct ranges *free[BUILT_DISKS];
	struct digest_stream *states[BUILT_DISKS];
	struct digest ends[BUILT_DISKS];
};

static inline void built_begin(struct built *b, struct block_source *const *sources)
{
	static const struct digest_key key;
	struct unrack_error e;

	memset(b, 0, sizeof *b);
	for (unsigned i = 0; i < BUILT_DISKS; i++) {
		struct used_piece piece = { i, 0, sources[i]->size };
		struct used_built one = { .name = "disk", .pieces = &piece, .n = piece.len > 0, .bytes = piece.len };

		b->sources[i] = sources[i];
		b->free[i] = ranges_new(0);
		b->states[i] = digest_stream_new(&key);
		fuzz_check(b->free[i] && b->states[i] && used_builds_add(&b->members, &one, &e) == 0);
	}
}

static inline void built_check_one(const struct built *b, const struct used_built *one)
{
	uint64_t sum = 0;

	fuzz_check(one->whole ? *one->why : !*one->why);
	for (const char *p = one->name; *p; p++)
		fuzz_check(*p >= ' ' && *p <= '~');
	for (const char *p = one->why; *p; p++)
		fuzz_check(*p >= ' ' && *p <= '~');
	for (size_t i = 0; i < one->n; i++) {
		const struct used_piece *p = &one->pieces[i];
		size_t n;
		const struct range *r = ranges_list(b->free[p->disk], &n);

		fuzz_check(p->disk < BUILT_DISKS && p->len > 0 && p->off <= b->sources[p->disk]->size &&
			   p->len <= b->sources[p->disk]->size - p->off);
		sum += p->len;
		for (size_t k = 0; k < n; k++)
			fuzz_check(r[k].off >= p->off + p->len || r[k].off + r[k].len <= p->off);
	}
	fuzz_check(sum == one->bytes);
}

/* Also ends the states. */
static inline void built_check(struct built *b)
{
	for (size_t i = 0; i < b->out.n; i++)
		built_check_one(b, &b->out.at[i]);
	for (unsigned i = 0; i < BUILT_DISKS; i++)
		digest_stream_end(b->states[i], &b->ends[i]);
}

/* The same disks twice. */
static inline void built_check_same(struct built *a, struct built *b)
{
	fuzz_check(a->out.n == b->out.n && !memcmp(a->ends, b->ends, sizeof a->ends));
	for (unsigned i = 0; i < BUILT_DISKS; i++)
		fuzz_check(ranges_bytes(a->free[i]) == ranges_bytes(b->free[i]));
	for (size_t i = 0; i < a->out.n; i++)
		fuzz_check(!strcmp(a->out.at[i].why, b->out.at[i].why) && a->out.at[i].n == b->out.at[i].n);
}

static inline void built_end(struct built *b)
{
	for (unsigned i = 0; i < BUILT_DISKS; i++) {
		ranges_free(b->free[i]);
		digest_stream_free(b->states[i]);
	}
	used_builds_free(&b->members);
	used_builds_free(&b->out);
}

#endif
