/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel's module indexes for an image: the guest's own, as they are. They list all modules
 * of the kernel, of which the image has only some; that does no harm. */
#ifndef INITRD_DRACUT_INDEXES_H
#define INITRD_DRACUT_INDEXES_H

#include "dracut_modules.h"

/* Puts those into M's overlay that the image has not or has otherwise. Indexes that the guest has as
 * text only are made. Where the image has the file of a module under another name (.ko, not
 * .ko.xz), or M put it in unpacked, modules.dep is changed to that. */
int dracut_put_indexes(const struct dracut_modules *m, struct unrack_error *err);

/* A file of the guest, relative to /lib/modules/KVER; *FOUND is false if it is not there. */
int dracut_read_guest(const struct initrd_change *c, const char *path, struct buf *out, bool *found,
		      struct unrack_error *err);

#endif
