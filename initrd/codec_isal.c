/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gzip, unpacked by ISA-L: twice as fast as zlib, and in pieces, which libdeflate cannot do. */
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "base/size.h"
#include "codec.h"

static void *begin(size_t memory)
{
	struct inflate_state *s = malloc(sizeof *s);

	(void)memory; /* 32 KiB, whatever the stream */
	if (!s)
		return NULL;
	isal_inflate_init(s);
	s->crc_flag = ISAL_GZIP;
	return s;
}

static enum codec_result run(void *state, struct codec_io *io)
{
	struct inflate_state *s = state;
	uint32_t n_in = (uint32_t)min_u64(io->n_in, UINT32_MAX), n_out = (uint32_t)min_u64(io->n_out, UINT32_MAX);
	int r;

	s->next_in = (uint8_t *)io->in;
	s->avail_in = n_in;
	s->next_out = io->out;
	s->avail_out = n_out;
	r = isal_inflate(s);
	/* What it took ahead, even of the last piece, it gives back at the end. */
	io->n_in = (size_t)(io->in + io->n_in - s->next_in);
	io->in = s->next_in;
	io->n_out -= (size_t)(s->next_out - io->out);
	io->out = s->next_out;
	if (r != ISAL_DECOMP_OK)
		return CODEC_DAMAGED;
	return s->block_state == ISAL_BLOCK_FINISH ? CODEC_END : CODEC_MORE;
}

const struct codec codec_isal_unpack = { begin, run, free };
