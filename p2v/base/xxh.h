/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only place that includes xxHash (XXH3, https://xxhash.com; spec doc/xxhash_spec.md). Its
 * code becomes part of whoever includes this, made for the processors that he is. */
#ifndef BASE_XXH_H
#define BASE_XXH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "unrack/digest.h"

/* The canonical (big-endian) form. */
static inline void xxh_canonical(XXH128_hash_t h, struct digest *out)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, h);
	__builtin_memcpy(out->b, c.digest, sizeof out->b);
}

/* digest_avx2.c: the same results in half the time, where xxh_has_avx2. */
bool xxh_has_avx2(void);
void xxh_avx2_digest(const struct digest_key *key, const void *data, size_t n, struct digest *out);
uint64_t xxh_avx2_checksum(const void *data, size_t n);

#endif
