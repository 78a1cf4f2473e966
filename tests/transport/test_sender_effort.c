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

/* 200 more ticks, IDLE of them idle. */
static void pass(struct sender_effort *e, unsigned idle)
{
	static unsigned busy_ticks = 1000, idle_ticks = 5000;
	char text[200];

	busy_ticks += 200 - idle;
	idle_ticks += idle;
	snprintf(text, sizeof text, "cpu  %u 1 2 %u 3 4 5 6 7 8\ncpu0 1 2 3 4\n", busy_ticks, idle_ticks);
	sender_effort_stat(e, text);
}

int main(void)
{
	struct sender_effort e = { 0 };

	is_int(choose(&e, 0, 0, 50), DEFLATE_USUAL, "waiting for the disk: as usual");
	is_int(choose(&e, 8, 0, 31), DEFLATE_USUAL, "a writer that waits for a moment: as usual");
	is_int(choose(&e, 8, 0, 1), DEFLATE_LEAST, "the writer has nothing while the workers have too much: less");
	is_int(choose(&e, 8, 1, 1), DEFLATE_USUAL, "once it has something, as usual");
	is_int(choose(&e, 8, 0, 2), DEFLATE_LEAST, "but soon less again");
	is_int(choose(&e, 8, 0, 1000), DEFLATE_LEAST, "for as long as it lasts");
	is_int(choose(&e, 3, 3, 5), DEFLATE_USUAL, "until both have something");
	is_int(choose(&e, 3, 3, 50), DEFLATE_USUAL, "and when they have had it for some time");
	is_int(choose(&e, 8, 0, 31), DEFLATE_USUAL, "it begins anew");

	e = (struct sender_effort){ 0 };
	pass(&e, 200);
	is_int(choose(&e, 0, 8, 9), DEFLATE_USUAL, "what was idle before we looked is not known");
	pass(&e, 100);
	is_int(choose(&e, 0, 8, 1), DEFLATE_MORE, "the line is slow, processors are idle: more");
	is_int(choose(&e, 0, 4, 1), DEFLATE_USUAL, "not when few items wait for it");
	pass(&e, 30);
	is_int(choose(&e, 0, 8, 1), DEFLATE_USUAL, "nor when the processors are busy");
	is_int(choose(&e, 8, 0, 32), DEFLATE_LEAST, "which does not keep it from getting less");
	pass(&e, 50);
	is_int(choose(&e, 0, 8, 9), DEFLATE_MORE, "idle again");
	sender_effort_stat(&e, "");
	is_int(choose(&e, 0, 8, 1), DEFLATE_USUAL, "nothing is spare where nobody says so");
	sender_effort_stat(&e, "cpu 1 2 3");
	is_int(choose(&e, 0, 8, 1), DEFLATE_USUAL, "or says too little");
	pass(&e, 100);
	is_int(choose(&e, 0, 8, 1), DEFLATE_MORE, "the next look counts again");
	sender_effort_stat(&e, "cpu 1 1 1 1 1 1 1 1");
	is_int(choose(&e, 0, 8, 1), DEFLATE_USUAL, "a clock that goes back is nothing to go by");
	return tap_done();
}
