/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command line cut into words as a shell does it, but nothing else of a shell: spaces and tabs separate,
 * '...' and "..." keep them, a backslash keeps the next byte (within "..." only before " and \). */
#ifndef TRANSPORT_WORDS_H
#define TRANSPORT_WORDS_H

#include <stddef.h>

#include "unrack/error.h"

#define WORDS_MAX 64u

/* OUT: up to WORDS_MAX words, all in one block of memory that starts at out[0], which the
 * caller frees (there is at least one). UNRACK_USAGE: no words, too many, an open quote. WHAT names TEXT. */
int words_split(const char *what, const char *text, char *out[WORDS_MAX], size_t *n,
		struct unrack_error *err);

#endif
