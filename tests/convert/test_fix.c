/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The transaction on real overlays of a small raw image; the guest is played by qemu-io. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../p2v/convert/fix_parts.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/proc.h"

#define SIZE (4u << 20)

static char top[40];
static char image[96];
static uint8_t original[SIZE];
static struct unrack_error err;

/* What the repair for a target does: pattern, from, length; pattern 0 writes zeros. */
struct change {
	uint8_t pattern;
	uint32_t at, len;
};
static const struct change for_67[] = {
	{ 0x11, 0, 512 }, { 0x12, 300000, 200000 }, { 0, 1 << 20, 131072 }, { 0x13, (2 << 20) + 5000, 3000 },
	{ 0x14, SIZE - 1024, 1024 },
};
/* Overlaps the first one, and goes beyond it. */
static const struct change for_70[] = {
	{ 0x11, 0, 512 }, { 0x22, 350000, 400000 }, { 0x23, (1 << 20) + 65536, 65536 }, { 0x24, 3 << 20, 70000 },
};

static const struct change *changes_of(const char *esx, size_t *n)
{
	if (!strcmp(esx, "6.7")) {
		*n = sizeof for_67 / sizeof for_67[0];
		return for_67;
	}
	*n = sizeof for_70 / sizeof for_70[0];
	return for_70;
}

static void expect(uint8_t *data, const char *esx)
{
	size_t n;
	const struct change *c = changes_of(esx, &n);

	for (size_t i = 0; i < n; i++)
		memset(data + c[i].at, c[i].pattern, c[i].len);
}

static uint8_t *read_image(const char *path)
{
	uint8_t *data = malloc(SIZE);
	FILE *f = fopen(path, "r");

	if (!data || !f || fread(data, 1, SIZE, f) != SIZE || fclose(f))
		exit(99);
	return data;
}

static bool image_is(const uint8_t *want)
{
	uint8_t *data = read_image(image);
	bool same = !memcmp(data, want, SIZE);

	free(data);
	return same;
}

static bool image_is_for(const char *first, const char *second)
{
	uint8_t *want = malloc(SIZE);
	bool same;

	memcpy(want, original, SIZE);
	if (first)
		expect(want, first);
	if (second)
		expect(want, second);
	same = image_is(want);
	free(want);
	return same;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type;
	return ftw->level ? remove(path) : 0;
}

/* Data and holes: two thirds of the image were never written. */
static void new_image(void)
{
	uint32_t x = 99;
	int fd;

	if (nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS))
		exit(99);
	memset(original, 0, SIZE);
	fd = open(image, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || ftruncate(fd, SIZE))
		exit(99);
	for (uint32_t i = 0; i < SIZE; i += 196608) {
		for (uint32_t k = 0; k < 65536; k++) {
			x = x * 1664525 + 1013904223;
			original[i + k] = (uint8_t)(x >> 24);
		}
		if (pwrite(fd, original + i, 65536, i) != 65536)
			exit(99);
	}
	close(fd);
}

static bool in_work(const char *name)
{
	char path[160];

	snprintf(path, sizeof path, "%s.unrack/fix/%s", image, name);
	return access(path, F_OK) == 0;
}

struct play {
	unsigned runs;
	int result; /* instead of editing */
	bool half;  /* edits, then fails */
};

static int fake_edit(void *ctx, const struct fix_job *job, const struct guest_image *overlays, bool dry_run,
		     struct fix_report *report, struct unrack_error *e)
{
	struct play *play = ctx;
	const char *argv[32] = { "qemu-io", "-f", "qcow2" };
	char cmds[8][64];
	uint8_t *now = read_image(job->images[0].path);
	size_t n, a = 3;
	const struct change *c = changes_of(job->request.esx, &n);

	play->runs++;
	report->nothing = true;
	for (size_t i = 0; i < n; i++)
		report->nothing &= now[c[i].at] == c[i].pattern && now[c[i].at + c[i].len - 1] == c[i].pattern;
	free(now);
	buf_printf(&report->text, "plan for %s\n", job->request.esx);
	if (dry_run)
		buf_printf(&report->diff, "diff for %s\n", job->request.esx);
	if (play->result)
		return error_set(e, play->result, "the guest is not to our liking");
	if (report->nothing)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (c[i].pattern)
			snprintf(cmds[i], sizeof cmds[i], "write -q -P %u %u %u", c[i].pattern, c[i].at, c[i].len);
		else
			snprintf(cmds[i], sizeof cmds[i], "write -q -z %u %u", c[i].at, c[i].len);
		argv[a++] = "-c";
		argv[a++] = cmds[i];
	}
	argv[a++] = overlays[0].path;
	argv[a] = NULL;
	if (proc_check(argv, NULL, 60, NULL, e) < 0)
		return e->code;
	return play->half ? error_set(e, UNRACK_IO, "the appliance died") : 0;
}

static struct play play;

static struct fix_job job_for(const char *esx, const struct io *io)
{
	struct fix_job job;

	if (fix_job_from_image(image, io, NULL, &job, &err) < 0) {
		printf("# %s\n", err.text);
		exit(99);
	}
	snprintf(job.request.esx, sizeof job.request.esx, "%s", esx);
	job.edit = fake_edit;
	job.edit_ctx = &play;
	return job;
}

/* Ends the process as a power switch would, at the step that is the ctx-th. */
static void die_at(void *ctx, const char *step)
{
	int *left = ctx;

	(void)step;
	if (--*left == 0)
		_exit(9);
}

/* Runs the fix (or undo) in a child that dies at step K. True: it got so far. */
static bool run_and_die(const char *esx, bool undo, int k)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct fix_job job = job_for(esx, io_posix());
		struct fix_report report;

		job.at_step = die_at;
		job.at_step_ctx = &k;
		if (undo)
			fix_undo(&job, false, &report, &err);
		else
			fix_run(&job, &report, &err);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(99);
	return WEXITSTATUS(status) == 9;
}

static int run(const char *esx, struct fix_report *report)
{
	struct fix_job job = job_for(esx, io_posix());
	int r = fix_run(&job, report, &err);

	if (r < 0)
		printf("# %s\n", err.text);
	fix_job_free(&job);
	return r;
}

static int undo(bool discard)
{
	struct fix_job job = job_for("6.7", io_posix());
	struct fix_report report;
	int r = fix_undo(&job, discard, &report, &err);

	fix_report_free(&report);
	fix_job_free(&job);
	return r;
}

static char kept[48]; /* a folder with an image that is fixed for 6.7, and its work folder */

static void copy_files(const char *from, const char *to)
{
	char dot[64];
	const char *const argv[] = { "cp", "-a", "--sparse=always", dot, to, NULL };

	snprintf(dot, sizeof dot, "%s/.", from);
	if (proc_check(argv, NULL, 60, NULL, &err) < 0)
		exit(99);
}

/* As new_image and a fix, but quicker. */
static void fixed_image(void)
{
	struct fix_report report;

	new_image();
	if (kept[0]) {
		copy_files(kept, top);
		return;
	}
	if (run("6.7", &report) < 0)
		exit(99);
	fix_report_free(&report);
	snprintf(kept, sizeof kept, "%s-k", top);
	if (mkdir(kept, 0755))
		exit(99);
	copy_files(top, kept);
}

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

/* kill -9 behind every step (or every second one), then the same command again. */
static void test_killed_fix(void)
{
	unsigned bad = 0, bad_undo = 0, bad_report = 0;
	int k = 1;

	for (;; k += tap_all() ? 1 : 2) {
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
	int fd;

	/* Between the edits and the commit: they were made for another content. */
	new_image();
	run_and_die("6.7", false, 4);
	fd = open(image, O_WRONLY);
	if (fd < 0 || pwrite(fd, "changed", 7, 3600000) != 7)
		exit(99);
	close(fd);
	play.runs = 0;
	is_int(run("6.7", &report), 0, "an image that was changed while a fix waited");
	is_int(play.runs, 1, "is edited anew");
	memcpy(want, original, SIZE);
	memcpy(want + 3600000, "changed", 7);
	expect(want, "6.7");
	ok(image_is(want), "and the change is still there");
	fix_report_free(&report);

	/* After the commit: somebody booted it. */
	fd = open(image, O_WRONLY);
	if (fd < 0 || pwrite(fd, "running", 7, 3700000) != 7)
		exit(99);
	close(fd);
	is_int(undo(false), UNRACK_UNSAFE, "undo of an image that something else wrote to is refused");
	has_str(err.text, "changed since unrack wrote it", "with the reason");
	has_str(err.text, "--discard-changes", "and the way out");
	memcpy(want + 3700000, "running", 7);
	ok(image_is(want), "and nothing is written");
	fd = open(image, O_WRONLY);
	if (fd < 0 || pwrite(fd, "inside", 6, 300100) != 6)
		exit(99);
	close(fd);
	is_int(undo(false), UNRACK_UNSAFE, "also when what was replaced differs");
	has_str(err.text, "its content differs", "with that reason");
	is_int(undo(true), 0, "unless it is to be discarded");
	memcpy(want, original, SIZE);
	memcpy(want + 3600000, "changed", 7);
	memcpy(want + 3700000, "running", 7);
	ok(image_is(want), "then what unrack replaced is given back");

	/* Between two fixes: the second one must not vouch for it. */
	fixed_image();
	fd = open(image, O_WRONLY);
	if (fd < 0 || pwrite(fd, "running", 7, 3700000) != 7)
		exit(99);
	close(fd);
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

	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
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

/* A whole monolithicSparse VMDK of zeros: header, descriptor, directory and one grain table. */
static void sparse_image(const char *path)
{
	static const char text[] = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n"
				   "createType=\"monolithicSparse\"\nRW 1954 SPARSE \"web01.sparse\"\n";
	static const struct {
		unsigned at, bytes;
		uint64_t value;
	} fields[] = {
		{ 0, 4, 0x564d444b }, { 4, 4, 1 }, { 8, 4, 1 }, { 12, 8, 1954 }, { 20, 8, 128 }, { 28, 8, 1 },
		{ 36, 8, 1 }, { 44, 4, 512 }, { 56, 8, 2 }, { 64, 8, 128 }, { 73, 4, 0x0a0d200a },
		{ 2 * 512, 4, 3 },
	};
	uint8_t b[8 * 512] = { 0 };
	FILE *f = fopen(path, "w");

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		for (unsigned n = 0; n < fields[i].bytes; n++)
			b[fields[i].at + n] = (uint8_t)(fields[i].value >> 8 * n);
	memcpy(b + 512, text, sizeof text);
	fwrite(b, 1, sizeof b, f);
	fclose(f);
}

static void test_jobs(void)
{
	char path[160];
	struct fix_job job;
	struct fix_report report;
	FILE *f;

	new_image();
	is_int(fix_job_from_image("/nonexistent", io_posix(), NULL, &job, &err), UNRACK_IO, "a missing image");
	is_int(fix_job_from_image(top, io_posix(), NULL, &job, &err), UNRACK_USAGE, "a folder is no image");
	has_str(err.text, "not a machine folder", "it says so");
	is_int(fix_job_from_image("/dev/null", io_posix(), NULL, &job, &err), UNRACK_USAGE, "a device is refused");
	snprintf(path, sizeof path, "%s/web01.qcow2", top);
	f = fopen(path, "w");
	fputs("QFI\xfb and more", f);
	fclose(f);
	is_int(fix_job_from_image(path, io_posix(), NULL, &job, &err), UNRACK_UNSUPPORTED, "a qcow2 image is refused");
	has_str(err.text, "qcow2", "by its name");
	snprintf(path, sizeof path, "%s/web01.vmdk", top);
	f = fopen(path, "w");
	fprintf(f, "# Disk DescriptorFile\nversion=1\nCID=1234abcd\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
		   "RW %u VMFS \"web01.img\"\nddb.adapterType = \"lsilogic\"\n", SIZE / 512);
	fclose(f);
	is_int(fix_job_from_image(path, io_posix(), NULL, &job, &err), 0, "a descriptor");
	is_str(job.images[0].path, image, "stands for its extent");
	has_str(job.work, "web01.img.unrack/fix", "which has the work folder");
	fix_job_free(&job);

	snprintf(path, sizeof path, "%s/web01.sparse", top);
	sparse_image(path);
	is_int(fix_job_from_image(path, io_posix(), NULL, &job, &err), 0, "a sparse VMDK");
	ok(job.images[0].bytes == 1000448 && !strcmp(fix_image_format(&job.images[0]), "vmdk"),
	   "counts with the size of its disk");
	is_int(fix_run(&job, &report, &err), UNRACK_UNSUPPORTED, "and is not fixed");
	has_str(err.text, "web01.sparse is no flat image, and only those are repaired", "with the reason");
	is_int(fix_dry_run(&job, &report, &err), UNRACK_UNSUPPORTED, "nor tried");
	is_int(fix_undo(&job, false, &report, &err), UNRACK_UNSUPPORTED, "nor undone");
	snprintf(path, sizeof path, "%s/web01.sparse.unrack", top);
	ok(access(path, F_OK) < 0, "and nothing is made beside it");
	fix_job_free(&job);

	snprintf(path, sizeof path, "%s/web01.odd", top);
	f = fopen(path, "w");
	fputs("no disk", f);
	fclose(f);
	is_int(fix_job_from_image(path, io_posix(), NULL, &job, &err), 0, "a file of an odd size");
	is_int(fix_run(&job, &report, &err), UNRACK_UNSUPPORTED, "is not fixed");
	has_str(err.text, "no whole number of 512-byte sectors", "and told so");
	fix_job_free(&job);
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
	char cmd[100], *qemu = NULL;

	if (proc_find("qemu-io", "", &qemu, &err) < 0)
		skip_all("qemu-io is not installed");
	free(qemu);
	/* In memory if possible: the sync calls of many small fixes add up. */
	strcpy(top, access("/dev/shm", W_OK) == 0 ? "/dev/shm/unrack-fix-XXXXXX" : "/tmp/unrack-fix-XXXXXX");
	if (!mkdtemp(top))
		return 99;
	snprintf(image, sizeof image, "%s/web01.img", top);
	test_whole_life();
	test_killed_fix();
	test_killed_second_fix();
	test_killed_undo();
	test_other_target_drops();
	test_changed_meanwhile();
	test_refused_edits();
	test_faults();
	test_damaged_undo();
	test_moved_folder();
	test_jobs();
	test_lock();
	snprintf(cmd, sizeof cmd, "rm -rf %s %s", top, kept);
	if (system(cmd))
		ok(false, "the folder is removed");
	return tap_done();
}
