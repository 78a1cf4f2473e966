/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A limit to what may be stored beneath a folder: an io that passes everything on to
 * another one, and refuses (EDQUOT, which becomes UNRACK_NOSPACE) what would bring the space
 * that the files below the folder take over the limit.
 *
 * What is there is measured when it opens and again after each 64 MiB that were written, so
 * that several sessions under one limit overshoot it by no more than that each. It is what
 * du(1) counts (allocated blocks, a file with several names once), but at least 4 KiB for each
 * file and folder. Symbolic links are not followed. Holes cost nothing, and what lies in
 * folders that this user may not read is not counted.
 *
 * Beyond the limit lies 1 MiB for writes of 4 KiB and less: the records with which a session
 * that met the limit ends, and the next one begins. Threads: as an io. */
#ifndef UNRACK_QUOTA_H
#define UNRACK_QUOTA_H

#include <stdint.h>

#include "unrack/error.h"
#include "unrack/io.h"

struct quota;

/* FOLDER in terms of INNER, "." for its root; INNER is the caller's and must outlive it.
 * UNRACK_UNSUPPORTED: folders lie too deep in each other. */
int quota_open(const struct io *inner, const char *folder, uint64_t limit, struct quota **out,
	       struct unrack_error *err);
const struct io *quota_io(struct quota *q);
/* Bytes that may still be written, 0 when it is full. io_room of quota_io says no more either. */
uint64_t quota_left(struct quota *q);
void quota_close(struct quota *q); /* NULL is fine */

#endif
