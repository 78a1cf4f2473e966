/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a changed image: it takes the place of the old one, which is kept, or goes elsewhere. */
#ifndef CMD_INITRD_STORE_H
#define CMD_INITRD_STORE_H

#include "initrd_input.h"
#include "unrack/io.h"
#include "unrack/log.h"

/* A new image, and where to. */
struct initrd_store {
	const struct io *io;            /* with real descriptors */
	const struct log *log;
	const struct initrd_input *from; /* gives the mode; in place also owner and label */
	const char *output;             /* NULL: in place of FROM */
	uint64_t max;                   /* bytes that it may have; 0: any */
	const struct buf *data;         /* NULL: FROM's own bytes, for OUTPUT */
	/* Filled by initrd_store_check: */
	char *path;      /* what is to be written */
	char *phys;      /* in place: where the old one is kept; else NULL */
	bool phys_there; /* that was done before, or something else has the name */
	bool same;       /* the output is there already, as it would be: nothing is to be written */
};

/* All that can be known before anything is written. UNRACK_USAGE, UNRACK_UNSAFE: that is nothing to write to;
 * UNRACK_NOSPACE: too large, or for where it goes. */
int initrd_store_check(struct initrd_store *s, struct unrack_error *err);
/* Whatever happens, PATH is the old file or the new one, whole. A file that is replaced is kept as PHYS,
 * unless that is there. */
int initrd_store_write(const struct initrd_store *s, struct unrack_error *err);
void initrd_store_free(struct initrd_store *s);

#endif
