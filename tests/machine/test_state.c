/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/machine.h"

static struct unrack_error err;

/* The whole table, as text: a change to it must be meant. */
static void test_table(void)
{
	static const char want[] = "copying: copying copied live\n"
				   "copied: copying copied fixing delivered live\n"
				   "fixing: copied fixing fixed undoing\n"
				   "fixed: copying fixing fixed delivered undoing\n"
				   "delivered: copying fixing delivered undoing\n"
				   "undoing: copied undoing\n"
				   "live: copying copied live\n";
	char is[512] = "";
	size_t n = 0;

	for (unsigned from = 0; from <= MACHINE_LIVE; from++) {
		n += (size_t)snprintf(is + n, sizeof is - n, "%s:", machine_state_name(from));
		for (unsigned to = 0; to <= MACHINE_LIVE; to++)
			if (machine_state_may_follow(from, to))
				n += (size_t)snprintf(is + n, sizeof is - n, " %s", machine_state_name(to));
		n += (size_t)snprintf(is + n, sizeof is - n, "\n");
	}
	is_str(is, want, "what may follow what");
	is_str(machine_state_name(99), "unknown", "a state that is none");
	ok(!machine_state_may_follow(99, 0) && !machine_state_may_follow(0, 99), "follows and precedes nothing");
}

static void test_set(void)
{
	struct twin_io *t = twin_io_new(NULL), *c;
	struct machine *m = NULL, *again = NULL;

	machine_new(twin_io(t), "srv/web01", &m, &err);
	is_int(machine_get_state(m), MACHINE_COPYING, "at first it is copying");
	is_int(machine_set_state(m, MACHINE_FIXED, &err), UNRACK_UNSAFE, "it can't be fixed before it is copied");
	is_str(err.text, "srv/web01 is copying and can't become fixed", "the sentence");
	is_int(twin_io_count(t, TWIN_PWRITE), 0, "nothing was written");
	is_int(machine_set_state(m, MACHINE_COPIED, &err), 0, "it may become copied");
	c = twin_io_crash(t, twin_io_records(t), TWIN_DROP, 0);
	is_int(machine_open(twin_io(c), "srv/web01", &again, &err), 0, "which is durable");
	is_int(machine_get_state(again), MACHINE_COPIED, "at once");
	machine_free(again);
	twin_io_free(c);
	twin_io_fault(t, (struct twin_fault){ TWIN_FDATASYNC, NULL, 1, false, ENOSPC });
	is_int(machine_set_state(m, MACHINE_FIXING, &err), UNRACK_NOSPACE, "a state that can't be saved");
	has_str(err.text, "No space left on device; free some space and run the same command again",
		"the sentence");
	is_int(machine_get_state(m), MACHINE_COPIED, "is not entered");
	machine_free(m);
	twin_io_free(t);
}

int main(void)
{
	test_table();
	test_set();
	return tap_done();
}
