/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grains to zlib streams, by both engines, and back. */
#include "../support/tap.h"
#include "base/size.h"
#include "copy.h"
#include "unrack/deflate.h"

static uint8_t out[DEFLATE_GRAIN_MAX + 64], back[GRAIN_SIZE];

static size_t pack(struct deflate *d, const uint8_t *grain)
{
	size_t n;

	memset(out, 0xa5, sizeof out);
	n = deflate_grain(d, grain, out);
	for (size_t i = DEFLATE_GRAIN_MAX; i < sizeof out; i++)
		if (out[i] != 0xa5)
			return 0;
	return n;
}

static void test_engine(enum deflate_engine engine, const char *name)
{
	uint8_t *text = copy_data(GRAIN_SIZE, COPY_TEXT, 1),
		*noise = copy_data(GRAIN_SIZE, COPY_NOISE, 2);
	uint8_t *zeros = copy_data(GRAIN_SIZE, COPY_ZEROS, 0),
		*part = copy_data(GRAIN_SIZE, COPY_ZEROS, 0);
	uint8_t *grains[] = { text, noise, zeros, part };
	static const char *const what[] = { "text", "noise", "zeros", "partly noise" };
	struct deflate *d = deflate_open(engine), *fresh;
	struct inflate *in = inflate_open();
	struct unrack_error err;
	uint8_t first[DEFLATE_GRAIN_MAX];
	size_t n, again;

	memcpy(part, noise, 60000);
	is_str(deflate_name(d), name, "the engine has its name");
	for (unsigned i = 0; i < ARRAY_LEN(grains); i++) {
		n = pack(d, grains[i]);
		ok(n > 0 && n <= DEFLATE_GRAIN_MAX, "%s: %s stays within the limit", name, what[i]);
		is_int((out[0] << 8 | out[1]) % 31, 0, "%s: %s has a zlib header", name, what[i]);
		is_int(inflate_grain(in, out, n, back, &err), 0, "%s: %s inflates", name, what[i]);
		ok(memcmp(back, grains[i], GRAIN_SIZE) == 0, "%s: to the same", name);
	}
	is_int(pack(d, noise), DEFLATE_GRAIN_MAX, "%s: what does not shrink is stored", name);
	ok(engine == DEFLATE_STORE ? pack(d, text) == DEFLATE_GRAIN_MAX
				   : pack(d, text) < GRAIN_SIZE / 2,
	   "%s: what does, is stored by the one and not by the others", name);

	/* Nothing of an earlier grain may show in a later one. */
	n = pack(d, text);
	memcpy(first, out, n);
	for (unsigned i = 0; i < ARRAY_LEN(grains); i++)
		pack(d, grains[i]);
	again = pack(d, text);
	ok(again == n && memcmp(first, out, n) == 0, "%s: the same grain gives the same bytes", name);
	fresh = deflate_open(engine);
	again = pack(fresh, text);
	ok(again == n && memcmp(first, out, n) == 0, "%s: from a new one as well", name);
	deflate_close(fresh);
	deflate_close(d);
	inflate_close(in);
	for (unsigned i = 0; i < ARRAY_LEN(grains); i++)
		free(grains[i]);
}

/* Efforts, and what no effort helps. */
static void test_effort(enum deflate_engine engine)
{
	struct deflate *d = deflate_open(engine);
	struct inflate *in = inflate_open();
	struct unrack_error err;
	uint8_t *words = copy_data(GRAIN_SIZE, COPY_TEXT, 1), *noise = copy_data(GRAIN_SIZE, COPY_NOISE, 3);
	size_t usual, more;

	/* Repeats at distances that only a search finds. */
	for (unsigned i = 0; i < GRAIN_SIZE; i += 16)
		memcpy(words + i, words + (i * 7919u) % 4096, 12);
	usual = pack(d, words);
	deflate_set_effort(d, DEFLATE_MORE);
	more = pack(d, words);
	ok(more < usual, "%s: more effort makes it smaller", deflate_name(d));
	is_int(inflate_grain(in, out, more, back, &err), 0, "that inflates");
	ok(memcmp(back, words, GRAIN_SIZE) == 0, "to the same");
	is_int(pack(d, noise), DEFLATE_GRAIN_MAX, "noise stays what it is");
	deflate_set_effort(d, DEFLATE_LEAST);
	is_int(pack(d, words), DEFLATE_GRAIN_MAX, "the least effort is none");
	is_int(inflate_grain(in, out, DEFLATE_GRAIN_MAX, back, &err), 0, "that inflates too");
	deflate_set_effort(d, DEFLATE_USUAL);
	is_int(pack(d, words), usual, "and then it is as it was");

	for (unsigned i = 4096; i < GRAIN_SIZE; i += 4096)
		memcpy(noise + i, noise, 4096);
	ok(pack(d, noise) < GRAIN_SIZE / 4, "noise that repeats itself is found out");
	free(noise);
	noise = copy_data(GRAIN_SIZE, COPY_NOISE, 4);
	memset(noise, 0, 6000);
	ok(pack(d, noise) < GRAIN_SIZE - 5000, "and so are a few zeros before it");
	deflate_close(d);
	inflate_close(in);
	free(words);
	free(noise);
}

int main(void)
{
	struct deflate *d = deflate_open(DEFLATE_BEST);

	ok(d && (!strcmp(deflate_name(d), "isa-l") || !strcmp(deflate_name(d), "libdeflate")),
	   "the best engine is one of the two");
	deflate_close(d);
	deflate_close(NULL);
	test_engine(DEFLATE_ISAL, "isa-l");
	test_engine(DEFLATE_LIBDEFLATE, "libdeflate");
	test_engine(DEFLATE_STORE, "stored");
	test_effort(DEFLATE_ISAL);
	test_effort(DEFLATE_LIBDEFLATE);
	d = deflate_open(DEFLATE_STORE);
	deflate_set_effort(d, DEFLATE_MORE);
	memset(back, 'x', sizeof back);
	is_int(pack(d, back), DEFLATE_GRAIN_MAX, "what stores goes on doing so");
	deflate_close(d);
	return tap_done();
}
