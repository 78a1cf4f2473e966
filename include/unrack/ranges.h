/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set of byte ranges with bounded memory: what of a volume or disk is not used. It may forget
 * ranges (the shortest ones, when there are very many), and so say less than it was told, never
 * more. One thread at a time. */
#ifndef UNRACK_RANGES_H
#define UNRACK_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"

struct range {
	uint64_t off, len; /* bytes; LEN is not 0 */
};

/* With so many ranges (16 bytes each), short ones are forgotten. */
#define RANGES_MAX (1u << 20)

struct ranges;

/* Holds at most MAX ranges (0: RANGES_MAX). NULL: no memory. */
struct ranges *ranges_new(size_t max);
void ranges_free(struct ranges *r); /* NULL is fine */
/* In any order; ranges may overlap or touch. LEN 0 is nothing. */
int ranges_add(struct ranges *r, uint64_t off, uint64_t len, struct unrack_error *err);
/* Takes out what was added before of this range. */
int ranges_remove(struct ranges *r, uint64_t off, uint64_t len, struct unrack_error *err);

/* Sorted, disjoint, not touching. Borrowed until the next call that changes R. */
const struct range *ranges_list(struct ranges *r, size_t *n);
uint64_t ranges_bytes(struct ranges *r);

#endif
