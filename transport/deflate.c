/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/deflate.h"

#include <stdbool.h>
#include <stdlib.h>

#include "deflate_engine.h"

/* Random bytes have 1534 here, give or take 45; text and programs have 3000 and more. */
#define SAMPLES 512u
#define FLAT_MAX 1800u
/* Of the grain's middle; it is incompressible unless that shrinks by at least 1/64. */
#define TRIAL (GRAIN_SIZE / 8)

struct deflate {
	enum deflate_engine engine;    /* not DEFLATE_BEST */
	enum deflate_effort effort;
	struct deflate_isal *isal;     /* NULL unless it compresses */
	struct deflate_libdeflate *ld; /* also stores what does not shrink */
};

struct deflate *deflate_open(enum deflate_engine engine)
{
	struct deflate *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->ld = deflate_libdeflate_open();
	if (engine == DEFLATE_BEST)
		engine = deflate_isal_is_fast() ? DEFLATE_ISAL : DEFLATE_LIBDEFLATE;
	d->engine = engine;
	d->effort = engine == DEFLATE_STORE ? DEFLATE_LEAST : DEFLATE_USUAL;
	if (engine == DEFLATE_ISAL)
		d->isal = deflate_isal_open();
	if (!d->ld || (engine == DEFLATE_ISAL && !d->isal)) {
		deflate_close(d);
		return NULL;
	}
	return d;
}

const char *deflate_name(const struct deflate *d)
{
	static const char *const names[] = {
		[DEFLATE_ISAL] = "isa-l",
		[DEFLATE_LIBDEFLATE] = "libdeflate",
		[DEFLATE_STORE] = "stored",
	};

	return names[d->engine];
}

void deflate_set_effort(struct deflate *d, enum deflate_effort effort)
{
	if (d->engine == DEFLATE_STORE || (effort == DEFLATE_MORE && !deflate_libdeflate_prepare(d->ld)))
		return;
	d->effort = effort;
}

/* All bytes are about equally frequent. That goes for random and for compressed data, which would
 * cost the most time for nothing. */
static bool is_flat(const uint8_t grain[GRAIN_SIZE])
{
	uint16_t count[256] = { 0 };
	unsigned sum = 0;

	/* Eight neighbours at 64 places, at no fixed distance. */
	for (unsigned i = 0; i < SAMPLES / 8; i++)
		for (unsigned j = 0; j < 8; j++)
			count[grain[i * (GRAIN_SIZE / 64) + i * 88 % 1016 + j]]++;
	for (unsigned i = 0; i < 256; i++)
		sum += (unsigned)count[i] * count[i];
	return sum <= FLAT_MAX;
}

static size_t squeeze(struct deflate *d, enum deflate_effort effort, const uint8_t *data, size_t n,
		      uint8_t *out, size_t size)
{
	if (d->engine == DEFLATE_ISAL && effort == DEFLATE_USUAL)
		return deflate_isal_bytes(d->isal, data, n, out, size);
	return deflate_libdeflate_bytes(d->ld, effort == DEFLATE_MORE, data, n, out, size);
}

size_t deflate_grain(struct deflate *d, const uint8_t grain[GRAIN_SIZE],
		     uint8_t out[DEFLATE_GRAIN_MAX])
{
	size_t n = 0;

	/* Flat data may still repeat itself: hence the trial. */
	if (d->effort != DEFLATE_LEAST &&
	    (!is_flat(grain) || squeeze(d, DEFLATE_USUAL, grain + (GRAIN_SIZE - TRIAL) / 2, TRIAL, out,
					TRIAL - TRIAL / 64)))
		n = squeeze(d, d->effort, grain, GRAIN_SIZE, out, GRAIN_SIZE - 1);
	/* Below GRAIN_SIZE it has shrunk; the form of what has not is the same for all engines. */
	return n ? n : deflate_libdeflate_store(d->ld, grain, out);
}

void deflate_close(struct deflate *d)
{
	if (!d)
		return;
	deflate_isal_close(d->isal);
	deflate_libdeflate_close(d->ld);
	free(d);
}
