/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Size arithmetic on values that come from outside: every sum and product is
 * checked, since a wrapped length is how a parser reads past its input. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SECTOR_SIZE 512u

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* True on overflow; *out is then undefined. */
static inline bool add_overflows(uint64_t a, uint64_t b, uint64_t *out)
{
	return __builtin_add_overflow(a, b, out);
}

static inline bool mul_overflows(uint64_t a, uint64_t b, uint64_t *out)
{
	return __builtin_mul_overflow(a, b, out);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t div_round_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* The multiple of UNIT at or below / at or above A. UNIT need not be a power of two. */
static inline uint64_t round_down(uint64_t a, uint64_t unit)
{
	return a - a % unit;
}

static inline uint64_t round_up(uint64_t a, uint64_t unit)
{
	return div_round_up(a, unit) * unit;
}

/* Compares the buffer with itself shifted by 16 bytes, so that libc's memcmp does
 * the work at memory speed. */
static inline bool is_zero(const void *buf, size_t n)
{
	const unsigned char *b = buf;

	for (size_t i = 0; i < 16; i++) {
		if (i == n)
			return true;
		if (b[i])
			return false;
	}
	return memcmp(b, b + 16, n - 16) == 0;
}

#endif
