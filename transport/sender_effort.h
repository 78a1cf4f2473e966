/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How hard a worker should compress: as hard as whoever would only wait otherwise allows.
 *
 *	the line is slow:        done items pile up before the writer. Workers try harder, but only while
 *	                         processors are idle: this machine may be at work for others, the far side
 *	                         may be the same machine, and a writer that gets no processor looks like
 *	                         a slow line
 *	the processors are slow: items pile up before the workers, and the writer has none. Some
 *	                         grains are stored
 *	the disk is slow:        neither
 *
 * The mixture finds the balance: each grain that costs more lets the piles shrink. */
#ifndef TRANSPORT_SENDER_EFFORT_H
#define TRANSPORT_SENDER_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/deflate.h"

/* How often to look at /proc/stat. */
#define SENDER_EFFORT_LOOK_MS 250

/* Of one worker. All zero in the beginning. */
struct sender_effort {
	int64_t looked_ms;
	uint64_t idle, all; /* ticks, as they were then */
	bool spare;         /* processors were idle for a part of the time before */
	unsigned starved;   /* how often, of late, the writer had nothing to do */
};

/* For the next item. The ring has N of them; WAITING and DONE are as pool_fill tells. */
enum deflate_effort sender_effort_choose(struct sender_effort *e, unsigned n, unsigned waiting,
					 unsigned done);
/* The first line of /proc/stat (proc(5)), or "" when there is none: nothing is spare then. */
void sender_effort_stat(struct sender_effort *e, const char *text);

#endif
