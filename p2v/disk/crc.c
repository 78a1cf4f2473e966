/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crc.h"

uint32_t crc_ieee(uint32_t start, const void *p, size_t n)
{
	/* Of each value of four bits, the reversed polynomial being 0xedb88320. */
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *b = p;
	uint32_t c = start;

	while (n--) {
		c ^= *b++;
		c = c >> 4 ^ table[c & 15];
		c = c >> 4 ^ table[c & 15];
	}
	return c;
}
