/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an image by dracut does to get from disks to the filesystem on them: md, LVM, the
 * filesystem's module; and for which arrays and volumes, by the kernel's arguments.
 * Sources: dracut's modules 90lvm, 90mdraid, 95rootfs-block of 004, 033, 049, 057 and 107. */
#ifndef INITRD_DRACUT_ROOT_H
#define INITRD_DRACUT_ROOT_H

#include "dracut.h"
#include "reasons.h"

/* Fills OUT's volumes, arrays and filesystems, and adds a reason for each link that NEEDS (may
 * be NULL) says there must be and that is not there. */
int dracut_explain_root(const struct dracut *d, const struct module_tree *tree,
			const struct initrd_needs *needs, struct initrd_answer *out,
			struct reasons *why, struct unrack_error *err);

/* Whether MODULE is a filesystem that root may have; the kernel asks for it when it mounts one. */
bool dracut_is_filesystem(const char *module);

#define DRACUT_ROOT_MODULES 8

/* The modules of TREE's kernel that NEEDS asks for and that D, the image, has not. */
size_t dracut_root_modules(const struct dracut *d, const struct module_tree *tree,
			   const struct initrd_needs *needs, const char *names[DRACUT_ROOT_MODULES]);

#endif
