/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes that bring their connections, and some that should not. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/gather.h"

static struct unrack_error err;

/* A process at the far end of a connection, as number NUMBER; *line is this end of it. */
static pid_t bring(const char *token, unsigned number, int *line)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		struct unrack_error e;
		int s;

		alarm(600);
		close(pair[0]);
		if (gather_enter(token, number, &s, &e) < 0)
			_exit(5);
		_exit(gather_hand_over(s, pair[1], pair[1], &e) < 0);
	}
	close(pair[1]);
	*line = pair[0];
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void together(void)
{
	struct channel *channels[2] = { NULL, NULL };
	struct gather *g = NULL;
	int line[2];
	pid_t pid[2];
	char text[3] = "";

	is_int(gather_open(2, &g, &err), 0, "opened for two more");
	is_int(strlen(gather_token(g)), GATHER_TOKEN_MAX - 1, "with a token");
	pid[1] = bring(gather_token(g), 1, &line[1]);
	pid[0] = bring(gather_token(g), 0, &line[0]);
	is_int(gather_wait(g, -1, 300000, NULL, channels, &err), 0, "both come");
	ok(channels[0] && channel_write(channels[0], "a0", 2, &err) == 0 && read(line[0], text, 2) == 2 &&
	   !strcmp(text, "a0"), "the first is number 0");
	ok(channels[1] && write(line[1], "b1", 2) == 2 && channel_read(channels[1], text, 2, &err) == 0 &&
	   !strcmp(text, "b1"), "the second is number 1, though it came first");
	is_int(waitpid(pid[0], NULL, WNOHANG), 0, "who brought it waits");
	gather_close(g);
	ok(status_of(pid[0]) == 0 && status_of(pid[1]) == 0, "until it is over");
	is_int(read(line[0], text, 1), 0, "then the connection has ended");
	close(line[0]);
	close(line[1]);
}

static void strangers(void)
{
	struct channel *channels[1];
	struct gather *g = NULL;
	char token[GATHER_TOKEN_MAX];
	int line, s, r, status = 0;
	pid_t pid;

	gather_open(1, &g, &err);
	memcpy(token, gather_token(g), sizeof token);
	is_int(gather_enter("../../x", 0, &s, &err), UNRACK_DAMAGED, "no token");
	token[0] ^= 1;
	token[0] = token[0] >= '0' && token[0] <= '9' ? token[0] : 'a';
	is_int(gather_enter(strcmp(token, gather_token(g)) ? token : "0123456789abcdef0123456789abcdef", 0, &s, &err),
	       UNRACK_UNSAFE, "another token");
	has_str(err.text, "is not there", "is said");
	pid = bring(gather_token(g), 7, &line);
	/* Until it has come and is told. */
	do
		r = gather_wait(g, -1, 300, NULL, channels, &err);
	while (r < 0 && waitpid(pid, &status, WNOHANG) == 0);
	is_int(r, UNRACK_LOST, "one with another number does not count");
	is_int(err.sys_errno, ETIMEDOUT, "so nobody came in time");
	is_int(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 5, "and it was told");
	close(line);
	gather_close(g);
	gather_close(NULL);
	is_int(gather_open(CHANNEL_STRIPES_MAX, &g, &err), UNRACK_INTERNAL, "too many");
}

static void stopped(void)
{
	atomic_bool stop = true;
	struct log log = { .stop = &stop };
	struct channel *channels[1];
	struct gather *g = NULL;

	gather_open(1, &g, &err);
	is_int(gather_wait(g, -1, 60000, &log, channels, &err), UNRACK_INTERRUPTED, "a stop ends the waiting");
	gather_close(g);
}

/* Who would make them has gone: through a pipe as sshd has it, and through a socket. */
static void left(void)
{
	struct channel *channels[1];
	struct gather *g = NULL;

	for (int socket = 0; socket < 2; socket++) {
		int first[2];

		if ((socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, first) : pipe(first)) < 0 || write(first[1], "x", 1) != 1)
			exit(1);
		gather_open(1, &g, &err);
		is_int(gather_wait(g, first[0], 300, NULL, channels, &err), UNRACK_LOST, "nobody comes");
		is_int(err.sys_errno, ETIMEDOUT, "in time, while the first connection is there, and has something to read");
		close(first[1]);
		is_int(gather_wait(g, first[0], 3600000, NULL, channels, &err), UNRACK_LOST, "nor when it has ended");
		is_int(err.sys_errno, EPIPE, "and nobody waits for that");
		has_str(err.text, "was lost while further ones were awaited", "the sentence");
		close(first[0]);
		gather_close(g);
	}
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	together();
	strangers();
	stopped();
	left();
	return tap_done();
}
