/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a nash script does to get from disks to the filesystem on them: md, LVM, the
 * filesystem's module. */
#ifndef INITRD_NASH_ROOT_H
#define INITRD_NASH_ROOT_H

#include "nash.h"
#include "reasons.h"

/* Adds a reason for each link that is missing, by OUT's names and by NEEDS (may be NULL). SCRIPT
 * is its name, for messages. */
int nash_root_explain(const struct nash *s, const struct initrd *image, const struct module_tree *tree,
		      const struct initrd_needs *needs, const char *script,
		      const struct initrd_answer *out, struct reasons *why, struct unrack_error *err);

#endif
