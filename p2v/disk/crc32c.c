/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crc32c.h"

#include <isa-l/crc.h>

#include "base/size.h"

uint32_t crc32c(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n > 0) {
		size_t part = (size_t)min_u64(n, 1u << 30); /* it counts in int */

		/* It changes nothing, but its parameter isn't const. */
		sum = ~crc32_iscsi((unsigned char *)(uintptr_t)p, (int)part, ~sum);
		p += part;
		n -= part;
	}
	return sum;
}
