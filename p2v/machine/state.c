/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/size.h"
#include "parts.h"

static const char *const names[] = {
	[MACHINE_COPYING] = "copying", [MACHINE_COPIED] = "copied",
	[MACHINE_FIXING] = "fixing",   [MACHINE_FIXED] = "fixed",
	[MACHINE_DELIVERED] = "delivered", [MACHINE_UNDOING] = "undoing",
	[MACHINE_LIVE] = "live",
};

#define TO(s) (1u << (s))

/* What may follow each state. Every state may be set again. */
static const unsigned next[] = {
	[MACHINE_COPYING] = TO(MACHINE_COPIED) | TO(MACHINE_LIVE),
	/* again copying: a disk is copied anew, or one was added */
	[MACHINE_COPIED] = TO(MACHINE_COPYING) | TO(MACHINE_LIVE) | TO(MACHINE_FIXING) |
			   TO(MACHINE_DELIVERED),
	/* a fix whose edits failed has written nothing and is dropped */
	[MACHINE_FIXING] = TO(MACHINE_FIXED) | TO(MACHINE_COPIED) | TO(MACHINE_UNDOING),
	/* again fixing: for another target; copying: only when changes are discarded */
	[MACHINE_FIXED] = TO(MACHINE_DELIVERED) | TO(MACHINE_FIXING) | TO(MACHINE_UNDOING) |
			  TO(MACHINE_COPYING),
	[MACHINE_DELIVERED] = TO(MACHINE_FIXING) | TO(MACHINE_UNDOING) | TO(MACHINE_COPYING),
	[MACHINE_UNDOING] = TO(MACHINE_COPIED),
	[MACHINE_LIVE] = TO(MACHINE_COPYING) | TO(MACHINE_COPIED),
};

const char *machine_state_name(enum machine_state s)
{
	return (unsigned)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

bool machine_state_may_follow(enum machine_state from, enum machine_state to)
{
	return (unsigned)from < ARRAY_LEN(next) && (unsigned)to < ARRAY_LEN(next) &&
	       (from == to || next[from] & TO(to));
}

int machine_set_state(struct machine *m, enum machine_state to, struct unrack_error *err)
{
	enum machine_state from = m->state;
	int r;

	if (!machine_state_may_follow(from, to))
		return error_set(err, UNRACK_UNSAFE, "%s is %s and can't become %s", machine_folder(m),
				 machine_state_name(from), machine_state_name(to));
	m->state = to;
	r = machine_save(m, err);
	if (r < 0)
		m->state = from;
	return r;
}
