/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command on another machine, with a channel to its standard input and output: by ssh
 * (libssh), or by a program of the user's choice that does the same (--rsh). */
#ifndef UNRACK_REMOTE_H
#define UNRACK_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "unrack/channel.h"
#include "unrack/error.h"
#include "unrack/log.h"

/* ssh://[user@]host[:port]/path. An IPv6 address stands in brackets. The path begins with
 * its slash; "/~/x" becomes "x", which is relative to the home folder there. %XX is decoded. */
struct remote_url {
	char user[256]; /* "": from the configuration, else the local user's name */
	char host[256]; /* a name, an alias of ssh_config, or an address without brackets */
	unsigned port;  /* 0: from the configuration, else 22 */
	char path[4096];
};

bool remote_is_url(const char *text); /* begins with ssh:// */
/* UNRACK_USAGE: says what is wrong with TEXT. A host or user that begins with "-" or has
 * characters that a shell could read as its own is refused. */
int remote_parse_url(const char *text, struct remote_url *out, struct unrack_error *err);
/* Same user, host and port as written: one connection serves both. */
bool remote_same_host(const struct remote_url *a, const struct remote_url *b);

struct remote_options {
	const char *command;      /* what to run there; a shell command */
	/* A program and its arguments, split at spaces (quotes and backslash as in a shell, but
	 * nothing else of one): it gets "-p PORT" if one is given, "[user@]host", and the
	 * command, as ssh(1) does. NULL: libssh. */
	const char *rsh;
	bool legacy;              /* also offer what servers of RHEL 2.1 to 6 speak */
	const char *config;       /* ssh_config; NULL: the user's and the system's; "none": none */
	const char *known_hosts;  /* NULL: as configured, else ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts */
	const char *host_key;     /* "SHA256:...": the key that this server must have, whatever known_hosts says */
	const char *identity;     /* a private key file besides the configured ones */
	/* The password or passphrase that PROMPT asks for, into BUF. NULL: there is none.
	 * Asked only after all keys were refused, at most once a connection for each of the two. */
	int (*password)(void *ctx, const char *prompt, char *buf, size_t n, struct unrack_error *err);
	void *password_ctx;
	unsigned connect_ms;      /* for each step of connecting; 0: 20000 */
	/* What the far command writes to its standard error is shown as "HOST: line"
	 * (warnings). The stop flag ends connecting. */
	const struct log *log;
};

/* Threads: one opens, explains and closes, and lives as long as the connection, since what it starts dies with
 * it; the channel has its own rule. */
struct remote;

/* Connects, checks the host's key, authenticates, starts the command. Errors:
 * UNRACK_LOST: not reached (name, route, refused, silent) or the connection broke while it was being made;
 * UNRACK_UNSAFE: the host's key is unknown, changed or revoked; the sentence has its fingerprint, the file,
 *   and what to do; nothing but the key exchange has happened;
 * UNRACK_MISSING: no method of authentication was left; which were tried, which the server offers;
 * UNRACK_UNSUPPORTED: no algorithm in common: which kind, and what the far side offers. */
int remote_open(const struct remote_url *url, const struct remote_options *opt,
		struct remote **out, struct unrack_error *err);
/* Belongs to R; not closed by the caller. */
struct channel *remote_channel(struct remote *r);
/* To the UNRACK_LOST of a channel whose far command has ended: how it ended (exit status, signal), if that
 * can be known within a second, and the last it wrote to its standard error, unless that was shown. Keeps the code, but
 * becomes UNRACK_MISSING when the far shell did not find the command (status 126, 127). */
void remote_explain(struct remote *r, struct unrack_error *err);
/* Ends the connection; frees. NULL is fine. */
void remote_close(struct remote *r);

#endif
