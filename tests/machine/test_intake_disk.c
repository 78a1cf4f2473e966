/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be done to a disk that is offered. */
#include "intake_fixture.h"

static void test_first_copy(void)
{
	struct fixture f;
	struct identity a = disk(2 * GRAIN_SIZE + 5, "mbr=a\n", "serial=1\n"), b = disk(900, "mbr=b\n", "");
	struct intake_options opt;
	struct intake *in;
	struct receiver_place place, second;
	char text[8192];
	int fd;

	fixture_root(&f, "web01");
	opt = options(&f);
	in = open_or_die(&opt);
	is_int(access(in_folder(&f, "unrack/lock"), F_OK), 0, "the folder is made and locked");
	is_int(offer(in, 0, 2, &a, &place), 0, "the first disk has a place");
	ok(place.number == 0 && place.format == DISK_FLAT, "number 0, flat");
	is_str(place.image, in_folder(&f, "web01-flat.vmdk"), "its image");
	is_str(place.descriptor, in_folder(&f, "web01.vmdk"), "its descriptor");
	is_str(place.extent, "web01-flat.vmdk", "its extent in there");
	is_str(place.journal, in_folder(&f, "unrack/disk0.journal"), "its journal");
	is_str(place.digests, in_folder(&f, "unrack/disk0.digests"), "its digests");
	is_int(offer(in, 1, 2, &b, &second), 0, "so has the second");
	is_str(second.image, in_folder(&f, "web01_1-flat.vmdk"), "another image");
	is_int(intake_host(in)->check_owner(intake_host(in)->ctx, &err), 0, "the lock is ours");
	is_int(machine_get_state(intake_machine(in)), MACHINE_COPYING, "state copying");
	is_int(state_of(&f), MACHINE_COPYING, "which is saved");
	fixture_receive(&place, &a, grain_count(a.bytes));
	is_int(disk_done(in, &place), 0, "one disk is done");
	is_int(all_done(in), 0, "the session ends");
	ok(!intake_complete(in), "one is not complete yet");
	has_str(said, "disk 1 of ", "which is said");
	is_int(state_of(&f), MACHINE_COPYING, "so the machine is still being copied");
	fixture_receive(&second, &b, 1);
	disk_done(in, &second);
	is_int(all_done(in), 0, "now all are");
	ok(intake_complete(in), "complete");
	is_int(state_of(&f), MACHINE_COPIED, "state copied");
	intake_close(in, UNRACK_INTERRUPTED);
	intake_close(NULL, 0);
	is_int(access(in_folder(&f, "unrack/lock"), F_OK), -1, "the lock is given back");

	fd = open(in_folder(&f, "unrack/manifest.json"), O_RDONLY);
	text[read(fd, text, sizeof text - 1)] = '\0';
	close(fd);
	has_str(text, "\"serial=1\"", "the manifest has the identities");
	has_str(text, "\"state\": \"done\"", "and the step");
	identity_free(&a);
	identity_free(&b);
	fixture_close(&f);
}

static void test_again(void)
{
	struct fixture f;
	struct identity ids[2] = { disk(GRAIN_SIZE, "mbr=a\n", ""), disk(900, "mbr=b\n", "") };
	struct identity swapped[2] = { ids[1], ids[0] };
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct intake_options opt;
	struct stat before, after;

	fixture_root(&f, "web01");
	opt = options(&f);
	is_int(session(&opt, ids, 2), 0, "two disks are copied");
	is_int(session(&opt, swapped, 2), 0, "the same again, in another order");
	is_int(passes, 2, "both get another pass");
	is_int(state_of(&f), MACHINE_COPIED, "after which the machine is complete again");
	is_int(session(&opt, &ids[1], 1), 0, "one of them");
	ok(passes == 1 && state_of(&f) == MACHINE_COPIED, "alone");
	set_state(&f, MACHINE_FIXED);
	stat(in_folder(&f, "unrack/manifest.json"), &before);
	is_int(session(&opt, ids, 2), UNRACK_UNSAFE, "no pass goes over a fixed machine");
	has_str(err.text, "has gone on (it is fixed), and nothing more is copied into it", "the sentence");
	stat(in_folder(&f, "unrack/manifest.json"), &after);
	is_int(after.st_ino, before.st_ino, "the manifest was not touched");
	poke(in_folder(&f, "web01-flat.vmdk"));
	is_int(session(&opt, ids, 2), UNRACK_UNSAFE, "when the image has changed since");
	has_str(err.text, "web01-flat.vmdk changed since unrack wrote it; it may have run; choose another folder, or "
			  "write over it with --discard-changes", "the sentence");
	close(open(in_folder(&f, "web01.nvram"), O_CREAT | O_WRONLY, 0600));
	is_int(session(&opt, ids, 2), UNRACK_UNSAFE, "or traces are there");
	has_str(err.text, "web01.nvram shows that the virtual machine may have run", "the sentence");
	unlink(in_folder(&f, "web01.nvram"));

	utimensat(AT_FDCWD, in_folder(&f, "web01_1-flat.vmdk"), old, 0);
	mkdir(in_folder(&f, "unrack/fix"), 0755);
	close(open(in_folder(&f, "unrack/fix/state"), O_CREAT | O_WRONLY, 0600));
	close(open(in_folder(&f, "unrack/fix/undo-disk0.2"), O_CREAT | O_WRONLY, 0600));
	opt = options(&f);
	opt.discard_changes = true;
	is_int(session(&opt, ids, 2), 0, "--discard-changes copies anew");
	has_str(said, "web01-flat.vmdk changed since unrack wrote it", "and says why");
	stat(in_folder(&f, "web01_1-flat.vmdk"), &after);
	ok(after.st_mtim.tv_sec != old[1].tv_sec, "both disks, since they were fixed together");
	ok(access(in_folder(&f, "unrack/fix/state"), F_OK) < 0 &&
	   access(in_folder(&f, "unrack/fix/undo-disk0.2"), F_OK) < 0, "nothing is left of the fix");
	is_int(state_of(&f), MACHINE_COPIED, "and is copied then");
	opt = options(&f);
	is_int(session(&opt, ids, 2), 0, "after which all is as it should be");
	unlink(in_folder(&f, "web01_1-flat.vmdk"));
	is_int(session(&opt, ids, 2), UNRACK_UNSAFE, "a missing image is no reason to copy over what is there");
	opt.discard_changes = true;
	is_int(session(&opt, ids, 2), 0, "unless asked to");
	identity_free(&ids[0]);
	identity_free(&ids[1]);
	fixture_close(&f);
}

/* The numbers of the disks that get another pass, as bits, and those that do only if their sources say so. */
static void verdicts(const struct intake_options *opt, const struct identity *ids, unsigned n, unsigned *always,
		     unsigned *if_changed)
{
	struct intake *in = open_or_die(opt);

	*always = *if_changed = 0;
	for (unsigned i = 0; i < n; i++) {
		struct receiver_place place;

		if (offer(in, i, n, &ids[i], &place) < 0)
			fixture_die(err.text);
		*always |= (place.again == RECEIVER_ALWAYS) << place.number;
		*if_changed |= (place.again == RECEIVER_IF_CHANGED) << place.number;
	}
	intake_close(in, UNRACK_INTERRUPTED);
}

/* A pass over a complete machine that is interrupted: what it has not come to, it comes to the next time, and to
 * nothing else. */
static void test_interrupted_pass(void)
{
	struct fixture f;
	struct identity ids[3] = { disk(GRAIN_SIZE, "mbr=a\n", ""), disk(900, "mbr=b\n", ""),
				   disk(1800, "mbr=c\n", "") };
	struct intake_options opt;
	struct receiver_place place;
	unsigned always, if_changed;
	struct intake *in;

	fixture_root(&f, "web01");
	opt = options(&f);
	opt.session = ids;
	opt.n_session = 3;
	session(&opt, ids, 3);
	in = open_or_die(&opt);
	ok(offer(in, 0, 3, &ids[0], &place) == 0 && place.again == RECEIVER_ALWAYS, "a second pass begins");
	is_str(place.map, in_folder(&f, "unrack/disk0.map"), "with the map's place");
	is_int(state_of(&f), MACHINE_COPYING, "and the machine is not complete any more");
	disk_done(in, &place);
	intake_close(in, UNRACK_LOST);
	verdicts(&opt, ids, 3, &always, &if_changed);
	ok(always == 6 && if_changed == 1, "interrupted after one disk, it goes on with the others (%u, %u)", always,
	   if_changed);
	is_int(session(&opt, ids, 3), 0, "until it is complete");
	is_int(passes, 2, "with these two");
	is_int(state_of(&f), MACHINE_COPIED, "which the state says");
	is_int(session(&opt, ids, 3), 0, "the next one");
	is_int(passes, 3, "is about all of them");

	opt.n_session = 1;
	verdicts(&opt, ids, 1, &always, &if_changed);
	opt.n_session = 3;
	verdicts(&opt, ids, 3, &always, &if_changed);
	ok(always == 1 && if_changed == 6, "a pass over one disk makes the others wait for nothing");
	in = open_or_die(&opt);
	offer(in, 0, 3, &ids[0], &place);
	disk_done(in, &place);
	is_int(all_done(in), 0, "it ends");
	intake_close(in, 0);
	is_int(state_of(&f), MACHINE_COPIED, "and all are complete");

	close(open(in_folder(&f, "web01.vswp"), O_CREAT | O_WRONLY, 0600));
	is_int(session(&opt, ids, 3), UNRACK_UNSAFE, "a machine that has run takes no pass");
	is_int(state_of(&f), MACHINE_COPIED, "and stays what it was");
	for (unsigned i = 0; i < 3; i++)
		identity_free(&ids[i]);
	fixture_close(&f);
}

static void test_live(void)
{
	struct fixture f;
	struct identity ids[2] = { disk(GRAIN_SIZE, "mbr=a\n", ""), disk(900, "mbr=b\n", "") };
	struct intake_options opt;
	struct receiver_place place;
	struct intake *in;

	fixture_root(&f, "web01");
	opt = options(&f);
	opt.session = ids;
	opt.n_session = 2;
	offer_live = true;
	is_int(session(&opt, ids, 2), 0, "a source in use is copied");
	is_int(state_of(&f), MACHINE_LIVE, "and the machine is live");
	is_int(session(&opt, ids, 2), 0, "again");
	ok(passes == 2 && state_of(&f) == MACHINE_LIVE, "which makes no difference");
	offer_live = false;
	opt.n_session = 1;
	is_int(session(&opt, ids, 1), 0, "one disk without it");
	is_int(state_of(&f), MACHINE_LIVE, "is not enough");
	opt.n_session = 2;
	in = open_or_die(&opt);
	offer(in, 0, 2, &ids[0], &place);
	disk_done(in, &place);
	offer(in, 1, 2, &ids[1], &place);
	intake_close(in, UNRACK_LOST);
	is_int(state_of(&f), MACHINE_COPYING, "a last pass that is interrupted");
	is_int(session(&opt, ids, 2), 0, "is continued");
	ok(passes == 1 && state_of(&f) == MACHINE_COPIED, "and then the machine is what it was at one moment");
	offer_live = true;
	in = open_or_die(&opt);
	offer(in, 0, 2, &ids[0], &place);
	intake_close(in, UNRACK_LOST);
	offer_live = false;
	ok(machine_open(io_posix(), f.folder, &f.m, &err) == 0 && machine_find_disk(f.m, 0)->live &&
	   !machine_find_disk(f.m, 1)->live, "what a live pass has begun is remembered, however it ends");
	machine_free(f.m);
	f.m = NULL;
	identity_free(&ids[0]);
	identity_free(&ids[1]);
	fixture_close(&f);
}

/* A stream can't be changed: whether it has to be is the receiver's affair. */
static void test_stream_format(void)
{
	struct fixture f;
	struct identity a = disk(GRAIN_SIZE, "mbr=a\n", "");
	struct intake_options opt;
	struct receiver_place place;
	struct stat before, after;
	struct intake *in;

	fixture_root(&f, "web01");
	opt = options(&f);
	opt.format = DISK_STREAM;
	is_int(session(&opt, &a, 1), 0, "a copy in the format stream");
	stat(in_folder(&f, "unrack/manifest.json"), &before);
	in = open_or_die(&opt);
	ok(offer(in, 0, 1, &a, &place) == 0 && place.again == RECEIVER_ALWAYS && place.format == DISK_STREAM,
	   "is offered again");
	is_int(all_done(in), 0, "and found to be complete");
	intake_close(in, 0);
	stat(in_folder(&f, "unrack/manifest.json"), &after);
	is_int(after.st_ino, before.st_ino, "nothing was written");
	identity_free(&a);
	fixture_close(&f);
}

static void test_states(void)
{
	struct fixture f;
	struct identity a = disk(GRAIN_SIZE, "mbr=a\n", ""), b = disk(900, "mbr=b\n", "");
	struct identity both[2] = { a, b };
	struct intake_options opt;

	fixture_root(&f, "web01");
	opt = options(&f);
	session(&opt, &a, 1);
	set_state(&f, MACHINE_FIXED);
	is_int(session(&opt, both, 2), UNRACK_UNSAFE, "no disk is added to a fixed machine");
	has_str(err.text, "has gone on (it is fixed), and nothing more is copied into it; choose another folder",
		"the sentence");
	set_state(&f, MACHINE_FIXING);
	poke(in_folder(&f, "web01-flat.vmdk"));
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "a fix that was interrupted");
	has_str(err.text, "is in the middle of a fix (fixing); complete that first, with unrack fix",
		"the sentence");
	opt.discard_changes = true;
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "is not discarded either");
	identity_free(&a);
	identity_free(&b);
	fixture_close(&f);
}

static unsigned compares;
static int compare_result;

static int on_compare(void *ctx, unsigned disk, const struct machine *m, int n, struct unrack_error *e)
{
	(void)ctx;
	(void)m;
	compares++;
	is_int(disk + (unsigned)n, 0, "disk 0 is compared");
	return compare_result < 0 ? error_set(e, UNRACK_UNSAFE, "they differ") : 0;
}

/* Whoever comes where a stream ended has to show that it is of the same disk. */
static void test_streams(void)
{
	struct fixture f;
	struct identity head = disk(4 * GRAIN_SIZE, "mbr=a\nstream=head\n", "");
	struct identity a = disk(4 * GRAIN_SIZE, "1.ext3=x\nmbr=a\n", "serial=1\n");
	struct intake_options opt, stream;
	struct receiver_place place;
	struct intake *in;

	fixture_root(&f, "web01");
	stream = opt = options(&f);
	stream.stream = true;
	stream.compare = opt.compare = on_compare;
	is_int(session(&opt, &head, 1), UNRACK_DAMAGED, "a stream where none is expected");
	opt.session = &head;
	opt.n_session = 1;
	is_int(intake_open(&opt, &in, &err), UNRACK_DAMAGED, "nor announced");
	opt.session = &a;
	in = open_or_die(&opt);
	is_int(offer(in, 0, 1, &head, &place), UNRACK_DAMAGED, "a disk is announced, and a stream offered");
	intake_close(in, UNRACK_DAMAGED);
	stream.session = &a;
	stream.n_session = 1;
	in = open_or_die(&stream);
	is_int(offer(in, 0, 1, &head, &place), UNRACK_DAMAGED, "even where there is one");
	has_str(err.text, "source 0 is not one of those that were announced", "the sentence");
	intake_close(in, UNRACK_DAMAGED);
	opt.session = stream.session = NULL;

	in = open_or_die(&opt);
	is_int(offer(in, 0, 1, &a, &place), 0, "a copy of the disk that came to nothing");
	intake_close(in, UNRACK_INTERRUPTED);
	in = open_or_die(&stream);
	is_int(offer(in, 0, 1, &head, &place), 0, "becomes one of a stream");
	ok(!place.compared, "of which nothing is there");
	is_str(machine_find_disk(intake_machine(in), 0)->id.strict, head.strict, "by its name, too");
	fixture_receive(&place, &head, 2);
	intake_close(in, UNRACK_INTERRUPTED);
	in = open_or_die(&stream);
	is_int(offer(in, 0, 1, &head, &place), 0, "the stream goes on");
	ok(place.compared && compares == 0, "and is compared as it is read");
	intake_close(in, UNRACK_INTERRUPTED);

	compare_result = UNRACK_UNSAFE;
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "a disk with its table that is another one");
	is_str(err.text, "they differ", "is found out");
	is_int(compares, 1, "by comparing");
	opt.compare = NULL;
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "one that can't be compared");
	has_str(err.text, "continue it as a stream (unrack copy - ", "is refused as well");
	opt.compare = on_compare;
	compare_result = 0;
	in = open_or_die(&opt);
	is_int(offer(in, 0, 1, &a, &place), 0, "the disk itself");
	ok(place.compared && compares == 2, "goes on when it was compared");
	unlink(place.journal);
	fixture_receive(&place, &head, 4);
	disk_done(in, &place);
	is_int(all_done(in), 0, "to its end");
	intake_close(in, 0);
	is_int(session(&opt, &a, 1), 0, "again");
	is_int(session(&stream, &head, 1), 0, "and as a stream");
	is_int(compares, 4, "it is compared each time");
	opt.compare = NULL;
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "from far away it is not called complete");
	has_str(err.text, "compare them with unrack verify ", "but what to do is told");
	identity_free(&head);
	identity_free(&a);
	fixture_close(&f);
}

static void test_resume(void)
{
	struct fixture f;
	struct identity a = disk(4 * GRAIN_SIZE, "mbr=a\n", "serial=1\n");
	struct identity old = disk(4 * GRAIN_SIZE, "mbr=a\n", ""), clone = disk(4 * GRAIN_SIZE, "mbr=a\n", "serial=2\n");
	struct identity changed = disk(4 * GRAIN_SIZE, "mbr=new\n", "serial=1\n");
	struct intake_options opt;
	struct intake *in;
	struct receiver_place place;
	struct machine *m = NULL;

	fixture_root(&f, "web01");
	opt = options(&f);
	in = open_or_die(&opt);
	offer(in, 0, 1, &a, &place);
	fixture_receive(&place, &a, 2);
	intake_close(in, UNRACK_INTERRUPTED);
	machine_open(io_posix(), f.folder, &m, &err);
	is_str(machine_step_state(m, "copy"), "interrupted", "a session that ends early is noted");
	machine_free(m);
	in = open_or_die(&opt);
	ok(offer(in, 0, 1, &old, &place) == 0 && place.number == 0, "it goes on without the serial");
	is_int(access(place.journal, F_OK), 0, "with what was copied");
	intake_close(in, UNRACK_INTERRUPTED);
	in = open_or_die(&opt);
	is_int(offer(in, 0, 1, &clone, &place), UNRACK_UNSAFE, "not with another serial");
	has_str(err.text, "serial is 2, was 1", "which is said");
	intake_close(in, UNRACK_INTERRUPTED);
	close(open(in_folder(&f, "vmware.log"), O_CREAT | O_WRONLY, 0600));
	in = open_or_die(&opt);
	is_int(offer(in, 0, 1, &a, &place), UNRACK_UNSAFE, "not when the virtual machine was started meanwhile");
	intake_close(in, UNRACK_INTERRUPTED);
	unlink(in_folder(&f, "vmware.log"));

	opt.same_disk = true;
	in = open_or_die(&opt);
	ok(offer(in, 0, 1, &clone, &place) == 0 && access(place.journal, F_OK) == 0,
	   "--same-disk takes another serial, and goes on");
	intake_close(in, UNRACK_INTERRUPTED);
	in = open_or_die(&opt);
	is_int(offer(in, 0, 1, &changed, &place), 0, "and other signatures");
	ok(access(place.journal, F_OK) < 0 && access(place.image, F_OK) < 0 && access(place.digests, F_OK) < 0,
	   "but then begins again");
	has_str(said, "disk 0 has changed since its copy began, and is copied again", "and says so");
	fixture_receive(&place, &changed, 4);
	disk_done(in, &place);
	is_int(all_done(in), 0, "to its end");
	intake_close(in, UNRACK_INTERRUPTED);
	opt.same_disk = false;
	is_int(session(&opt, &changed, 1), 0, "after which it is the disk of this folder");
	opt.same_disk = true;
	poke(in_folder(&f, "web01-flat.vmdk"));
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "--same-disk does not write over a changed image");
	has_str(err.text, "changed since unrack wrote it", "the sentence");
	identity_free(&a);
	identity_free(&old);
	identity_free(&clone);
	identity_free(&changed);
	fixture_close(&f);
}

/* The removal of a disk's files, interrupted at each of its steps, is completed. */
static void test_interrupted_restart(void)
{
	static const char *const left[] = { "unrack/disk0.journal", "web01-flat.vmdk", "unrack/disk0.digests" };
	struct identity a = disk(GRAIN_SIZE, "mbr=a\n", "");

	for (size_t gone = 0; gone <= 3; gone++) {
		struct fixture f;
		struct intake_options opt;
		struct machine_disk d;
		struct intake *in;
		struct receiver_place place;

		fixture_open(&f, "web01");
		fixture_disk(&f, 0, GRAIN_SIZE, "mbr=a\n");
		d = *machine_find_disk(f.m, 0);
		d.restart = true;
		machine_put_disk(f.m, &d, &err);
		machine_save(f.m, &err);
		for (size_t i = 0; i < gone; i++)
			unlink(in_folder(&f, left[i]));
		opt = options(&f);
		in = open_or_die(&opt);
		is_int(offer(in, 0, 1, &a, &place), 0, "a removal that ended after %zu files", gone);
		ok(access(place.journal, F_OK) < 0 && access(place.image, F_OK) < 0 &&
			   access(place.digests, F_OK) < 0,
		   "is completed");
		ok(!machine_find_disk(intake_machine(in), 0)->restart, "once");
		intake_close(in, UNRACK_INTERRUPTED);
		fixture_close(&f);
	}
	identity_free(&a);
}

int main(void)
{
	test_first_copy();
	test_again();
	test_interrupted_pass();
	test_live();
	test_stream_format();
	test_states();
	test_streams();
	test_resume();
	test_interrupted_restart();
	return tap_done();
}
