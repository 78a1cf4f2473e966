/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's monitor: one JSON object a line (QEMU, docs/interop/qmp-spec). Answers come in the
 * order of the commands; events in between. */
#include "parts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/proc.h"

#define COMMAND_MS 120000 /* QEMU answers between two of the guest's instructions, or when its storage does */
#define LINE_MAX_BYTES (1u << 20)
#define EVENTS_MAX 64u

struct qmp {
	int fd; /* listens, then is connected */
	char folder[64], path[80]; /* "": gone */
	struct buf in;             /* read, not yet a whole line */
	struct qmp_event events[EVENTS_MAX]; /* a ring; when it is full new ones are dropped */
	size_t first, n_events;
};

int qmp_listen(struct qmp **out, struct unrack_error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *tmp = getenv("TMPDIR");
	struct qmp *q = calloc(1, sizeof *q);

	*out = NULL;
	if (!q)
		return error_nomem(err);
	q->fd = -1;
	/* A socket's path must be short. */
	if (!tmp || tmp[0] != '/' || strlen(tmp) > 32 || access(tmp, W_OK) < 0)
		tmp = "/tmp";
	snprintf(q->folder, sizeof q->folder, "%s/unrack-qmp-XXXXXX", tmp);
	if (!mkdtemp(q->folder)) {
		error_errno(err, errno, "can't make a folder for QEMU's monitor in %s", tmp);
		q->folder[0] = '\0';
		qmp_close(q);
		return err->code;
	}
	snprintf(q->path, sizeof q->path, "%s/qmp", q->folder);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", q->path);
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0 || bind(q->fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(q->fd, 1) < 0) {
		error_errno(err, errno, "can't make the socket %s for QEMU's monitor", q->path);
		qmp_close(q);
		return err->code;
	}
	*out = q;
	return 0;
}

const char *qmp_path(const struct qmp *q)
{
	return q->path;
}

static void forget_path(struct qmp *q)
{
	if (q->path[0])
		unlink(q->path);
	if (q->folder[0])
		rmdir(q->folder);
	q->path[0] = q->folder[0] = '\0';
}

static int wait_for(int fd, short what, int64_t until)
{
	int64_t left = until - vm_now();
	struct pollfd p = { fd, what, 0 };
	int r;

	if (left < 0)
		left = 0;
	r = poll(&p, 1, (int)min_u64((uint64_t)left, 60000));
	return r < 0 && errno == EINTR ? 0 : r;
}

/* --- Lines --------------------------------------------------------------------------------- */

static int gone(struct unrack_error *err)
{
	return error_set(err, UNRACK_IO, "QEMU has closed its monitor");
}

/* What there is to read; 0: nothing. */
static int receive(struct qmp *q, struct unrack_error *err)
{
	char chunk[16384];
	ssize_t n = recv(q->fd, chunk, sizeof chunk, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return gone(err);
	if (q->in.len + (size_t)n > LINE_MAX_BYTES)
		return error_set(err, UNRACK_IO, "QEMU's monitor says more than %u bytes at once",
				 LINE_MAX_BYTES);
	if (buf_append(&q->in, chunk, (size_t)n) < 0)
		return error_nomem(err);
	return (int)n;
}

static void keep_event(struct qmp *q, const struct json *m, const char *name)
{
	const struct json *data = json_get(m, "data");
	struct qmp_event *ev;

	if (q->n_events == EVENTS_MAX)
		return;
	ev = &q->events[(q->first + q->n_events++) % EVENTS_MAX];
	snprintf(ev->name, sizeof ev->name, "%s", name);
	if (data && json_bool(data, "nospace", false))
		snprintf(ev->reason, sizeof ev->reason, "nospace");
	else
		snprintf(ev->reason, sizeof ev->reason, "%s", data ? json_str(data, "reason", "") : "");
}

/* The next message that is in, NULL: none; events are put aside. */
static int take_message(struct qmp *q, struct json **m, struct unrack_error *err)
{
	*m = NULL;
	while (!*m) {
		uint8_t *nl = q->in.len ? memchr(q->in.data, '\n', q->in.len) : NULL;
		size_t len = nl ? (size_t)(nl - q->in.data) + 1 : 0;
		const char *name;
		int r;

		if (!nl)
			return 0;
		r = json_parse((char *)q->in.data, len, "QEMU's monitor", m, err);
		memmove(q->in.data, q->in.data + len, q->in.len - len);
		q->in.len -= len;
		if (r < 0)
			return r;
		name = json_str(*m, "event", NULL);
		if (name) {
			keep_event(q, *m, name);
			json_free(*m);
			*m = NULL;
		}
	}
	return 0;
}

static int next_message(struct qmp *q, int64_t until, struct json **m, struct unrack_error *err)
{
	for (;;) {
		int r = take_message(q, m, err);

		if (r < 0 || *m)
			return r;
		if (vm_now() >= until)
			return error_set(err, UNRACK_IO, "QEMU's monitor does not answer");
		if (wait_for(q->fd, POLLIN, until) > 0 && (r = receive(q, err)) < 0)
			return r;
	}
}

static int send_all(struct qmp *q, const struct buf *b, int64_t until, struct unrack_error *err)
{
	size_t sent = 0;

	while (sent < b->len) {
		ssize_t n = send(q->fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			return gone(err);
		} else if (vm_now() >= until) {
			return error_set(err, UNRACK_IO, "QEMU's monitor does not listen");
		} else {
			wait_for(q->fd, POLLOUT, until);
		}
	}
	return 0;
}

/* --- The dialogue -------------------------------------------------------------------------- */

int qmp_command(struct qmp *q, const char *command, struct json *args, struct json **answer,
		struct unrack_error *err)
{
	int64_t until = vm_now() + COMMAND_MS;
	struct json *request = json_new_object(), *m = NULL;
	struct buf line CLEANUP_BUF = { 0 };
	int r = json_set_str(request, "execute", command);

	if (args)
		r |= json_set(request, "arguments", args);
	r |= json_write(request, false, &line);
	r |= buf_puts(&line, "\n");
	json_free(request);
	if (r < 0)
		return error_nomem(err);
	r = send_all(q, &line, until, err);
	if (r == 0)
		r = next_message(q, until, &m, err);
	if (r < 0)
		return r;
	if (json_has(m, "error"))
		r = error_set(err, UNRACK_UNSUPPORTED, "QEMU refuses %s: %s", command,
			      json_str(json_get(m, "error"), "desc", "without a reason"));
	if (r == 0 && answer)
		*answer = m;
	else
		json_free(m);
	return r;
}

int qmp_accept(struct qmp *q, pid_t *pid, int timeout_ms, struct unrack_error *err)
{
	int64_t until = vm_now() + timeout_ms;
	struct json *greeting;
	int r, fd = -1, status;

	while (fd < 0) {
		if (wait_for(q->fd, POLLIN, vm_now() + 50) > 0)
			fd = accept4(q->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			break;
		if (proc_ended(*pid, &status)) {
			*pid = 0;
			return error_set(err, UNRACK_IO, "QEMU ended with status %d", status);
		}
		if (vm_now() >= until)
			return error_set(err, UNRACK_IO, "QEMU did not start within %d seconds",
					 timeout_ms / 1000);
	}
	close(q->fd);
	q->fd = fd;
	forget_path(q);
	r = next_message(q, until, &greeting, err);
	if (r < 0)
		return r;
	json_free(greeting);
	return qmp_command(q, "qmp_capabilities", NULL, NULL, err);
}

int qmp_wait(struct qmp *q, int timeout_ms, struct unrack_error *err)
{
	struct json *m;
	int r = 0;

	if (!q->n_events && wait_for(q->fd, POLLIN, vm_now() + timeout_ms) > 0)
		r = receive(q, err);
	if (r < 0)
		return r;
	r = take_message(q, &m, err);
	json_free(m); /* an answer that nobody asked for */
	return r;
}

bool qmp_next_event(struct qmp *q, struct qmp_event *ev)
{
	if (!q->n_events)
		return false;
	*ev = q->events[q->first];
	q->first = (q->first + 1) % EVENTS_MAX;
	q->n_events--;
	return true;
}

void qmp_close(struct qmp *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	forget_path(q);
	buf_free(&q->in);
	free(q);
}
