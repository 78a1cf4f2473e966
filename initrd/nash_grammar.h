/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which lines the nash of each release runs as they are meant: its commands, their options and
 * arguments, quoting, what fits into its buffers. Stricter than nash itself, which drops
 * options that it does not know, and says nothing of arguments too many.
 *
 * Source: nash.c of mkinitrd 3.2.6.2 (RHEL 2.1), 3.5.13.6 (3), 4.2.1.10 (4) and 5.1.19.6 (5). */
#ifndef INITRD_NASH_GRAMMAR_H
#define INITRD_NASH_GRAMMAR_H

#include "image.h"
#include "nash.h"

struct nash_fault {
	size_t line; /* from 1; 0: the script as a whole */
	char text[200];
};

/* Whether every line of S is accepted, and nash reads to its end. IMAGE: where programs must
 * be; NULL: they are taken to be there. OLD: the script that S was made from, whose own lines
 * are not asked about again (a release that we have not seen may have more commands); or NULL. */
bool nash_grammar_accepts(const struct nash *s, enum nash_release release, const struct initrd *image,
			  const struct nash *old, struct nash_fault *fault);

/* Whether nash reads the whole script; else WHY not ("has 40000 bytes, and ..."). */
bool nash_grammar_fits(const struct nash *s, enum nash_release release, char *why, size_t size);

/* Whether nash finds the program NAME in the image, and may start it: a path, or a name in its PATH. */
bool nash_grammar_program(const struct initrd *image, const char *name);

#endif
