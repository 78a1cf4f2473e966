/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check of a nash script, which may have been edited, against the files of its image. */
#ifndef INITRD_NASH_CHECK_H
#define INITRD_NASH_CHECK_H

#include "loads.h"

/* Fills all of OUT but its kind. NEEDS as in initrd_check_needs. */
int nash_check(const struct nash *s, const struct initrd *image, const struct module_tree *tree,
	       const struct loads_want *want, const struct initrd_needs *needs,
	       struct initrd_answer *out, struct unrack_error *err);

#endif
