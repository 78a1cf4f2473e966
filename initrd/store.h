/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of which there may be many: the first ones are kept in memory, and when they become
 * too many all are in a temporary file without a name, which is mapped to be read. So an
 * image of any size takes little memory; pages of the mapping that were read count as memory
 * of the process until store_forget. The file is made in $TMPDIR or /var/tmp, else in /tmp.
 * One owner, no thread rule beyond that. `struct store s = { 0 }` is an empty one that keeps
 * nothing in memory. */
#ifndef INITRD_STORE_H
#define INITRD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

struct store {
	const uint8_t *data; /* LEN bytes, from store_end or store_borrow on; not NUL-terminated */
	size_t len;
	size_t keep;         /* so many bytes stay in memory; set by the caller before the first */
	struct buf mem;
	int fd;
	bool in_file, mapped;
};

/* At the end of what was added before. Where no file can be made or filled: the error of that
 * (UNRACK_NOSPACE, ...), which names the folder. */
int store_add(struct store *s, const void *p, size_t n, struct unrack_error *err);
/* The same of all that B holds, which is empty afterwards. S is empty before. */
int store_take(struct store *s, struct buf *b, struct unrack_error *err);
/* That was all; now it can be read. */
int store_end(struct store *s, struct unrack_error *err);

/* Somebody else's bytes, that stay there as long as they are needed. */
void store_borrow(struct store *s, const void *p, size_t n);

/* These bytes are not needed soon: if they are mapped, they leave memory. */
void store_forget(const struct store *s, size_t from, size_t to);
/* How many bytes of it are in memory whatever is forgotten. */
size_t store_resident(const struct store *s);
void store_free(struct store *s);

static inline void cleanup_store(struct store *s)
{
	store_free(s);
}
#define CLEANUP_STORE __attribute__((cleanup(cleanup_store)))

#endif
