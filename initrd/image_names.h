/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory for an image's names and the targets of its links. They are looked at all the time; the pages of a
 * file that they are stored in need not be in memory for it. */
#ifndef INITRD_IMAGE_NAMES_H
#define INITRD_IMAGE_NAMES_H

#include <stddef.h>

#include "base/vec.h"

#define IMAGE_NAMES_MAX (2u << 20) /* of all names, and as much of all links; a rescue image has less than a half */

DEFINE_VEC(image_blocks, char *);

struct image_names {
	struct image_blocks blocks;
	size_t left; /* in the last one */
};

/* A copy of the N bytes at P, and a NUL behind them; N is less than 64 KiB. NULL: no memory. */
char *image_names_add(struct image_names *names, const char *p, size_t n);
void image_names_free(struct image_names *names);

/* NAME as a kernel takes it for a path from root's folder on, in place: without "." and further slashes. Root's
 * folder is ".". How long it is. */
size_t image_names_plain(char *name);

#endif
