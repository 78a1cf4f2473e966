/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sender_effort.h"

/* A ring that has just begun to fill is no sign yet, and one item in between no other. */
#define STARVED_MIN 4u
#define STARVED_MAX 8u

/* Computing that takes half as long again as its processor time has to wait for a processor. */
static bool is_crowded(const struct sender_effort *e)
{
	return e->wall_ns - e->wall_ns / 3 > e->cpu_ns;
}

enum deflate_effort sender_effort_choose(struct sender_effort *e, unsigned n, unsigned waiting,
					 unsigned done)
{
	if (done == 0 && waiting >= n / 2)
		e->starved += e->starved < STARVED_MAX;
	else
		e->starved -= e->starved > 0;
	if (e->starved >= STARVED_MIN)
		return DEFLATE_LEAST;
	return done >= n / 2 && !is_crowded(e) ? DEFLATE_MORE : DEFLATE_USUAL;
}

void sender_effort_took(struct sender_effort *e, uint64_t wall_ns, uint64_t cpu_ns)
{
	e->wall_ns = e->wall_ns / 8 * 7 + wall_ns;
	e->cpu_ns = e->cpu_ns / 8 * 7 + cpu_ns;
}
