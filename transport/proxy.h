/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ProxyCommand of ssh_config(5): a program instead of a TCP connection. libssh could start it
 * too, but without showing its errors, and so that Ctrl-C ends it before us. */
#ifndef TRANSPORT_PROXY_H
#define TRANSPORT_PROXY_H

#include <sys/types.h>

#include "unrack/error.h"

struct proxy_names {
	const char *host;  /* %h */
	const char *given; /* %n: before the configuration */
	const char *user;  /* %r */
	unsigned port;     /* %p */
};

/* Starts COMMAND, which is the user's, by the shell. *fd is its standard input and output, *errs its
 * standard error, which does not block; both are the caller's. *pid is to be ended by proc_kill. */
int proxy_start(const char *command, const struct proxy_names *names, pid_t *pid, int *fd, int *errs,
		struct unrack_error *err);

#endif
