/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zstd, by libzstd: one frame a stream. */
#include <zstd.h>
#include <zstd_errors.h>

#include "codec.h"

#define LEVEL          9  /* dracut's 15 takes ten times as long for 2 % */
#define WINDOW_LOG_MAX 27 /* what a kernel takes */

static void end_unpack(void *state)
{
	ZSTD_freeDCtx(state);
}

static void *begin_unpack(size_t memory)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	int log = WINDOW_LOG_MAX;

	while (log > 10 && (size_t)1 << log > memory)
		log--;
	if (d && ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, log))) {
		ZSTD_freeDCtx(d);
		return NULL;
	}
	return d;
}

static enum codec_result run_unpack(void *state, struct codec_io *io)
{
	ZSTD_inBuffer in = { io->in, io->n_in, 0 };
	ZSTD_outBuffer out = { io->out, io->n_out, 0 };
	size_t r = ZSTD_decompressStream(state, &out, &in);

	io->in += in.pos;
	io->n_in -= in.pos;
	io->out += out.pos;
	io->n_out -= out.pos;
	if (!ZSTD_isError(r))
		return r == 0 ? CODEC_END : CODEC_MORE;
	switch (ZSTD_getErrorCode(r)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return CODEC_MEMORY;
	case ZSTD_error_memory_allocation:
		return CODEC_NOMEM;
	default:
		return CODEC_DAMAGED;
	}
}

static void end_pack(void *state)
{
	ZSTD_freeCCtx(state);
}

static void *begin_pack(size_t memory)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	(void)memory;
	if (c && (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL)) ||
		  ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1)))) {
		ZSTD_freeCCtx(c);
		return NULL;
	}
	return c;
}

static enum codec_result run_pack(void *state, struct codec_io *io)
{
	ZSTD_inBuffer in = { io->in, io->n_in, 0 };
	ZSTD_outBuffer out = { io->out, io->n_out, 0 };
	size_t r = ZSTD_compressStream2(state, &out, &in, io->last ? ZSTD_e_end : ZSTD_e_continue);

	io->in += in.pos;
	io->n_in -= in.pos;
	io->out += out.pos;
	io->n_out -= out.pos;
	if (ZSTD_isError(r))
		return ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? CODEC_NOMEM : CODEC_DAMAGED;
	return io->last && r == 0 ? CODEC_END : CODEC_MORE;
}

const struct codec codec_zstd_unpack = { begin_unpack, run_unpack, end_unpack };
const struct codec codec_zstd_pack = { begin_pack, run_pack, end_pack };
