/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/deflate.h"

#include <stdlib.h>

#include "deflate_engine.h"

struct deflate {
	enum deflate_engine engine;    /* not DEFLATE_BEST */
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

size_t deflate_grain(struct deflate *d, const uint8_t grain[GRAIN_SIZE],
		     uint8_t out[DEFLATE_GRAIN_MAX])
{
	size_t n = 0;

	/* Below GRAIN_SIZE it has shrunk; the form of what has not is the same for all engines. */
	if (d->engine == DEFLATE_ISAL)
		n = deflate_isal_grain(d->isal, grain, out, GRAIN_SIZE - 1);
	else if (d->engine == DEFLATE_LIBDEFLATE)
		n = deflate_libdeflate_grain(d->ld, grain, out, GRAIN_SIZE - 1);
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
