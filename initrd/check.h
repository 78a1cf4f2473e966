/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check of a nash script that may have been edited, against the files of its image. */
#ifndef INITRD_CHECK_H
#define INITRD_CHECK_H

#include "loads.h"

/* Fills all of OUT but its kind. */
int initrd_check_script(const struct nash *s, const struct initrd *image, const struct loads_want *want,
		 struct initrd_answer *out, struct unrack_error *err);

/* UNRACK_UNSUPPORTED for images that neither mkinitrd's nash nor dracut's scripts start. */
int initrd_check_kind(const struct initrd *i, struct unrack_error *err);

#endif
