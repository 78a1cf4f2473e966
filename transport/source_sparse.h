/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A sparse or streamOptimized VMDK as the disk that it holds. Whoever wrote it is not trusted:
 * nothing is read past the file, and no more memory taken than its directory needs. */
#ifndef TRANSPORT_SOURCE_SPARSE_H
#define TRANSPORT_SOURCE_SPARSE_H

#include "unrack/block_source.h"
#include "unrack/buf.h"
#include "unrack/deflate.h"
#include "unrack/io.h"
#include "vmdk_format.h"

/* FD becomes the source's, also when this fails. */
int source_sparse_open(const struct io *io, int fd, const char *path, struct block_source **out,
		       struct unrack_error *err);

/* The text that lies in the file with the header H. */
int source_sparse_descriptor(const struct io *io, int fd, const char *path, const struct vmdk_header *h,
			     struct buf *text, struct unrack_error *err);

/* The longest stream of a grain that is read: others' may grow more than ours. */
#define SOURCE_STREAM_MAX (GRAIN_SIZE + GRAIN_SIZE / 2)
/* Grain N of a streamOptimized image of 64 KiB grains as the zlib stream that it is; *size 0: it is
 * zeros. Z has SOURCE_STREAM_MAX bytes. Any other source: *size is UINT32_MAX. */
int source_sparse_stream(struct block_source *s, uint64_t n, uint8_t *z, uint32_t *size,
			 struct unrack_error *err);

#endif
