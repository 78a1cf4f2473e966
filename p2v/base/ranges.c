/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/ranges.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

struct ranges {
	struct range *at;
	size_t n, room, max;
	uint64_t shortest; /* shorter ones are forgotten */
	bool sorted;       /* and disjoint, and not touching */
};

struct ranges *ranges_new(size_t max)
{
	struct ranges *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->max = max ? max : RANGES_MAX;
	r->sorted = true;
	return r;
}

void ranges_free(struct ranges *r)
{
	if (!r)
		return;
	free(r->at);
	free(r);
}

static uint64_t range_end(const struct range *r)
{
	return r->off + r->len;
}

static int by_offset(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

static void normalise(struct ranges *r)
{
	size_t n = 0;

	if (r->sorted)
		return;
	qsort(r->at, r->n, sizeof *r->at, by_offset);
	for (size_t i = 0; i < r->n; i++) {
		struct range *last = n ? &r->at[n - 1] : NULL;

		if (last && r->at[i].off <= range_end(last))
			last->len = max_u64(range_end(last), range_end(&r->at[i])) - last->off;
		else
			r->at[n++] = r->at[i];
	}
	r->n = n;
	r->sorted = true;
}

static size_t count_from(const struct ranges *r, uint64_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->at[i].len >= len;
	return n;
}

/* Makes room: of more than MAX / 2, the longest are kept. */
static void forget(struct ranges *r)
{
	size_t keep = r->max / 2, longer, n = 0;
	uint64_t least = 0;

	normalise(r);
	if (r->n <= keep)
		return;
	/* The greatest length that more than KEEP have at least. */
	for (uint64_t bit = 1ull << 63; bit; bit >>= 1)
		if (count_from(r, least | bit) > keep)
			least |= bit;
	longer = count_from(r, least + 1);
	for (size_t i = 0; i < r->n; i++) {
		bool equal = r->at[i].len == least;

		if (equal ? longer < keep : r->at[i].len > least) {
			longer += equal;
			r->at[n++] = r->at[i];
		}
	}
	r->n = n;
	r->shortest = least;
}

static int grow(struct ranges *r, struct unrack_error *err)
{
	size_t room = r->room ? r->room * 2 : 64;
	struct range *at;

	if (r->n < r->room)
		return 0;
	if (r->room >= r->max) {
		forget(r);
		return 0;
	}
	at = realloc(r->at, min_u64(room, r->max) * sizeof *at);
	if (!at)
		return error_nomem(err);
	r->at = at;
	r->room = min_u64(room, r->max);
	return 0;
}

int ranges_add(struct ranges *r, uint64_t off, uint64_t len, struct unrack_error *err)
{
	struct range *last = r->n ? &r->at[r->n - 1] : NULL;
	uint64_t end;
	int e;

	if (len == 0)
		return 0;
	if (add_overflows(off, len, &end))
		return error_set(err, UNRACK_INTERNAL, "a range ends behind 2^64");
	/* Most callers go forward. */
	if (last && off >= last->off && off <= range_end(last)) {
		last->len = max_u64(range_end(last), end) - last->off;
		return 0;
	}
	e = grow(r, err);
	if (e < 0)
		return e;
	if (len < r->shortest)
		return 0;
	if (r->n && off < r->at[r->n - 1].off)
		r->sorted = false;
	r->at[r->n++] = (struct range){ off, len };
	return 0;
}

/* The first range that ends behind OFF. */
static size_t find(const struct ranges *r, uint64_t off)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (range_end(&r->at[mid]) > off)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

int ranges_remove(struct ranges *r, uint64_t off, uint64_t len, struct unrack_error *err)
{
	uint64_t end;
	size_t i, last;

	if (len == 0)
		return 0;
	if (add_overflows(off, len, &end))
		return error_set(err, UNRACK_INTERNAL, "a range ends behind 2^64");
	normalise(r);
	i = find(r, off);
	if (i < r->n && r->at[i].off < off && range_end(&r->at[i]) > end) {
		/* In the middle of one: what is behind it becomes another one. */
		struct range tail = { end, range_end(&r->at[i]) - end };
		uint64_t at = r->at[i].off;

		int e = grow(r, err);

		if (e < 0)
			return e;
		i = find(r, off); /* growing may have forgotten some, and this one too */
		if (i == r->n || r->at[i].off != at)
			return 0;
		r->at[i].len = off - at;
		memmove(&r->at[i + 2], &r->at[i + 1], (r->n - i - 1) * sizeof *r->at);
		r->at[i + 1] = tail;
		r->n++;
		return 0;
	}
	if (i < r->n && r->at[i].off < off) {
		r->at[i].len = off - r->at[i].off;
		i++;
	}
	for (last = i; last < r->n && range_end(&r->at[last]) <= end; last++)
		;
	if (last < r->n && r->at[last].off < end) {
		r->at[last].len = range_end(&r->at[last]) - end;
		r->at[last].off = end;
	}
	if (last > i) {
		memmove(&r->at[i], &r->at[last], (r->n - last) * sizeof *r->at);
		r->n -= last - i;
	}
	return 0;
}

const struct range *ranges_list(struct ranges *r, size_t *n)
{
	normalise(r);
	*n = r->n;
	return r->at;
}

uint64_t ranges_bytes(struct ranges *r)
{
	uint64_t bytes = 0;

	normalise(r);
	for (size_t i = 0; i < r->n; i++)
		bytes += r->at[i].len;
	return bytes;
}
