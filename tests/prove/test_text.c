/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/prove/parts.h"
#include "../support/tap.h"

/* Puts S into cells at ROW, COLUMN of a screen of WIDTH columns. */
static void put(uint8_t *cells, unsigned width, unsigned row, unsigned column, const char *s)
{
	uint8_t *p = cells + 2 * (row * width + column);

	for (; *s; s++, p += 2)
		p[0] = (uint8_t)*s;
}

static void blank(uint8_t *cells, size_t n)
{
	for (size_t i = 0; i < n; i += 2) {
		cells[i] = ' ';
		cells[i + 1] = 7;
	}
}

static void cells(void)
{
	static uint8_t screen[2 * 80 * 25];
	struct buf b CLEANUP_BUF = { 0 };

	blank(screen, sizeof screen);
	put(screen, 80, 0, 0, "INIT: version 2.86 booting");
	put(screen, 80, 3, 4, "indented");
	put(screen, 80, 24, 75, "end..");
	is_int(text_from_cells(screen, sizeof screen, 80, &b), 0, "a screen can be read");
	is_str(buf_str(&b), "INIT: version 2.86 booting\n    indented\n"
	       "                                                                           end..\n",
	       "rows are lines, their blanks in front stay, empty ones and blanks at the end go");

	buf_clear(&b);
	blank(screen, sizeof screen);
	put(screen, 80, 0, 0, "\xda\xc4\xbf");
	put(screen, 80, 1, 0, "\xb3Linux\xb3\x01\xff\x7f.");
	text_from_cells(screen, sizeof screen, 80, &b);
	is_str(buf_str(&b), "+-+\n|Linux|   .\n", "frames become ASCII, what can't be printed a blank");

	buf_clear(&b);
	memset(screen, 0, sizeof screen);
	text_from_cells(screen, sizeof screen, 80, &b);
	is_str(buf_str(&b), "", "memory full of zeros is an empty screen");

	/* 204.8 rows, as VGA's 32 KiB are. */
	static uint8_t memory[32768];

	blank(memory, sizeof memory);
	put(memory, 80, 204, 0, "the last row is cut");
	text_from_cells(memory, sizeof memory, 80, &b);
	is_str(buf_str(&b), "the last row is cut\n", "a row that is not whole");
	buf_clear(&b);
	text_from_cells(memory + 2 * 204 * 80, 7, 80, &b);
	is_str(buf_str(&b), "the\n", "half a cell at the end is left out");
	buf_clear(&b);
	is_int(text_from_cells(memory, sizeof memory, 0, &b), 0, "no columns: nothing, but no crash");
	is_int(text_from_cells(memory, sizeof memory, 100000, &b), 0, "nor with too many");
	is_str(buf_str(&b), "", "and no text");
}

static void bytes_are(const char *in, size_t n, const char *want, const char *what)
{
	struct buf b CLEANUP_BUF = { 0 };

	is_int(text_from_bytes((const uint8_t *)in, n, &b), 0, "%s: can be read", what);
	is_str(buf_str(&b), want, "%s", what);
}

#define BYTES_ARE(in, want, what) bytes_are(in, sizeof(in) - 1, want, what)

static void bytes(void)
{
	BYTES_ARE("a\r\nb\r\n", "a\nb\n", "a serial line's ends");
	BYTES_ARE("web01 login: ", "web01 login: ", "a prompt without an end");
	BYTES_ARE("one  \n\n\n  two\n", "one\n  two\n", "empty lines and blanks at the end");
	BYTES_ARE("[  \033[0;32mOK\033[0m  ] Started\n", "[  OK  ] Started\n", "colours");
	BYTES_ARE("menu\033[5;10Hnext\033[Jlast", "menu\nnext\nlast", "cursor movements end the line");
	BYTES_ARE("a\033(Bb", "aBb", "a sequence of another kind does no harm");
	BYTES_ARE("x\0\1\2\x80\xffy\tz", "xy z", "bytes that can't be printed");
	BYTES_ARE("cut\033", "cut", "an escape at the very end");
	BYTES_ARE("cut\033[", "cut", "a sequence that has only begun");
	BYTES_ARE("cut\033[12;3", "cut", "a sequence without its last letter");
	BYTES_ARE("", "", "nothing");
}

int main(void)
{
	cells();
	bytes();
	return tap_done();
}
