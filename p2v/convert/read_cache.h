/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Large files of a guest that were read, for whoever reads them next: an initramfs is looked at,
 * planned for and checked, and bringing it out of the appliance takes longer than that. They are kept
 * in temporary files. One thread. All zeros is an empty cache. */
#ifndef CONVERT_READ_CACHE_H
#define CONVERT_READ_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"

#define READ_CACHE_FILES 16
#define READ_CACHE_LEAST (1u << 20)   /* bytes of a file that is kept */
#define READ_CACHE_BYTES (512u << 20) /* of all */

struct read_cache {
	struct {
		char *path;
		int fd;
		uint64_t bytes;
	} at[READ_CACHE_FILES];
	size_t n;
	uint64_t bytes;
};

/* Copies the file's content to OUT; false: it is not kept, it has more than LIMIT bytes, or there is
 * no memory. */
bool read_cache_get(const struct read_cache *c, const char *path, uint64_t limit, struct buf *out);
/* A descriptor for the same, which stands at its start; those for one file stand at the same place. -1: as above. */
int read_cache_open(const struct read_cache *c, const char *path, uint64_t limit);
/* Keeps a copy if there is room. */
void read_cache_put(struct read_cache *c, const char *path, const struct buf *data);
/* The same of a temporary file of BYTES, by a descriptor of its own. */
void read_cache_keep(struct read_cache *c, const char *path, int fd, uint64_t bytes);
/* The guest changes, or the cache goes. */
void read_cache_drop(struct read_cache *c);

#endif
