/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compressions that initrds and modules come in, recognised by their first bytes. What
 * is packed is what kernels unpack, and always the same bytes. */
#ifndef INITRD_ARCHIVE_H
#define INITRD_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "store.h"
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

/* What is packed must not be longer: it is in memory, twice while it is changed. */
#define ARCHIVE_PACKED_MAX (192u << 20)

/* What a stream may ask of memory to be unpacked: as much as a kernel gives zstd (Linux
 * lib/decompress_unzstd.c), and twice what xz -9 needs. */
#define ARCHIVE_DICTIONARY_MAX (128u << 20)

enum archive_packing archive_packing_of(const uint8_t *p, size_t n);
const char *archive_packing_name(enum archive_packing how); /* "gzip"; "" for PLAIN */

/* Unpacks the one stream that begins at byte FROM of IN into the empty OUT, which is complete
 * then (store_end); *USED is its length, behind which others may follow. What has been read of
 * IN is forgotten. UNRACK_DAMAGED: cut short or damaged; UNRACK_UNSUPPORTED: more than LIMIT
 * bytes, a larger dictionary, or lzo. HOW is not PACK_PLAIN. */
int archive_unpack_store(enum archive_packing how, const struct store *in, size_t from, size_t limit,
			 const char *name, struct store *out, size_t *used, struct unrack_error *err);

/* The same in memory, for files of which one knows that they are small. */
int archive_unpack(enum archive_packing how, const uint8_t *in, size_t n, size_t limit,
		   const char *name, struct buf *out, size_t *used, struct unrack_error *err);

/* Appends to OUT what HOW makes of IN, and forgets IN. lzo, and more than ARCHIVE_PACKED_MAX
 * bytes in OUT: UNRACK_UNSUPPORTED. */
int archive_pack(enum archive_packing how, const struct store *in, const char *name, struct buf *out,
		 struct unrack_error *err);

#endif
