/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which offered disk is which disk of the folder. Pure: identities in, numbers out. */
#ifndef P2V_MACHINE_MATCH_H
#define P2V_MACHINE_MATCH_H

#include "unrack/machine.h"

struct match {
	const struct machine *m;
	const struct identity *const *offers;
	unsigned n;
	const char *const *names; /* of the offers, for messages */
	const int *numbers;       /* wished by --disk, or -1; NULL: none */
	const bool *taken;        /* by number of the disk: another offer has it already */
	bool same_disk;
};

struct match_result {
	int number;   /* of the disk */
	bool new;     /* the folder does not have it yet */
	bool changed; /* --same-disk: its content is no more what was copied so far */
};

/* Fills OUT, one for each offer, or refuses:
 *  - by --disk, else by size, signatures and serial, only if there is one way to do it;
 *  - a disk that is none of the folder's is a new one, if all of those are found. */
int match_disks(const struct match *match, struct match_result *out, struct unrack_error *err);

#endif
