/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define OUTPUT_MAX (16u << 20)

static const char *const extra_dirs[] = { "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec" };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool try_dir(const char *dir, size_t n, const char *name, char **path)
{
	if (asprintf(path, "%.*s/%s", (int)n, dir, name) < 0) {
		*path = NULL;
		return false;
	}
	if (access(*path, X_OK) == 0)
		return true;
	free(*path);
	*path = NULL;
	return false;
}

int proc_find(const char *name, const char *hint, char **path, struct unrack_error *err)
{
	const char *p = getenv("PATH");

	if (strchr(name, '/')) {
		*path = access(name, X_OK) == 0 ? strdup(name) : NULL;
		if (*path)
			return 0;
		return error_set(err, UNRACK_MISSING, "%s can't be run here; %s", name, hint);
	}
	for (p = p ? p : "/usr/bin:/bin"; *p; p += *p == ':') {
		size_t n = strcspn(p, ":");

		if (n && try_dir(p, n, name, path))
			return 0;
		p += n;
	}
	for (size_t i = 0; i < sizeof extra_dirs / sizeof extra_dirs[0]; i++)
		if (try_dir(extra_dirs[i], strlen(extra_dirs[i]), name, path))
			return 0;
	return error_set(err, UNRACK_MISSING, "the program %s is not installed here; %s", name, hint);
}

/* In the child: only async-signal-safe calls. */
static void become(const char *const *argv, const char *path, int out, int errs, pid_t parent)
{
	sigset_t none;
	const struct rlimit none_kept = { 0, 0 };
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	setrlimit(RLIMIT_CORE, &none_kept); /* QEMU aborts where KVM is broken */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	dup2(null, 0);
	dup2(out >= 0 ? out : null, 1);
	dup2(errs >= 0 ? errs : null, 2);
	execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int spawn(const char *const *argv, int out, int errs, pid_t *pid, struct unrack_error *err)
{
	char *path CLEANUP_FREE = NULL;
	pid_t parent = getpid();
	int r = proc_find(argv[0], "install the package that has it", &path, err);

	if (r < 0)
		return r;
	*pid = fork();
	if (*pid < 0)
		return error_errno(err, errno, "can't start %s", argv[0]);
	if (*pid == 0)
		become(argv, path, out, errs, parent);
	setpgid(*pid, *pid); /* also here: whichever comes first */
	return 0;
}

static int decode(int wstatus)
{
	return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 128 + WTERMSIG(wstatus);
}

bool proc_ended(pid_t pid, int *status)
{
	int w;
	pid_t r = waitpid(pid, &w, WNOHANG);

	if (r == 0 || (r < 0 && errno == EINTR))
		return false;
	*status = r < 0 ? 127 : decode(w);
	return true;
}

void proc_kill(pid_t pid)
{
	int64_t end = now_ms() + 2000;
	int status;

	kill(-pid, SIGTERM);
	while (now_ms() < end) {
		if (proc_ended(pid, &status)) {
			kill(-pid, SIGKILL); /* what the leader left behind */
			return;
		}
		poll(NULL, 0, 20);
	}
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
}

int proc_start(const char *const *argv, const char *outfile, pid_t *pid, struct unrack_error *err)
{
	int fd CLEANUP_CLOSE = -1;

	if (outfile) {
		fd = open(outfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0)
			return error_errno(err, errno, "can't create %s", outfile);
	}
	return spawn(argv, fd, fd, pid, err);
}

/* Moves what is there from FD to B; closes FD at its end. */
static void drain(int *fd, struct buf *b)
{
	char chunk[65536];
	ssize_t n = read(*fd, chunk, sizeof chunk);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(*fd);
		*fd = -1;
	} else if (b && b->len + (size_t)n <= OUTPUT_MAX) {
		/* Without memory the rest is lost, as beyond the limit; the child goes on. */
		(void)!buf_append(b, chunk, (size_t)n);
	}
}

int proc_run(const char *const *argv, struct buf *out, struct buf *errs, int timeout_s,
	     const struct log *log, int *status, struct unrack_error *err)
{
	int o[2], e[2];
	int64_t end = timeout_s ? now_ms() + (int64_t)timeout_s * 1000 : INT64_MAX;
	bool ended = false;
	pid_t pid;
	int r;

	if (pipe2(o, O_CLOEXEC) < 0)
		return error_errno(err, errno, "can't start %s", argv[0]);
	if (pipe2(e, O_CLOEXEC) < 0) {
		r = error_errno(err, errno, "can't start %s", argv[0]);
		close(o[0]);
		close(o[1]);
		return r;
	}
	r = spawn(argv, o[1], e[1], &pid, err);
	close(o[1]);
	close(e[1]);
	if (r < 0) {
		close(o[0]);
		close(e[0]);
		return r;
	}
	fcntl(o[0], F_SETFL, O_NONBLOCK);
	fcntl(e[0], F_SETFL, O_NONBLOCK);
	/* A grandchild may keep the pipes open after the child has ended: then its output
	 * is of no interest. */
	while (!ended && (o[0] >= 0 || e[0] >= 0)) {
		struct pollfd p[2] = { { o[0], POLLIN, 0 }, { e[0], POLLIN, 0 } };

		if (now_ms() >= end || log_stop_asked(log))
			break;
		if (poll(p, 2, 100) == 0) {
			ended = proc_ended(pid, status);
			continue;
		}
		if (p[0].revents)
			drain(&o[0], out);
		if (p[1].revents)
			drain(&e[0], errs);
	}
	while (!ended && now_ms() < end && !log_stop_asked(log)) {
		ended = proc_ended(pid, status);
		if (!ended)
			poll(NULL, 0, 5);
	}
	/* It may have written, and ended, since nothing was there: all that a pipe holds is one read. */
	if (o[0] >= 0 && ended)
		drain(&o[0], out);
	if (e[0] >= 0 && ended)
		drain(&e[0], errs);
	if (o[0] >= 0)
		close(o[0]);
	if (e[0] >= 0)
		close(e[0]);
	if (ended)
		return 0;
	proc_kill(pid);
	if (log_stop_asked(log))
		return error_set(err, UNRACK_INTERRUPTED, "interrupted while %s was running", argv[0]);
	return error_set(err, UNRACK_IO, "%s did not end within %d seconds and was stopped", argv[0],
			 timeout_s);
}

/* The last line that is not empty, without its newline. */
static const char *last_line(struct buf *b)
{
	char *s = (char *)b->data, *nl;

	if (!s)
		return "it gave no reason";
	while (b->len && (s[b->len - 1] == '\n' || s[b->len - 1] == '\r'))
		s[--b->len] = '\0';
	nl = strrchr(s, '\n');
	return b->len ? (nl ? nl + 1 : s) : "it gave no reason";
}

int proc_check(const char *const *argv, struct buf *out, int timeout_s, const struct log *log,
	       struct unrack_error *err)
{
	struct buf errs CLEANUP_BUF = { 0 };
	int status, r = proc_run(argv, out, &errs, timeout_s, log, &status, err);

	if (r < 0)
		return r;
	if (status != 0)
		return error_set(err, UNRACK_IO, "%s failed (status %d): %s", argv[0], status,
				 last_line(&errs));
	return 0;
}
