/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/wait.h>

#include "../support/tap.h"
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

int main(void)
{
	test_first_copy();
	test_again();
	test_states();
	test_other_machine();
	test_equal_disks();
	test_resume();
	test_interrupted_restart();
	test_refused_folders();
	test_lost_lock();
	return tap_done();
}
