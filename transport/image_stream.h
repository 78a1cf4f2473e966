/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A streamOptimized VMDK under way. The file is header, descriptor, and then grains in the order of
 * the disk, as the sender compressed them; behind those of each 32 MiB their grain table, at the
 * end the directory of these tables and a footer. So it only grows, the tables can be made again
 * from the grains, and a copy that went on has the same bytes as one that did not stop.
 *
 * What is new lies in a buffer first, of which whole pages go to the file past the page cache. */
#ifndef TRANSPORT_IMAGE_STREAM_H
#define TRANSPORT_IMAGE_STREAM_H

#include <pthread.h>

#include "image.h"
#include "vmdk_format.h"

/* Written when that much lies there. */
#define STREAM_WRITE (1u << 20)
/* Nothing that is added at once is larger. */
#define STREAM_ADD_MAX (2 * GRAIN_SIZE)
#define STREAM_NO_TABLE UINT64_MAX

struct stream {
	struct image im;
	pthread_mutex_t lock; /* of all below, and of what is written to the file */
	uint8_t *buffer;      /* STREAM_WRITE + STREAM_ADD_MAX bytes, IO_DIRECT_ALIGN */
	uint64_t base;        /* where it begins in the file; of IO_DIRECT_ALIGN */
	size_t fill;
	uint64_t tables;
	uint32_t *directory;  /* sector of each table, 0: all of it is zeros */
	uint64_t table;       /* the one that is being filled, or STREAM_NO_TABLE */
	uint32_t entry[VMDK_GTES];
	uint64_t next;        /* the first grain that may come */
	uint64_t grains;      /* how many there are */
	/* The writer's alone, without the lock: where the file will end. */
	uint64_t length;
};

static inline uint64_t stream_at(const struct stream *s)
{
	return s->base + s->fill;
}

/* Notes a grain of the file at byte AT. */
void stream_note(struct stream *s, uint64_t grain, uint64_t at);
void stream_encode_table(const struct stream *s, uint8_t out[VMDK_GT_BYTES]);
struct vmdk_header stream_header(const struct image *im, uint64_t directory);

/* image_stream_walk.c: reads the file up to END and fills in what it has; all of it must be
 * grains below LIMIT and their tables. */
int stream_walk(struct stream *s, uint64_t end, uint64_t limit, struct unrack_error *err);

#endif
