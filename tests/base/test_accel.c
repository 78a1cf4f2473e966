/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/accel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/io.h"
#include "unrack/proc.h"

static char dir[] = "/tmp/unrack-accel-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static int n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof path[n], "%s/%s", dir, name);
	return path[n];
}

static void put(const char *name, const char *text, mode_t mode)
{
	struct unrack_error err = UNRACK_ERROR_INIT;

	io_replace_file(io_posix(), in_dir(name), text, strlen(text), mode, &err);
	chmod(in_dir(name), mode);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A program in QEMU's place that behaves as SCRIPT says. */
static enum accel_trial pretend(const char *script, int limit_ms)
{
	char text[512];

	snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
	put("qemu", text, 0755);
	return accel_try(in_dir("qemu"), "/boot/none", ACCEL_KVM, limit_ms, NULL);
}

static void test_trial(void)
{
	atomic_bool stop = true;
	struct log log = { NULL, NULL, &stop };
	double start;

	is_int(pretend("echo Linux version 6.1; echo 'VFS: Unable to mount root fs'; exec sleep 900", 300000),
	       TRIAL_WORKS, "a kernel that misses its root has run");
	is_int(pretend("echo 'Kernel panic: Attempted to kill init!'", 300000), TRIAL_WORKS,
	       "QEMU that has ended meanwhile is fine");
	is_int(pretend("echo 'KVM internal error. Suberror: 1' >&2; exec sleep 900", 300000), TRIAL_BROKEN,
	       "an internal error on standard error is seen while QEMU stays");
	is_int(pretend("printf 'a\\000b'; echo 'KVM internal error' >&2; sleep 900", 300000), TRIAL_BROKEN,
	       "a NUL in the output hides nothing");
	is_int(pretend("echo 'failed to set MSR' >&2; kill -ABRT $$", 300000), TRIAL_REFUSED,
	       "QEMU that aborts is a refusal");
	is_int(pretend("exit 0", 300000), TRIAL_REFUSED, "success without a kernel is none");
	start = seconds();
	is_int(pretend("echo Linux version 6.1; sleep 60 & wait", 300), TRIAL_SILENT,
	       "a kernel that hangs is given up");
	ok(seconds() - start < 50, "within its limit");
	is_int(pretend("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", 600000),
	       TRIAL_STOPPED, "a flood of output is not kept");
	put("qemu", "#!/bin/sh\nexec sleep 900\n", 0755);
	is_int(accel_try(in_dir("qemu"), "x", ACCEL_KVM, 600000, &log), TRIAL_STOPPED, "a signal ends it");
	is_int(accel_try(in_dir("missing"), "x", ACCEL_KVM, 60000, NULL), TRIAL_STOPPED,
	       "without QEMU there is no result");
}

/* The real thing under emulation: what a working KVM would look like. */
static void test_real(void)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	enum accel_trial t = TRIAL_STOPPED;
	char *qemu = NULL, *kernel;

	if (!tap_all()) {
		ok(true, "a real kernel # SKIP takes two seconds; UNRACK_TESTS=all");
		return;
	}
	kernel = accel_kernel("/boot/vmlinuz*");
	if (kernel && proc_find("qemu-system-x86_64", "", &qemu, &err) == 0) {
		/* On a busy machine an emulated timer may come too late for the kernel, which then gives up. */
		for (int i = 0; i < 10 && t != TRIAL_WORKS; i++)
			t = accel_try(qemu, kernel, ACCEL_TCG, 900000, NULL);
		is_int(t, TRIAL_WORKS, "this machine's own kernel misses its root under QEMU");
	} else {
		ok(true, "a real kernel # SKIP no QEMU or no readable kernel in /boot");
	}
	free(qemu);
	free(kernel);
}

static void test_kernel(void)
{
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } }, recent[2] = { { 2000, 5 }, { 2000, 5 } };
	char *k;

	put("vmlinuz-2", "k", 0644);
	put("vmlinuz-1", "k", 0644);
	mkdir(in_dir("vmlinuz-3"), 0755);
	utimensat(AT_FDCWD, in_dir("vmlinuz-2"), old, 0);
	utimensat(AT_FDCWD, in_dir("vmlinuz-1"), recent, 0);
	k = accel_kernel(in_dir("vmlinuz*"));
	is_str(k, in_dir("vmlinuz-1"), "the newest kernel by time, not by name; no folder");
	free(k);
	ok(!accel_kernel(in_dir("nothing*")), "no kernel is NULL");
}

static void test_memory(void)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct timespec later[2] = { { 3000, 0 }, { 3000, 0 } };
	struct buf b = { 0 };
	const char *path, *kernel, *qemu;
	enum accel_trial t;
	char deep[256];
	struct stat st;

	put("qemu", "q", 0755);
	path = strdup(in_dir("deep/er/accel"));
	kernel = strdup(in_dir("vmlinuz-1"));
	qemu = strdup(in_dir("qemu"));
	ok(!accel_recall(path, qemu, kernel, &t), "nothing is remembered at first");
	accel_remember(path, qemu, kernel, TRIAL_STOPPED);
	ok(stat(path, &st) < 0, "an unfinished trial is not remembered");
	for (enum accel_trial w = TRIAL_WORKS; w < TRIAL_STOPPED; w++) {
		accel_remember(path, qemu, kernel, w);
		ok(accel_recall(path, qemu, kernel, &t), "result %d is remembered", w);
		is_int(t, w, "as what it was");
	}
	io_read_file(io_posix(), path, 4096, &b, &err);
	has_str(buf_str(&b), "unrack-accel 1\nboot ", "the file begins with its magic and version");
	has_str(buf_str(&b), "\nkvm silent\nchecksum ", "and ends with result and checksum");

	b.data[b.len / 2] ^= 1;
	io_replace_file(io_posix(), path, b.data, b.len, 0600, &err);
	ok(!accel_recall(path, qemu, kernel, &t), "a damaged file is not believed");
	b.data[b.len / 2] ^= 1;
	io_replace_file(io_posix(), path, b.data, b.len - 1, 0600, &err);
	ok(!accel_recall(path, qemu, kernel, &t), "nor a torn one");
	io_replace_file(io_posix(), path, "", 0, 0600, &err);
	ok(!accel_recall(path, qemu, kernel, &t), "nor an empty one");
	io_replace_file(io_posix(), path, b.data, b.len, 0600, &err);
	ok(accel_recall(path, qemu, kernel, &t), "(whole again)");
	ok(!accel_recall(path, qemu, in_dir("vmlinuz-2"), &t), "another kernel is tried again");
	utimensat(AT_FDCWD, qemu, later, 0);
	ok(!accel_recall(path, qemu, kernel, &t), "a new QEMU is tried again");
	ok(!accel_recall(path, in_dir("gone"), kernel, &t), "a QEMU that is gone is no match");
	put("flat", "x", 0644);
	snprintf(deep, sizeof deep, "%s/flat/accel", dir);
	accel_remember(deep, qemu, kernel, TRIAL_WORKS);
	ok(!accel_recall(deep, qemu, kernel, &t), "where nothing can be written, nothing is remembered");
	buf_free(&b);
	free((char *)path);
	free((char *)kernel);
	free((char *)qemu);
}

static void test_choice(void)
{
	const char *why = NULL;

	setenv("UNRACK_ACCEL", "kvm", 1);
	is_int(accel_choose(NULL, &why), ACCEL_KVM, "UNRACK_ACCEL=kvm decides");
	is_str(why, "UNRACK_ACCEL says so", "and says so");
	setenv("UNRACK_ACCEL", "tcg", 1);
	is_int(accel_choose(NULL, NULL), ACCEL_TCG, "UNRACK_ACCEL=tcg decides");
	is_str(accel_name(ACCEL_TCG), "tcg", "as QEMU calls it");

	/* A QEMU that breaks on KVM, where there is a /dev/kvm to try. */
	put("qemu-system-x86_64", "#!/bin/sh\necho x >> $0.runs\necho KVM internal error\nexec sleep 9\n", 0755);
	unsetenv("UNRACK_ACCEL");
	setenv("XDG_CACHE_HOME", in_dir("cache"), 1);
	setenv("PATH", dir, 1);
	is_int(accel_choose(NULL, &why), ACCEL_TCG, "a broken KVM is not used");
	if (access("/dev/kvm", R_OK | W_OK) == 0 && access(in_dir("qemu-system-x86_64.runs"), F_OK) == 0) {
		struct stat st;

		has_str(why, "internal error", "and the reason is given");
		is_int(accel_choose(NULL, &why), ACCEL_TCG, "nor the second time");
		has_str(why, "internal error", "for the same reason");
		stat(in_dir("qemu-system-x86_64.runs"), &st);
		is_int(st.st_size, 2, "without another trial");
	} else {
		ok(true, "the trial # SKIP %s", why);
	}
}

int main(void)
{
	const char *argv[] = { "/bin/rm", "-rf", dir, NULL };
	struct unrack_error err = UNRACK_ERROR_INIT;

	if (!mkdtemp(dir))
		skip_all("no temporary folder");
	test_trial();
	test_real();
	test_kernel();
	test_memory();
	test_choice();
	proc_check(argv, NULL, 600, NULL, &err);
	return tap_done();
}
