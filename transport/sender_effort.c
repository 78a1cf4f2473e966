/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sender_effort.h"

#include <inttypes.h>
#include <stdio.h>

/* Between the writer and the line are some MiB of buffers: a writer that waits for a moment is
 * no sign yet, and one item in between no other. */
#define STARVED_MIN 32u
#define STARVED_MAX 40u
/* Of 100 ticks so many must be idle. What is taken of them shows the next time. */
#define IDLE_MIN 20u

enum deflate_effort sender_effort_choose(struct sender_effort *e, unsigned n, unsigned waiting,
					 unsigned done)
{
	if (done == 0 && waiting >= n / 2)
		e->starved += e->starved < STARVED_MAX;
	else
		e->starved -= e->starved > 1 ? 2 : e->starved;
	if (e->starved >= STARVED_MIN)
		return DEFLATE_LEAST;
	return done >= n / 2 && e->spare ? DEFLATE_MORE : DEFLATE_USUAL;
}

void sender_effort_stat(struct sender_effort *e, const char *text)
{
	uint64_t t[8] = { 0 }, idle, all = 0; /* user nice system idle iowait irq softirq steal */
	bool first = e->all == 0;
	int n = sscanf(text, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		       " %" SCNu64 " %" SCNu64, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);

	e->spare = false;
	if (n < 4)
		return;
	for (int i = 0; i < 8; i++)
		all += t[i];
	idle = t[3] + t[4];
	e->spare = !first && all > e->all && idle > e->idle &&
		   (idle - e->idle) * 100 >= (all - e->all) * IDLE_MIN;
	e->idle = idle;
	e->all = all;
}
