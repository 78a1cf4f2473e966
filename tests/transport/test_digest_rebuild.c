/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdatomic.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "base/size.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"

#define GRAINS 50u
#define SIZE ((GRAINS - 1) * (size_t)GRAIN_SIZE + 700)

static struct unrack_error err;
static uint8_t image[SIZE + 512];
static struct digest_key key;

static struct digest digest_of(uint64_t g)
{
	struct digest d = { { 0 } };

	if (!is_zero(image + g * GRAIN_SIZE, grain_bytes(SIZE, g)))
		digest_grain(&key, image + g * GRAIN_SIZE, grain_bytes(SIZE, g), GRAIN_SIZE, &d);
	return d;
}

/* A table in which all is wrong. */
static struct digest_table *open_table(struct twin_io *twin)
{
	struct digest wrong[GRAINS];
	struct digest_table *t;

	memset(wrong, 0xee, sizeof wrong);
	if (digest_table_create(twin_io(twin), "/m/t", SIZE, &t, &err) < 0 ||
	    digest_table_write(t, 0, wrong, GRAINS, &err) < 0 || digest_table_sync(t, &err) < 0)
		abort();
	return t;
}

/* How many digests of FIRST to END are right, as they are on the disk. */
static unsigned right(struct twin_io *twin, uint64_t first, uint64_t end)
{
	struct twin_io *crashed = twin_io_crash(twin, SIZE_MAX, TWIN_DROP, 0);
	struct digest_table *t;
	unsigned n = 0;

	if (digest_table_open(twin_io(crashed), "/m/t", SIZE, true, &t, &err) < 0)
		abort();
	for (uint64_t g = first; g < end; g++) {
		struct digest want = digest_of(g), is;

		if (digest_table_read(t, g, &is, 1, &err) < 0)
			abort();
		n += memcmp(&want, &is, sizeof is) == 0;
	}
	digest_table_close(t);
	twin_io_free(crashed);
	return n;
}

int main(void)
{
	uint8_t seed[DIGEST_SEED_SIZE] = { 3 };
	struct twin_io *twin = twin_io_new(NULL);
	struct twin_source *src = twin_source_memory(image, round_up(SIZE, 512));
	struct block_source *source = twin_source(src);
	struct digest_table *t = open_table(twin);
	atomic_bool stop = true;
	struct log log = { .stop = &stop };

	digest_key_init(&key, seed);
	for (size_t g = 0; g < GRAINS; g++)
		if (g % 3)
			memset(image + g * GRAIN_SIZE, 'a' + (int)(g % 11), grain_bytes(SIZE, g));
	is_int(right(twin, 0, GRAINS), 0, "a table of which nothing is right");
	is_int(digest_table_rebuild(t, source, &key, 5, 30, NULL, &err), 0, "is made anew in a part");
	is_int(right(twin, 5, 30), 25, "which is right then, and durable");
	is_int(right(twin, 0, 5) + right(twin, 30, GRAINS), 0, "the rest is as it was");
	ok(!twin_source_was_read(src, 0, 5 * GRAIN_SIZE) && !twin_source_was_read(src, 30 * GRAIN_SIZE, GRAIN_SIZE),
	   "and was not read");
	is_int(digest_table_rebuild(t, source, &key, 7, 7, NULL, &err), 0, "nothing is a part as well");
	is_int(digest_table_rebuild(t, source, &key, 0, GRAINS, NULL, &err), 0, "all of it");
	is_int(right(twin, 0, GRAINS), GRAINS, "to the short grain at the end, whose padding is no data");
	is_int(digest_table_rebuild(t, source, &key, 0, GRAINS, &log, &err), UNRACK_INTERRUPTED, "it can be stopped");
	twin_source_bad(src, 20 * GRAIN_SIZE, 512, EIO, 0);
	is_int(digest_table_rebuild(t, source, &key, 0, GRAINS, NULL, &err), UNRACK_IO,
	       "an image that can't be read is an error");
	digest_table_close(t);
	block_source_close(source);
	twin_source_free(src);
	twin_io_free(twin);
	return tap_done();
}
