/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/ranges.h"

#define SPACE 512

static struct unrack_error err;

/* "0+10 20+5" */
static const char *shown(struct ranges *r)
{
	static char text[256];
	size_t n, len = 0;
	const struct range *at = ranges_list(r, &n);

	text[0] = '\0';
	for (size_t i = 0; i < n && len < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%llu+%llu", i ? " " : "",
					(unsigned long long)at[i].off, (unsigned long long)at[i].len);
	return text;
}

static void adding(void)
{
	struct ranges *r = ranges_new(0);

	is_str(shown(r), "", "nothing");
	ranges_add(r, 100, 10, &err);
	ranges_add(r, 110, 10, &err);
	is_str(shown(r), "100+20", "ranges that touch become one");
	ranges_add(r, 0, 10, &err);
	ranges_add(r, 50, 10, &err);
	ranges_add(r, 5, 20, &err);
	ranges_add(r, 7, 0, &err);
	is_str(shown(r), "0+25 50+10 100+20", "in any order, overlapping, empty");
	is_int(ranges_bytes(r), 55, "together");
	ranges_add(r, 0, 200, &err);
	is_str(shown(r), "0+200", "one over all");
	is_int(ranges_add(r, UINT64_MAX, 2, &err), UNRACK_INTERNAL, "what wraps is refused");
	ranges_free(r);
	ranges_free(NULL);
}

static void removing(void)
{
	struct ranges *r = ranges_new(0);

	ranges_remove(r, 0, 10, &err);
	is_str(shown(r), "", "from nothing");
	ranges_add(r, 0, 100, &err);
	ranges_remove(r, 40, 20, &err);
	is_str(shown(r), "0+40 60+40", "the middle");
	ranges_remove(r, 30, 35, &err);
	is_str(shown(r), "0+30 65+35", "across a gap");
	ranges_remove(r, 0, 10, &err);
	ranges_remove(r, 90, 100, &err);
	is_str(shown(r), "10+20 65+25", "both ends");
	ranges_remove(r, 10, 20, &err);
	is_str(shown(r), "65+25", "exactly one");
	is_int(ranges_remove(r, UINT64_MAX, 2, &err), UNRACK_INTERNAL, "what wraps is refused");
	ranges_free(r);
}

/* Against a byte for each place. */
static void like_bytes(void)
{
	struct ranges *r = ranges_new(0);
	unsigned char model[SPACE] = { 0 };
	unsigned seed = 7, wrong = 0;

	for (int step = 0; step < 4000; step++) {
		unsigned off, len, bad = 0;
		const struct range *at;
		size_t n, i = 0;

		seed = seed * 1103515245 + 12345;
		off = (seed >> 8) % (SPACE - 40);
		len = (seed >> 20) % 40;
		if (seed >> 31)
			ranges_remove(r, off, len, &err);
		else
			ranges_add(r, off, len, &err);
		memset(model + off, !(seed >> 31), len);
		at = ranges_list(r, &n);
		for (unsigned b = 0; b < SPACE; b++) {
			while (i < n && at[i].off + at[i].len <= b)
				i++;
			bad += model[b] != (i < n && at[i].off <= b);
		}
		wrong += bad != 0;
	}
	is_int(wrong, 0, "4000 steps at random: as a byte for each place has it");
	ranges_free(r);
}

static void many(void)
{
	struct ranges *r = ranges_new(64);
	const struct range *at;
	size_t n;
	bool told = true, big = false;

	for (unsigned i = 0; i < 10000; i++)
		ranges_add(r, (9999 - i) * 20000ull, i % 100 == 0 ? 19000 : 5000 + i % 100, &err);
	at = ranges_list(r, &n);
	ok(n > 0 && n <= 64, "of 10000 ranges at most as many as allowed are kept: %zu", n);
	for (size_t i = 0; i < n; i++) {
		told &= at[i].off % 20000 == 0 && at[i].len <= 19000;
		big |= at[i].len == 19000;
	}
	ok(told, "only what was told");
	ok(big, "the long ones");
	ranges_remove(r, at[0].off + 1, 1, &err);
	at = ranges_list(r, &n);
	ok(n <= 64, "also when one is cut in two");
	ranges_free(r);
}

int main(void)
{
	adding();
	removing();
	like_bytes();
	many();
	return tap_done();
}
