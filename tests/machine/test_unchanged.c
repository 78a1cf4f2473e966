/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/tap.h"
#include "folder_fixture.h"
#include "unrack/digest_table.h"

static struct unrack_error err;

static void expect(struct fixture *f, int n, enum machine_check how, int code, const char *sentence,
		   const char *what)
{
	err.text[0] = '\0';
	is_int(machine_image_unchanged(f->m, n, how, NULL, &err), code, "%s", what);
	if (code < 0)
		has_str(err.text, sentence, "%s: the sentence", what);
}

/* Overwrites one byte, and puts the time stamp back when asked. */
static void poke(const char *path, off_t at, char byte, bool hide)
{
	struct timespec t[2];
	struct stat st;

	if (stat(path, &st) < 0)
		exit(1);
	tap_overwrite(path, &byte, 1, at);
	if (hide) {
		t[0] = st.st_atim;
		t[1] = st.st_mtim;
		utimensat(AT_FDCWD, path, t, 0);
	}
}

static void test_image(void)
{
	struct fixture f;
	char *image;

	fixture_open(&f, "web01");
	fixture_disk(&f, 0, 3 * GRAIN_SIZE + 700, "mbr=1\n");
	fixture_disk(&f, 1, GRAIN_SIZE, "mbr=2\n");
	image = machine_path(f.m, MACHINE_IMAGE, 0);
	expect(&f, -1, MACHINE_CHECK_QUICK, 0, "", "both images, quickly");
	expect(&f, -1, MACHINE_CHECK_FULL, 0, "", "both images, fully");
	poke(image, 5, 9, true);
	expect(&f, 0, MACHINE_CHECK_QUICK, 0, "", "a change with the old time stamp deceives the quick check");
	expect(&f, 0, MACHINE_CHECK_FULL, UNRACK_UNSAFE,
	       "web01-flat.vmdk changed since unrack wrote it; it may have run", "and not the full one");
	expect(&f, 1, MACHINE_CHECK_FULL, 0, "", "the other disk is as it was");
	poke(image, 5, fixture_byte(0, 5), false);
	expect(&f, 0, MACHINE_CHECK_QUICK, 0, "", "a new time stamp alone: the digests decide");
	poke(image, 5, 9, false);
	expect(&f, -1, MACHINE_CHECK_QUICK, UNRACK_UNSAFE, "changed since unrack wrote it", "both");
	poke(image, 5, fixture_byte(0, 5), false);
	if (truncate(image, 4 * GRAIN_SIZE) < 0)
		exit(1);
	expect(&f, 0, MACHINE_CHECK_QUICK, UNRACK_UNSAFE, "changed since", "another size");
	machine_set_state(f.m, MACHINE_COPIED, &err);
	is_int(machine_check_files(f.m, &err), 0, "all files are there");
	unlink(image);
	expect(&f, 0, MACHINE_CHECK_QUICK, UNRACK_UNSAFE,
	       "web01-flat.vmdk is missing, though its copy was complete", "no image");
	is_int(machine_check_files(f.m, &err), UNRACK_UNSAFE, "one is not");
	has_str(err.text, "web01-flat.vmdk is missing, though its copy was complete; put it back", "the sentence");
	machine_set_state(f.m, MACHINE_COPYING, &err);
	is_int(machine_check_files(f.m, &err), 0, "of a machine that is being copied");
	free(image);
	fixture_close(&f);
}

/* What unrack itself replaced is known from diskN.after. */
static void test_after(void)
{
	struct fixture f;
	struct digest_after_entry after = { .grain = 2 };
	struct digest_key key;
	uint8_t seed[DIGEST_SEED_SIZE], grain[GRAIN_SIZE];
	char *image, *path, *fix;

	fixture_open(&f, "web01");
	fixture_disk(&f, 0, 3 * GRAIN_SIZE, "mbr=1\n");
	image = machine_path(f.m, MACHINE_IMAGE, 0);
	path = machine_path(f.m, MACHINE_AFTER, 0);
	fix = machine_path(f.m, MACHINE_FIX, 0);
	io_mkdir(io_posix(), fix, &err);
	poke(image, 2 * GRAIN_SIZE, 77, false);
	memset(seed, FIXTURE_SEED, sizeof seed);
	digest_key_init(&key, seed);
	for (size_t i = 0; i < sizeof grain; i++)
		grain[i] = (uint8_t)fixture_byte(0, 2 * GRAIN_SIZE + i);
	grain[0] = 77;
	digest_grain(&key, grain, GRAIN_SIZE, GRAIN_SIZE, &after.digest);
	expect(&f, 0, MACHINE_CHECK_FULL, UNRACK_UNSAFE, "changed since", "a grain is replaced");
	digest_after_write(io_posix(), path, &after, 1, &err);
	expect(&f, 0, MACHINE_CHECK_FULL, 0, "", "and listed as replaced by unrack");
	is_int(machine_stamp_image(f.m, 0, &err), 0, "with a new stamp");
	poke(image, 2 * GRAIN_SIZE + 1, 78, true);
	expect(&f, 0, MACHINE_CHECK_QUICK, 0, "", "the quick check takes that");
	expect(&f, 0, MACHINE_CHECK_FULL, UNRACK_UNSAFE, "changed since", "the full one sees another write");
	unlink(path);
	rmdir(fix);
	free(image);
	free(path);
	free(fix);
	fixture_close(&f);
}

static void test_traces(void)
{
	static const char *const traces[] = { "web01.nvram", "vmware.log", "vmware-3.log", "web01.vswp",
					      "web01-1a2b.vswp", "web01-000001.vmdk", "web01-000001-delta.vmdk",
					      "web01-Snapshot1.vmsn", "web01.vmss", ".lck-3b1c000000000000",
					      "web01.vmdk.lck", "web01-ctk.vmdk", "web01-000002-sesparse.vmdk" };
	static const char *const harmless[] = { "web01.vmx", "web01.vmsd", "web01_1.vmdk", "notes-000001.txt",
						"web01-00001.vmdk", "web01-0000001.vmdk", "log", "web01.ovf" };
	struct fixture f;
	char path[256];

	fixture_open(&f, "web01");
	fixture_disk(&f, 0, 1000, "mbr=1\n");
	for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
		snprintf(path, sizeof path, "%s/%s", machine_folder(f.m), traces[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
		expect(&f, 0, MACHINE_CHECK_QUICK, UNRACK_UNSAFE,
		       "shows that the virtual machine may have run since unrack wrote its images", traces[i]);
		has_str(err.text, traces[i], "%s is named", traces[i]);
		unlink(path);
	}
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
		snprintf(path, sizeof path, "%s/%s", machine_folder(f.m), harmless[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	expect(&f, 0, MACHINE_CHECK_QUICK, 0, "", "other files mean nothing");
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
		snprintf(path, sizeof path, "%s/%s", machine_folder(f.m), harmless[i]);
		unlink(path);
	}
	fixture_close(&f);
}

/* A machine may be called like a snapshot, or like its parts. */
static void test_own_name(void)
{
	static const char *const names[] = { "web01-000001", "web01-delta", "web01-ctk", "web01-sesparse" };
	struct fixture f;
	char path[256];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		fixture_open(&f, names[i]);
		fixture_disk(&f, 0, 1000, "mbr=1\n");
		snprintf(path, sizeof path, "%s/%s.vmdk", machine_folder(f.m), names[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
		expect(&f, 0, MACHINE_CHECK_QUICK, 0, "", names[i]);
		snprintf(path, sizeof path, "%s/%s-000001.vmdk", machine_folder(f.m), names[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
		expect(&f, 0, MACHINE_CHECK_QUICK, UNRACK_UNSAFE, "may have run", "but a snapshot of it is one");
		fixture_close(&f);
	}
}

static void test_incomplete(void)
{
	struct fixture f;
	char *journal;

	fixture_open(&f, "web01");
	fixture_partial(&f, 0, 4 * GRAIN_SIZE, "mbr=1\n", 2);
	expect(&f, -1, MACHINE_CHECK_QUICK, UNRACK_UNSAFE,
	       "the copy of disk 0 in ", "a copy that is not complete");
	has_str(err.text, "is not complete; continue it first", "what to do");
	journal = machine_path(f.m, MACHINE_JOURNAL, 0);
	poke(journal, 3, 'x', false);
	expect(&f, 0, MACHINE_CHECK_QUICK, UNRACK_DAMAGED, "is not a journal", "a damaged journal");
	unlink(journal);
	expect(&f, 0, MACHINE_CHECK_QUICK, UNRACK_IO, "disk0.journal", "no journal");
	free(journal);
	fixture_close(&f);
}

/* Somebody else's change, made by way of a second look at the same folder. */
static void still(struct fixture *f, int code, const char *what)
{
	is_int(machine_check_still(f->m, &err), code, "%s", what);
}

static void note(struct machine *m, bool due, uint64_t mtime)
{
	struct machine_disk d = *machine_disk(m, 0);

	d.due = due;
	d.image_mtime_ns = mtime;
	if (machine_put_disk(m, &d, &err) < 0 || machine_save(m, &err) < 0)
		fixture_die(err.text);
}

static void test_still(void)
{
	struct machine *other;
	struct fixture f;

	fixture_open(&f, "web01");
	fixture_disk(&f, 0, 3 * GRAIN_SIZE, "mbr=1\n");
	if (machine_set_state(f.m, MACHINE_COPIED, &err) < 0 || machine_open(io_posix(), f.folder, &other, &err) < 0)
		fixture_die(err.text);
	still(&f, 0, "nobody has changed the folder");
	is_int(machine_step(other, "vm", "done", &err), 0, "(a step that leaves the images alone)");
	still(&f, 0, "nor an image");
	note(other, true, 0);
	still(&f, UNRACK_UNSAFE, "a pass has begun");
	has_str(err.text, "another unrack has begun to change ", "the sentence");
	has_str(err.text, "web01 since this one looked at it; run the same command again when that has ended", "what to do");
	note(other, false, 12345);
	still(&f, UNRACK_UNSAFE, "and has ended");
	note(other, false, 0);
	still(&f, 0, "it has written nothing");
	is_int(machine_set_state(other, MACHINE_FIXING, &err), 0, "(a repair)");
	still(&f, UNRACK_UNSAFE, "a repair has begun");
	machine_free(other);
	fixture_close(&f);
}

/* A pass that was due already when the folder was looked at, and has not changed the image yet. */
static void test_still_due(void)
{
	struct journal_point point;
	struct journal_info info;
	struct journal *j;
	struct fixture f;
	char *path;

	fixture_open(&f, "web01");
	fixture_disk(&f, 0, 3 * GRAIN_SIZE, "mbr=1\n");
	note(f.m, true, 0);
	still(&f, 0, "a pass is due");
	path = machine_path(f.m, MACHINE_JOURNAL, 0);
	if (journal_read(io_posix(), path, &info, &point, &err) < 0 || journal_open(io_posix(), path, &j, &err) < 0)
		fixture_die(err.text);
	point = (struct journal_point){ .pass = point.pass + 1, .image_length = point.image_length };
	is_int(journal_append(j, &point, &err), 0, "(it begins)");
	still(&f, UNRACK_UNSAFE, "and has begun");
	journal_close(j);
	journal_info_free(&info);
	free(path);
	fixture_close(&f);
}

int main(void)
{
	test_image();
	test_after();
	test_traces();
	test_still();
	test_still_due();
	test_own_name();
	test_incomplete();
	return tap_done();
}
