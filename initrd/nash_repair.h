/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The edits that make a nash script load what is wanted, in time and in order. */
#ifndef INITRD_NASH_REPAIR_H
#define INITRD_NASH_REPAIR_H

#include "loads.h"

/* Edits S in place. What it does and where follows from mkinitrd's own order: new modules
 * come right behind sd_mod, before other controllers' drivers, so that their disks get the
 * first names. All files in lib/ are taken to be there. Nothing is touched that is right.
 * UNRACK_USAGE: a name to be dropped is where the script needs one. */
int nash_repair(struct nash *s, const struct initrd *image, const struct loads_want *want,
		const struct initrd_change *c, struct unrack_error *err);

#endif
