/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One grain to a zlib stream (RFC 1950, 1951) and back: the form in which a streamOptimized
 * VMDK stores it. A grain is always GRAIN_SIZE bytes, the last one of a disk filled up
 * with zeros.
 *
 * The same grain gives the same bytes on the same kind of processor with the same effort,
 * whatever was compressed before. A grain that does not shrink, or looks as if it hardly would,
 * is stored, so the growth is limited.
 *
 * Threads: one at a time for each deflate or inflate. */
#ifndef UNRACK_DEFLATE_H
#define UNRACK_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"
#include "unrack/grain.h"

/* zlib's header and checksum (2 + 4), and the heads of two stored blocks (2 * 5), since one
 * holds 65,535 bytes at most. */
#define DEFLATE_GROWTH_MAX 16u
#define DEFLATE_GRAIN_MAX (GRAIN_SIZE + DEFLATE_GROWTH_MAX)

enum deflate_engine {
	DEFLATE_BEST, /* ISA-L where the processor has what makes it fast, else libdeflate */
	DEFLATE_ISAL,
	DEFLATE_LIBDEFLATE,
	DEFLATE_STORE, /* nothing is compressed */
};

/* What a grain is worth. All of it inflates at the same speed. */
enum deflate_effort {
	DEFLATE_LEAST, /* stored */
	DEFLATE_USUAL, /* as fast as the engine is */
	DEFLATE_MORE,  /* libdeflate, level 5: a tenth smaller, in four or five times the time */
};

struct deflate;

/* NULL: no memory. */
struct deflate *deflate_open(enum deflate_engine engine);
/* For the grains to come; DEFLATE_USUAL until then. DEFLATE_MORE takes 0.7 MiB, and without them
 * nothing changes. No effect on DEFLATE_STORE. */
void deflate_set_effort(struct deflate *d, enum deflate_effort effort);
const char *deflate_name(const struct deflate *d); /* "isa-l", "libdeflate", "stored" */
/* Returns how many bytes of OUT are used. Can't fail. */
size_t deflate_grain(struct deflate *d, const uint8_t grain[GRAIN_SIZE],
		     uint8_t out[DEFLATE_GRAIN_MAX]);
void deflate_close(struct deflate *d);

struct inflate;

struct inflate *inflate_open(void); /* NULL: no memory */
/* Exactly GRAIN_SIZE bytes must come out of exactly N; else UNRACK_DAMAGED. */
int inflate_grain(struct inflate *i, const void *z, size_t n, uint8_t grain[GRAIN_SIZE],
		  struct unrack_error *err);
/* As many as come out of exactly N, at most ROOM: of a stream that another program made. */
int inflate_some(struct inflate *i, const void *z, size_t n, uint8_t *out, size_t room, size_t *made,
		 struct unrack_error *err);
void inflate_close(struct inflate *i);

#endif
