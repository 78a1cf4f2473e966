/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a source could not be read, and is zeros in its copy: kept as diskN.bad, which is a mapfile of
 * GNU ddrescue (its manual, "Mapfile structure"), so that ddrescue can try these places again; what lies there
 * stands in comments. One thread at a time. */
#ifndef UNRACK_LOST_H
#define UNRACK_LOST_H

#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"
#include "unrack/io.h"

#define LOST_RANGES_MAX 4096u
#define LOST_WHAT_MAX 1024u /* with its NUL */

struct lost_range {
	uint64_t off, len; /* bytes; LEN is not 0 */
	char *what;        /* printable, "" when it is not known */
};

struct lost {
	struct lost_range *at; /* in order, and apart */
	size_t n;
};

void lost_free(struct lost *l); /* leaves it empty */
uint64_t lost_bytes(const struct lost *l);
/* Whatever was known from OFF on is known no more: it is read again. */
void lost_forget(struct lost *l, uint64_t off);
/* Behind all that is there: UNRACK_DAMAGED when it is not, or is one too many. WHAT is copied. */
int lost_add(struct lost *l, uint64_t off, uint64_t len, const char *what, struct unrack_error *err);

/* By new file and rename; an empty list removes the file. */
int lost_write(const struct io *io, const char *path, const struct lost *l, uint64_t disk_bytes,
	       struct unrack_error *err);
/* L is empty before. A missing file is an empty list. */
int lost_read(const struct io *io, const char *path, struct lost *l, struct unrack_error *err);

#endif
