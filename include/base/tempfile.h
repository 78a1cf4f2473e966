/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Temporary files without a name, for what is too much for memory: they are gone with their last
 * descriptor, also when the program is killed. What is lost with them is only work, so they do not
 * go through struct io. Threads: any. */
#ifndef BASE_TEMPFILE_H
#define BASE_TEMPFILE_H

#include <stddef.h>

#include "unrack/error.h"

/* $TMPDIR or, if that is not set, /var/tmp. QEMU, too, keeps there what an appliance writes. */
const char *tempfile_folder(void);
/* One in the folder DIR, open to be read and written. -1: none can be made there, see errno. */
int tempfile_in(const char *dir);
/* The same in that folder or, if it is /var/tmp and not there, in /tmp. WHAT it is for completes the
 * error's sentence: "what an initrd unpacks to". */
int tempfile_open(const char *what, int *fd, struct unrack_error *err);
/* Adds N bytes where FD stands. No space: UNRACK_NOSPACE. */
int tempfile_add(int fd, const char *what, const void *p, size_t n, struct unrack_error *err);

#endif
