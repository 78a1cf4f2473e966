/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xz and lzma, by liblzma. Kernels know no other check in xz than CRC32 (Linux
 * Documentation/staging/xz.rst); the dictionary is what dracut asks xz for, 1 MiB. */
#include <lzma.h>
#include <stdlib.h>

#include "codec.h"

#define DICTIONARY (1u << 20)
#define DECODER_EXTRA (1u << 20) /* what a decoder needs besides its dictionary, with room to spare */

static lzma_stream *new_stream(void)
{
	lzma_stream *s = malloc(sizeof *s);

	if (s)
		*s = (lzma_stream)LZMA_STREAM_INIT;
	return s;
}

static void end(void *state)
{
	lzma_end(state);
	free(state);
}

static void *begun(lzma_stream *s, lzma_ret r)
{
	if (r == LZMA_OK)
		return s;
	end(s);
	return NULL;
}

static void *begin_unxz(size_t memory)
{
	lzma_stream *s = new_stream();

	return s ? begun(s, lzma_stream_decoder(s, (uint64_t)memory + DECODER_EXTRA, 0)) : NULL;
}

static void *begin_unlzma(size_t memory)
{
	lzma_stream *s = new_stream();

	return s ? begun(s, lzma_alone_decoder(s, (uint64_t)memory + DECODER_EXTRA)) : NULL;
}

static bool set_options(lzma_options_lzma *o)
{
	if (lzma_lzma_preset(o, LZMA_PRESET_DEFAULT))
		return false;
	o->dict_size = DICTIONARY;
	return true;
}

static void *begin_xz(size_t memory)
{
	lzma_options_lzma o;
	const lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &o }, { LZMA_VLI_UNKNOWN, NULL } };
	lzma_stream *s = set_options(&o) ? new_stream() : NULL;

	(void)memory;
	return s ? begun(s, lzma_stream_encoder(s, filters, LZMA_CHECK_CRC32)) : NULL;
}

static void *begin_lzma(size_t memory)
{
	lzma_options_lzma o;
	lzma_stream *s = set_options(&o) ? new_stream() : NULL;

	(void)memory;
	return s ? begun(s, lzma_alone_encoder(s, &o)) : NULL;
}

static enum codec_result run(void *state, struct codec_io *io)
{
	lzma_stream *s = state;
	lzma_ret r;

	s->next_in = io->in;
	s->avail_in = io->n_in;
	s->next_out = io->out;
	s->avail_out = io->n_out;
	r = lzma_code(s, io->last ? LZMA_FINISH : LZMA_RUN);
	io->in = s->next_in;
	io->n_in = s->avail_in;
	io->out = s->next_out;
	io->n_out = s->avail_out;
	switch (r) {
	case LZMA_OK:
	case LZMA_BUF_ERROR: /* it cannot go on, which whoever calls sees */
		return CODEC_MORE;
	case LZMA_STREAM_END:
		return CODEC_END;
	case LZMA_MEMLIMIT_ERROR:
		return CODEC_MEMORY;
	case LZMA_MEM_ERROR:
		return CODEC_NOMEM;
	default:
		return CODEC_DAMAGED;
	}
}

const struct codec codec_xz_unpack = { begin_unxz, run, end };
const struct codec codec_xz_pack = { begin_xz, run, end };
const struct codec codec_lzma_unpack = { begin_unlzma, run, end };
const struct codec codec_lzma_pack = { begin_lzma, run, end };
