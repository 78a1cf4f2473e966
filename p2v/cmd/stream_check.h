/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a stream repeats of a disk that is durable already, against the disk's digests. */
#ifndef CMD_STREAM_CHECK_H
#define CMD_STREAM_CHECK_H

#include "cli.h"

struct stream_check;

/* Of a disk of FOLDER, which has none of it yet. NULL: no memory. */
struct stream_check *stream_check_new(const struct log *log, const char *folder);
/* It has: disk NUMBER. Nothing is read yet. */
void stream_check_disk(struct stream_check *check, int number);
void stream_check_free(void *check); /* NULL is fine */

/* N bytes at OFF, in order, for block_source_stream_options.skipped. UNRACK_UNSAFE: they are not what
 * was copied, or end with what is durable without a whole grain that could be compared: those
 * of which only a part comes can't. */
int stream_check_bytes(void *check, const void *data, size_t n, uint64_t off, struct unrack_error *err);

#endif
