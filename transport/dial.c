/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "thread.h"

#define STOP_POLL_MS 100
#define IDLE_S 30      /* then the first probe of a line on which nothing is sent */
#define PROBE_S 10
#define PROBES 6
#define UNANSWERED_MS 120000 /* what was sent and not acknowledged for so long is lost */

/* Each is a wish: a line without it works too. */
static void set_options(int fd)
{
	const int on = 1, idle = IDLE_S, interval = PROBE_S, probes = PROBES;
	const unsigned unanswered = UNANSWERED_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof unanswered);
}

/* 0, an errno, or ECANCELED when the program was asked to stop. */
static int wait_connected(int fd, unsigned timeout_ms, const struct log *log)
{
	int64_t until = thread_now_ms() + timeout_ms, left;
	int failed = 0;
	socklen_t len = sizeof failed;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		int r;

		left = until - thread_now_ms();
		if (log_stop_asked(log))
			return ECANCELED;
		if (left <= 0)
			return ETIMEDOUT;
		r = poll(&p, 1, left < STOP_POLL_MS ? (int)left : STOP_POLL_MS);
		if (r > 0)
			break;
		if (r < 0 && errno != EINTR)
			return errno;
	}
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0 ? errno : failed;
}

static int try_address(const struct addrinfo *a, unsigned timeout_ms, const struct log *log, int *out)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r = 0;

	if (fd < 0)
		return errno;
	set_options(fd);
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
		r = errno == EINPROGRESS ? wait_connected(fd, timeout_ms, log) : errno;
	if (r != 0)
		close(fd);
	else
		*out = fd;
	return r;
}

int dial_tcp(const char *host, unsigned port, unsigned timeout_ms, const struct log *log, int *fd,
	     struct unrack_error *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	char service[16], address[128];
	struct addrinfo *list;
	int r, last = 0;

	snprintf(service, sizeof service, "%u", port);
	r = getaddrinfo(host, service, &hints, &list);
	if (r != 0)
		return error_set(err, UNRACK_LOST, "can't find the host %s: %s", host,
				 r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
	address[0] = '\0';
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, NULL, 0,
			    NI_NUMERICHOST);
		last = try_address(a, timeout_ms, log, fd);
		if (last == 0 || last == ECANCELED)
			break;
		log_debug(log, "%s port %u: %s", address, port, strerror(last));
	}
	freeaddrinfo(list);
	if (last == 0)
		return 0;
	if (last == ECANCELED)
		return error_set(err, UNRACK_INTERRUPTED, "interrupted while connecting to %s", host);
	error_set(err, UNRACK_LOST, "can't connect to %s port %u%s%s%s: %s", host, port,
		  strcmp(address, host) == 0 ? "" : " (", strcmp(address, host) == 0 ? "" : address,
		  strcmp(address, host) == 0 ? "" : ")", strerror(last));
	err->sys_errno = last;
	return err->code;
}
