/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image made from nothing but a guest's files, for add --guest. */
#ifndef CMD_INITRD_GUEST_H
#define CMD_INITRD_GUEST_H

#include "initrd_modules.h"
#include "initrd_root.h"
#include "initrd_wanted.h"

/* DIR: a guest's root folder. What ROOT does not say of its root is taken from its fstab, and the release from
 * redhat-release, or else the kernel. NAME: of the image. UNRACK_USAGE: no root is known; UNRACK_UNSUPPORTED: a release
 * whose images are not made by mkinitrd; else as initrd_make. */
int initrd_guest_make(const char *dir, const char *name, const struct initrd_root *root, const struct initrd_modules *m,
		      const struct initrd_wanted *want, size_t ramdisk_max, struct buf *out, struct buf *summary,
		      struct unrack_error *err);

/* The release of RHEL that a kernel is of, as far as images by mkinitrd differ: 2 to 5; 0: of a later one. */
int initrd_guest_release(const char *kver);

#endif
