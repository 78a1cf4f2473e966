/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `copy -`: a disk that comes as a plain stream on standard input, from a machine that has
 * nothing but dd and nc.
 *
 * A stream can't be told where to go on, and can't be read twice. So what it brings of the
 * part that is durable already is compared with the digests of the folder: a stream that is
 * not the disk that the folder was begun with is refused before anything is written. */
#ifndef CMD_COPY_STREAM_H
#define CMD_COPY_STREAM_H

#include "cli.h"
#include "unrack/sender.h"

/* Takes standard input over. SIZE: of the disk; OFFSET: of the byte in it that comes first. WISH: the number of
 * the disk in FOLDER, or INTAKE_ANY. Fills *disk, whose source and identity the caller frees.
 *  - From byte 0 the identity is what the head of the stream tells; FOLDER may be new.
 *  - From OFFSET on it is that of FOLDER's disk, of which at least OFFSET bytes must be durable.
 * UNRACK_USAGE: these numbers make no sense, or not for FOLDER; the sentence says which would. */
int copy_stream_open(struct cli *cli, const char *folder, uint64_t size, uint64_t offset, int wish,
		     struct sender_disk *disk, struct unrack_error *err);

/* After a session that ended early: what to type on both sides to go on, malloc'd, as "to
 * continue: ..." wants it; NULL when FOLDER has no such disk that has begun. */
int copy_stream_hint(const char *folder, int wish, uint64_t size, char **text,
		     struct unrack_error *err);

#endif
