/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gzip, packed by zlib, for archives that are too large to be packed whole (see gzip.h). The
 * header has no time and no name. */
#include <stdlib.h>
#include <zlib.h>

#include "base/size.h"
#include "codec.h"

#define LEVEL       6         /* 9 takes three times as long for 0.5 % */
#define GZIP_WINDOW (15 + 16) /* 32 KiB, with gzip's header */

static void *begin(size_t memory)
{
	z_stream *z = calloc(1, sizeof *z);

	(void)memory;
	if (z && deflateInit2(z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static enum codec_result run(void *state, struct codec_io *io)
{
	z_stream *z = state;
	uInt n_in = (uInt)min_u64(io->n_in, UINT32_MAX), n_out = (uInt)min_u64(io->n_out, UINT32_MAX);
	int r;

	z->next_in = (Bytef *)io->in;
	z->avail_in = n_in;
	z->next_out = io->out;
	z->avail_out = n_out;
	r = deflate(z, io->last && n_in == io->n_in ? Z_FINISH : Z_NO_FLUSH);
	io->in += n_in - z->avail_in;
	io->n_in -= n_in - z->avail_in;
	io->out += n_out - z->avail_out;
	io->n_out -= n_out - z->avail_out;
	return r == Z_STREAM_END ? CODEC_END : CODEC_MORE;
}

static void end(void *state)
{
	deflateEnd(state);
	free(state);
}

const struct codec codec_zlib_pack = { begin, run, end };
