/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef INITRD_CHECK_H
#define INITRD_CHECK_H

#include "unrack/initrd.h"

/* UNRACK_UNSUPPORTED for images that neither mkinitrd's nash nor dracut's scripts start. */
int initrd_check_kind(const struct initrd *i, struct unrack_error *err);

#endif
