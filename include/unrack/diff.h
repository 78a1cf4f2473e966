/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unified diffs of texts, for people who want to see what is going to be changed. Pure;
 * threads: any. */
#ifndef UNRACK_DIFF_H
#define UNRACK_DIFF_H

#include <stddef.h>

#include "unrack/buf.h"

/* Appends to OUT what `diff -u` would say, with three lines of context. Equal texts give
 * nothing; texts with a NUL in them give one line, "Binary files A and B differ". Texts
 * that differ in more than DIFF_EDITS_MAX lines are shown as removed and added whole
 * (without the lines that begin or end both), so that time and memory stay small.
 * Returns 0, or -1 when there is no memory; OUT may then hold a part. */
#define DIFF_EDITS_MAX 1000
int diff_unified(const char *old_name, const char *new_name, const void *old_text, size_t old_len,
		 const void *new_text, size_t new_len, struct buf *out);

#endif
