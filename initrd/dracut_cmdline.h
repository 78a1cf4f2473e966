/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Edits of the kernel arguments that are baked into an image by dracut. Text to text. */
#ifndef INITRD_DRACUT_CMDLINE_H
#define INITRD_DRACUT_CMDLINE_H

#include "unrack/initrd.h"

/* Appends to OUT the file FROM, N with the device names of C replaced: whole names only, where
 * they are an argument's value or a part of it. UNRACK_USAGE: root= would go; NAME is the
 * image's, for messages. */
int dracut_cmdline_edit(const char *from, size_t n, const struct initrd_change *c, const char *name,
			struct buf *out, struct unrack_error *err);

#endif
