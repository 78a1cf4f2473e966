/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A source around another one that does not give up at a bad sector: what can't be read is read
 * again, from the medium and not from memory, narrowed down to sectors, and where that doesn't help either
 * given as zeros and noted as lost.
 *
 * That is for single bad spots of a disk that is otherwise well. The error is passed on when the device is
 * gone, when its first sector can't be read any more, when more is lost than the options allow, and
 * when JUDGE says that nobody can do without what lies there: a dying adapter must not make an
 * image of zeros that looks like success.
 *
 * Threads: as block_source.h says; patient_next_lost beside reads, too. */
#ifndef UNRACK_PATIENT_H
#define UNRACK_PATIENT_H

#include "unrack/block_source.h"

#define PATIENT_RANGES 64u
#define PATIENT_BYTES (1u << 20)
#define PATIENT_WHAT_MAX 1024u /* with its NUL */

struct patient_lost {
	uint64_t off, len; /* whole sectors of 512 bytes, but at the end of the disk */
	char what[PATIENT_WHAT_MAX]; /* what lies there: "/var/log/messages on vg0/root", or "" */
};

struct patient_options {
	bool stop;             /* at the first sector that can't be read, once tried again */
	unsigned max_ranges;   /* 0: PATIENT_RANGES */
	uint64_t max_bytes;    /* 0: PATIENT_BYTES */
	/* Fills in LOST.what. UNRACK_IO: it must not be lost, and the text is a clause that says what it is;
	 * other errors are the read's. NULL: all may be. */
	int (*judge)(void *ctx, struct patient_lost *lost, struct unrack_error *err);
	void *ctx;
	const struct log *log; /* each range is a warning; may be NULL */
};

/* INNER is closed with it; when this fails, it is still the caller's. */
int patient_open(struct block_source *inner, const struct patient_options *opt,
		 struct block_source **out, struct unrack_error *err);
/* The next range that was lost and not told yet, in the order of the reads; false when there is none. S: of
 * patient_open. */
bool patient_next_lost(struct block_source *s, struct patient_lost *lost);

#endif
