/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CONTEXT 3

struct line {
	const char *p;
	size_t n; /* with the newline, if there is one */
};

struct text {
	struct line *line;
	bool *gone; /* old text: removed; new text: added */
	size_t n;
};

static int split(const char *p, size_t n, struct text *t)
{
	const char *end = p + n;
	size_t lines = 0;

	for (const char *q = p; q < end; lines++) {
		const char *nl = memchr(q, '\n', (size_t)(end - q));
		q = nl ? nl + 1 : end;
	}
	t->line = malloc((lines + 1) * sizeof *t->line);
	t->gone = calloc(lines + 1, sizeof *t->gone);
	if (!t->line || !t->gone)
		return -1;
	for (t->n = 0; p < end; t->n++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *next = nl ? nl + 1 : end;

		t->line[t->n] = (struct line){ p, (size_t)(next - p) };
		p = next;
	}
	return 0;
}

static bool same(const struct text *a, size_t i, const struct text *b, size_t j)
{
	return a->line[i].n == b->line[j].n && !memcmp(a->line[i].p, b->line[j].p, a->line[i].n);
}

/* Marks lines [first, first + n) of A and [first, first + m) of B by E. Myers, "An O(ND)
 * difference algorithm and its variations" (1986): after D edits, v[k] is how far down A
 * one can be on diagonal k = x - y. Row D of the trace is v[-D], v[-D + 2], ... v[D]
 * as it was then, which is all that walking back needs.
 * Returns 1 when more than DIFF_EDITS_MAX edits are needed, -1 without memory. */
static int mark(struct text *a, size_t n, struct text *b, size_t m, size_t first)
{
	CLEANUP_FREE uint32_t *trace = NULL;
	CLEANUP_FREE uint32_t *v = calloc(2 * DIFF_EDITS_MAX + 3, sizeof *v);
	size_t max = n + m < DIFF_EDITS_MAX ? n + m : DIFF_EDITS_MAX, cap = 0;
	long d, k;

	if (!v)
		return -1;
	for (d = 0;; d++) {
		size_t row = (size_t)d * ((size_t)d + 1) / 2;

		if ((size_t)d > max)
			return 1;
		if (row + (size_t)d + 1 > cap) {
			uint32_t *more = realloc(trace, (cap = 2 * (row + (size_t)d + 1)) * sizeof *trace);
			if (!more)
				return -1;
			trace = more;
		}
		for (k = -d; k <= d; k += 2) {
			uint32_t *at = v + DIFF_EDITS_MAX + 1 + k;
			/* signed: a diagonal may lie outside B */
			long x = k == -d || (k != d && at[-1] < at[1]) ? (long)at[1] : (long)at[-1] + 1;
			long y = x - k;

			while (x < (long)n && y < (long)m && y >= 0 &&
			       same(a, first + (size_t)x, b, first + (size_t)y))
				x++, y++;
			*at = (uint32_t)x;
			trace[row + (size_t)((k + d) / 2)] = (uint32_t)x;
			if (x >= (long)n && y >= (long)m)
				goto found;
		}
	}
found:
	for (long x = (long)n, y = (long)m; d > 0; d--) {
		const uint32_t *prev = trace + (size_t)(d - 1) * (size_t)d / 2;
		bool down;
		long px;

		k = x - y;
		/* the diagonals of row d-1 are -(d-1) .. d-1 */
		down = k == -d || (k != d && prev[(k - 1 + d - 1) / 2] < prev[(k + 1 + d - 1) / 2]);
		if (down) {
			px = prev[(k + 1 + d - 1) / 2];
			y = px - (k + 1);
			if (y < (long)m)
				b->gone[first + (size_t)y] = true;
		} else {
			px = prev[(k - 1 + d - 1) / 2];
			y = px - (k - 1);
			if (px < (long)n)
				a->gone[first + (size_t)px] = true;
		}
		x = px;
	}
	return 0;
}

static int compare(struct text *a, struct text *b)
{
	size_t first = 0, n = a->n, m = b->n;
	int r;

	while (first < n && first < m && same(a, first, b, first))
		first++;
	while (n > first && m > first && same(a, n - 1, b, m - 1))
		n--, m--;
	r = mark(a, n - first, b, m - first, first);
	if (r > 0) {
		memset(a->gone + first, true, n - first);
		memset(b->gone + first, true, m - first);
	}
	return r < 0 ? -1 : 0;
}

static int put(struct buf *out, char sign, const struct line *l)
{
	if (buf_append(out, &sign, 1) < 0 || buf_append(out, l->p, l->n) < 0)
		return -1;
	if (l->p[l->n - 1] != '\n')
		return buf_puts(out, "\n\\ No newline at end of file\n");
	return 0;
}

/* diff writes "3" for one line, "3,2" for two, and "2,0" for none after line 2. */
static int put_range(struct buf *out, char sign, size_t first, size_t n)
{
	if (n == 1)
		return buf_printf(out, "%c%zu ", sign, first + 1);
	return buf_printf(out, "%c%zu,%zu ", sign, n ? first + 1 : first, n);
}

/* The hunk that begins with old line *I and new line *J, which are equal or changed. */
static int put_hunk(const struct text *a, size_t *i, const struct text *b, size_t *j, struct buf *out)
{
	size_t i0 = *i, j0 = *j, ie = i0, je = j0, equal = 0;

	/* The end: the last change that is not followed by more equal lines than two contexts. */
	for (size_t x = i0, y = j0; (x < a->n || y < b->n) && equal <= 2 * CONTEXT;) {
		bool removed = x < a->n && a->gone[x], added = y < b->n && b->gone[y];

		equal = removed || added ? 0 : equal + 1;
		x += removed || !added;
		y += !removed;
		if (!equal)
			ie = x, je = y;
	}
	for (int k = 0; k < CONTEXT && ie < a->n && je < b->n; k++)
		ie++, je++;

	if (buf_puts(out, "@@ ") < 0 || put_range(out, '-', i0, ie - i0) < 0 ||
	    put_range(out, '+', j0, je - j0) < 0 || buf_puts(out, "@@\n") < 0)
		return -1;
	while (*i < ie || *j < je) {
		int r;

		if (*i < ie && a->gone[*i]) {
			r = put(out, '-', &a->line[(*i)++]);
		} else if (*j < je && b->gone[*j]) {
			r = put(out, '+', &b->line[(*j)++]);
		} else {
			r = put(out, ' ', &a->line[(*i)++]);
			(*j)++;
		}
		if (r < 0)
			return -1;
	}
	return 0;
}

static int print(const char *old_name, const struct text *a, const char *new_name,
		 const struct text *b, struct buf *out)
{
	size_t equal = 0;

	if (buf_printf(out, "--- %s\n+++ %s\n", old_name, new_name) < 0)
		return -1;
	for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
		size_t back;

		if ((i >= a->n || !a->gone[i]) && (j >= b->n || !b->gone[j])) {
			i++, j++, equal++;
			continue;
		}
		back = equal < CONTEXT ? equal : CONTEXT;
		i -= back;
		j -= back;
		if (put_hunk(a, &i, b, &j, out) < 0)
			return -1;
		equal = 0;
	}
	return 0;
}

int diff_unified(const char *old_name, const char *new_name, const void *old_text, size_t old_len,
		 const void *new_text, size_t new_len, struct buf *out)
{
	struct text a = { 0 }, b = { 0 };
	int r = -1;

	if (old_len == new_len && (!old_len || !memcmp(old_text, new_text, old_len)))
		return 0;
	if ((old_len && memchr(old_text, 0, old_len)) || (new_len && memchr(new_text, 0, new_len)))
		return buf_printf(out, "Binary files %s and %s differ\n", old_name, new_name);
	if (split(old_len ? old_text : "", old_len, &a) == 0 &&
	    split(new_len ? new_text : "", new_len, &b) == 0 && compare(&a, &b) == 0)
		r = print(old_name, &a, new_name, &b, out);
	free(a.line);
	free(a.gone);
	free(b.line);
	free(b.gone);
	return r;
}
