/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The transaction, from the first fix to undo, and what is refused. See fix_rig.h. */
#include "fix_rig.h"

static void test_whole_life(void)
{
	struct fix_report report;
	struct stat before, after;
	struct fix_job job;

	new_image();
	stat(image, &before);
	job = job_for("6.7", io_posix());
	is_int(fix_dry_run(&job, &report, &err), 0, "a dry run");
	has_str(buf_str(&report.diff), "diff for 6.7", "says what would change");
	ok(image_is(original) && !in_work(""), "changes nothing, and leaves nothing behind");
	fix_report_free(&report);
	fix_job_free(&job);
	is_int(undo(false), 0, "an undo of nothing is done at once");
	ok(!in_work(""), "and leaves nothing behind");

	is_int(run("6.7", &report), 0, "a fix");
	ok(report.changed && !report.nothing && !report.resumed[0], "says that it changed the image");
	ok(image_is_for("6.7", NULL), "the image is what the edits make of it");
	ok(report.replaced_bytes % 65536 == 0 && report.undo_bytes > 0 &&
		   report.undo_bytes < report.replaced_bytes,
	   "of what is replaced, holes need no room in the undo file");
	ok(in_work("undo-disk0") && in_work("disk0.after") && in_work("plan") && in_work("state") &&
		   !in_work("overlay-disk0"), "undo data stays, overlays go");
	fix_report_free(&report);

	is_int(run("6.7", &report), 0, "the same again");
	ok(report.nothing && !report.changed, "finds nothing to do");
	fix_report_free(&report);

	is_int(run("7.0", &report), 0, "a fix for another target");
	ok(image_is_for("6.7", "7.0"), "is made on top");
	ok(in_work("undo-disk0.2"), "with undo data of its own");
	fix_report_free(&report);
	is_int(run("7.0", &report), 0, "that one again");
	ok(report.nothing, "finds nothing to do either");
	fix_report_free(&report);

	is_int(undo(false), 0, "undo");
	ok(image_is(original), "gives back the original, bit for bit, from before both");
	stat(image, &after);
	/* The filesystem may need a block more to list them. */
	ok(after.st_size == before.st_size && after.st_blocks <= before.st_blocks + 64, "with its holes");
	ok(!in_work(""), "and removes its folder");
	is_int(run("6.7", &report), 0, "it can be fixed again");
	ok(image_is_for("6.7", NULL), "as before");
	fix_report_free(&report);
}

static void test_other_target_drops(void)
{
	struct fix_report report;

	new_image();
	ok(run_and_die("6.7", false, 4), "a fix that ends when its edits are done");
	is_int(run("7.0", &report), 0, "and another one for another target");
	ok(image_is_for("7.0", NULL), "the unfinished one leaves no trace");
	fix_report_free(&report);
	is_int(undo(false), 0, "undo");
	ok(image_is(original), "gives back the original");
}

static void test_changed_meanwhile(void)
{
	struct fix_report report;
	uint8_t *want = malloc(SIZE);

	/* Between the edits and the commit: they were made for another content. */
	new_image();
	run_and_die("6.7", false, 4);
	tap_overwrite(image, "changed", 7, 3600000);
	play.runs = 0;
	is_int(run("6.7", &report), 0, "an image that was changed while a fix waited");
	is_int(play.runs, 1, "is edited anew");
	memcpy(want, original, SIZE);
	memcpy(want + 3600000, "changed", 7);
	expect(want, "6.7");
	ok(image_is(want), "and the change is still there");
	fix_report_free(&report);

	/* After the commit: somebody booted it. */
	tap_overwrite(image, "running", 7, 3700000);
	is_int(undo(false), UNRACK_UNSAFE, "undo of an image that something else wrote to is refused");
	has_str(err.text, "changed since unrack wrote it", "with the reason");
	has_str(err.text, "--discard-changes", "and the way out");
	memcpy(want + 3700000, "running", 7);
	ok(image_is(want), "and nothing is written");
	tap_overwrite(image, "inside", 6, 300100);
	is_int(undo(false), UNRACK_UNSAFE, "also when what was replaced differs");
	has_str(err.text, "its content differs", "with that reason");
	is_int(undo(true), 0, "unless it is to be discarded");
	memcpy(want, original, SIZE);
	memcpy(want + 3600000, "changed", 7);
	memcpy(want + 3700000, "running", 7);
	ok(image_is(want), "then what unrack replaced is given back");

	/* Between two fixes: the second one must not vouch for it. */
	fixed_image();
	tap_overwrite(image, "running", 7, 3700000);
	run("7.0", &report);
	fix_report_free(&report);
	is_int(undo(false), UNRACK_UNSAFE, "a change between two fixes is remembered");
	has_str(err.text, "between two fixes", "and named");
	free(want);
}

static void test_refused_edits(void)
{
	struct fix_report report;
	struct stat before, after;

	new_image();
	stat(image, &before);
	play.result = UNRACK_UNSUPPORTED;
	is_int(run("6.7", &report), UNRACK_UNSUPPORTED, "a guest that can't be repaired is refused");
	has_str(err.text, "not to our liking", "with the reason");
	fix_report_free(&report);
	play.result = 0;
	play.half = true;
	is_int(run("6.7", &report), UNRACK_IO, "edits that fail half way are an error");
	fix_report_free(&report);
	play.half = false;
	stat(image, &after);
	ok(image_is(original) && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec && !in_work(""),
	   "and the image is not touched, and nothing left beside it");
}

static void test_moved_folder(void)
{
	struct fix_report report;
	char from[40], to[48];

	new_image();
	run_and_die("6.7", false, 6);
	ok(in_work("overlay-disk0"), "an unfinished fix");
	snprintf(from, sizeof from, "%.38s", top);
	snprintf(to, sizeof to, "%.38s-b", top);
	if (rename(from, to))
		exit(99);
	snprintf(image, sizeof image, "%s/web01.img", to);
	play.runs = 0;
	is_int(run("6.7", &report), 0, "goes on after its folder was moved");
	ok(image_is_for("6.7", NULL) && play.runs == 0, "with the overlays it has");
	fix_report_free(&report);
	is_int(undo(false), 0, "undo");
	ok(image_is(original), "works there too");
	if (rename(to, from))
		exit(99);
	snprintf(image, sizeof image, "%s/web01.img", top);
}

static void test_lock(void)
{
	struct fix_report report;
	struct lock_options opt = { .stale_ms = 100 };
	struct lock *l = NULL;
	char dir[128];
	int status;
	pid_t pid;

	new_image();
	snprintf(dir, sizeof dir, "%s.unrack", image);
	mkdir(dir, 0755);
	is_int(lock_take(dir, &opt, &l, &err), 0, "while another process works on the image");
	pid = fork();
	if (pid == 0) {
		struct fix_job job = job_for("6.7", io_posix());

		_exit(fix_run(&job, &report, &err) == UNRACK_UNSAFE ? 7 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(99);
	is_int(WEXITSTATUS(status), 7, "a fix is refused");
	lock_release(l);
}

int main(void)
{
	if (!rig_open())
		skip_all("qemu-io is not installed");
	test_whole_life();
	test_other_target_drops();
	test_changed_meanwhile();
	test_refused_edits();
	test_moved_folder();
	test_lock();
	rig_close();
	return tap_done();
}
