/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_APPLY_H
#define CONVERT_APPLY_H

#include "unrack/log.h"
#include "unrack/plan.h"

/* Carries out the plan's edits in their order. The first that fails ends it, with the guest
 * in between: its overlays are to be thrown away. A renamed file never replaces another
 * (UNRACK_UNSAFE). */
int apply_plan(struct guest *g, const struct plan *p, const struct log *log, struct unrack_error *err);

const char *apply_kind_name(enum edit_kind k); /* "write", "rename", "remove", "symlink" */

#endif
