/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "folder_fixture.h"
#include "unrack/lock.h"

static struct unrack_error err;
static char said[4096];

static void on_message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	if (level != LOG_DEBUG)
		snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", text);
}

static const struct log_ops log_functions = { .message = on_message };
static const struct log recorder = { &log_functions, NULL, NULL };

static struct identity disk(uint64_t bytes, const char *strict, const char *advisory)
{
	struct identity id;

	if (identity_init(&id, bytes, strict, advisory, &err) < 0)
		fixture_die(err.text);
	return id;
}

static struct intake_options options(const struct fixture *f)
{
	said[0] = '\0';
	return (struct intake_options){ .io = io_posix(), .log = &recorder, .folder = f->folder };
}

/* Offers disk I of N; *place is its place. */
static int offer(struct intake *in, unsigned i, unsigned n, const struct identity *id,
		 struct receiver_place *place)
{
	const struct receiver_host *h = intake_host(in);
	struct receiver_offer o = { .disk = i, .disks = n, .machine = "", .id = *id };

	return h->place(h->ctx, &o, place, &err);
}

static int disk_done(struct intake *in, const struct receiver_place *place)
{
	const struct receiver_host *h = intake_host(in);

	return h->disk_done(h->ctx, place, NULL, &err);
}

static int all_done(struct intake *in)
{
	const struct receiver_host *h = intake_host(in);

	return h->all_done(h->ctx, &err);
}

static struct intake *open_or_die(const struct intake_options *opt)
{
	struct intake *in = NULL;

	if (intake_open(opt, &in, &err) < 0)
		fixture_die(err.text);
	return in;
}

/* A session that offers the N disks IDS and receives all of those that are not complete.
 * Returns what the first failing call did. */
static int session(const struct intake_options *opt, const struct identity *ids, unsigned n)
{
	struct intake *in = NULL;
	int r = intake_open(opt, &in, &err);

	for (unsigned i = 0; r == 0 && i < n; i++) {
		struct receiver_place place;

		r = offer(in, i, n, &ids[i], &place);
		if (r == 0 && access(place.journal, F_OK) < 0) {
			fixture_receive(&place, &ids[i], grain_count(ids[i].bytes));
			r = disk_done(in, &place);
		}
	}
	if (r == 0)
		r = all_done(in);
	intake_close(in, r);
	return r;
}

static enum machine_state state_of(const struct fixture *f)
{
	struct machine *m = NULL;
	enum machine_state s;

	if (machine_open(io_posix(), f->folder, &m, &err) < 0)
		fixture_die(err.text);
	s = machine_get_state(m);
	machine_free(m);
	return s;
}

static void set_state(const struct fixture *f, enum machine_state s)
{
	struct machine *m = NULL;

	if (machine_open(io_posix(), f->folder, &m, &err) < 0)
		fixture_die(err.text);
	if (s == MACHINE_FIXED || s == MACHINE_UNDOING)
		machine_set_state(m, MACHINE_FIXING, &err);
	if (machine_set_state(m, s, &err) < 0)
		fixture_die(err.text);
	machine_free(m);
}

static char *in_folder(const struct fixture *f, const char *name)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/%s", f->folder, name);
	return path;
}

static void poke(const char *path)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || pwrite(fd, "Z", 1, 100) != 1)
		fixture_die("poke");
	close(fd);
}

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
	struct intake_options opt;
	struct stat before, after;

	fixture_root(&f, "web01");
	opt = options(&f);
	is_int(session(&opt, ids, 2), 0, "two disks are copied");
	stat(in_folder(&f, "unrack/manifest.json"), &before);
	is_int(session(&opt, swapped, 2), 0, "the same again, in another order: nothing to do");
	stat(in_folder(&f, "unrack/manifest.json"), &after);
	is_int(after.st_ino, before.st_ino, "the manifest was not touched");
	is_int(session(&opt, &ids[1], 1), 0, "one of them: nothing to do either");
	set_state(&f, MACHINE_FIXED);
	is_int(session(&opt, ids, 2), 0, "after a fix that changed nothing: nothing to do");
	is_int(state_of(&f), MACHINE_FIXED, "and it stays fixed");
	poke(in_folder(&f, "web01-flat.vmdk"));
	is_int(session(&opt, ids, 2), UNRACK_UNSAFE, "when the image has changed since");
	has_str(err.text, "web01-flat.vmdk changed since unrack wrote it; it may have run; choose another folder, or "
			  "write over it with --discard-changes", "the sentence");
	close(open(in_folder(&f, "web01.nvram"), O_CREAT | O_WRONLY, 0600));
	is_int(session(&opt, ids, 2), UNRACK_UNSAFE, "or traces are there");
	has_str(err.text, "web01.nvram shows that the virtual machine may have run", "the sentence");
	unlink(in_folder(&f, "web01.nvram"));

	stat(in_folder(&f, "web01_1-flat.vmdk"), &before);
	mkdir(in_folder(&f, "unrack/fix"), 0755);
	close(open(in_folder(&f, "unrack/fix/state"), O_CREAT | O_WRONLY, 0600));
	close(open(in_folder(&f, "unrack/fix/undo-disk0.2"), O_CREAT | O_WRONLY, 0600));
	opt = options(&f);
	opt.discard_changes = true;
	is_int(session(&opt, ids, 2), 0, "--discard-changes copies anew");
	has_str(said, "web01-flat.vmdk changed since unrack wrote it", "and says why");
	stat(in_folder(&f, "web01_1-flat.vmdk"), &after);
	ok(after.st_mtim.tv_sec != before.st_mtim.tv_sec || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec,
	   "both disks, since they were fixed together");
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

static void test_refused_folders(void)
{
	struct fixture f;
	struct intake_options opt;
	struct intake *in = NULL;
	struct lock *l = NULL;
	char path[512];

	fixture_root(&f, "web01");
	opt = options(&f);
	mkdir(f.folder, 0755);
	close(open(in_folder(&f, "web01.vmx"), O_CREAT | O_WRONLY, 0600));
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "a folder with files of others");
	has_str(err.text, "has files that unrack did not write, such as web01.vmx; choose another folder",
		"the sentence");
	is_int(access(in_folder(&f, "unrack"), F_OK), -1, "nothing was made in it");
	unlink(in_folder(&f, "web01.vmx"));
	in = open_or_die(&opt);
	ok(in != NULL, "an empty folder is fine");
	intake_close(in, UNRACK_INTERRUPTED);
	in = open_or_die(&opt);
	ok(in != NULL, "one that was begun too");
	intake_close(in, UNRACK_INTERRUPTED);

	snprintf(path, sizeof path, "%s/unrack", f.folder);
	lock_take(path, NULL, &l, &err);
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "one that another works on");
	has_str(err.text, "is in use by another unrack", "the sentence");
	lock_release(l);
	io_replace_file(io_posix(), in_folder(&f, "unrack/manifest.json"), "{}", 2, 0600, &err);
	is_int(intake_open(&opt, &in, &err), UNRACK_DAMAGED, "one with a damaged manifest");
	snprintf(path, sizeof path, "%s/none/web01", f.root);
	opt.folder = path;
	is_int(intake_open(&opt, &in, &err), UNRACK_USAGE, "one whose parent is missing");
	snprintf(path, sizeof path, "%s/a b", f.root);
	is_int(intake_open(&opt, &in, &err), UNRACK_USAGE, "one with a bad name");
	fixture_close(&f);
}

/* Another one took the lock over: nothing more may be said to be durable. */
static void test_lost_lock(void)
{
	struct fixture f;
	struct identity a = disk(900, "mbr=a\n", "");
	struct intake_options opt;
	struct intake *in;
	struct receiver_place place;
	char command[600];

	fixture_root(&f, "web01");
	opt = options(&f);
	in = open_or_die(&opt);
	offer(in, 0, 1, &a, &place);
	snprintf(command, sizeof command, "rm -f %s/unrack/lock*", f.folder);
	is_int(system(command), 0, "the lock's files vanish");
	is_int(intake_host(in)->check_owner(intake_host(in)->ctx, &err), UNRACK_UNSAFE, "the owner notices");
	is_int(offer(in, 0, 1, &a, &place), UNRACK_UNSAFE, "no disk is placed");
	is_int(all_done(in), UNRACK_UNSAFE, "nothing is done");
	intake_close(in, UNRACK_INTERRUPTED);
	identity_free(&a);
	fixture_close(&f);
}

/* --- Receive-only ----------------------------------------------------------------------- */

/* The current folder is F's root, and what is returned can't leave it. */
static struct io *gate_open(struct fixture *f)
{
	struct io *io = NULL;

	fixture_root(f, "web01");
	if (chdir(f->root) < 0 || io_open_beneath(".", &io, &err) < 0)
		fixture_die(err.text);
	return io;
}

static struct intake_options gate_options(const struct io *io)
{
	said[0] = '\0';
	return (struct intake_options){ .io = io, .log = &recorder, .folder = "web01", .receive_only = true };
}

static char snapshot_text[4096];

static int snapshot_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t n = strlen(snapshot_text);

	(void)type;
	(void)ftw;
	snprintf(snapshot_text + n, sizeof snapshot_text - n, "%s %lu %ld.%ld\n", path, (unsigned long)st->st_ino,
		 (long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
	return 0;
}

/* All files and folders there, and when each of them was changed last. */
static const char *snapshot(const char *folder)
{
	snapshot_text[0] = '\0';
	nftw(folder, snapshot_one, 16, FTW_PHYS);
	return snapshot_text;
}

static void test_receive_only(void)
{
	struct identity a = disk(4 * GRAIN_SIZE, "1.ext3=aa\nmbr=a\n", "serial=sekret\n");
	struct identity other = disk(4 * GRAIN_SIZE, "1.ext3=bb\nmbr=b\n", "");
	struct identity clone = disk(4 * GRAIN_SIZE, "1.ext3=aa\nmbr=a\n", "serial=2\n");
	struct identity more[2] = { a, disk(900, "mbr=c\n", "") };
	struct intake_options opt;
	struct receiver_place place;
	struct fixture f;
	struct intake *in = NULL;
	struct io *io = gate_open(&f);
	struct lock *l = NULL;
	char before[sizeof snapshot_text];

	opt = gate_options(io);
	in = open_or_die(&opt);
	is_int(offer(in, 0, 1, &a, &place), 0, "a machine folder is made");
	ok(!place.finished, "and may be written");
	is_str(place.image, "web01/web01-flat.vmdk", "beneath the root");
	fixture_receive(&place, &a, 2);
	intake_close(in, UNRACK_INTERRUPTED);
	is_int(session(&opt, &other, 1), UNRACK_UNSAFE, "another disk is not taken for it");
	is_str(err.text, "web01 holds another machine, or disks that can't be told apart; choose another folder, or say "
			 "which disk is which with --disk N=SOURCE", "and what is there is not told");
	is_int(session(&opt, &clone, 1), UNRACK_UNSAFE, "nor a clone");
	ok(!strstr(err.text, "sekret") && !strstr(err.text, "serial"), "nothing is told about that either");
	in = open_or_die(&opt);
	is_int(offer(in, 0, 1, &a, &place), 0, "the same disk continues");
	unlink(place.journal);
	fixture_receive(&place, &a, 4);
	is_int(disk_done(in, &place), 0, "to its end");
	is_int(offer(in, 1, 2, &more[1], &place), 0, "with another disk of the same session");
	fixture_receive(&place, &more[1], 1);
	disk_done(in, &place);
	is_int(all_done(in), 0, "all are done");
	intake_close(in, 0);
	is_int(state_of(&f), MACHINE_COPIED, "the machine is complete");

	strcpy(before, snapshot("web01"));
	is_int(session(&opt, &a, 1), 0, "the same disk again: nothing to do");
	is_int(session(&opt, more, 2), 0, "both as well");
	in = open_or_die(&opt);
	ok(offer(in, 0, 1, &a, &place) == 0 && place.finished, "its place must not be written");
	is_int(offer(in, 1, 2, &a, &place), UNRACK_UNSAFE, "nor is one disk two");
	intake_close(in, UNRACK_INTERRUPTED);
	is_int(session(&opt, &other, 1), UNRACK_UNSAFE, "another disk");
	has_str(err.text, "web01 holds another machine", "is refused");
	identity_free(&more[1]);
	more[1] = disk(1800, "mbr=d\n", "");
	is_int(session(&opt, more, 2), UNRACK_UNSAFE, "so is one disk more");
	opt.session = more;
	opt.n_session = 2;
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "also when it is known beforehand");
	opt = gate_options(io);
	opt.numbers = (const int[]){ 7 };
	opt.n_numbers = 1;
	is_int(session(&opt, &other, 1), UNRACK_UNSAFE, "or has a number of its own");
	has_str(err.text, "web01 is complete, and nothing more is copied into it; choose another folder",
		"the sentence");
	opt = gate_options(io);
	opt.same_disk = true;
	is_int(session(&opt, &other, 1), UNRACK_UNSAFE, "--same-disk is refused");
	has_str(err.text, "--same-disk is not for senders here; ask whoever looks after the folder web01",
		"the sentence");
	opt.same_disk = false;
	opt.discard_changes = true;
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "so is --discard-changes");
	has_str(err.text, "--discard-changes is not", "the sentence");
	opt = gate_options(io);
	poke("web01/web01-flat.vmdk");
	close(open("web01/web01.nvram", O_CREAT | O_WRONLY, 0600));
	strcpy(before, snapshot("web01"));
	is_int(session(&opt, &a, 1), 0, "a machine that has run since is complete all the same");
	lock_take("web01/unrack", NULL, &l, &err);
	is_int(session(&opt, &a, 1), 0, "also while somebody works on it");
	lock_release(l);
	unlink("web01/web01.nvram");
	set_state(&f, MACHINE_FIXED);
	is_int(session(&opt, &a, 1), 0, "or when it was fixed");
	is_int(session(&opt, &other, 1), UNRACK_UNSAFE, "and takes nothing then");
	set_state(&f, MACHINE_FIXING);
	strcpy(before, snapshot("web01"));
	is_int(session(&opt, &a, 1), 0, "or is being fixed");
	is_str(snapshot("web01"), before, "none of which changes a single file");
	unlink("web01/unrack/disk0.journal");
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "without its journal nothing is complete");
	is_int(access("web01/unrack/disk0.journal", F_OK), -1, "and nothing is begun");
	identity_free(&a);
	identity_free(&other);
	identity_free(&clone);
	identity_free(&more[1]);
	fixture_close(&f);
	io_close_beneath(io);
}

/* What a receive-only sender gets to know of folders that it must not touch. */
static void test_receive_only_tells_nothing(void)
{
	struct identity ids[2] = { disk(GRAIN_SIZE, "mbr=a\n", ""), disk(GRAIN_SIZE, "mbr=b\n", "") };
	struct intake_options opt;
	struct receiver_place place;
	struct fixture f;
	struct intake *in = NULL;
	struct io *io = gate_open(&f);
	struct lock *l = NULL;

	opt = gate_options(io);
	mkdir("web01", 0700);
	close(open("web01/sekret", O_CREAT | O_WRONLY, 0600));
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "a folder with files of others");
	is_str(err.text, "web01 has files that unrack did not write; choose another folder", "does not say which");
	is_int(access("web01/unrack", F_OK), -1, "nothing is made in it");
	unlink("web01/sekret");
	in = open_or_die(&opt);
	intake_close(in, UNRACK_INTERRUPTED);
	lock_take("web01/unrack", NULL, &l, &err);
	opt.wait_ms = 20;
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "one that another works on");
	is_str(err.text, "web01 is in use by another session; wait until it ends, and run the same command again",
	       "does not say who");
	lock_release(l);
	io_replace_file(io, "web01/unrack/manifest.json", "{\"sekret\"}", 10, 0600, &err);
	is_int(intake_open(&opt, &in, &err), UNRACK_DAMAGED, "one with a damaged manifest");
	is_str(err.text, "web01 can't be continued: its manifest can't be used; choose another folder, or have somebody "
			 "look at it there", "does not say what is in it");
	unlink("web01/unrack/manifest.json");

	/* Under way, and what is complete of it was changed. */
	in = open_or_die(&opt);
	offer(in, 0, 2, &ids[0], &place);
	fixture_receive(&place, &ids[0], 1);
	disk_done(in, &place);
	offer(in, 1, 2, &ids[1], &place);
	intake_close(in, UNRACK_INTERRUPTED);
	poke("web01/web01-flat.vmdk");
	is_int(session(&opt, ids, 2), UNRACK_UNSAFE, "an image that something else changed");
	is_str(err.text, "web01 was used by something else since; choose another folder",
	       "is not written over, and how it is known is not told");
	ok(!strstr(err.text, "--discard-changes"), "and what would do that is not proposed");
	is_int(session(&opt, ids, 1), UNRACK_UNSAFE, "not even looked at for less");
	identity_free(&ids[0]);
	identity_free(&ids[1]);
	fixture_close(&f);
	io_close_beneath(io);
}

/* A sender who is trusted with nothing, where somebody else's stream ended. */
static void test_receive_only_streams(void)
{
	struct identity head = disk(4 * GRAIN_SIZE, "mbr=a\nstream=head\n", "");
	struct identity a = disk(4 * GRAIN_SIZE, "mbr=a\n", "");
	struct intake_options opt, stream;
	struct receiver_place place;
	struct fixture f;
	struct io *io = gate_open(&f);
	struct intake *in;
	char before[sizeof snapshot_text];

	opt = stream = gate_options(io);
	stream.receive_only = false;
	stream.stream = true;
	in = open_or_die(&stream);
	offer(in, 0, 1, &head, &place);
	fixture_receive(&place, &head, 2);
	intake_close(in, UNRACK_INTERRUPTED);
	is_int(session(&opt, &head, 1), UNRACK_DAMAGED, "it has no stream");
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "and does not go on with one");
	is_str(err.text, "web01 holds a copy that came as a stream, and is not continued like this; choose another folder",
	       "the sentence");
	in = open_or_die(&stream);
	offer(in, 0, 1, &head, &place);
	unlink(place.journal);
	fixture_receive(&place, &head, 4);
	disk_done(in, &place);
	all_done(in);
	intake_close(in, 0);
	strcpy(before, snapshot("web01"));
	is_int(session(&opt, &a, 1), UNRACK_UNSAFE, "a complete one is not its either");
	is_str(err.text, "web01 is complete, and nothing more is copied into it; choose another folder", "the sentence");
	is_str(snapshot("web01"), before, "and not a bit has changed");
	identity_free(&head);
	identity_free(&a);
	fixture_close(&f);
	io_close_beneath(io);
}

static void test_receive_only_names(void)
{
	static const char *const bad[] = { "", "/tmp/web02", "..", "../web02", "web01/../../x", "unrack", ".hidden",
					   "web01/sub", "a b", "out/web02", "link", "dangling" };
	struct intake_options opt;
	struct fixture f;
	struct intake *in = NULL;
	struct io *io = gate_open(&f);

	opt = gate_options(io);
	in = open_or_die(&opt);
	intake_close(in, UNRACK_INTERRUPTED);
	mkdir("plain", 0700);
	if (symlink("/tmp", "out") < 0 || symlink("plain", "link") < 0 || symlink("/tmp/nowhere", "dangling") < 0)
		fixture_die("symlink");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		opt.folder = bad[i];
		is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "the folder \"%s\" is refused", bad[i]);
	}
	opt.folder = "none/web02";
	is_int(intake_open(&opt, &in, &err), UNRACK_USAGE, "one whose parent is missing");
	opt.folder = "plain/web02";
	in = open_or_die(&opt);
	ok(access("plain/web02/unrack", F_OK) == 0, "one in a plain folder is made");
	intake_close(in, UNRACK_INTERRUPTED);

	/* Links where unrack's own files are. */
	mkdir("web03", 0700);
	mkdir("elsewhere", 0700);
	if (symlink("../elsewhere", "web03/unrack") < 0)
		fixture_die("symlink");
	opt.folder = "web03";
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "unrack/ as a link");
	has_str(err.text, "a symbolic link is in the way", "the sentence");
	ok(rmdir("elsewhere") == 0, "nothing was made behind it");
	mkdir("web04", 0700);
	mkdir("web04/unrack", 0700);
	if (symlink("/tmp/nowhere", "web04/unrack/manifest.json") < 0)
		fixture_die("symlink");
	opt.folder = "web04";
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "the manifest as a link");
	unlink("web04/unrack/manifest.json");
	mkfifo("web04/unrack/manifest.json", 0600);
	is_int(intake_open(&opt, &in, &err), UNRACK_UNSAFE, "or as a pipe");
	fixture_close(&f);
	io_close_beneath(io);
}

struct waiting {
	const struct intake_options *opt;
	struct intake *in;
	int result;
	struct unrack_error err;
};

/* It looks for locks: so it has seen a machine that is not complete. */
static atomic_bool looks;

static int on_call(void *ctx, enum twin_op op, const char *path)
{
	(void)ctx;
	if (op == TWIN_OPEN && !strcmp(path, "web01/unrack"))
		looks = true;
	return 0;
}

static void *open_waiting(void *arg)
{
	struct waiting *w = arg;

	w->result = intake_open(w->opt, &w->in, &w->err);
	return NULL;
}

/* The session that was waited for completes the machine. */
static void test_completed_meanwhile(void)
{
	struct identity a = disk(GRAIN_SIZE, "mbr=a\n", "");
	struct intake_options opt;
	struct receiver_place place;
	struct waiting w = { .opt = &opt };
	struct fixture f;
	struct io *io = gate_open(&f);
	struct twin_io *twin = twin_io_new(io);
	struct intake *in;
	pthread_t thread;

	opt = gate_options(io);
	in = open_or_die(&opt);
	offer(in, 0, 1, &a, &place);
	opt.io = twin_io(twin);
	opt.wait_ms = 300;
	twin_io_hook(twin, on_call, NULL);
	pthread_create(&thread, NULL, open_waiting, &w);
	for (int i = 0; i < 5000 && !looks; i++)
		usleep(1000);
	fixture_receive(&place, &a, 1);
	disk_done(in, &place);
	is_int(all_done(in), 0, "a session completes the machine");
	intake_close(in, 0);
	pthread_join(thread, NULL);
	is_int(w.result, 0, "while another one waits");
	ok(!strstr(said, "waiting"), "and tells nobody for whom");
	ok(w.result == 0 && offer(w.in, 0, 1, &a, &place) == 0 && place.finished, "which then must not write");
	is_int(access("web01/unrack/lock", F_OK), -1, "and holds no lock");
	if (w.result == 0)
		intake_close(w.in, 0);
	twin_io_free(twin);
	identity_free(&a);
	fixture_close(&f);
	io_close_beneath(io);
}

int main(void)
{
	struct io *io = NULL;

	test_first_copy();
	test_again();
	test_states();
	test_other_machine();
	test_equal_disks();
	test_announced();
	test_streams();
	test_resume();
	test_interrupted_restart();
	test_refused_folders();
	test_lost_lock();
	if (io_open_beneath(".", &io, &err) < 0) {
		printf("# without receive-only: %s\n", err.text);
		return tap_done();
	}
	io_close_beneath(io);
	test_receive_only();
	test_receive_only_tells_nothing();
	test_receive_only_names();
	test_receive_only_streams();
	test_completed_meanwhile();
	return tap_done();
}
