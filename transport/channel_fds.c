/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel over two descriptors. Nothing here blocks but poll, which also watches an eventfd
 * that is filled to wake a blocked thread: so it wakes for pipes as well as for sockets. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "thread.h"
#include "unrack/channel.h"

#define PIPE_BYTES (1 << 20) /* what a user without privileges may ask for */

struct end {
	int fd;
	bool is_socket;
	int flags;        /* of a pipe, to be put back; -1: left alone */
	int wake;         /* an eventfd, filled once and for all when OVER is set */
	atomic_bool over; /* no more of it, by our own wish */
};

struct fds {
	struct channel channel;
	struct end r, w;
};

/* Whatever happens to the line: it is of no more use, but a new one may be. */
static int lost(struct unrack_error *err, int errnum, const char *what)
{
	error_errno(err, errnum, "%s", what);
	return err->code = UNRACK_LOST;
}

static int is_over(struct unrack_error *err)
{
	return lost(err, ECANCELED, "the connection was shut down");
}

static int ended(size_t done, size_t n, struct unrack_error *err)
{
	if (done == 0) {
		error_set(err, UNRACK_LOST, "the far side closed the connection");
		err->sys_errno = EPIPE;
	} else {
		error_set(err, UNRACK_LOST,
			  "the connection was cut: %zu bytes came where %zu are due", done, n);
		err->sys_errno = ECONNRESET;
	}
	return UNRACK_LOST;
}

static int silent(unsigned limit_ms, struct unrack_error *err)
{
	error_set(err, UNRACK_LOST, "nothing has come from the far side for %g s; the line is cut or the "
		  "far machine is down", limit_ms / 1000.0);
	err->sys_errno = ETIMEDOUT;
	return UNRACK_LOST;
}

/* Until E can go on, or UNTIL_MS has come: 0 then too. -1: no limit. */
static int wait_for(struct end *e, short events, int64_t until_ms, struct unrack_error *err)
{
	struct pollfd p[2] = { { .fd = e->fd, .events = events },
			       { .fd = e->wake, .events = POLLIN } };
	int n;

	do {
		int64_t left = until_ms < 0 ? -1 : until_ms - thread_now_ms();

		n = poll(p, 2, until_ms < 0 ? -1 : left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return lost(err, errno, "can't wait for the connection");
	return atomic_load(&e->over) ? is_over(err) : 0;
}

static int fds_read(struct channel *c, void *buf, size_t n, struct unrack_error *err)
{
	struct fds *f = c->ctx;
	int64_t until = -1; /* when the silence is too long; -1: it has not begun */
	size_t done = 0;

	while (done < n) {
		uint8_t *to = (uint8_t *)buf + done;
		ssize_t got;

		if (atomic_load(&f->r.over))
			return is_over(err);
		got = f->r.is_socket ? recv(f->r.fd, to, n - done, MSG_DONTWAIT)
				     : read(f->r.fd, to, n - done);
		if (got > 0) {
			done += (size_t)got;
			until = -1;
		} else if (got == 0) {
			return atomic_load(&f->r.over) ? is_over(err) : ended(done, n, err);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			int r;

			if (c->silence_ms && until < 0)
				until = thread_now_ms() + c->silence_ms;
			else if (c->silence_ms && thread_now_ms() >= until)
				return silent(c->silence_ms, err);
			r = wait_for(&f->r, POLLIN, until, err);
			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			return lost(err, errno, "can't read from the connection");
		}
	}
	return 0;
}

/* write(2), but a reader that went away gives EPIPE without SIGPIPE, which is not ours to
 * ignore for the whole program. */
static ssize_t write_quietly(int fd, const void *buf, size_t n)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe, pending, before;
	ssize_t r;
	int e;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	r = write(fd, buf, n);
	e = errno;
	if (r < 0 && e == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = e;
	return r;
}

static int fds_write(struct channel *c, const void *buf, size_t n, struct unrack_error *err)
{
	struct fds *f = c->ctx;
	size_t done = 0;

	while (done < n) {
		const uint8_t *from = (const uint8_t *)buf + done;
		ssize_t put = f->w.is_socket
				      ? send(f->w.fd, from, n - done, MSG_DONTWAIT | MSG_NOSIGNAL)
				      : write_quietly(f->w.fd, from, n - done);

		if (put >= 0) {
			done += (size_t)put;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			int r = wait_for(&f->w, POLLOUT, -1, err);

			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			if (atomic_load(&f->w.over))
				return is_over(err);
			return lost(err, errno, "can't write to the connection");
		}
	}
	return 0;
}

static void end_it(struct end *e)
{
	const uint64_t one = 1;

	atomic_store(&e->over, true);
	/* An eventfd takes the first write always; a later one has nothing to add. */
	if (write(e->wake, &one, sizeof one) < 0)
		return;
}

static void fds_shutdown(struct channel *c)
{
	struct fds *f = c->ctx;

	end_it(&f->r);
	end_it(&f->w);
	/* For the peer's sake; it sees the end of a pipe when we close it. */
	if (f->r.is_socket)
		shutdown(f->r.fd, SHUT_RDWR);
	if (f->w.is_socket && f->w.fd != f->r.fd)
		shutdown(f->w.fd, SHUT_RDWR);
}

static void fds_stop_reading(struct channel *c)
{
	struct fds *f = c->ctx;

	end_it(&f->r);
}

static void fds_close(struct channel *c)
{
	struct fds *f = c->ctx;

	if (f->r.flags >= 0)
		fcntl(f->r.fd, F_SETFL, f->r.flags);
	if (f->w.flags >= 0)
		fcntl(f->w.fd, F_SETFL, f->w.flags);
	close(f->r.fd);
	if (f->w.fd != f->r.fd)
		close(f->w.fd);
	close(f->r.wake);
	close(f->w.wake);
	free(f);
}

static const struct channel_ops fds_ops = { fds_read, fds_write, fds_shutdown, fds_close,
					    fds_stop_reading };

static int prepare(struct end *e, int fd, struct unrack_error *err)
{
	struct stat st;

	e->fd = fd;
	e->flags = -1;
	e->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->wake < 0)
		return error_errno(err, errno, "can't make an eventfd");
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "can't use descriptor %d as a connection", fd);
	e->is_socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode)) {
		e->flags = fcntl(fd, F_GETFL);
		if (e->flags < 0 || fcntl(fd, F_SETFL, e->flags | O_NONBLOCK) < 0)
			return error_errno(err, errno, "can't use descriptor %d as a connection", fd);
		/* sshd's are of 64 KiB: less to fill and to drain at a time than to switch back and forth
		 * costs. A wish; refused when this user's pipes hold too much already. */
		(void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
	}
	return 0;
}

int channel_open_fds(int rfd, int wfd, struct channel **out, struct unrack_error *err)
{
	struct fds *f = calloc(1, sizeof *f);
	int r = f ? 0 : error_nomem(err);

	if (r < 0)
		goto failed;
	f->channel.ops = &fds_ops;
	f->channel.ctx = f;
	f->r.wake = f->w.wake = -1;
	r = prepare(&f->r, rfd, err);
	if (r == 0)
		r = prepare(&f->w, wfd, err);
	if (r == 0) {
		*out = &f->channel;
		return 0;
	}
	if (f->r.wake >= 0)
		close(f->r.wake);
	if (f->w.wake >= 0)
		close(f->w.wake);
	free(f);
failed:
	close(rfd);
	if (wfd != rfd)
		close(wfd);
	return r;
}

int channel_open_pair(struct channel **a, struct channel **b, struct unrack_error *err)
{
	int fd[2], size = 4 << 20, r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return error_errno(err, errno, "can't make a pair of sockets");
	/* Room for some large frames, as far as the system allows; a wish, not a need. */
	for (int i = 0; i < 2; i++)
		setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	r = channel_open_fds(fd[0], fd[0], a, err);
	if (r < 0) {
		close(fd[1]);
		return r;
	}
	r = channel_open_fds(fd[1], fd[1], b, err);
	if (r < 0)
		channel_close(*a);
	return r;
}
