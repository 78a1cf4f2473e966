/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parts.h"

/* Code page 437, as far as it draws frames: boot loaders put their menus into them. */
static char from_cell(uint8_t c)
{
	if (c >= 0x20 && c < 0x7f)
		return (char)c;
	switch (c) {
	case 0xb3:
	case 0xba:
		return '|';
	case 0xc4:
	case 0xcd:
		return '-';
	case 0xbf:
	case 0xc0:
	case 0xd9:
	case 0xda:
	case 0xc8:
	case 0xc9:
	case 0xbb:
	case 0xbc:
		return '+';
	default:
		return ' ';
	}
}

int text_from_cells(const uint8_t *cells, size_t n, unsigned columns, struct buf *out)
{
	char row[512];

	if (!columns || columns > sizeof row)
		return 0;
	for (size_t at = 0; at < n / 2; at += columns) {
		size_t len = 0;

		for (size_t i = 0; i < columns && at + i < n / 2; i++) {
			row[i] = from_cell(cells[2 * (at + i)]);
			if (row[i] != ' ')
				len = i + 1;
		}
		if (len && (buf_append(out, row, len) < 0 || buf_puts(out, "\n") < 0))
			return -1;
	}
	return 0;
}

/* Length of the escape sequence at P[0] == ESC; *moves: it moves the cursor to another line
 * or clears. ECMA-48: ESC [ parameters 0x30-0x3f, intermediates 0x20-0x2f, final 0x40-0x7e. */
static size_t escape_length(const uint8_t *p, size_t n, bool *moves)
{
	size_t i = 2;

	*moves = false;
	if (n < 2)
		return n;
	if (p[1] != '[')
		return 2;
	while (i < n && p[i] >= 0x20 && p[i] < 0x40)
		i++;
	if (i < n)
		*moves = p[i] == 'H' || p[i] == 'f' || p[i] == 'J' || p[i] == 'd' || p[i] == 'E';
	return i < n ? i + 1 : n;
}

int text_from_bytes(const uint8_t *p, size_t n, struct buf *out)
{
	if (buf_reserve(out, n + 1) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool moves;
		char c = '\0';

		if (p[i] == 0x1b) {
			i += escape_length(p + i, n - i, &moves) - 1;
			c = moves ? '\n' : '\0';
		} else if (p[i] == '\r' || p[i] == '\n') {
			c = '\n';
		} else if (p[i] == '\t') {
			c = ' ';
		} else if (p[i] >= 0x20 && p[i] < 0x7f) {
			c = (char)p[i];
		}
		if (c == '\n')
			while (out->len && out->data[out->len - 1] == ' ')
				out->data[--out->len] = '\0';
		if (c == '\n' && (!out->len || out->data[out->len - 1] == '\n'))
			continue; /* no empty lines */
		if (c && buf_append(out, &c, 1) < 0)
			return -1;
	}
	return 0;
}
