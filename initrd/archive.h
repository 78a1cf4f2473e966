/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compressions that initrds come in, recognised by their first bytes. All but gzip
 * are libarchive's work. libarchive's cpio is not used: it renumbers inodes and drops
 * what it does not know, and an unchanged member has to stay as it is. */
#ifndef INITRD_ARCHIVE_H
#define INITRD_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

enum archive_packing {
	PACK_PLAIN, /* none of the others */
	PACK_GZIP,
	PACK_BZIP2,
	PACK_XZ,
	PACK_LZMA,
	PACK_ZSTD,
	PACK_LZ4,
	PACK_LZO,
};

enum archive_packing archive_packing_of(const uint8_t *p, size_t n);
const char *archive_packing_name(enum archive_packing how); /* "gzip"; "" for PLAIN */

/* Unpacks the one stream that begins at IN into the empty OUT; *USED is its length in IN,
 * behind which others may follow. UNRACK_DAMAGED: cut short or damaged; UNRACK_UNSUPPORTED:
 * more than LIMIT bytes, or lzo. HOW is not PACK_PLAIN. */
int archive_unpack(enum archive_packing how, const uint8_t *in, size_t n, size_t limit,
		   const char *name, struct buf *out, size_t *used, struct unrack_error *err);

/* Appends to OUT what HOW makes of IN: as it is, or gzip. Others: UNRACK_UNSUPPORTED. */
int archive_pack(enum archive_packing how, const uint8_t *in, size_t n, const char *name,
		 struct buf *out, struct unrack_error *err);

#endif
