/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests. XXH3-128 is fast but not cryptographic, and a guest may be hostile, so grains
 * are digested with a secret that each machine folder draws at random: who does not
 * know it can't make two contents collide.
 *
 * Threads: a struct digest_key is read-only after digest_key_init. */
#ifndef UNRACK_DIGEST_H
#define UNRACK_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"

#define DIGEST_SEED_SIZE 32u
#define DIGEST_SIZE 16u

struct digest {
	uint8_t b[DIGEST_SIZE]; /* canonical (big-endian) form of XXH128 */
};

struct digest_key {
	uint8_t secret[192];
};

/* SEED: DIGEST_SEED_SIZE random bytes. */
void digest_key_init(struct digest_key *key, const uint8_t seed[DIGEST_SEED_SIZE]);
int digest_random_seed(uint8_t seed[DIGEST_SEED_SIZE], struct unrack_error *err);

/* Digest of a grain: of SIZE bytes of DATA as if followed by zeros up to GRAIN bytes
 * (the last grain of a disk may be short). GRAIN >= SIZE, at most 64 KiB. */
void digest_grain(const struct digest_key *key, const void *data, size_t size, size_t grain,
		  struct digest *out);

/* A digest over parts, in order. */
struct digest_stream;
struct digest_stream *digest_stream_new(const struct digest_key *key); /* NULL: no memory */
void digest_stream_add(struct digest_stream *s, const void *data, size_t n);
void digest_stream_end(struct digest_stream *s, struct digest *out); /* may go on adding */
void digest_stream_free(struct digest_stream *s);

/* Checksums without a secret, for files and frames: they find accidents, not attacks. */
uint64_t checksum64(const void *data, size_t n);
uint32_t checksum32(const void *data, size_t n);

void digest_hex(const struct digest *d, char out[2 * DIGEST_SIZE + 1]);
/* Lower-case hex of any bytes; OUT has room for 2 * n + 1. */
void hex_encode(const void *data, size_t n, char *out);
int hex_decode(const char *hex, uint8_t *out, size_t n); /* -1 unless exactly 2 * n digits */

#endif
