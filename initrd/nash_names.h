/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a nash script names besides modules: root, the device to resume from, volumes, arrays,
 * filesystems. */
#ifndef INITRD_NASH_NAMES_H
#define INITRD_NASH_NAMES_H

#include "loads.h"

/* Fills those members of OUT. -1: no memory. */
int nash_names_find(const struct nash *s, const struct initrd *image, struct initrd_answer *out);

bool nash_names_array(const char *root); /* an md array */

/* The line that mounts root, and the last one with COMMAND before it, or that line without one. */
size_t nash_names_mount(const struct nash *s);
size_t nash_names_last(const struct nash *s, enum nash_command command);

/* Whether S loads the module NAME, and what it needs, before the line END; what is no file of
 * this kernel counts as built in. LOST: the first that it does not load, "" if there is none.
 * Arguments as those of loads_find. */
int nash_names_module(const struct nash *s, const struct initrd *image, const struct module_tree *tree,
		      const char *name, size_t end, bool assume_files, char lost[64], struct unrack_error *err);

#endif
