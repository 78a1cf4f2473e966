/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/proc.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool slow_machine;

/* In place of libc's: on a slow machine much happens between two calls, once there was nothing to be read. */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000l };
	int r = (int)syscall(SYS_ppoll, fds, n, timeout_ms < 0 ? NULL : &t, NULL, 0);

	if (slow_machine && n == 2 && r == 0)
		usleep(500000);
	return r;
}

int main(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct buf out = { 0 }, errs = { 0 };
	const char *both[] = { "sh", "-c", "echo out; echo err >&2; exit 3", NULL };
	const char *slow[] = { "sh", "-c", "sleep 1000 & sleep 1000", NULL };
	const char *big[] = { "sh", "-c", "head -c 1000000 /dev/zero", NULL };
	const char *orphan[] = { "sh", "-c", "sleep 1000 & echo $!", NULL };
	const char *late[] = { "sh", "-c", "sleep 0.3; echo late; echo why >&2", NULL };
	const char *none[] = { "unrack-no-such-program", NULL };
	const char *fails[] = { "sh", "-c", "echo first >&2; echo the reason >&2; exit 1", NULL };
	const char *killed[] = { "sh", "-c", "kill -9 $$", NULL };
	atomic_bool stop = true;
	struct log log = { .stop = &stop };
	int status = -1;
	double t;
	pid_t pid;

	is_int(proc_run(both, &out, &errs, 600, NULL, &status, &e), 0, "a program runs");
	is_int(status, 3, "its status is told");
	is_str(buf_str(&out), "out\n", "its output");
	is_str(buf_str(&errs), "err\n", "its errors");
	buf_clear(&out);
	is_int(proc_run(big, &out, NULL, 600, NULL, &status, &e), 0, "much output");
	is_int(out.len, 1000000, "arrives whole");
	is_int(proc_run(killed, NULL, NULL, 600, NULL, &status, &e), 0, "a killed program");
	is_int(status, 137, "is told as 128 + signal");
	t = now();
	is_int(proc_run(slow, NULL, NULL, 1, NULL, &status, &e), UNRACK_IO, "a time limit");
	ok(now() - t < 300, "is kept");
	has_str(e.text, "sh did not end within 1 seconds", "and told");
	t = now();
	buf_clear(&out);
	is_int(proc_run(orphan, &out, NULL, 600, NULL, &status, &e), 0, "a grandchild that keeps the pipes");
	ok(now() - t < 300, "does not hold us up");
	pid = atoi(buf_str(&out));
	ok(pid > 1 && kill(pid, SIGKILL) == 0, "and lives on");
	buf_clear(&out);
	buf_clear(&errs);
	slow_machine = true;
	is_int(proc_run(late, &out, &errs, 600, NULL, &status, &e), 0, "one that writes, and ends, while we are busy");
	slow_machine = false;
	is_str(buf_str(&out), "late\n", "loses nothing of its output");
	is_str(buf_str(&errs), "why\n", "nor of its errors");
	is_int(proc_run(slow, NULL, NULL, 600, &log, &status, &e), UNRACK_INTERRUPTED, "the stop flag ends it");
	is_int(proc_run(none, NULL, NULL, 600, NULL, &status, &e), UNRACK_MISSING, "a missing program");
	has_str(e.text, "unrack-no-such-program is not installed here", "is named");
	is_int(proc_check(fails, NULL, 600, NULL, &e), UNRACK_IO, "a failing program is an error for proc_check");
	has_str(e.text, "sh failed (status 1): the reason", "that quotes its last line");

	is_int(proc_start(slow, NULL, &pid, &e), 0, "start in the background");
	ok(!proc_ended(pid, &status), "it runs");
	proc_kill(pid);
	ok(kill(pid, 0) < 0, "and is gone after proc_kill");
	buf_free(&out);
	buf_free(&errs);
	return tap_done();
}
