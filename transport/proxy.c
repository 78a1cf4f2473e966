/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "spawn.h"
#include "unrack/buf.h"

static int expand(const char *from, const struct proxy_names *names, struct buf *out,
		  struct unrack_error *err)
{
	int r = buf_puts(out, strncmp(from, "exec ", 5) == 0 ? "" : "exec ");

	for (; *from && r == 0; from++) {
		if (*from != '%') {
			r = buf_append(out, from, 1);
			continue;
		}
		switch (*++from) {
		case '%':
			r = buf_puts(out, "%");
			break;
		case 'h':
			r = buf_puts(out, names->host);
			break;
		case 'n':
			r = buf_puts(out, names->given);
			break;
		case 'p':
			r = buf_printf(out, "%u", names->port);
			break;
		case 'r':
			r = buf_puts(out, names->user);
			break;
		default:
			return error_set(err, UNRACK_USAGE,
					 "the ProxyCommand for %s has a %% without h, n, p, r or %% "
					 "behind it; change it, or give another --ssh-config",
					 names->given);
		}
	}
	return r < 0 ? error_nomem(err) : 0;
}

int proxy_start(const char *command, const struct proxy_names *names, pid_t *pid, int *fd, int *errs,
		struct unrack_error *err)
{
	struct buf line CLEANUP_BUF = { 0 };
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	int pair[2], said[2], r = expand(command, names, &line, err);

	if (r < 0)
		return r;
	argv[2] = buf_str(&line);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "can't make a pair of sockets");
	if (pipe2(said, O_CLOEXEC) < 0) {
		r = error_errno(err, errno, "can't make a pipe");
		goto no_pipe;
	}
	r = spawn_program(argv, pair[1], pair[1], said[1], pid, err);
	close(said[1]);
	if (r < 0) {
		close(said[0]);
		goto no_pipe;
	}
	close(pair[1]);
	fcntl(said[0], F_SETFL, O_NONBLOCK);
	*fd = pair[0];
	*errs = said[0];
	return 0;

no_pipe:
	close(pair[0]);
	close(pair[1]);
	return r;
}
