/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XXH3 with AVX2. xxHash chooses its instructions when it is compiled, and what runs everywhere
 * has only SSE2. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("avx2")
#define HAS_CODE 1
#else
#define HAS_CODE 0
#endif
#include "xxh.h"

#if HAS_CODE
_Static_assert(XXH_VECTOR == XXH_AVX2, "made for AVX2");
#endif

bool xxh_has_avx2(void)
{
#if HAS_CODE
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

void xxh_avx2_digest(const struct digest_key *key, const void *data, size_t n, struct digest *out)
{
	xxh_canonical(XXH3_128bits_withSecret(data, n, key->secret, sizeof key->secret), out);
}

uint64_t xxh_avx2_checksum(const void *data, size_t n)
{
	return XXH3_64bits(data, n);
}
