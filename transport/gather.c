/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/gather.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "thread.h"

#define STOP_MS 200     /* how often the stop flag is looked at */
#define WELCOME 'w'
#define PEER_MS 10000   /* how long one that came may take for its few bytes */

struct guest_line {
	int socket;               /* of the process that brought it; -1: nobody has come */
	struct channel *channel;  /* NULL: its descriptors have not come */
};

struct gather {
	int listening;
	char token[GATHER_TOKEN_MAX];
	unsigned n;
	struct guest_line line[CHANNEL_STRIPES_MAX];
};

/* In the abstract namespace (unix(7)): gone with the last descriptor, whatever happens to us. */
static socklen_t address(const char *token, struct sockaddr_un *a)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "unrack-%s", token));
}

static bool same_user(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == geteuid();
}

int gather_open(unsigned n, struct gather **out, struct unrack_error *err)
{
	struct gather *g;
	struct sockaddr_un a;
	uint8_t random[(GATHER_TOKEN_MAX - 1) / 2];
	socklen_t len;

	if (n == 0 || n >= CHANNEL_STRIPES_MAX)
		return error_set(err, UNRACK_INTERNAL, "%u connections can't be gathered", n);
	g = calloc(1, sizeof *g);
	if (!g)
		return error_nomem(err);
	g->n = n;
	for (unsigned i = 0; i < CHANNEL_STRIPES_MAX; i++)
		g->line[i].socket = -1;
	g->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		goto failed;
	for (unsigned i = 0; i < sizeof random; i++)
		snprintf(g->token + 2 * i, 3, "%02x", random[i]);
	len = address(g->token, &a);
	if (g->listening < 0 || bind(g->listening, (struct sockaddr *)&a, len) < 0 ||
	    listen(g->listening, (int)CHANNEL_STRIPES_MAX) < 0)
		goto failed;
	*out = g;
	return 0;
failed:
	error_errno(err, errno, "can't wait for further connections");
	gather_close(g);
	return err->code;
}

const char *gather_token(const struct gather *g)
{
	return g->token;
}

void gather_close(struct gather *g)
{
	if (!g)
		return;
	for (unsigned i = 0; i < g->n; i++) {
		channel_close(g->line[i].channel);
		if (g->line[i].socket >= 0)
			close(g->line[i].socket);
	}
	if (g->listening >= 0)
		close(g->listening);
	free(g);
}

/* The number, and our welcome for it. Who says anything else is sent away. */
static void let_in(struct gather *g)
{
	int fd = accept4(g->listening, NULL, NULL, SOCK_CLOEXEC);
	struct timeval limit = { PEER_MS / 1000, 0 };
	uint8_t number, welcome = WELCOME;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (!same_user(fd) || recv(fd, &number, 1, 0) != 1 || number >= g->n ||
	    g->line[number].socket >= 0 || send(fd, &welcome, 1, MSG_NOSIGNAL) != 1) {
		close(fd);
		return;
	}
	g->line[number].socket = fd;
}

/* Two descriptors with one byte. */
static int take_over(struct guest_line *line, struct unrack_error *err)
{
	union {
		char room[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			    .msg_controllen = sizeof control.room };
	struct cmsghdr *c;
	int fds[2];
	ssize_t got = recvmsg(line->socket, &m, MSG_CMSG_CLOEXEC);

	c = got == 1 ? CMSG_FIRSTHDR(&m) : NULL;
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof fds)) {
		error_set(err, UNRACK_LOST, "one of the connections of this copy was lost before it began");
		err->sys_errno = EPIPE;
		return UNRACK_LOST;
	}
	memcpy(fds, CMSG_DATA(c), sizeof fds);
	return channel_open_fds(fds[0], fds[1], &line->channel, err);
}

/* Whoever has something to say, once. True: all are there. */
static int look(struct gather *g, int first, int timeout_ms, bool *all, struct unrack_error *err)
{
	struct pollfd at[CHANNEL_STRIPES_MAX + 2];
	int r = 0;

	for (unsigned i = 0; i < g->n; i++)
		at[i] = (struct pollfd){ .fd = g->line[i].channel ? -1 : g->line[i].socket, .events = POLLIN };
	at[g->n] = (struct pollfd){ .fd = g->listening, .events = POLLIN };
	at[g->n + 1] = (struct pollfd){ .fd = first, .events = POLLRDHUP };
	if (poll(at, g->n + 2, timeout_ms) < 0 && errno != EINTR)
		return error_errno(err, errno, "can't wait for further connections");
	if (at[g->n + 1].revents) {
		error_set(err, UNRACK_LOST, "the connection was lost while further ones were awaited");
		err->sys_errno = EPIPE;
		return UNRACK_LOST;
	}
	if (at[g->n].revents)
		let_in(g);
	*all = true;
	for (unsigned i = 0; i < g->n && r == 0; i++) {
		if (at[i].revents)
			r = take_over(&g->line[i], err);
		*all &= g->line[i].channel != NULL;
	}
	return r;
}

/* So many have come. */
static unsigned count_come(const struct gather *g)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->n; i++)
		n += g->line[i].socket >= 0;
	return n;
}

int gather_wait(struct gather *g, int first, unsigned timeout_ms, const struct log *log,
		struct channel **channels, struct unrack_error *err)
{
	int64_t end = thread_now_ms() + timeout_ms;
	unsigned come = count_come(g), before;
	bool all = false;
	int r = 0;

	while (r == 0 && !all) {
		if (log_stop_asked(log))
			return error_set(err, UNRACK_INTERRUPTED, "stopped while further connections were awaited");
		if (thread_now_ms() >= end) {
			error_set(err, UNRACK_LOST, "not all of the %u connections of this copy came", g->n + 1);
			err->sys_errno = ETIMEDOUT;
			return UNRACK_LOST;
		}
		r = look(g, first, STOP_MS, &all, err);
		/* They come one after the other, and over a long way each takes seconds. */
		before = come;
		come = count_come(g);
		if (come > before)
			end = thread_now_ms() + timeout_ms;
	}
	for (unsigned i = 0; i < g->n && r == 0; i++)
		channels[i] = g->line[i].channel;
	return r;
}

int gather_enter(const char *token, unsigned number, int *out, struct unrack_error *err)
{
	struct timeval limit = { PEER_MS / 1000, 0 };
	struct sockaddr_un a;
	uint8_t byte = (uint8_t)number;
	socklen_t len;
	int fd;

	if (strlen(token) != GATHER_TOKEN_MAX - 1 ||
	    strspn(token, "0123456789abcdef") != GATHER_TOKEN_MAX - 1 || number >= CHANNEL_STRIPES_MAX)
		return error_set(err, UNRACK_DAMAGED, "the client wants to join a copy, but does not say which");
	len = address(token, &a);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "can't join the copy");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&a, len) < 0 || !same_user(fd) ||
	    send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1 || byte != WELCOME) {
		close(fd);
		return error_set(err, UNRACK_UNSAFE, "the copy that this connection belongs to is not there, or on "
				 "another machine behind the same address; use --streams 1");
	}
	*out = fd;
	return 0;
}

int gather_hand_over(int socket, int rfd, int wfd, struct unrack_error *err)
{
	union {
		char room[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { .room = { 0 } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			    .msg_controllen = sizeof control.room };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct timeval none = { 0, 0 };
	int fds[2] = { rfd, wfd };
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	if (sendmsg(socket, &m, MSG_NOSIGNAL) != 1) {
		error_errno(err, errno, "can't join the copy");
		return err->code = UNRACK_LOST;
	}
	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
	do
		n = recv(socket, &byte, 1, 0);
	while (n > 0 || (n < 0 && errno == EINTR));
	return 0;
}
