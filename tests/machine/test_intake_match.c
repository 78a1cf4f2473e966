/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which disk is offered. */
#include "intake_fixture.h"

static void test_other_machine(void)
{
	struct fixture f;
	struct identity a = disk(GRAIN_SIZE, "1.ext3=aa\nmbr=a\n", ""), b = disk(GRAIN_SIZE, "1.ext3=bb\nmbr=a\n", "");
	struct identity small = disk(900, "mbr=c\n", "");
	struct intake_options opt;
	struct intake *in;

	fixture_root(&f, "web01");
	opt = options(&f);
	session(&opt, &a, 1);
	is_int(session(&opt, &b, 1), UNRACK_UNSAFE, "another machine's disk is refused");
	has_str(err.text, "web01 holds another machine: source 0 is not its disk 0 (1.ext3 is bb, was aa); choose "
			  "another folder", "with both sides of the difference");
	is_int(session(&opt, &small, 1), UNRACK_UNSAFE, "also one of another size");
	is_int(session(&opt, &a, 1), 0, "the right one is taken still");
	opt.session = &b;
	opt.n_session = 1;
	opt.names = (const char *const[]){ "/dev/sdq" };
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "if it is known beforehand, when the folder is opened");
	has_str(err.text, "/dev/sdq is not its disk 0", "by its name");
	is_int(access(in_folder(&f, "unrack/lock"), F_OK), -1, "no lock is left");
	identity_free(&a);
	identity_free(&b);
	identity_free(&small);
	fixture_close(&f);
}

static void test_equal_disks(void)
{
	struct fixture f;
	struct identity ids[2] = { disk(GRAIN_SIZE, "mbr=a\n", ""), disk(GRAIN_SIZE, "mbr=a\n", "") };
	struct intake_options opt;
	struct intake *in;
	struct receiver_place place;
	int numbers[2] = { 1, 0 };

	fixture_root(&f, "web01");
	opt = options(&f);
	is_int(session(&opt, ids, 2), 0, "two equal disks are copied");
	is_int(session(&opt, ids, 2), UNRACK_UNSAFE, "again: which is which?");
	has_str(err.text, "say which one it is with --disk", "asks for --disk");
	opt.session = ids;
	opt.n_session = 2;
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "or beforehand");
	has_str(err.text, "source 0 and source 1 can't be told apart", "naming both");
	opt.numbers = numbers;
	opt.n_numbers = 2;
	in = open_or_die(&opt);
	ok(offer(in, 0, 2, &ids[0], &place) == 0 && place.number == 1, "--disk 1=first");
	ok(offer(in, 1, 2, &ids[1], &place) == 0 && place.number == 0, "--disk 0=second");
	is_int(offer(in, 1, 2, &ids[1], &place), UNRACK_USAGE, "no disk is taken twice");
	intake_close(in, UNRACK_INTERRUPTED);
	opt.session = NULL;
	in = open_or_die(&opt);
	ok(offer(in, 0, 2, &ids[0], &place) == 0 && place.number == 1, "the same one by one");
	intake_close(in, UNRACK_INTERRUPTED);
	identity_free(&ids[0]);
	identity_free(&ids[1]);
	fixture_close(&f);
}

/* What a sender offers is what its call announced, no more and nothing else. */
static void test_announced(void)
{
	struct fixture f;
	struct identity ids[2] = { disk(GRAIN_SIZE, "mbr=a\n", ""), disk(GRAIN_SIZE, "mbr=b\n", "") };
	struct intake_options opt;
	struct intake *in;
	struct receiver_place place;

	fixture_root(&f, "web01");
	opt = options(&f);
	opt.session = ids;
	opt.n_session = 1;
	in = open_or_die(&opt);
	is_int(offer(in, 0, 2, &ids[0], &place), UNRACK_DAMAGED, "more disks than were announced");
	is_int(offer(in, 1, 1, &ids[1], &place), UNRACK_DAMAGED, "one behind the last");
	is_int(offer(in, 0, 1, &ids[1], &place), UNRACK_DAMAGED, "another one");
	has_str(err.text, "source 0 is not one of those that were announced", "the sentence");
	is_int(offer(in, 0, 1, &ids[0], &place), 0, "the right one");
	intake_close(in, UNRACK_INTERRUPTED);
	identity_free(&ids[0]);
	identity_free(&ids[1]);
	fixture_close(&f);
}

int main(void)
{
	test_other_machine();
	test_equal_disks();
	test_announced();
	return tap_done();
}
