/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of the transaction: a small raw image, real overlays of it, and a guest that is played by qemu-io. */
#ifndef TESTS_FIX_RIG_H
#define TESTS_FIX_RIG_H

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

__attribute__((unused)) static bool image_is(const uint8_t *want)
{
	uint8_t *data = read_image(image);
	bool same = !memcmp(data, want, SIZE);

	free(data);
	return same;
}

__attribute__((unused)) static bool image_is_for(const char *first, const char *second)
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
__attribute__((unused)) static void new_image(void)
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

__attribute__((unused)) static bool in_work(const char *name)
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
	if (proc_check(argv, NULL, 600, NULL, e) < 0)
		return e->code;
	return play->half ? error_set(e, UNRACK_IO, "the appliance died") : 0;
}

static struct play play;

__attribute__((unused)) static struct fix_job job_for(const char *esx, const struct io *io)
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
__attribute__((unused)) static bool run_and_die(const char *esx, bool undo, int k)
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

__attribute__((unused)) static int run(const char *esx, struct fix_report *report)
{
	struct fix_job job = job_for(esx, io_posix());
	int r = fix_run(&job, report, &err);

	if (r < 0)
		printf("# %s\n", err.text);
	fix_job_free(&job);
	return r;
}

__attribute__((unused)) static int undo(bool discard)
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
	if (proc_check(argv, NULL, 600, NULL, &err) < 0)
		exit(99);
}

/* As new_image and a fix, but quicker. */
__attribute__((unused)) static void fixed_image(void)
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

/* A folder for all of it; false: qemu-io is missing. */
static bool rig_open(void)
{
	char *qemu = NULL;

	if (proc_find("qemu-io", "", &qemu, &err) < 0)
		return false;
	free(qemu);
	tap_folder(top, sizeof top, "fix");
	snprintf(image, sizeof image, "%s/web01.img", top);
	return true;
}

static void rig_close(void)
{
	const char *const argv[] = { "rm", "-rf", top, kept[0] ? kept : NULL, NULL };

	if (proc_check(argv, NULL, 600, NULL, &err) < 0)
		ok(false, "the folder is removed");
}

#endif
