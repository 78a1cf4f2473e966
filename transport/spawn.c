/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "unrack/proc.h"

/* Out of the way of 0, 1 and 2, which a program may have been started without. */
static int move_up(int fd)
{
	return fd > 2 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* In the child: only async-signal-safe calls. */
static void become(const char *const *argv, const char *path, const int fds[3], int report,
		   pid_t parent)
{
	const int from[3] = { move_up(fds[0]), move_up(fds[1]), move_up(fds[2]) };
	sigset_t none;
	int failed;

	report = move_up(report);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	for (int i = 0; i < 3; i++)
		dup2(from[i], i);
	execv(path, (char *const *)(uintptr_t)argv);
	failed = errno;
	while (write(report, &failed, sizeof failed) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* The errno with which the child's exec failed; 0: it runs. */
static int exec_failed(int from)
{
	int failed = 0;
	ssize_t n;

	while ((n = read(from, &failed, sizeof failed)) < 0 && errno == EINTR)
		;
	return n == (ssize_t)sizeof failed ? failed : 0;
}

int spawn_program(const char *const *argv, int in, int out, int errs, pid_t *pid,
		  struct unrack_error *err)
{
	char *path CLEANUP_FREE = NULL;
	int fds[3] = { in, out, errs }, report[2], failed;
	pid_t parent = getpid();
	int r = proc_find(argv[0], "install the package that has it", &path, err);

	if (r < 0)
		return r;
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_errno(err, errno, "can't start %s", argv[0]);
	*pid = fork();
	if (*pid == 0)
		become(argv, path, fds, report[1], parent);
	failed = *pid < 0 ? errno : 0;
	close(report[1]);
	if (*pid > 0)
		failed = exec_failed(report[0]);
	close(report[0]);
	if (failed == 0)
		return 0;
	if (*pid > 0)
		waitpid(*pid, NULL, 0);
	error_errno(err, failed, "can't start %s", argv[0]);
	err->code = UNRACK_MISSING;
	return err->code;
}
