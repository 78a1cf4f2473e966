/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"

#define CHUNK (4u << 20)
#define OVERLAP (512u << 10) /* what may begin in one chunk and end in the next */
#define SCREEN_MIN 3200u     /* bytes: 80 x 20 cells */
#define SCREEN_MAX OVERLAP   /* 4K displays have some 130 KB */
#define SAMPLE_STEP 512u     /* any screen has several such offsets inside */
#define SAMPLE_CELLS 16u
#define LOG_BEFORE (256u << 10)
#define LOG_AFTER (512u << 10)
#define LOG_GAP 64u /* binary bytes between two texts of a log: header, padding, id */

static const char log_mark[] = "Kernel command line: ";

/* --- Consoles ------------------------------------------------------------------------------ */

static bool is_cell(const uint8_t *p)
{
	return p[0] >= 0x20 && p[0] != 0x7f && p[1] && p[1] < 0x80;
}

/* In one of the colours that consoles start with: on black, so that plain text, of which
 * every second byte looks like a colour too, is not taken for cells. */
static bool is_plain(const uint8_t *p)
{
	return is_cell(p) && p[1] < 0x10;
}

static bool is_blank(const uint8_t *p, size_t cell)
{
	return p[2 * cell] == ' ';
}

static bool mostly_one_colour_with_text(const uint8_t *p, size_t cells)
{
	size_t count[0x10] = { 0 }, most = 0, text = 0;

	for (size_t i = 0; i < cells; i++) {
		if (is_plain(p + 2 * i))
			count[p[2 * i + 1]]++;
		text += isalnum(p[2 * i]) != 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(count); i++)
		most = max_u64(most, count[i]);
	return most >= cells / 10 * 6 && text >= 8;
}

/* Rows end in blanks and begin with text: the width at whose multiples this is so. */
static unsigned guess_columns(const uint8_t *p, size_t cells)
{
	static const unsigned widths[] = {
		80, 90, 100, 106, 128, 132, 160, 170, 180, 200, 210, 240, 256, 320, 480,
	};
	unsigned best = 80;
	long most = -1;

	for (size_t w = 0; w < ARRAY_LEN(widths); w++) {
		long score = 0;

		for (size_t at = widths[w]; at < cells; at += widths[w]) {
			if (!is_blank(p, at))
				score += is_blank(p, at - 1) ? 1 : -2;
		}
		/* A multiple of the true width sees fewer such places. */
		if (score >= most) {
			most = score;
			best = widths[w];
		}
	}
	return best;
}

bool ram_find_cells(const uint8_t *p, size_t n, size_t from, size_t *start, size_t *len,
		    unsigned *columns)
{
	for (size_t at = round_up(from, SAMPLE_STEP); at + 2 * SAMPLE_CELLS <= n; at += SAMPLE_STEP) {
		size_t a = at, b = at, i = 0;

		while (i < SAMPLE_CELLS && is_plain(p + at + 2 * i))
			i++;
		if (i < SAMPLE_CELLS)
			continue;
		while (a >= from + 2 && at - a < SCREEN_MAX && is_cell(p + a - 2))
			a -= 2;
		while (b + 2 <= n && b - a < SCREEN_MAX && is_cell(p + b))
			b += 2;
		if (b - a >= SCREEN_MIN && mostly_one_colour_with_text(p + a, (b - a) / 2)) {
			*start = a;
			*len = b - a;
			*columns = guess_columns(p + a, (b - a) / 2);
			return true;
		}
		at = max_u64(at, round_down(b, SAMPLE_STEP));
	}
	return false;
}

/* --- The kernel's log ---------------------------------------------------------------------- */

static bool is_text(uint8_t c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t';
}

/* "<5>" ends at P + AT. */
static bool after_level(const uint8_t *p, size_t at)
{
	return at >= 3 && p[at - 1] == '>' && p[at - 2] >= '0' && p[at - 2] <= '7' && p[at - 3] == '<';
}

static bool is_log_record(const uint8_t *p, size_t n, size_t at)
{
	size_t next = at + strlen(log_mark), a = at;

	if (!at || next >= n || !is_text(p[next]) || p[next] == '%')
		return false;
	if (after_level(p, at))
		return true;
	if (at >= 3 && p[at - 1] == ' ' && p[at - 2] == ']') { /* "<5>[    0.000000] " */
		while (a && at - a < 24 && p[a] != '[')
			a--;
		return p[a] == '[' && after_level(p, a);
	}
	/* A binary header. After a line's end it would be a file that was once written. */
	return !is_text(p[at - 1]) && p[at - 1] != '\r';
}

size_t ram_find_log(const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		const uint8_t *hit = memmem(p + at, n - at, log_mark, strlen(log_mark));

		if (!hit)
			break;
		at = (size_t)(hit - p);
		if (is_log_record(p, n, at))
			return at;
		at++;
	}
	return SIZE_MAX;
}

/* From AT, in steps of STEP, to where more than LOG_GAP bytes without text come. */
static size_t log_border(const uint8_t *p, size_t n, size_t at, int step)
{
	size_t border = at, gap = 0;

	while (gap <= LOG_GAP && (step > 0 ? at + 1 < n : at > 0)) {
		at = step > 0 ? at + 1 : at - 1;
		/* Three in a row: single letters are part of binary data. */
		if (is_text(p[at]) && at + 2 < n && is_text(p[at + 1]) && is_text(p[at + 2])) {
			border = at;
			gap = 0;
		} else {
			gap++;
		}
	}
	return border;
}

/* The next run of text from *at to B; false: none. */
static bool next_text(const uint8_t *p, size_t *at, size_t b, size_t *start, size_t *len)
{
	while (*at < b) {
		*start = *at;
		while (*at < b && is_text(p[*at]))
			(*at)++;
		*len = *at - *start;
		(*at)++;
		if (*len >= 3)
			return true;
	}
	return false;
}

/* Since 5.10 a record is stored with "\0016" before it and then moved to the left by these two
 * bytes: its last two stay behind it a second time, and the line's end after them. */
static bool ends_twice(const uint8_t *p, size_t len)
{
	return len >= 5 && p[len - 1] == '\n' && !memcmp(p + len - 3, p + len - 5, 2);
}

int ram_log_text(const uint8_t *p, size_t n, size_t at, struct buf *out)
{
	size_t a = log_border(p, n, at, -1), b = min_u64(log_border(p, n, at, 1) + 3, n);
	size_t start, len, runs = 0, twice = 0;

	for (at = a; next_text(p, &at, b, &start, &len); runs++)
		twice += ends_twice(p + start, len);
	for (at = a; next_text(p, &at, b, &start, &len);) {
		if (twice > runs / 4 && ends_twice(p + start, len))
			len -= 3;
		if (text_from_bytes(p + start, len, out) < 0 ||
		    (p[start + len - 1] != '\n' && buf_puts(out, "\n") < 0))
			return -1;
	}
	return 0;
}

/* --- All of it ----------------------------------------------------------------------------- */

/* The log around byte AT of the file; kept if it is longer than what is in LOG (a log that
 * was moved to a larger buffer leaves its beginning behind). */
static int read_log(int fd, uint64_t at, struct buf *log)
{
	uint64_t from = at > LOG_BEFORE ? at - LOG_BEFORE : 0;
	size_t size = (size_t)(at - from) + LOG_AFTER;
	uint8_t *p CLEANUP_FREE = malloc(size);
	struct buf text CLEANUP_BUF = { 0 };
	ssize_t n;

	if (!p)
		return -1;
	n = pread(fd, p, size, (off_t)from);
	if (n <= (ssize_t)(at - from))
		return 0;
	if (ram_log_text(p, (size_t)n, (size_t)(at - from), &text) < 0)
		return -1;
	if (text.len > log->len) {
		buf_clear(log);
		return buf_append(log, text.data, text.len);
	}
	return 0;
}

/* P holds N bytes from offset O; what begins beyond OWN bytes is the next chunk's. */
static int scan_chunk(int fd, uint64_t o, const uint8_t *p, size_t n, size_t own,
		      struct buf *consoles, struct buf *log)
{
	size_t from = 0, start, len, at;
	unsigned columns;

	while (ram_find_cells(p, n, from, &start, &len, &columns) && start < own) {
		if (text_from_cells(p + start, len, columns, consoles) < 0)
			return -1;
		from = start + len;
	}
	at = ram_find_log(p, n);
	return at < own ? read_log(fd, o + at, log) : 0;
}

int ram_scan(int fd, struct buf *consoles, struct buf *log)
{
	uint8_t *p CLEANUP_FREE = malloc(CHUNK + OVERLAP);
	off_t at = 0;

	buf_clear(consoles);
	buf_clear(log);
	if (!p)
		return -1;
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		off_t end = lseek(fd, at, SEEK_HOLE);

		while (at < end) {
			size_t own = (size_t)min_u64((uint64_t)(end - at), CHUNK);
			ssize_t n = pread(fd, p, min_u64((uint64_t)(end - at), CHUNK + OVERLAP), at);

			if (n <= 0)
				return 0;
			own = min_u64(own, (size_t)n);
			if (scan_chunk(fd, (uint64_t)at, p, (size_t)n, own, consoles, log) < 0)
				return -1;
			at += (off_t)own;
		}
		if (end < 0)
			break;
	}
	return 0;
}
