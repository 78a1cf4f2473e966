/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/size.h"

/* QEMU takes the connection at once, and a guest that has just been given its address may miss
 * the first packet, which QEMU repeats after six seconds: a new connection is faster. But an
 * emulated sshd takes its time. So they take turns. */
#define SHORT_MS 2000
#define LONG_MS 15000

bool ssh_banner(const char *text, size_t n, char *banner, size_t room)
{
	for (size_t at = 0; at < n;) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t len = 0;

		if (!nl)
			return false;
		if (n - at > 4 && !memcmp(text + at, "SSH-", 4)) {
			for (const char *p = text + at; p < nl && len + 1 < room; p++)
				if (*p >= 0x20 && *p < 0x7f)
					banner[len++] = *p;
			banner[len] = '\0';
			return true;
		}
		at = (size_t)(nl - text) + 1;
	}
	return false;
}

static void connect_to(struct ssh_probe *p, int64_t now_ms)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)p->port),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	p->len = 0;
	p->until = now_ms + (p->patient ? LONG_MS : SHORT_MS);
	p->patient = !p->patient;
	if (p->fd >= 0 && connect(p->fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS)
		ssh_close(p);
}

bool ssh_step(struct ssh_probe *p, int64_t now_ms, char *banner, size_t room)
{
	ssize_t n;

	if (p->fd < 0) {
		connect_to(p, now_ms);
		return false;
	}
	while ((n = recv(p->fd, p->got + p->len, sizeof p->got - p->len, 0)) > 0) {
		p->len += (size_t)n;
		if (ssh_banner(p->got, p->len, banner, room)) {
			ssh_close(p);
			return true;
		}
		if (p->len == sizeof p->got)
			break;
	}
	/* Nobody listens yet, or something else does: try again with the next step. */
	if (n >= 0 || (errno != EAGAIN && errno != EINTR && errno != ENOTCONN) || now_ms >= p->until)
		ssh_close(p);
	return false;
}

void ssh_close(struct ssh_probe *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}
