/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why an image would not boot, as an answer tells it: a line for each reason, and the first
 * as its sentence. */
#ifndef INITRD_REASONS_H
#define INITRD_REASONS_H

#include <stdbool.h>

#include "unrack/initrd.h"

struct reasons {
	struct buf *lines; /* "NAME: sentence" each */
	char *text;        /* the first sentence, and how many more there are */
	size_t size, n;
	enum initrd_link link; /* the first in the order of those that are missing */
	bool failed;       /* out of memory */
};

void reasons_add(struct reasons *r, enum initrd_link link, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int reasons_finish(struct reasons *r, struct unrack_error *err);

#endif
