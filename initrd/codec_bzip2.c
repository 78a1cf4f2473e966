/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bzip2, by libbz2. */
#include <bzlib.h>
#include <stdlib.h>

#include "base/size.h"
#include "codec.h"

#define BLOCK 9 /* of 100 KB, as bzip2 -9 */

static void *begin_unpack(size_t memory)
{
	bz_stream *s = calloc(1, sizeof *s);

	(void)memory; /* under 4 MiB, whatever the stream */
	if (s && BZ2_bzDecompressInit(s, 0, 0) != BZ_OK) {
		free(s);
		return NULL;
	}
	return s;
}

static void *begin_pack(size_t memory)
{
	bz_stream *s = calloc(1, sizeof *s);

	(void)memory;
	if (s && BZ2_bzCompressInit(s, BLOCK, 0, 0) != BZ_OK) {
		free(s);
		return NULL;
	}
	return s;
}

static unsigned give(bz_stream *s, const struct codec_io *io)
{
	s->next_in = (char *)io->in;
	s->avail_in = (unsigned)min_u64(io->n_in, UINT32_MAX);
	s->next_out = (char *)io->out;
	s->avail_out = (unsigned)min_u64(io->n_out, UINT32_MAX);
	return s->avail_in;
}

static void take(const bz_stream *s, struct codec_io *io)
{
	size_t in = (size_t)(s->next_in - (const char *)io->in), out = (size_t)(s->next_out - (const char *)io->out);

	io->in += in;
	io->n_in -= in;
	io->out += out;
	io->n_out -= out;
}

static enum codec_result run_unpack(void *state, struct codec_io *io)
{
	int r;

	give(state, io);
	r = BZ2_bzDecompress(state);
	take(state, io);
	switch (r) {
	case BZ_OK:
		return CODEC_MORE;
	case BZ_STREAM_END:
		return CODEC_END;
	case BZ_MEM_ERROR:
		return CODEC_NOMEM;
	default:
		return CODEC_DAMAGED;
	}
}

static enum codec_result run_pack(void *state, struct codec_io *io)
{
	bool last = give(state, io) == io->n_in && io->last;
	/* Without input, running is an error to it. */
	int r = last || io->n_in ? BZ2_bzCompress(state, last ? BZ_FINISH : BZ_RUN) : BZ_OK;

	take(state, io);
	return r == BZ_STREAM_END ? CODEC_END : CODEC_MORE;
}

static void end_unpack(void *state)
{
	BZ2_bzDecompressEnd(state);
	free(state);
}

static void end_pack(void *state)
{
	BZ2_bzCompressEnd(state);
	free(state);
}

const struct codec codec_bzip2_unpack = { begin_unpack, run_unpack, end_unpack };
const struct codec codec_bzip2_pack = { begin_pack, run_pack, end_pack };
