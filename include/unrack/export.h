/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A complete image once more, in another format (or the same). Every grain is compared with its
 * digest on the way, and what is compressed already is not compressed again. */
#ifndef UNRACK_EXPORT_H
#define UNRACK_EXPORT_H

#include <stdint.h>

#include "unrack/digest_table.h"
#include "unrack/error.h"
#include "unrack/io.h"
#include "unrack/journal.h"
#include "unrack/log.h"

struct export_options {
	const struct io *io;
	/* What is read: */
	const char *image;
	enum disk_format from;
	uint64_t disk_bytes, data_grains; /* grains that are not zeros, at most; for the room that is needed */
	struct digest_table *table;       /* read-only */
	const struct digest_key *key;
	const struct digest_after_entry *after; /* laid over the table */
	uint64_t n_after;
	/* What is made: */
	enum disk_format to;
	const char *path;       /* DISK_FLAT: of the raw file, else of all */
	const char *descriptor; /* DISK_FLAT: the text; else NULL */
	const char *adapter;    /* "lsilogic", ...: for the descriptor */
	int disk;               /* its number, for progress */
	const struct log *log;  /* progress "export"; the stop flag */
	int workers;            /* 0: one per processor, -1: the serial twin */
};

struct export_result {
	uint64_t data_grains;
	uint64_t deflated_grains; /* of them, were compressed in this run */
};

/* The files are made beside their places (PATH.new) and are in them, durable, when this returns 0; else
 * what was made is removed again. What is in the way is replaced: whether it may be is for the caller.
 * UNRACK_UNSAFE: the image is not what its digests say. */
int export_image(const struct export_options *o, struct export_result *res, struct unrack_error *err);

#endif
