/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes between ssh and the channel.
 *
 * A session of libssh belongs to one thread at a time, but a channel is read and written by
 * two. So the thread that opens hands the session to a pump, which moves bytes between it
 * and one end of a pair of sockets; the channel is the other end. The session does not
 * block: the pump sleeps in poll only, over the line, its socket, and an eventfd that ends it.
 *
 * What the pump holds is bounded. To ssh: one buffer, and the next only after libssh's own
 * is empty. From ssh: libssh lets the far side send about 2 MiB ahead, but each partial read gives it
 * that much again, however much is still there. So everything is taken at once, and again
 * only when all of it was handed on. */
#include "chan_ssh.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "thread.h"

#define CLOSE_MS 1000         /* for the last bytes and the command's end */
#define UP_BYTES (256u << 10)
#define DOWN_MAX (4u << 20)   /* more than libssh lets a peer send that keeps to the protocol */
#define SOCKET_BYTES (4 << 20)
#define TURNS 64              /* reads of libssh (4 KiB each) before what came is handed on */

struct pump {
	struct far *f;
	uint8_t *up, *down;
	size_t up_len, up_off, down_size, down_len, down_off;
	bool local_ended; /* the channel writes no more */
	bool local_gone;  /* and does not read either */
	bool unwanted;    /* the far command still writes, to nobody */
	bool end_sent;    /* the far command's input is closed */
	bool far_ended;   /* it writes no more, and the channel knows */
	bool broken;
};

static void line_broke(struct pump *p)
{
	char text[256];

	if (!p->broken)
		report_broken(&p->f->remote.report, chan_ssh_why(p->f, text));
	p->broken = true;
}

static void relay_errors(struct pump *p)
{
	char text[4096];
	int n;

	for (int i = 0; i < TURNS; i++) {
		n = ssh_channel_read_nonblocking(p->f->channel, text, sizeof text, 1);
		if (n <= 0)
			return;
		report_text(&p->f->remote.report, text, (size_t)n);
	}
}

/* Hands on what is held; true: all of it. */
static bool hand_down(struct pump *p)
{
	while (p->down_off < p->down_len && !p->local_gone) {
		ssize_t n = send(p->f->local, p->down + p->down_off, p->down_len - p->down_off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			p->down_off += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return false;
		else if (errno != EINTR)
			p->local_gone = true;
	}
	if (p->down_off < p->down_len) {
		p->unwanted = true;
		p->down_off = p->down_len;
	}
	return true;
}

/* From ssh to the channel. */
static void move_down(struct pump *p)
{
	while (hand_down(p)) {
		int n = ssh_channel_poll(p->f->channel, 0);

		if (n == SSH_EOF && !p->far_ended) {
			shutdown(p->f->local, SHUT_WR);
			p->far_ended = true;
		}
		if (n == SSH_ERROR)
			line_broke(p);
		if (n <= 0)
			return;
		if ((size_t)n > p->down_size && p->down_size < DOWN_MAX) {
			size_t size = (size_t)n < DOWN_MAX ? (size_t)n : DOWN_MAX;
			uint8_t *down = realloc(p->down, size);

			if (!down) {
				p->broken = true;
				report_broken(&p->f->remote.report, "out of memory");
				return;
			}
			p->down = down;
			p->down_size = size;
		}
		n = ssh_channel_read_nonblocking(p->f->channel, p->down, (uint32_t)p->down_size, 0);
		p->down_off = 0;
		p->down_len = n > 0 ? (size_t)n : 0;
	}
}

/* From the channel to ssh. */
static void move_up(struct pump *p)
{
	ssh_channel channel = p->f->channel;
	int n;

	for (;;) {
		if (p->up_off == p->up_len && !p->local_ended) {
			ssize_t got = recv(p->f->local, p->up, UP_BYTES, MSG_DONTWAIT);

			if (got < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
				got = 0;
			p->local_ended = got == 0;
			p->up_off = 0;
			p->up_len = got > 0 ? (size_t)got : 0;
		}
		if ((ssh_get_status(p->f->session) & SSH_WRITE_PENDING) || !ssh_channel_is_open(channel))
			return;
		if (p->up_off == p->up_len)
			break;
		if (ssh_channel_window_size(channel) == 0)
			return;
		n = ssh_channel_write(channel, p->up + p->up_off, (uint32_t)(p->up_len - p->up_off));
		if (n < 0)
			line_broke(p);
		if (n <= 0)
			return;
		p->up_off += (size_t)n;
	}
	if (p->local_ended && !p->end_sent) {
		ssh_channel_send_eof(channel);
		p->end_sent = true;
	}
}

/* More is waiting than the peer may send: libssh reads no more until some was handed on. */
static bool is_full(struct pump *p)
{
	return p->down_off < p->down_len && ssh_channel_poll(p->f->channel, 0) > (int)DOWN_MAX;
}

static bool is_over(const struct pump *p)
{
	if (p->broken)
		return true;
	/* Nobody waits for what it says, and it does not come to an end by itself. */
	if (p->unwanted && p->end_sent && !(ssh_get_status(p->f->session) & SSH_WRITE_PENDING))
		return true;
	/* The status may follow the end of the output, and the channel's end follows both. */
	return p->far_ended && ssh_channel_is_closed(p->f->channel) && p->down_off == p->down_len;
}

/* Until there is something to do. TIMEOUT_MS -1: none. */
static void pump_wait(struct pump *p, int timeout_ms)
{
	struct far *f = p->f;
	struct pollfd fds[4] = {
		{ .fd = is_full(p) ? -1 : f->line, .events = POLLIN },
		{ .fd = -1 },
		{ .fd = atomic_load(&f->closing) ? -1 : f->wake, .events = POLLIN },
		{ .fd = f->proxy_errs, .events = POLLIN },
	};

	if (ssh_get_poll_flags(f->session) & SSH_WRITE_PENDING)
		fds[0].events |= POLLOUT;
	if (p->up_off == p->up_len && !p->local_ended)
		fds[1].events |= POLLIN;
	if (p->down_off < p->down_len)
		fds[1].events |= POLLOUT;
	if (fds[1].events)
		fds[1].fd = f->local;
	if (poll(fds, 4, timeout_ms) <= 0)
		return;
	if (fds[3].revents)
		chan_ssh_relay_proxy(f);
	for (int i = 0; fds[0].revents && i < TURNS; i++) {
		int rc = ssh_event_dopoll(f->event, 0);

		if (rc == SSH_ERROR || !ssh_is_connected(f->session))
			line_broke(p);
		if (rc != SSH_OK)
			break;
	}
}

static void *pump_run(void *arg)
{
	struct far *f = arg;
	struct pump p = { .f = f, .up = malloc(UP_BYTES) };
	int64_t end = -1, left = -1;

	if (!p.up) {
		report_broken(&f->remote.report, "out of memory");
		p.broken = true;
	}
	while (!is_over(&p)) {
		if (end < 0 && atomic_load(&f->closing))
			end = thread_now_ms() + CLOSE_MS;
		if (end >= 0 && (left = end - thread_now_ms()) <= 0)
			break;
		relay_errors(&p);
		move_down(&p);
		move_up(&p);
		if (!is_over(&p))
			pump_wait(&p, (int)left);
	}
	relay_errors(&p);
	hand_down(&p);
	report_over(&f->remote.report);
	/* So that the channel's reads and writes end. */
	shutdown(f->local, SHUT_RDWR);
	free(p.up);
	free(p.down);
	return NULL;
}

int chan_ssh_start_pump(struct far *f, struct unrack_error *err)
{
	int pair[2], size = SOCKET_BYTES, r;

	f->event = ssh_event_new();
	if (!f->event || ssh_event_add_session(f->event, f->session) != SSH_OK)
		return error_nomem(err);
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "can't make a pair of sockets");
	f->local = pair[1];
	/* Wishes, as far as the system allows. */
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	r = channel_open_fds(pair[0], pair[0], &f->remote.channel, err);
	if (r == 0)
		r = thread_start(&f->pump, pump_run, f, err);
	f->pumping = r == 0;
	return r;
}

void chan_ssh_end_pump(struct far *f)
{
	const uint64_t one = 1;

	atomic_store(&f->closing, true);
	while (write(f->wake, &one, sizeof one) < 0 && errno == EINTR)
		;
	pthread_join(f->pump, NULL);
}
