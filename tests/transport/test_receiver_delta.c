/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receiver against senders whose maps are none, or who don't keep to the protocol of a pass
 * over what is there. */
#include "receiver_rig.h"

static void map_out_of_order(struct rig *r)
{
	static const struct map_run runs[] = { { 2, 1 }, { 0, 1 } };

	send_map(r, runs, 2, false);
}

static void maps_that_touch(struct rig *r)
{
	static const struct map_run runs[] = { { 0, 1 }, { 1, 1 } };

	send_map(r, runs, 1, true);
	send_map(r, runs + 1, 1, false);
}

static void map_behind_end(struct rig *r)
{
	static const struct map_run runs[] = { { 4, 2 } };

	send_map(r, runs, 1, false);
}

static void endless_map(struct rig *r)
{
	static struct map_run runs[MESSAGE_MAP_RUNS];

	for (uint32_t n = 0; n <= MAP_RUNS_MAX; n += MESSAGE_MAP_RUNS) {
		for (uint32_t i = 0; i < MESSAGE_MAP_RUNS; i++)
			runs[i] = (struct map_run){ 2ull * (n + i), 1 };
		send_map(r, runs, MESSAGE_MAP_RUNS, true);
	}
}

static void no_map(struct rig *r)
{
	send_zero(r, 0, 5);
}

static void map_of_other_disk(struct rig *r)
{
	tell(r, MESSAGE_MAP, 1, message_encode_map(NULL, 0, false, payload));
}

static void bye_for_map(struct rig *r)
{
	tell(r, MESSAGE_BYE, 0, 0);
}

static void second_map(struct rig *r)
{
	send_map(r, NULL, 0, false);
	send_map(r, NULL, 0, false);
}

static void lost_too_late(struct rig *r)
{
	struct message_lost m = { 3 * GRAIN_SIZE - 512, 512, "" };

	send_map(r, NULL, 0, false);
	send_zero(r, 0, 3);
	tell(r, MESSAGE_LOST, 0, message_encode_lost(&m, payload));
}

static void lost_behind_end(struct rig *r)
{
	struct message_lost m = { SIZE - 511, 512, "" };

	send_map(r, NULL, 0, false);
	tell(r, MESSAGE_LOST, 0, message_encode_lost(&m, payload));
}

static void want_in_first_pass(struct rig *r)
{
	struct message_range m = { 0, 5 };

	send_map(r, NULL, 0, false);
	tell(r, MESSAGE_WANT, 0, message_encode_range(&m, payload));
}

static void same_in_first_pass(struct rig *r)
{
	struct message_range m = { 0, 5 };

	send_map(r, NULL, 0, false);
	tell(r, MESSAGE_SAME, 0, message_encode_range(&m, payload));
}

static void delta_in_first_pass(struct rig *r)
{
	send_map(r, NULL, 0, false);
	tell(r, MESSAGE_DELTA, 0, 100);
}

static void test_maps(void)
{
	after_accept(map_out_of_order, UNRACK_DAMAGED, "the sender's map of disk 0 is not valid: run 1 of a map",
		     "a map that is not sorted is refused");
	after_accept(maps_that_touch, UNRACK_DAMAGED, "the sender's map of disk 0 is not valid",
		     "one whose runs touch too");
	after_accept(map_behind_end, UNRACK_DAMAGED, "the sender's map of disk 0 is not valid",
		     "one that goes behind the end");
	after_accept(endless_map, UNRACK_DAMAGED, "the sender's map of disk 0 has more than 524288 runs",
		     "one that does not end");
	after_accept(no_map, UNRACK_DAMAGED, "a ZERO where the map of the disk is due", "data without a map");
	after_accept(map_of_other_disk, UNRACK_DAMAGED, "a MAP where the map of the disk is due",
		     "the map of another disk");
	after_accept(bye_for_map, UNRACK_INTERRUPTED, "the sender was stopped", "a sender may stop instead");
	after_accept(second_map, UNRACK_DAMAGED, "the sender sent a MAP within disk 0", "a second map");
	after_accept(lost_too_late, UNRACK_DAMAGED, "can't be read, which can't be", "lost sectors that came already");
	after_accept(lost_behind_end, UNRACK_DAMAGED, "can't be read, which can't be", "some behind the end");
	after_accept(want_in_first_pass, UNRACK_DAMAGED, "a WANT within disk 0, which has no data yet",
		     "questions about nothing");
	after_accept(same_in_first_pass, UNRACK_DAMAGED, "a SAME within disk 0, which has no data yet",
		     "what can't have stayed");
	after_accept(delta_in_first_pass, UNRACK_DAMAGED, "a DELTA within disk 0, which has no data yet",
		     "nor have changed");
}

static void send_range(struct rig *r, enum message_type type, uint64_t first, uint64_t count)
{
	struct message_range m = { first, count };

	tell(r, type, 0, message_encode_range(&m, payload));
}

static void grains_in_delta(struct rig *r)
{
	send_grains(r, 0, 5, 'b');
}

static void want_behind_end(struct rig *r)
{
	send_range(r, MESSAGE_WANT, 0, 6);
}

static void want_twice(struct rig *r)
{
	send_range(r, MESSAGE_WANT, 0, 3);
	send_range(r, MESSAGE_WANT, 2, 3);
}

static void want_what_came(struct rig *r)
{
	send_range(r, MESSAGE_SAME, 0, 3);
	send_range(r, MESSAGE_WANT, 0, 3);
}

static void same_behind_end(struct rig *r)
{
	send_range(r, MESSAGE_SAME, 0, 6);
}

static void zero_behind_end_of_delta(struct rig *r)
{
	send_range(r, MESSAGE_ZERO, 0, 1ull << 30);
}

static void same_that_is_not(struct rig *r)
{
	send_range(r, MESSAGE_SAME, 0, 5);
	send_end(r, 5); /* its digest is of nothing */
}

/* SCRIPT over a disk that is complete. */
static void over_copy(void (*script)(struct rig *), int code, const char *text, const char *what)
{
	struct rig r;

	rig_open(&r);
	r.c.again = RECEIVER_ALWAYS;
	for (int pass = 0; pass < 2; pass++) {
		r.c.done_disks = 0;
		rig_start(&r);
		hello(&r, 1);
		if (open_disk(&r, 0, SIZE, "mbr=1\n") == MESSAGE_ACCEPT)
			(pass ? script : good)(&r);
		rig_end(&r, pass ? code : UNRACK_OK, pass ? text : "", pass ? what : "a copy");
	}
	rig_close(&r);
}

static void test_delta(void)
{
	over_copy(grains_in_delta, UNRACK_DAMAGED, "a GRAINS within disk 0, which has data already",
		  "data that was not compared is refused");
	over_copy(want_behind_end, UNRACK_DAMAGED, "digests of grains 0 to 5 of disk 0, which it has no use for",
		  "questions about what is behind the end");
	over_copy(want_twice, UNRACK_DAMAGED, "digests of grains 2 to 4 of disk 0, which it has no use for",
		  "questions that were answered");
	over_copy(want_what_came, UNRACK_DAMAGED, "digests of grains 0 to 2 of disk 0, which it has no use for",
		  "questions about what has come");
	over_copy(same_behind_end, UNRACK_DAMAGED, "grains 0 to 5 of disk 0 where 0 of 5 is due",
		  "what has not changed behind the end");
	over_copy(zero_behind_end_of_delta, UNRACK_DAMAGED, "of disk 0 where 0 of 5 is due", "zeros behind the end");
	over_copy(same_that_is_not, UNRACK_IO, "not what the sender counted",
		  "a sender that says \"the same\" of what it does not know");
}

int main(void)
{
	test_maps();
	test_delta();
	return tap_done();
}
