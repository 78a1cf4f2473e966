/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gzip streams, packed whole by libdeflate: three times as fast as zlib, which takes those
 * that are too large for it (codec_zlib.c). */
#ifndef INITRD_GZIP_H
#define INITRD_GZIP_H

#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

#define GZIP_WHOLE_MAX (64u << 20)

/* Appends one stream to OUT. Deterministic: no time, no name in its header. */
int gzip_pack(const uint8_t *in, size_t n, struct buf *out, struct unrack_error *err);

#endif
