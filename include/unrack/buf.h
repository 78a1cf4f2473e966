/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing byte buffer, also used for text: data[len] is always a NUL that does not
 * count. One owner, no thread rule beyond that. `struct buf b = { 0 }` is an empty
 * buffer whose data is NULL until something is added; buf_str gives "" then. */
#ifndef UNRACK_BUF_H
#define UNRACK_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len, cap;
};

/* All return 0, or -1 when there is no memory, with the buffer unchanged. */
int buf_reserve(struct buf *b, size_t more);
int buf_append(struct buf *b, const void *p, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_zeros(struct buf *b, size_t n);
/* A word as a shell takes it back: in quotes where it is not plain. */
int buf_quote(struct buf *b, const char *s);

/* The content as a C string; valid until the next change. */
const char *buf_str(const struct buf *b);
/* Hands the memory over (NUL-terminated, to be freed by the caller) and empties B.
 * NULL when there is no memory. */
char *buf_steal(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
void buf_free(struct buf *b);

static inline void cleanup_buf(struct buf *b)
{
	buf_free(b);
}
#define CLEANUP_BUF __attribute__((cleanup(cleanup_buf)))

#endif
