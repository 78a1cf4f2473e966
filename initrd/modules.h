/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only this layer asks of a module tree. */
#ifndef INITRD_MODULES_H
#define INITRD_MODULES_H

#include "unrack/initrd.h"

/* More modules than this in one closure: no kernel needs them to find its root. */
#define MODULES_CLOSURE_MAX 128

/* Compares as the kernel does, '-' equal to '_'. */
bool modules_same_name(const char *a, const char *b);

#endif
