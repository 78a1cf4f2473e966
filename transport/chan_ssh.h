/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the channel over ssh. This is the one file of this layer that includes libssh.
 * A session belongs to one thread at a time: to the one that opens it, then to the pump. */
#ifndef TRANSPORT_CHAN_SSH_H
#define TRANSPORT_CHAN_SSH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* libssh's old names for its functions are some of ours. */
#define LIBSSH_LEGACY_0_4
#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "remote_parts.h"

/* The far command by libssh. */
struct far {
	struct remote remote;
	const struct remote_url *url;       /* while opening */
	const struct remote_options *opt;   /* while opening */
	unsigned step_ms;
	char host[256];                     /* as the configuration calls it */
	char who[600];                      /* user@host, for messages */
	unsigned port;
	ssh_session session;
	ssh_event event;
	ssh_channel channel;
	struct ssh_callbacks_struct callbacks;
	struct ssh_channel_callbacks_struct channel_callbacks;
	int handed_over;                    /* libssh's socket, from ssh_connect on its own */
	int line;                           /* a second descriptor of libssh's socket */
	pid_t proxy;                        /* of ProxyCommand, or 0 */
	int proxy_errs;
	/* Authentication. */
	char tried[400];                    /* for the last error */
	char key_file[512];                 /* the one that is being tried */
	char locked_file[512];              /* the first one that needs a passphrase */
	/* The pump. */
	pthread_t pump;
	bool pumping;
	int local;                          /* the pump's end of the pair of sockets */
	int wake;                           /* an eventfd */
	atomic_bool closing;
};

/* libssh's last error, to be shown. */
const char *chan_ssh_why(const struct far *f, char out[256]);

/* When a step of connecting that begins now must have ended. */
int64_t chan_ssh_step_end(const struct far *f);
/* Until the session has something to do; UNTIL ends the step that DOING names. */
int chan_ssh_wait_step(struct far *f, int64_t until, const char *doing, struct unrack_error *err);
/* What ProxyCommand writes to its standard error. */
void chan_ssh_relay_proxy(struct far *f);

/* chan_ssh_auth.c: after the host's key was checked. */
int chan_ssh_authenticate(struct far *f, struct unrack_error *err);
/* The callback by which libssh asks for a passphrase. */
int chan_ssh_no_passphrase(const char *prompt, char *buf, size_t n, int echo, int verify, void *ctx);

/* chan_ssh_pump.c: makes the channel. Once it runs (f->pumping) the session is the pump's. */
int chan_ssh_start_pump(struct far *f, struct unrack_error *err);
/* Sends what was written to the channel, which is closed by now, and waits for the far
 * command's end, both for a second at most. */
void chan_ssh_end_pump(struct far *f);

#endif
