/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A limit to what may be stored beneath a folder: an io that passes everything on to
 * another one, and refuses writes (ENOSPC) that would bring the space which the files below the folder take
 * over the limit.
 *
 * What is there is measured (allocated blocks, as du(1) does) when it opens and again
 * after each 64 MiB that were written, so that several sessions under one limit overshoot
 * it by no more than that each. Symbolic links are not followed. Threads: as an io. */
#ifndef UNRACK_QUOTA_H
#define UNRACK_QUOTA_H

#include <stdint.h>

#include "unrack/error.h"
#include "unrack/io.h"

struct quota;

/* FOLDER in terms of INNER, "." for its root; INNER is the caller's and must outlive it. */
int quota_open(const struct io *inner, const char *folder, uint64_t limit, struct quota **out,
	       struct unrack_error *err);
const struct io *quota_io(struct quota *q);
/* Bytes that may still be written, 0 when it is full. */
uint64_t quota_left(struct quota *q);
void quota_close(struct quota *q); /* NULL is fine */

#endif
