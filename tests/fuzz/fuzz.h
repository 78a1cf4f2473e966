/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzzers share. Each defines LLVMFuzzerTestOneInput, so that libFuzzer or driver.c
 * can be its main program. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is. */
#define fuzz_check(cond)                                                                \
	do {                                                                            \
		if (!(cond)) {                                                          \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__,         \
				__LINE__, #cond);                                       \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* The input, taken from its beginning; zeros when there is no more. */
struct fuzz_in {
	const uint8_t *p;
	size_t n;
};

static inline uint64_t fuzz_take(struct fuzz_in *in, size_t bytes)
{
	uint8_t le[8] = { 0 };
	size_t n = bytes < in->n ? bytes : in->n;

	memcpy(le, in->p, n);
	in->p += n;
	in->n -= n;
	return get_le64(le);
}

/* A copy with nothing around it, so that the sanitizers see any byte too far. To be freed. */
static inline uint8_t *fuzz_copy(const void *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	if (n)
		memcpy(copy, p, n);
	return copy;
}

#endif
