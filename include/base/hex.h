/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_HEX_H
#define BASE_HEX_H

/* The value of a hexadecimal digit of either case, in ASCII whatever the locale; -1 if it is none. */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

#endif
