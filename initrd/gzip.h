/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gzip streams, by libdeflate. libarchive's gzip filter neither checks the CRC at the end
 * of a stream nor says where one of several streams ends; an initrd needs both. NAME is
 * for messages. */
#ifndef INITRD_GZIP_H
#define INITRD_GZIP_H

#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

/* Unpacks the one stream that begins at IN into the empty OUT; *USED is its length in IN.
 * Truncated or damaged: UNRACK_DAMAGED; more than LIMIT bytes: UNRACK_UNSUPPORTED. */
int gzip_unpack(const uint8_t *in, size_t n, size_t limit, const char *name, struct buf *out,
		size_t *used, struct unrack_error *err);

/* The checksum of gzip, which others have too. */
uint32_t gzip_crc32(const uint8_t *p, size_t n);

/* Appends one stream to OUT. Deterministic: no time, no name in its header. */
int gzip_pack(const uint8_t *in, size_t n, struct buf *out, struct unrack_error *err);

#endif
