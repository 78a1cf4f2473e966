/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What packs or unpacks one stream, piece by piece, so that neither side need be in memory
 * whole. One file for each library that does so; archive.c knows which is for what. */
#ifndef INITRD_CODEC_H
#define INITRD_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum codec_result {
	CODEC_MORE,    /* something was taken or given, and there may be more */
	CODEC_END,     /* the stream is complete; what is left of the input is not part of it */
	CODEC_DAMAGED,
	CODEC_MEMORY,  /* the stream asks for more memory than it was granted */
	CODEC_NOMEM,   /* there is no memory */
};

/* Moved on by what was taken and given. */
struct codec_io {
	const uint8_t *in;
	size_t n_in;
	bool last; /* nothing comes behind IN */
	uint8_t *out;
	size_t n_out;
};

struct codec {
	/* MEMORY: how many bytes a stream's dictionary may have. NULL: no memory. */
	void *(*begin)(size_t memory);
	/* CODEC_MORE without anything taken or given: it cannot go on. */
	enum codec_result (*run)(void *state, struct codec_io *io);
	void (*end)(void *state);
};

extern const struct codec codec_isal_unpack; /* gzip */
extern const struct codec codec_zlib_pack;   /* gzip */
extern const struct codec codec_bzip2_unpack, codec_bzip2_pack;
extern const struct codec codec_xz_unpack, codec_xz_pack;
extern const struct codec codec_lzma_unpack, codec_lzma_pack;
extern const struct codec codec_zstd_unpack, codec_zstd_pack;
extern const struct codec codec_lz4_unpack, codec_lz4_pack;

#endif
