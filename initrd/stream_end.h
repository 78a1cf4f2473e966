/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a packed stream ends, told from its framing without unpacking it: libarchive's
 * filters for these formats take the next segment of an initrd for a part of the stream.
 * Sources: xz-file-format 1.1.0; RFC 8878 (zstd); the legacy frame in lz4_Frame_format.md,
 * and Linux lib/decompress_unlz4.c for what ends it. */
#ifndef INITRD_STREAM_END_H
#define INITRD_STREAM_END_H

#include "archive.h"

/* Length of the one stream that begins at P. N if its framing is damaged, which unpacking
 * will say better, or if HOW has none that can be followed. Takes time linear in N. */
size_t stream_end(enum archive_packing how, const uint8_t *p, size_t n);

#endif
