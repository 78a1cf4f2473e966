/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"
#include "xxh.h"

/* Shorter ones are done sooner than asked about. */
#define LONG 1024u

static const uint8_t zeros[65536];

void digest_key_init(struct digest_key *key, const uint8_t seed[DIGEST_SEED_SIZE])
{
	XXH3_generateSecret(key->secret, sizeof key->secret, seed, DIGEST_SEED_SIZE);
}

int digest_random_seed(uint8_t seed[DIGEST_SEED_SIZE], struct unrack_error *err)
{
	if (getrandom(seed, DIGEST_SEED_SIZE, 0) != (ssize_t)DIGEST_SEED_SIZE)
		return error_errno(err, errno, "can't draw random numbers");
	return 0;
}

void digest_grain(const struct digest_key *key, const void *data, size_t size, size_t grain,
		  struct digest *out)
{
	XXH3_state_t s;

	if (size == grain && size >= LONG && xxh_has_avx2()) {
		xxh_avx2_digest(key, data, size, out);
		return;
	}
	if (size == grain) {
		xxh_canonical(XXH3_128bits_withSecret(data, size, key->secret, sizeof key->secret), out);
		return;
	}
	XXH3_INITSTATE(&s);
	XXH3_128bits_reset_withSecret(&s, key->secret, sizeof key->secret);
	XXH3_128bits_update(&s, data, size);
	XXH3_128bits_update(&s, zeros, grain - size);
	xxh_canonical(XXH3_128bits_digest(&s), out);
}

struct digest_stream {
	XXH3_state_t *state;
	struct digest_key key;
};

struct digest_stream *digest_stream_new(const struct digest_key *key)
{
	struct digest_stream *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->key = *key;
	s->state = XXH3_createState();
	if (!s->state) {
		free(s);
		return NULL;
	}
	XXH3_128bits_reset_withSecret(s->state, s->key.secret, sizeof s->key.secret);
	return s;
}

void digest_stream_add(struct digest_stream *s, const void *data, size_t n)
{
	XXH3_128bits_update(s->state, data, n);
}

void digest_stream_end(struct digest_stream *s, struct digest *out)
{
	xxh_canonical(XXH3_128bits_digest(s->state), out);
}

void digest_stream_free(struct digest_stream *s)
{
	if (!s)
		return;
	XXH3_freeState(s->state);
	free(s);
}

uint64_t checksum64(const void *data, size_t n)
{
	return n >= LONG && xxh_has_avx2() ? xxh_avx2_checksum(data, n) : XXH3_64bits(data, n);
}

uint32_t checksum32(const void *data, size_t n)
{
	return (uint32_t)checksum64(data, n);
}

void hex_encode(const void *data, size_t n, char *out)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < n; i++) {
		*out++ = "0123456789abcdef"[b[i] >> 4];
		*out++ = "0123456789abcdef"[b[i] & 15];
	}
	*out = '\0';
}

int hex_decode(const char *hex, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(hex[2 * i]), lo = hi < 0 ? -1 : hex_value(hex[2 * i + 1]);

		if (lo < 0)
			return -1;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return hex[2 * n] == '\0' ? 0 : -1;
}

void digest_hex(const struct digest *d, char out[2 * DIGEST_SIZE + 1])
{
	hex_encode(d->b, sizeof d->b, out);
}
