/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How hard to compress, from how the ring is filled and how long things take. */
#include "../../transport/sender_effort.h"

#include "../support/tap.h"

#define N 10u

static enum deflate_effort choose(struct sender_effort *e, unsigned waiting, unsigned done, unsigned times)
{
	enum deflate_effort last = DEFLATE_USUAL;

	while (times-- > 0)
		last = sender_effort_choose(e, N, waiting, done);
	return last;
}

static void took(struct sender_effort *e, unsigned wall_ms, unsigned cpu_ms, unsigned times)
{
	while (times-- > 0)
		sender_effort_took(e, wall_ms * 1000000ull, cpu_ms * 1000000ull);
}

int main(void)
{
	struct sender_effort e = { 0 };

	is_int(choose(&e, 0, 0, 50), DEFLATE_USUAL, "waiting for the disk: as usual");
	is_int(choose(&e, 8, 0, 3), DEFLATE_USUAL, "a ring that begins to fill: as usual");
	is_int(choose(&e, 8, 0, 1), DEFLATE_LEAST, "the writer has nothing while the workers have too much: less");
	is_int(choose(&e, 8, 1, 1), DEFLATE_USUAL, "once it has something, as usual");
	is_int(choose(&e, 8, 0, 1), DEFLATE_LEAST, "but soon less again");
	is_int(choose(&e, 8, 0, 1000), DEFLATE_LEAST, "for as long as it lasts");
	is_int(choose(&e, 3, 3, 8), DEFLATE_USUAL, "until both have something");
	is_int(choose(&e, 8, 0, 3), DEFLATE_USUAL, "then it begins anew");

	e = (struct sender_effort){ 0 };
	is_int(choose(&e, 0, 8, 1), DEFLATE_MORE, "the line is slow: more, at once");
	is_int(choose(&e, 0, 4, 1), DEFLATE_USUAL, "not when few items wait for it");
	took(&e, 10, 10, 20);
	is_int(choose(&e, 0, 8, 1), DEFLATE_MORE, "with a processor of one's own");
	took(&e, 20, 10, 20);
	is_int(choose(&e, 0, 8, 1), DEFLATE_USUAL, "not when somebody else wants the processor");
	is_int(choose(&e, 8, 0, 4), DEFLATE_LEAST, "who does not keep it from getting less");
	took(&e, 14, 10, 40);
	is_int(choose(&e, 0, 8, 9), DEFLATE_MORE, "a little waiting is forgiven, and the past forgotten");
	return tap_done();
}
