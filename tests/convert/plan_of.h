/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of plans: the steps from a guest to its plan, as every command takes them. */
#ifndef PLAN_OF_H
#define PLAN_OF_H

#include "unrack/facts.h"
#include "unrack/plan.h"
#include "unrack/target.h"

static int plan_of(struct guest *g, const struct target_request *req, struct guest_facts *f, struct target *t,
		   struct plan *p, struct unrack_error *err)
{
	struct target_guest tg;
	int r = inspect_guest(g, f, err);

	if (r == 0)
		r = facts_target_guest(f, &tg, err);
	if (r == 0)
		r = target_choose(req, &tg, t, err);
	return r == 0 ? plan_make(g, f, t, p, err) : r;
}

#endif
