/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images that `unrack initrd` is given: files, or whatever can be read like one. */
#ifndef CMD_INITRD_INPUT_H
#define CMD_INITRD_INPUT_H

#include <sys/stat.h>

#include "unrack/initrd.h"

struct initrd_input {
	const char *name; /* as typed; not copied */
	char *path;       /* of a regular file the real one, links followed; else NULL */
	int fd;           /* of a regular file, which may be a nameless copy; -1: closed */
	struct stat st;   /* of that */
	struct initrd *image; /* NULL: it was not parsed */
};

/* CHANGE: it is going to be replaced, so others that want that are kept away from now on; a second
 * one is refused (UNRACK_UNSAFE). OUT is to be closed in any case. */
int initrd_input_open(const char *name, bool change, struct initrd_input *out, struct unrack_error *err);
/* The same without a look at what is in it. */
int initrd_input_take(const char *name, bool change, struct initrd_input *out, struct unrack_error *err);
void initrd_input_close(struct initrd_input *f);

#endif
