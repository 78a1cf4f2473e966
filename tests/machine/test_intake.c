/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder: what is refused, and what a receive-only sender may do. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "../support/twins.h"
#include "intake_fixture.h"
#include "unrack/lock.h"

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
	opt.wait_ms = 300000;
	twin_io_hook(twin, on_call, NULL);
	pthread_create(&thread, NULL, open_waiting, &w);
	for (int i = 0; i < 120000 && !looks; i++)
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
