/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The far command through a program of the user's choice (--rsh), over pipes. A watcher relays
 * what the program writes to its standard error, and is the one who reaps it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "remote_parts.h"
#include "spawn.h"
#include "thread.h"
#include "words.h"

#define PIPE_BYTES (1 << 20)
#define WATCH_MS 100 /* the program's end is noticed so late, if something keeps its stderr open */
#define LAST_READS 16
#define END_MS 1000    /* after its input has ended; then it is told */
#define TOLD_MS 20000  /* then killed; before, it may have to wait for a slow disk */

struct cmd {
	struct remote remote;
	pthread_t watcher;
	int errs;           /* what it writes to its standard error; the watcher's */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pid_t pid;          /* 0: reaped; under the lock */
};

/* Reaps it, if it has ended. */
static bool has_ended(struct cmd *c)
{
	siginfo_t info = { 0 };
	int status = 0;

	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
		return false;
	pthread_mutex_lock(&c->lock);
	waitpid(c->pid, &status, 0);
	c->pid = 0;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (WIFEXITED(status))
		report_status(&c->remote.report, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		report_signal(&c->remote.report, sigabbrev_np(WTERMSIG(status)));
	return true;
}

/* False: no more will come. */
static bool relay(struct cmd *c)
{
	char text[4096];
	ssize_t n = read(c->errs, text, sizeof text);

	if (n > 0)
		report_text(&c->remote.report, text, (size_t)n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static void *watch(void *arg)
{
	struct cmd *c = arg;
	bool open = true, ended = false;

	while (!ended) {
		struct pollfd p = { .fd = open ? c->errs : -1, .events = POLLIN };

		if (poll(&p, 1, WATCH_MS) > 0)
			open = relay(c);
		ended = has_ended(c);
	}
	/* What it wrote last; a process that it left behind may go on writing for ever. */
	for (int i = 0; open && i < LAST_READS; i++)
		open = relay(c);
	report_over(&c->remote.report);
	return NULL;
}

/* Waits for it to end; false: it still runs after so long. */
static bool wait_ended(struct cmd *c, int64_t ms)
{
	int64_t until = thread_now_ms() + ms, left;
	bool ended;

	pthread_mutex_lock(&c->lock);
	while (c->pid && (left = until - thread_now_ms()) > 0)
		thread_cond_wait(&c->changed, &c->lock, left);
	ended = c->pid == 0;
	pthread_mutex_unlock(&c->lock);
	return ended;
}

static void tell(struct cmd *c, int signal)
{
	pthread_mutex_lock(&c->lock);
	if (c->pid)
		kill(-c->pid, signal);
	pthread_mutex_unlock(&c->lock);
}

static void free_cmd(struct cmd *c)
{
	if (c->errs >= 0)
		close(c->errs);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	report_destroy(&c->remote.report);
	free(c);
}

static void cmd_close(struct remote *r)
{
	struct cmd *c = (struct cmd *)r;

	channel_close(r->channel);
	if (!wait_ended(c, END_MS)) {
		tell(c, SIGTERM);
		if (!wait_ended(c, TOLD_MS))
			tell(c, SIGKILL);
	}
	pthread_join(c->watcher, NULL);
	free_cmd(c);
}

static int new_cmd(const struct remote_url *url, const struct remote_options *opt, struct cmd **out,
		   struct unrack_error *err)
{
	struct cmd *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return error_nomem(err);
	c->errs = -1;
	r = report_init(&c->remote.report, url->host, opt->log, err);
	if (r < 0) {
		free(c);
		return r;
	}
	r = thread_cond_init(&c->changed, err);
	if (r < 0) {
		report_destroy(&c->remote.report);
		free(c);
		return r;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->remote.close = cmd_close;
	*out = c;
	return 0;
}

/* --rsh's own words, the port, the host, the command. */
static int start(struct cmd *c, const struct remote_url *url, const struct remote_options *opt,
		 const int fds[3], struct unrack_error *err)
{
	const char *argv[WORDS_MAX + 5];
	char *words[WORDS_MAX] = { NULL }, port[16], who[sizeof url->user + sizeof url->host + 1];
	char *memory CLEANUP_FREE = NULL;
	size_t n;
	int r = words_split("--rsh", opt->rsh, words, &n, err);

	if (r < 0)
		return r;
	memory = words[0];
	for (size_t i = 0; i < n; i++)
		argv[i] = words[i];
	if (url->port) {
		snprintf(port, sizeof port, "%u", url->port);
		argv[n++] = "-p";
		argv[n++] = port;
	}
	snprintf(who, sizeof who, "%s%s%s", url->user, url->user[0] ? "@" : "", url->host);
	argv[n++] = who;
	argv[n++] = opt->command;
	argv[n] = NULL;
	return spawn_program(argv, fds[0], fds[1], fds[2], &c->pid, err);
}

static int open_pipes(int in[2], int out[2], int errs[2], struct unrack_error *err)
{
	in[0] = in[1] = out[0] = out[1] = errs[0] = errs[1] = -1;
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(errs, O_CLOEXEC) < 0)
		return error_errno(err, errno, "can't make a pipe");
	/* Wishes: the default size works too, with more changes between the two processes. */
	fcntl(in[1], F_SETPIPE_SZ, PIPE_BYTES);
	fcntl(out[1], F_SETPIPE_SZ, PIPE_BYTES);
	fcntl(errs[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static void close_both(int fd[2])
{
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

int chan_cmd_open(const struct remote_url *url, const struct remote_options *opt,
		  struct remote **out, struct unrack_error *err)
{
	int in[2], from[2], errs[2], r;
	struct cmd *c = NULL;

	r = new_cmd(url, opt, &c, err);
	if (r < 0)
		return r;
	r = open_pipes(in, from, errs, err);
	if (r == 0)
		r = start(c, url, opt, (int[]){ in[0], from[1], errs[1] }, err);
	if (r < 0) {
		close_both(in);
		close_both(from);
		close_both(errs);
		free_cmd(c);
		return r;
	}
	close(in[0]);
	close(from[1]);
	close(errs[1]);
	c->errs = errs[0];
	r = channel_open_fds(from[0], in[1], &c->remote.channel, err);
	if (r == 0) {
		r = thread_start(&c->watcher, watch, c, err);
		if (r < 0)
			channel_close(c->remote.channel);
	}
	if (r < 0) {
		tell(c, SIGKILL);
		waitpid(c->pid, NULL, 0);
		free_cmd(c);
		return r;
	}
	*out = &c->remote;
	return 0;
}
