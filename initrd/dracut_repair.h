/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The repair of an image by dracut: a segment behind it. See initrd_change. MORE: modules that go
 * in besides; NULL: none, and an image that is good as it is stays so. */
#ifndef INITRD_DRACUT_REPAIR_H
#define INITRD_DRACUT_REPAIR_H

#include "loads.h"

int dracut_change(const struct initrd *i, const struct initrd_change *c, const struct loads_want *want,
		  const struct module_list *more, struct buf *out, bool *changed, struct buf *summary, struct unrack_error *err);

#endif
