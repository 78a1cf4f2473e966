/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/digest.h"

/* Long data at once is done by other instructions than the same in parts. */
static void long_data(const struct digest_key *k)
{
	static uint8_t data[65536 + 64];
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * i >> 7);
	for (size_t n = 1; n <= 65536; n += n < 3000 ? 1 : 997) {
		struct digest_stream *s = digest_stream_new(k);
		const uint8_t *p = data + n % 64;
		struct digest at_once, in_parts;

		digest_grain(k, p, n, n, &at_once);
		digest_stream_add(s, p, n / 3);
		digest_stream_add(s, p + n / 3, n - n / 3);
		digest_stream_end(s, &in_parts);
		wrong += memcmp(&at_once, &in_parts, sizeof at_once) != 0;
		digest_stream_free(s);
	}
	is_int(wrong, 0, "any length has one digest, on any processor");
	ok(checksum64(data, 65536) == 0x948761d03686761aULL, "the checksum of a known grain");
	ok(checksum64(data + 1, 1024) == 0xb31d13b5a0ccc7aeULL, "and of an odd piece of it");
}

int main(void)
{
	static uint8_t grain[65536], other[65536];
	uint8_t seed[DIGEST_SEED_SIZE] = { 1 }, seed2[DIGEST_SEED_SIZE] = { 2 }, bytes[3];
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct digest_key k, k2;
	struct digest a, b;
	struct digest_stream *s;
	char hex[33];

	digest_key_init(&k, seed);
	digest_key_init(&k2, seed2);
	for (size_t i = 0; i < 1000; i++)
		grain[i] = other[i] = (uint8_t)(i * 7);
	digest_grain(&k, grain, sizeof grain, sizeof grain, &a);
	digest_grain(&k, grain, 1000, sizeof grain, &b);
	ok(!memcmp(&a, &b, sizeof a), "a short grain counts as padded with zeros");
	digest_grain(&k2, grain, sizeof grain, sizeof grain, &b);
	ok(memcmp(&a, &b, sizeof a), "another secret gives another digest");
	other[65535] = 1;
	digest_grain(&k, other, sizeof other, sizeof other, &b);
	ok(memcmp(&a, &b, sizeof a), "so does one changed byte");

	s = digest_stream_new(&k);
	digest_stream_add(s, grain, 500);
	digest_stream_end(s, &b);
	digest_stream_add(s, grain + 500, sizeof grain - 500);
	digest_stream_end(s, &b);
	ok(!memcmp(&a, &b, sizeof a), "a stream of parts is the digest of the whole, and can be looked at in between");
	digest_stream_free(s);
	digest_stream_free(NULL);

	digest_hex(&a, hex);
	is_int(strlen(hex), 32, "hex of a digest");
	ok(hex_decode(hex, b.b, sizeof b.b) == 0 && !memcmp(&a, &b, sizeof a), "and back");
	ok(hex_decode("12345", bytes, 3) < 0 && hex_decode("12345g", bytes, 3) < 0 &&
	   hex_decode("12345678", bytes, 3) < 0 && hex_decode("a1B2c3", bytes, 3) == 0 && bytes[1] == 0xb2,
	   "only the exact number of hex digits is taken");
	is_int(digest_random_seed(seed, &e), 0, "a random seed");
	digest_random_seed(seed2, &e);
	ok(memcmp(seed, seed2, sizeof seed), "is random");
	long_data(&k);
	/* Fixed values: files written by one version must be read by the next. */
	ok(checksum64("unrack", 6) == 0x82177f1c986c5807ULL && checksum32("unrack", 6) == 0x986c5807,
	   "the checksum of a known text");
	memset(seed, 0, sizeof seed);
	seed[0] = 1;
	digest_key_init(&k, seed);
	digest_grain(&k, "unrack", 6, 65536, &a);
	digest_hex(&a, hex);
	is_str(hex, "e067543c5c90fbb39910106f8ed1b655", "the digest of a known grain under a known seed");
	return tap_done();
}
