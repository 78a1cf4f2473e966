/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fixes and undos that are killed behind each step, whose storage fails, or whose files are damaged. See fix_rig.h. */
#include "fix_rig.h"

/* kill -9 behind every step (or some), then the same command again. */
static void test_killed_fix(void)
{
	unsigned bad = 0, bad_undo = 0, bad_report = 0;
	int k = 1;

	for (;; k += tap_all() ? 1 : 3) {
		struct fix_report report;

		new_image();
		if (!run_and_die("6.7", false, k))
			break;
		if (run("6.7", &report) < 0 || !image_is_for("6.7", NULL) || in_work("overlay-disk0"))
			bad++;
		/* Whoever completes it can say what it was. */
		if (!report.nothing && (strcmp(buf_str(&report.text), "plan for 6.7\n") || !report.replaced_bytes))
			bad_report++;
		fix_report_free(&report);
		if (undo(false) < 0 || !image_is(original))
			bad_undo++;
	}
	ok(k > 8, "a fix has %d steps", k - 1);
	is_int(bad, 0, "killed behind any of them, the same command completes it");
	is_int(bad_report, 0, "and reports what the first call found");
	is_int(bad_undo, 0, "and undo gives back the original");
}

static void test_killed_second_fix(void)
{
	unsigned bad = 0, bad_undo = 0;
	struct fix_report report;

	for (int k = 2;; k += tap_all() ? 1 : 3) {
		fixed_image();
		if (!run_and_die("7.0", false, k))
			break;
		/* Not the same command: whatever was begun is completed or dropped, never half. */
		if (k % 2) {
			if (run("7.0", &report) < 0 || !image_is_for("6.7", "7.0"))
				bad++;
			fix_report_free(&report);
		}
		if (undo(false) < 0 || !image_is(original))
			bad_undo++;
	}
	is_int(bad, 0, "a second fix, killed behind any step, is completed by the same command");
	is_int(bad_undo, 0, "and undo goes back to before the first, also without completing it");
}

static void test_killed_undo(void)
{
	unsigned bad = 0, refused = 0, steps = 0;
	struct fix_report report;

	for (int k = 1;; k++, steps++) {
		fixed_image();
		if (!run_and_die("6.7", true, k))
			break;
		if (image_is(original) || in_work("state")) {
			struct fix_job job = job_for("6.7", io_posix());
			int r = fix_run(&job, &report, &err);

			/* Between undoing and undone no fix may begin. */
			refused += r == UNRACK_UNSAFE;
			fix_report_free(&report);
			fix_job_free(&job);
		}
		if (undo(false) < 0 || !image_is(original))
			bad++;
	}
	is_int(bad, 0, "an undo, killed behind any of its %u steps, is completed by the same command", steps);
	ok(refused > 0, "and until then no fix may begin");
}

static void test_faults(void)
{
	static const struct {
		struct twin_fault fault;
		int code;
		const char *what;
		bool touched;
	} faults[] = {
		{ { TWIN_PWRITE, "undo-disk0.new", 1, true, ENOSPC }, UNRACK_NOSPACE, "no space for undo data", false },
		{ { TWIN_FDATASYNC, "undo-disk0.new", 1, false, EIO }, UNRACK_IO, "undo data that can't be synced", false },
		{ { TWIN_PWRITE, "state.new", 1, false, ENOSPC }, UNRACK_NOSPACE, "no space for the state", false },
		{ { TWIN_FDATASYNC, "overlay-disk0", 1, false, EIO }, UNRACK_IO, "an overlay that can't be synced", false },
		{ { TWIN_FDATASYNC, "web01.img", 1, false, EIO }, UNRACK_IO, "an image that can't be synced", true },
		{ { TWIN_RENAME, "disk0.after.new", 1, false, EIO }, UNRACK_IO, "digests that can't be written", true },
	};

	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i += tap_all() ? 1 : 2) {
		struct twin_io *t = twin_io_new(io_posix());
		struct fix_report report;
		struct fix_job job;

		new_image();
		twin_io_quiet(t);
		twin_io_fault(t, faults[i].fault);
		job = job_for("6.7", twin_io(t));
		is_int(fix_run(&job, &report, &err), faults[i].code, "%s: the code", faults[i].what);
		ok(err.text[0] && (faults[i].touched || image_is(original)), "the image is %s",
		   faults[i].touched ? "in work" : "not touched");
		fix_report_free(&report);
		twin_io_heal(t);
		is_int(fix_run(&job, &report, &err), 0, "the same command again");
		ok(image_is_for("6.7", NULL), "completes it");
		fix_report_free(&report);
		is_int(fix_undo(&job, false, &report, &err), 0, "and undo");
		ok(image_is(original), "gives back the original");
		fix_report_free(&report);
		fix_job_free(&job);
		twin_io_free(t);
	}
}

static void test_damaged_undo(void)
{
	struct fix_report report;
	char path[160];
	int fd;

	fixed_image();
	snprintf(path, sizeof path, "%s.unrack/fix/undo-disk0", image);
	fd = open(path, O_WRONLY);
	if (fd < 0 || pwrite(fd, "x", 1, 70000) != 1)
		exit(99);
	close(fd);
	is_int(undo(false), UNRACK_DAMAGED, "a damaged undo file is refused");
	ok(image_is_for("6.7", NULL), "before anything is written");
	snprintf(path, sizeof path, "%s.unrack/fix/state", image);
	fd = open(path, O_WRONLY);
	if (fd < 0 || pwrite(fd, "x", 1, 60) != 1)
		exit(99);
	close(fd);
	is_int(run("6.7", &report), UNRACK_DAMAGED, "so is a damaged state");
	has_str(err.text, "undo-disk*", "which says what to keep");
	fix_report_free(&report);

	fixed_image();
	snprintf(path, sizeof path, "%s.unrack/fix/state", image);
	if (unlink(path))
		exit(99);
	is_int(undo(false), UNRACK_DAMAGED, "a lost state is not \"nothing to undo\"");
	is_int(run("7.0", &report), UNRACK_DAMAGED, "and no other fix begins");
	has_str(err.text, "state is missing", "with the file that is missing");
	ok(in_work("undo-disk0"), "the undo data stays");
	fix_report_free(&report);
}

int main(void)
{
	if (!rig_open())
		skip_all("qemu-io is not installed");
	test_killed_fix();
	test_killed_second_fix();
	test_killed_undo();
	test_faults();
	test_damaged_undo();
	rig_close();
	return tap_done();
}
