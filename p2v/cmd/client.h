/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's end of a connection to `unrack serve` on another machine: how it is made, what is
 * asked of it, and how often it is made again when it is lost. */
#ifndef CMD_CLIENT_H
#define CMD_CLIENT_H

#include <stdatomic.h>

#include "cli.h"
#include "unrack/call.h"
#include "unrack/remote.h"

struct client_options {
	const char *remote_unrack, *rsh, *ssh_config, *known_hosts, *host_key, *identity, *password_fd;
	const char *timeout, *reconnect; /* seconds */
	bool ssh_legacy, ask_password;
	unsigned streams; /* of a copy; 0: one */
};
#define CLIENT_OPTIONS(type, member)                                                            \
	{ "remote-unrack", 0, OPTION_STR, "COMMAND", "how unrack is called on the far side (default: unrack)", \
	  offsetof(type, member.remote_unrack) },                                               \
	{ "rsh", 0, OPTION_STR, "COMMAND", "reach the far side by COMMAND, e.g. \"ssh -v\", instead of libssh", \
	  offsetof(type, member.rsh) },                                                         \
	{ "ssh-legacy", 0, OPTION_FLAG, NULL, "also offer the SHA-1 methods that servers of RHEL 2.1 to 6 need", \
	  offsetof(type, member.ssh_legacy) },                                                  \
	{ "ssh-config", 0, OPTION_STR, "FILE", "read FILE instead of ~/.ssh/config (none: no file)", \
	  offsetof(type, member.ssh_config) },                                                  \
	{ "known-hosts", 0, OPTION_STR, "FILE", "the known hosts are in FILE",                 \
	  offsetof(type, member.known_hosts) },                                                 \
	{ "host-key", 0, OPTION_STR, "SHA256:...", "the fingerprint that the far host's key must have", \
	  offsetof(type, member.host_key) },                                                    \
	{ "identity", 0, OPTION_STR, "FILE", "a private key to try", offsetof(type, member.identity) }, \
	{ "ask-password", 0, OPTION_FLAG, NULL, "ask for a password or passphrase on the terminal", \
	  offsetof(type, member.ask_password) },                                                \
	{ "password-fd", 0, OPTION_STR, "N", "read the password or passphrase from descriptor N", \
	  offsetof(type, member.password_fd) },                                                 \
	{ "timeout", 0, OPTION_STR, "SECONDS", "silence after which the line is taken for cut (default 30)", \
	  offsetof(type, member.timeout) },                                                     \
	{ "reconnect", 0, OPTION_STR, "SECONDS", "how long to try again after a cut (default 300; 0: not at all)", \
	  offsetof(type, member.reconnect) }

struct client;

/* Parses the options; connects to nothing yet. URL and O must outlive it. */
int client_open(struct cli *cli, const struct client_options *o, const struct remote_url *url,
		struct client **out, struct unrack_error *err);
/* A new connection, and the call on it; call->silence_ms is filled in. A connection that is there is closed first. */
int client_call(struct client *c, struct call *call, struct call_answer *answer,
		struct unrack_error *err);
/* Of the last successful call. */
struct channel *client_channel(struct client *c);
/* The program's log, with an ear for progress: what is durable counts in client_again. */
const struct log *client_log(struct client *c);
/* What is known of the far command's end is added to ERR, the connection's own. */
void client_explain(struct client *c, struct unrack_error *err);
/* Is WHY a lost connection that is worth another try? Then waits before it. A
 * first connection that was never made is not tried again: it may be a mistyped name.
 * When it was a stop that ended the trying, WHY becomes that. */
bool client_again(struct client *c, struct unrack_error *why);
void client_close(struct client *c); /* NULL is fine */

#endif
