/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel over two descriptors. Nothing here blocks but poll, which also watches an eventfd
 * that shutdown fills: so a blocked thread wakes for pipes as well as for sockets. */
#include <errno.h>
#include <fcntl.h>
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

#include "unrack/channel.h"

struct end {
	int fd;
	bool is_socket;
	int flags; /* of a pipe, to be put back; -1: left alone */
};

struct fds {
	struct channel channel;
	struct end r, w;
	int wake;
	atomic_bool down;
};

static int is_down(struct unrack_error *err)
{
	error_errno(err, ECANCELED, "the connection was shut down");
	return UNRACK_IO;
}

/* Until E can go on. */
static int wait_for(struct fds *f, const struct end *e, short events, struct unrack_error *err)
{
	struct pollfd p[2] = { { .fd = e->fd, .events = events },
			       { .fd = f->wake, .events = POLLIN } };

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "can't wait for the connection");
	return atomic_load(&f->down) ? is_down(err) : 0;
}

static int ended(size_t done, size_t n, struct unrack_error *err)
{
	if (done == 0) {
		error_set(err, UNRACK_IO, "the far side closed the connection");
		err->sys_errno = EPIPE;
	} else {
		error_set(err, UNRACK_IO,
			  "the connection was cut: %zu bytes came where %zu are due", done, n);
		err->sys_errno = ECONNRESET;
	}
	return UNRACK_IO;
}

static int fds_read(struct channel *c, void *buf, size_t n, struct unrack_error *err)
{
	struct fds *f = c->ctx;
	size_t done = 0;

	while (done < n) {
		uint8_t *to = (uint8_t *)buf + done;
		ssize_t got = f->r.is_socket ? recv(f->r.fd, to, n - done, MSG_DONTWAIT)
					     : read(f->r.fd, to, n - done);

		if (got > 0) {
			done += (size_t)got;
		} else if (got == 0) {
			return atomic_load(&f->down) ? is_down(err) : ended(done, n, err);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			int r = wait_for(f, &f->r, POLLIN, err);

			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			return error_errno(err, errno, "can't read from the connection");
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
			int r = wait_for(f, &f->w, POLLOUT, err);

			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			if (atomic_load(&f->down))
				return is_down(err);
			return error_errno(err, errno, "can't write to the connection");
		}
	}
	return 0;
}

static void fds_shutdown(struct channel *c)
{
	struct fds *f = c->ctx;
	const uint64_t one = 1;

	atomic_store(&f->down, true);
	/* An eventfd takes the first write always; a later one has nothing to add. */
	if (write(f->wake, &one, sizeof one) < 0)
		return;
	/* For the peer's sake; it sees the end of a pipe when we close it. */
	if (f->r.is_socket)
		shutdown(f->r.fd, SHUT_RDWR);
	if (f->w.is_socket && f->w.fd != f->r.fd)
		shutdown(f->w.fd, SHUT_RDWR);
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
	close(f->wake);
	free(f);
}

static const struct channel_ops fds_ops = { fds_read, fds_write, fds_shutdown, fds_close };

static int prepare(struct end *e, int fd, struct unrack_error *err)
{
	struct stat st;

	e->fd = fd;
	e->flags = -1;
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "can't use descriptor %d as a connection", fd);
	e->is_socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode)) {
		e->flags = fcntl(fd, F_GETFL);
		if (e->flags < 0 || fcntl(fd, F_SETFL, e->flags | O_NONBLOCK) < 0)
			return error_errno(err, errno, "can't use descriptor %d as a connection", fd);
	}
	return 0;
}

int channel_open_fds(int rfd, int wfd, struct channel **out, struct unrack_error *err)
{
	struct fds *f = calloc(1, sizeof *f);
	int r;

	if (!f) {
		r = error_nomem(err);
		goto no_memory;
	}
	f->channel.ops = &fds_ops;
	f->channel.ctx = f;
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake < 0) {
		r = error_errno(err, errno, "can't make an eventfd");
		goto no_wake;
	}
	r = prepare(&f->r, rfd, err);
	if (r == 0)
		r = prepare(&f->w, wfd, err);
	if (r < 0)
		goto not_prepared;
	*out = &f->channel;
	return 0;

not_prepared:
	close(f->wake);
no_wake:
	free(f);
no_memory:
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
