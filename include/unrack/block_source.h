/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reading seam: everything that reads a disk (the copy, identity, used-block maps)
 * does it through this table, so that a disk can be a block device, an image, a range of
 * memory or a far machine, and so that tests can make any read fail.
 *
 * Threads: read and next_data may be called from several threads at once; close once,
 * after all of them. No implementation can write to the source. */
#ifndef UNRACK_BLOCK_SOURCE_H
#define UNRACK_BLOCK_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"
#include "unrack/log.h"

struct block_source;

struct block_source_ops {
	/* Reads exactly N bytes at OFF; OFF + N <= size. A medium error is UNRACK_IO and
	 * leaves BUF undefined. */
	int (*read)(struct block_source *s, void *buf, size_t n, uint64_t off,
		    struct unrack_error *err);
	/* The first range at or after OFF that may hold anything but zeros: *start is
	 * SIZE when there is none, *end is where the next hole begins. May be NULL:
	 * everything is data. */
	int (*next_data)(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
			 struct unrack_error *err);
	void (*close)(struct block_source *s); /* frees S */
	/* As read, but from the medium even if the bytes are in memory, and not a sector of 512 bytes more than
	 * asked for, as far as possible: for a second try behind an error. May be NULL: read does it. */
	int (*reread)(struct block_source *s, void *buf, size_t n, uint64_t off,
		      struct unrack_error *err);
};

struct block_source {
	const struct block_source_ops *ops;
	uint64_t size;    /* bytes; any number, not only whole sectors */
	const char *name; /* for messages; owned by the implementation */
	void *ctx;
};

/* Checks the range, then calls ops->read. */
int block_source_read(struct block_source *s, void *buf, size_t n, uint64_t off,
		      struct unrack_error *err);
int block_source_reread(struct block_source *s, void *buf, size_t n, uint64_t off,
			struct unrack_error *err);
int block_source_next_data(struct block_source *s, uint64_t off, uint64_t *start,
			   uint64_t *end, struct unrack_error *err);
void block_source_close(struct block_source *s); /* NULL is fine; frees S */

struct block_source_file_options {
	bool direct;     /* past the page cache: O_DIRECT, the tail buffered */
	bool drop_cache; /* posix_fadvise DONTNEED behind the reader */
	/* Of a block device: what the page cache of its node holds from earlier is not read. Whoever wrote
	 * through a filesystem on it, or through a node of a partition, did not change that. */
	bool fresh;
};

/* A regular file or block device, opened read-only. Refuses directories, character
 * devices, and block devices whose logical sectors are not 512 bytes. */
int block_source_open_file(const char *path, const struct block_source_file_options *opt,
			   struct block_source **out, struct unrack_error *err);

/* What can be read from a descriptor (a pipe, a socket, a file) is the disk's bytes from OFFSET
 * on, once and in order: so only reads at rising offsets, from one thread. Anything else is
 * UNRACK_INTERNAL, but a byte before OFFSET, which the stream can't have: UNRACK_USAGE.
 *
 * What a read leaves out, also before the first one, is passed to SKIPPED in pieces that end
 * at whole grains of the disk or where the skipping does; so only the first and last grain of
 * it can be cut. An error of it becomes the read's.
 *
 * The stream must end at SIZE: one that ends before is UNRACK_IO and says where, and one that
 * goes on behind it is UNRACK_USAGE (the size is wrong), told by the read of the last byte.
 * A peer that sends nothing more but keeps the line open there has ended, too. */
struct block_source_stream_options {
	const char *name; /* for messages; copied */
	uint64_t size, offset;
	int (*skipped)(void *ctx, const void *data, size_t n, uint64_t off, struct unrack_error *err);
	void (*release)(void *ctx); /* when the source is closed; both may be NULL */
	void *ctx;
	const struct log *log; /* its stop flag ends waiting for bytes: UNRACK_INTERRUPTED */
	unsigned end_ms;       /* how long the line may stay open at the end; 0: 2000 */
};
/* FD is closed with the source; when this fails, it is still the caller's, and so is CTX. */
int block_source_open_stream(int fd, const struct block_source_stream_options *opt,
			     struct block_source **out, struct unrack_error *err);
/* The first N bytes, once, before any read; reads deliver them again. *head is the source's,
 * until the first read. */
int block_source_stream_head(struct block_source *s, size_t n, const void **head,
			     struct unrack_error *err);

/* INNER as the image of a copy with MAP has it: what the map leaves out is zeros, and a hole, and is not
 * read. Both stay the caller's, and must outlive the source. */
struct map;
int block_source_open_mapped(struct block_source *inner, const struct map *map, struct block_source **out,
			     struct unrack_error *err);

/* SIZE bytes at DATA, which stay the caller's and must outlive the source. */
int block_source_open_memory(const void *data, uint64_t size, const char *name,
			     struct block_source **out, struct unrack_error *err);

#endif
