/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz4 in its legacy frame, the only one that kernels know, by liblz4: a magic number, then
 * chunks that unpack to 8 MiB each (the last one to less), each behind its packed size. What
 * ends it: a size of zero, which counts as part of it here, or the end of the file. Sources:
 * lz4_Frame_format.md; Linux lib/decompress_unlz4.c. */
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "codec.h"

#define MAGIC 0x184c2102u
#define CHUNK (8u << 20)
#define LEVEL 9 /* dracut's */

struct lz4 {
	uint8_t *packed, *plain; /* a chunk; PACKED begins with its size */
	size_t have, want;       /* of what is gathered: in PACKED to unpack, in PLAIN to pack */
	size_t ready, given;     /* of the other one, which is handed out */
	bool begun;              /* the magic number is read or written */
	bool in_chunk;           /* the size of the one that is gathered is known */
	bool complete;           /* the last one is packed */
};

static void end(void *state)
{
	struct lz4 *s = state;

	free(s->packed);
	free(s->plain);
	free(s);
}

static void *begin(size_t memory)
{
	struct lz4 *s = calloc(1, sizeof *s);

	(void)memory; /* two chunks, whatever the stream */
	if (!s)
		return NULL;
	s->packed = malloc(8 + (size_t)LZ4_compressBound(CHUNK));
	s->plain = malloc(CHUNK);
	if (s->packed && s->plain)
		return s;
	end(s);
	return NULL;
}

/* Takes what INTO, which WANT bytes go into, lacks. True: it is full. */
static bool gather(struct lz4 *s, uint8_t *into, size_t want, struct codec_io *io)
{
	size_t n = (size_t)min_u64(want - s->have, io->n_in);

	if (n)
		memcpy(into + s->have, io->in, n);
	s->have += n;
	io->in += n;
	io->n_in -= n;
	return s->have == want;
}

/* Hands out what is ready at FROM. True: that was all. */
static bool hand_out(struct lz4 *s, const uint8_t *from, struct codec_io *io)
{
	size_t n = (size_t)min_u64(s->ready - s->given, io->n_out);

	memcpy(io->out, from + s->given, n);
	s->given += n;
	io->out += n;
	io->n_out -= n;
	return s->given == s->ready;
}

/* --- Unpacking -------------------------------------------------------------------------- */

/* A size, or once more the magic number, as when a file was appended to another. */
static enum codec_result take_size(struct lz4 *s)
{
	uint32_t size = get_le32(s->packed);

	s->have = 0;
	if (!s->begun || size == MAGIC) {
		s->begun = true;
		return size == MAGIC ? CODEC_MORE : CODEC_DAMAGED;
	}
	if (!size)
		return CODEC_END;
	if (size > (uint32_t)LZ4_compressBound(CHUNK))
		return CODEC_DAMAGED;
	s->want = size;
	s->in_chunk = true;
	return CODEC_MORE;
}

static enum codec_result take_chunk(struct lz4 *s)
{
	int n = LZ4_decompress_safe((const char *)s->packed, (char *)s->plain, (int)s->want, CHUNK);

	if (n < 0)
		return CODEC_DAMAGED;
	s->ready = (size_t)n;
	s->given = s->have = 0;
	s->in_chunk = false;
	return CODEC_MORE;
}

static enum codec_result run_unpack(void *state, struct codec_io *io)
{
	enum codec_result r = CODEC_MORE;
	struct lz4 *s = state;

	while (r == CODEC_MORE && hand_out(s, s->plain, io)) {
		if (!gather(s, s->packed, s->in_chunk ? s->want : 4, io)) {
			/* Too few zeros for a size are padding. */
			if (io->last && s->begun && !s->in_chunk && is_zero(s->packed, s->have))
				r = CODEC_END;
			break;
		}
		r = s->in_chunk ? take_chunk(s) : take_size(s);
	}
	return r;
}

/* --- Packing ---------------------------------------------------------------------------- */

static bool pack_chunk(struct lz4 *s)
{
	size_t head = s->begun ? 0 : 4;
	int n = LZ4_compress_HC((const char *)s->plain, (char *)s->packed + head + 4, (int)s->have,
				LZ4_compressBound(CHUNK), LEVEL);

	/* There is room for anything, so nothing else is missing. */
	if (n <= 0 && s->have)
		return false;
	if (head)
		put_le32(s->packed, MAGIC);
	put_le32(s->packed + head, (uint32_t)n);
	s->begun = true;
	s->ready = head + 4 + (size_t)n;
	s->given = s->have = 0;
	return true;
}

static enum codec_result run_pack(void *state, struct codec_io *io)
{
	struct lz4 *s = state;

	while (hand_out(s, s->packed, io)) {
		if (s->complete)
			return CODEC_END;
		if (!gather(s, s->plain, CHUNK, io)) {
			if (!io->last)
				break;
			s->complete = true;
		}
		if ((s->have || !s->begun) && !pack_chunk(s))
			return CODEC_NOMEM;
	}
	return CODEC_MORE;
}

const struct codec codec_lz4_unpack = { begin, run_unpack, end };
const struct codec codec_lz4_pack = { begin, run_pack, end };
