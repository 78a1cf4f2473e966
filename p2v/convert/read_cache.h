/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Large files of a guest that were read, for whoever reads them next: an initramfs is looked at,
 * planned for and checked, and bringing it out of the appliance takes longer than that. One
 * thread. All zeros is an empty cache. */
#ifndef CONVERT_READ_CACHE_H
#define CONVERT_READ_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "unrack/buf.h"

#define READ_CACHE_FILES 16
#define READ_CACHE_LEAST (1u << 20)   /* bytes of a file that is kept */
#define READ_CACHE_BYTES (256u << 20) /* of all */

struct read_cache {
	struct {
		char *path;
		struct buf data;
	} at[READ_CACHE_FILES];
	size_t n, bytes;
};

/* Copies the file's content to OUT; false: it is not kept, or there is no memory. */
bool read_cache_get(const struct read_cache *c, const char *path, struct buf *out);
/* Keeps a copy if there is room. */
void read_cache_put(struct read_cache *c, const char *path, const struct buf *data);
/* The guest changes, or the cache goes. */
void read_cache_drop(struct read_cache *c);

#endif
