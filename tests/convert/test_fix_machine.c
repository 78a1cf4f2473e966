/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The transaction on a machine folder with two disks: state, digests, and what may follow. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../p2v/convert/fix_parts.h"
#include "../machine/folder_fixture.h"
#include "../support/tap.h"
#include "unrack/proc.h"

#define SIZE (1u << 20)
#define LAST (SIZE + 1024) /* disk 1: with a short grain at its end */

static struct fixture f;
static struct unrack_error err;

static uint64_t size_of(int n)
{
	return n ? LAST : SIZE;
}

static bool image_is(int n, uint8_t pattern)
{
	char *path = machine_path(f.m, MACHINE_IMAGE, n);
	uint8_t *data = malloc(LAST);
	bool same = true;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || pread(fd, data, LAST, 0) != (ssize_t)size_of(n))
		exit(99);
	close(fd);
	for (uint64_t i = 0; i < size_of(n) && same; i++) {
		bool edited = pattern && ((i >= 100000 && i < 200000) || i >= size_of(n) - 512);

		same = data[i] == (edited ? pattern : (uint8_t)fixture_byte(n, i));
	}
	free(data);
	free(path);
	return same;
}

/* Both disks get the pattern in the middle and in their last sector. */
static int fake_edit(void *ctx, const struct fix_job *job, const struct guest_image *overlays, bool dry_run,
		     struct fix_report *report, struct unrack_error *e)
{
	(void)ctx, (void)dry_run;
	report->nothing = image_is(0, 0x55);
	for (unsigned i = 0; !report->nothing && i < job->n; i++) {
		char tail[64];
		const char *const argv[] = { "qemu-io", "-f", "qcow2", "-c", "write -q -P 0x55 100000 100000", "-c",
					     tail, overlays[i].path, NULL };

		snprintf(tail, sizeof tail, "write -q -P 0x55 %llu 512",
			 (unsigned long long)(job->images[i].bytes - 512));
		if (proc_check(argv, NULL, 600, NULL, e) < 0)
			return e->code;
	}
	return 0;
}

static void new_folder(void)
{
	fixture_open(&f, "web01");
	fixture_disk(&f, 0, SIZE, "mbr=1\n");
	fixture_disk(&f, 1, LAST, "mbr=2\n");
	if (machine_set_state(f.m, MACHINE_COPIED, &err) < 0)
		exit(99);
}

/* As another process sees it. */
static void reopen(void)
{
	machine_free(f.m);
	if (machine_open(io_posix(), f.folder, &f.m, &err) < 0) {
		printf("# %s\n", err.text);
		exit(99);
	}
}

static void die_at(void *ctx, const char *step)
{
	(void)step;
	if (--*(int *)ctx == 0)
		_exit(9);
}

static int run(bool undo, bool discard, int *k)
{
	struct fix_report report;
	struct fix_job job;
	int r = fix_job_from_machine(f.m, NULL, &job, &err);

	if (r < 0)
		return r;
	job.edit = fake_edit;
	if (k) {
		job.at_step = die_at;
		job.at_step_ctx = k;
	}
	r = undo ? fix_undo(&job, discard, &report, &err) : fix_run(&job, &report, &err);
	fix_report_free(&report);
	fix_job_free(&job);
	return r;
}

static bool run_and_die(bool undo, int k)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		run(undo, false, &k);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(99);
	reopen();
	return WEXITSTATUS(status) == 9;
}

static bool is_fixed(void)
{
	return image_is(0, 0x55) && image_is(1, 0x55) && machine_get_state(f.m) == MACHINE_FIXED &&
	       machine_image_unchanged(f.m, -1, MACHINE_CHECK_FULL, NULL, &err) == 0;
}

static bool is_copied(void)
{
	return image_is(0, 0) && image_is(1, 0) && machine_get_state(f.m) == MACHINE_COPIED &&
	       machine_image_unchanged(f.m, -1, MACHINE_CHECK_FULL, NULL, &err) == 0;
}

static void test_whole_life(void)
{
	char *image, *fix, *work;

	new_folder();
	is_int(run(false, false, NULL), 0, "both disks are fixed");
	ok(is_fixed(), "the folder is fixed, and its digests, overlaid by diskN.after, hold");
	is_int(machine_image_unchanged(f.m, -1, MACHINE_CHECK_QUICK, NULL, &err), 0, "also by time stamp");
	is_int(run(false, false, NULL), 0, "a second fix");
	ok(is_fixed(), "changes nothing");
	is_int(run(true, false, NULL), 0, "undo");
	ok(is_copied(), "gives back both, and the folder is copied again, its digests holding");
	work = machine_path(f.m, MACHINE_AFTER, 0);
	ok(access(work, F_OK) < 0, "without diskN.after");
	free(work);
	fix = machine_path(f.m, MACHINE_UNDO, 1);
	is_int(run(false, false, NULL), 0, "fixed once more");
	ok(access(fix, F_OK) == 0, "undo data lies where the folder's layout says");
	free(fix);

	image = machine_path(f.m, MACHINE_IMAGE, 1);
	tap_overwrite(image, "ran", 3, 500000);
	is_int(run(true, false, NULL), UNRACK_UNSAFE, "undo after something wrote to the second disk is refused");
	has_str(err.text, "changed since unrack wrote it; it may have run", "with the sentence");
	is_int(machine_get_state(f.m), MACHINE_FIXED, "and the state stays");
	is_int(run(true, true, NULL), 0, "unless changes are discarded");
	ok(image_is(0, 0) && machine_get_state(f.m) == MACHINE_COPIED, "then it is undone");
	free(image);
	fixture_close(&f);
}

static void test_refused(void)
{
	new_folder();
	machine_set_state(f.m, MACHINE_LIVE, &err);
	is_int(run(false, false, NULL), UNRACK_UNSAFE, "a copy of a source in use is not fixed");
	has_str(err.text, "source in use", "with the reason");
	machine_set_state(f.m, MACHINE_COPYING, &err);
	is_int(run(false, false, NULL), UNRACK_UNSAFE, "nor one that is not complete");
	has_str(err.text, "not completely copied", "with the reason");
	ok(image_is(0, 0) && image_is(1, 0), "nothing is touched");
	fixture_close(&f);
}

static void test_killed(void)
{
	unsigned bad = 0, bad_undo = 0, bad_other = 0;
	int k = 1;

	for (;; k += tap_all() ? 1 : 5) {
		new_folder();
		if (!run_and_die(false, k))
			break;
		/* Every second time undo comes instead of the same command. */
		if (k % 2 == 0) {
			if (run(true, false, NULL) < 0 || !is_copied())
				bad_other++;
		} else if (run(false, false, NULL) < 0 || !is_fixed()) {
			bad++;
		}
		fixture_close(&f);
	}
	fixture_close(&f);
	ok(k > 10, "a fix of two disks has %d steps", k - 1);
	is_int(bad, 0, "killed behind any of them, the same command completes it");
	is_int(bad_other, 0, "or undo gives back the originals");
	for (k = 1;; k += tap_all() ? 1 : 2) {
		new_folder();
		run(false, false, NULL);
		if (!run_and_die(true, k))
			break;
		if (run(true, false, NULL) < 0 || !is_copied())
			bad_undo++;
		fixture_close(&f);
	}
	fixture_close(&f);
	is_int(bad_undo, 0, "an undo killed behind any of its steps is completed by the same command");
}

int main(void)
{
	char *qemu = NULL;

	if (proc_find("qemu-io", "", &qemu, &err) < 0)
		skip_all("qemu-io is not installed");
	free(qemu);
	test_whole_life();
	test_refused();
	test_killed();
	return tap_done();
}
