/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How hard a worker should compress: as hard as whoever would only wait otherwise allows.
 *
 *	the line is slow:        done items pile up before the writer. Workers try harder, but only with
 *	                         time that nobody else wants: the source may be at work for others, and
 *	                         the receiver may be this machine too
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

/* Of one worker. All zero in the beginning. */
struct sender_effort {
	uint64_t wall_ns, cpu_ns; /* of the last items, the older the less */
	unsigned starved;         /* how often, of late, the writer had nothing to do */
};

/* For the next item. The ring has N of them; WAITING and DONE are as pool_fill tells. */
enum deflate_effort sender_effort_choose(struct sender_effort *e, unsigned n, unsigned waiting,
					 unsigned done);
/* What an item took by the clock, and of a processor. */
void sender_effort_took(struct sender_effort *e, uint64_t wall_ns, uint64_t cpu_ns);

#endif
