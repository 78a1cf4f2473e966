/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The far command by libssh: from the configuration to the running command, and its end. */
#include "chan_ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "algorithms.h"
#include "dial.h"
#include "host_key.h"
#include "proxy.h"
#include "thread.h"
#include "unrack/proc.h"

#define STEP_MS 20000 /* of connecting, unless the options say otherwise */
#define STOP_POLL_MS 100

const char *chan_ssh_why(const struct far *f, char out[256])
{
	const char *text = ssh_get_error(f->session);

	report_clean(text, strlen(text), out, 256);
	return out;
}

/* --- Connecting ----------------------------------------------------------------------- */

/* Until the session has something to do; UNTIL ends the step that DOING names. */
int chan_ssh_wait_step(struct far *f, int64_t until, const char *doing, struct unrack_error *err)
{
	struct pollfd p = { .fd = f->line, .events = POLLIN };
	int64_t left = until - thread_now_ms();
	char text[256];

	if (log_stop_asked(f->opt->log))
		return error_set(err, UNRACK_INTERRUPTED, "interrupted while connecting to %s", f->host);
	/* Some of libssh's functions would go on asking for more time. */
	if (!ssh_is_connected(f->session))
		return error_set(err, UNRACK_LOST, "%s: the connection broke during %s: %s", f->host, doing,
				 chan_ssh_why(f, text));
	if (left <= 0) {
		error_set(err, UNRACK_LOST, "%s port %u is silent during %s", f->host, f->port, doing);
		err->sys_errno = ETIMEDOUT;
		return err->code;
	}
	if (ssh_get_poll_flags(f->session) & SSH_WRITE_PENDING)
		p.events |= POLLOUT;
	poll(&p, 1, left < STOP_POLL_MS ? (int)left : STOP_POLL_MS);
	return 0;
}

int64_t chan_ssh_step_end(const struct far *f)
{
	return thread_now_ms() + f->step_ms;
}

static void offer(struct far *f)
{
	static const struct {
		enum ssh_options_e option;
		enum algorithms_kind kind;
	} all[] = {
		{ SSH_OPTIONS_KEY_EXCHANGE, ALGORITHMS_KEY_EXCHANGE },
		{ SSH_OPTIONS_HOSTKEYS, ALGORITHMS_HOST_KEY },
		{ SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, ALGORITHMS_HOST_KEY },
		{ SSH_OPTIONS_CIPHERS_C_S, ALGORITHMS_CIPHER },
		{ SSH_OPTIONS_CIPHERS_S_C, ALGORITHMS_CIPHER },
		{ SSH_OPTIONS_HMAC_C_S, ALGORITHMS_MAC },
		{ SSH_OPTIONS_HMAC_S_C, ALGORITHMS_MAC },
	};

	/* Where a policy of this machine forbids some, libssh takes the others. */
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		ssh_options_set(f->session, all[i].option,
				algorithms_offer(all[i].kind, f->opt->legacy));
}

/* In file names libssh replaces % and what follows. */
static void no_percents(const char *from, char *to, size_t room)
{
	size_t n = 0;

	for (; *from && n + 2 < room; from++) {
		if (*from == '%')
			to[n++] = '%';
		to[n++] = *from;
	}
	to[n] = '\0';
}

static int read_config(struct far *f, struct unrack_error *err)
{
	const char *config = f->opt->config;
	char path[2 * PATH_MAX] = "";
	bool later = false;

	/* Once, here; not again by ssh_connect. */
	ssh_options_set(f->session, SSH_OPTIONS_PROCESS_CONFIG, &later);
	if (config && strcmp(config, "none") == 0)
		return 0;
	if (config && access(config, R_OK) < 0)
		return error_errno(err, errno, "can't read the ssh configuration %s", config);
	if (config)
		no_percents(config, path, sizeof path);
	if (ssh_options_parse_config(f->session, config ? path : NULL) != 0)
		return error_set(err, UNRACK_USAGE, "libssh can't use the ssh configuration %s",
				 config ? config : "in ~/.ssh/config or /etc/ssh/ssh_config");
	return 0;
}

static bool has_host(struct far *f, const char *host)
{
	char *text = NULL;
	bool same = ssh_options_get(f->session, SSH_OPTIONS_HOST, &text) == SSH_OK && !strcmp(text, host);

	ssh_string_free_char(text);
	return same;
}

static int set_host(struct far *f, struct unrack_error *err)
{
	char in_brackets[sizeof f->url->host + 2];

	if (ssh_options_set(f->session, SSH_OPTIONS_HOST, f->url->host) == 0 && has_host(f, f->url->host))
		return 0;
	/* Some releases (0.10.6) take the end of an IPv6 address for a port otherwise. */
	snprintf(in_brackets, sizeof in_brackets, "[%s]", f->url->host);
	if (strchr(f->url->host, ':') &&
	    ssh_options_set(f->session, SSH_OPTIONS_HOST, in_brackets) == 0 && has_host(f, f->url->host))
		return 0;
	return error_set(err, UNRACK_USAGE,
			 "libssh takes no host called %s, only letters, digits, dots and hyphens between "
			 "them; give it another name in the configuration of ssh, or use --rsh",
			 f->url->host);
}

static int configure(struct far *f, struct unrack_error *err)
{
	const struct remote_options *opt = f->opt;
	char *text = NULL, known_hosts[2 * PATH_MAX];
	int r;

	f->session = ssh_new();
	if (!f->session)
		return error_nomem(err);
	r = set_host(f, err);
	if (r < 0)
		return r;
	if (f->url->user[0])
		ssh_options_set(f->session, SSH_OPTIONS_USER, f->url->user);
	if (f->url->port)
		ssh_options_set(f->session, SSH_OPTIONS_PORT, &f->url->port);
	/* The configuration's wishes outdo ours, but not the option that asks for more. */
	if (!opt->legacy)
		offer(f);
	r = read_config(f, err);
	ssh_set_log_level(SSH_LOG_NOLOG); /* "LogLevel" makes libssh write to standard error */
	if (r < 0)
		return r;
	if (opt->legacy)
		offer(f);
	ssh_options_set(f->session, SSH_OPTIONS_COMPRESSION, "no"); /* it is done before us */
	if (f->url->port) /* again: a "Port" has replaced it */
		ssh_options_set(f->session, SSH_OPTIONS_PORT, &f->url->port);
	if (opt->known_hosts) {
		no_percents(opt->known_hosts, known_hosts, sizeof known_hosts);
		ssh_options_set(f->session, SSH_OPTIONS_KNOWNHOSTS, known_hosts);
		ssh_options_set(f->session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, known_hosts);
	}
	f->port = 22;
	ssh_options_get_port(f->session, &f->port);
	if (ssh_options_get(f->session, SSH_OPTIONS_HOST, &text) == SSH_OK)
		snprintf(f->host, sizeof f->host, "%s", text);
	ssh_string_free_char(text);
	ssh_set_blocking(f->session, 0);
	ssh_set_callbacks(f->session, &f->callbacks);
	return 0;
}

/* What the proxy says. */
void chan_ssh_relay_proxy(struct far *f)
{
	char text[4096];
	ssize_t n = read(f->proxy_errs, text, sizeof text);

	if (n > 0) {
		report_text(&f->remote.report, text, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(f->proxy_errs);
		f->proxy_errs = -1;
	}
}

static int start_proxy(struct far *f, const char *command, int *fd, struct unrack_error *err)
{
	struct proxy_names names = { .host = f->host, .given = f->url->host, .port = f->port };
	char *user = NULL;
	int r;

	ssh_options_get(f->session, SSH_OPTIONS_USER, &user);
	names.user = user ? user : "";
	r = proxy_start(command, &names, &f->proxy, fd, &f->proxy_errs, err);
	ssh_string_free_char(user);
	return r;
}

static int connect_line(struct far *f, struct unrack_error *err)
{
	char *proxy = NULL;
	int fd = -1, r;

	ssh_options_get(f->session, SSH_OPTIONS_PROXYCOMMAND, &proxy);
	r = proxy ? start_proxy(f, proxy, &fd, err)
		  : dial_tcp(f->host, f->port, f->step_ms, f->opt->log, &fd, err);
	ssh_string_free_char(proxy);
	if (r < 0)
		return r;
	ssh_options_set(f->session, SSH_OPTIONS_PROXYCOMMAND, "none");
	/* libssh closes its descriptor when the line breaks; this one is valid at any time. */
	f->line = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (f->line < 0) {
		r = error_errno(err, errno, "can't use the connection to %s", f->host);
		close(fd);
		return r;
	}
	ssh_options_set(f->session, SSH_OPTIONS_FD, &fd);
	f->handed_over = fd;
	return 0;
}

static int handshake_failed(struct far *f, struct unrack_error *err)
{
	const char *error = ssh_get_error(f->session);
	char text[256];

	if (algorithms_explain(error, f->host, f->opt->legacy, err))
		return err->code;
	if (strstr(error, "apply options")) {
		close(f->handed_over); /* this early libssh has not taken it yet */
		return error_set(err, UNRACK_USAGE,
				 "the ssh configuration for %s has a file name that libssh can't expand; "
				 "give another one with --ssh-config", f->url->host);
	}
	if (f->proxy_errs >= 0)
		chan_ssh_relay_proxy(f);
	return error_set(err, UNRACK_LOST, "%s port %u does not complete the ssh handshake: %s",
			 f->host, f->port, chan_ssh_why(f, text));
}

static int handshake(struct far *f, struct unrack_error *err)
{
	int64_t until = chan_ssh_step_end(f);
	const char *kex;
	char *user = NULL;
	int rc, r;

	while ((rc = ssh_connect(f->session)) == SSH_AGAIN) {
		r = chan_ssh_wait_step(f, until, "the ssh handshake", err);
		if (r < 0)
			return r;
	}
	if (rc != SSH_OK)
		return handshake_failed(f, err);
	/* libssh makes it blocking when it is connected; it copes with either. */
	fcntl(f->line, F_SETFL, O_NONBLOCK);
	ssh_options_get(f->session, SSH_OPTIONS_USER, &user);
	snprintf(f->who, sizeof f->who, "%.255s@%s", user ? user : "", f->host);
	ssh_string_free_char(user);
	kex = ssh_get_kex_algo(f->session);
	log_debug(f->opt->log, "%s: %s, %s", f->host, kex ? kex : "a key exchange without name",
		  ssh_get_cipher_out(f->session));
	return 0;
}

/* --- The host's key ------------------------------------------------------------------- */

static int get_host_key(struct far *f, struct host_key *k, struct unrack_error *err)
{
	ssh_key key = NULL;
	int r = 0;

	k->text = NULL;
	if (ssh_get_server_publickey(f->session, &key) != SSH_OK ||
	    ssh_pki_export_pubkey_base64(key, &k->text) != SSH_OK ||
	    !known_hosts_fingerprint(k->text, k->fingerprint))
		r = error_set(err, UNRACK_UNSUPPORTED, "%s has a host key that libssh can't show", f->host);
	else
		k->type = ssh_key_type_to_char(ssh_key_type(key));
	ssh_key_free(key);
	return r;
}

static int check_host(struct far *f, struct unrack_error *err)
{
	struct host_key k;
	char *user = NULL, *system = NULL;
	int r = get_host_key(f, &k, err);

	if (r == 0 && f->opt->host_key)
		r = host_key_check_pinned(f->host, &k, f->opt->host_key, err);
	else if (r == 0 && ssh_options_get(f->session, SSH_OPTIONS_KNOWNHOSTS, &user) == SSH_OK &&
		 ssh_options_get(f->session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, &system) == SSH_OK)
		r = host_key_check(f->host, f->port, &k, (const char *[]){ user, system }, err);
	else if (r == 0)
		r = error_nomem(err);
	ssh_string_free_char(user);
	ssh_string_free_char(system);
	ssh_string_free_char(k.text);
	return r;
}

/* --- The command ---------------------------------------------------------------------- */

static void on_exit_status(ssh_session session, ssh_channel channel, int status, void *ctx)
{
	struct far *f = ctx;

	(void)session;
	(void)channel;
	report_status(&f->remote.report, status);
}

static void on_exit_signal(ssh_session session, ssh_channel channel, const char *name, int core,
			   const char *text, const char *language, void *ctx)
{
	struct far *f = ctx;

	(void)session;
	(void)channel;
	(void)core;
	(void)text;
	(void)language;
	report_signal(&f->remote.report, name);
}

static int start_command(struct far *f, struct unrack_error *err)
{
	int64_t until = chan_ssh_step_end(f);
	char text[256];
	int rc, r = 0;

	f->channel = ssh_channel_new(f->session);
	if (!f->channel)
		return error_nomem(err);
	f->channel_callbacks.userdata = f;
	f->channel_callbacks.channel_exit_status_function = on_exit_status;
	f->channel_callbacks.channel_exit_signal_function = on_exit_signal;
	ssh_callbacks_init(&f->channel_callbacks);
	ssh_set_channel_callbacks(f->channel, &f->channel_callbacks);
	do
		rc = ssh_channel_open_session(f->channel);
	while (rc == SSH_AGAIN && (r = chan_ssh_wait_step(f, until, "the start of the command", err)) == 0);
	if (rc == SSH_OK && r == 0)
		do
			rc = ssh_channel_request_exec(f->channel, f->opt->command);
		while (rc == SSH_AGAIN &&
		       (r = chan_ssh_wait_step(f, until, "the start of the command", err)) == 0);
	if (r < 0 || rc == SSH_OK)
		return r;
	if (!ssh_is_connected(f->session))
		return error_set(err, UNRACK_LOST, "%s: the connection broke: %s", f->who, chan_ssh_why(f, text));
	return error_set(err, UNRACK_UNSUPPORTED, "%s does not start a command for us: %s", f->who,
			 chan_ssh_why(f, text));
}

/* --- From open to close --------------------------------------------------------------- */

static void far_close(struct remote *r)
{
	struct far *f = (struct far *)r;

	channel_close(r->channel);
	if (f->pumping)
		chan_ssh_end_pump(f);
	if (f->event)
		ssh_event_free(f->event);
	/* Not ssh_disconnect, after which nobody closes a descriptor that was ours. */
	ssh_free(f->session);
	if (f->line >= 0)
		close(f->line);
	if (f->local >= 0)
		close(f->local);
	if (f->wake >= 0)
		close(f->wake);
	if (f->proxy > 0)
		proc_kill(f->proxy);
	if (f->proxy_errs >= 0)
		close(f->proxy_errs);
	report_destroy(&r->report);
	free(f);
}

static int open_all(struct far *f, struct unrack_error *err)
{
	int r = configure(f, err);

	if (r == 0)
		r = connect_line(f, err);
	if (r == 0)
		r = handshake(f, err);
	if (r == 0)
		r = check_host(f, err);
	if (r == 0)
		r = chan_ssh_authenticate(f, err);
	if (r == 0)
		r = start_command(f, err);
	if (r == 0)
		r = chan_ssh_start_pump(f, err);
	return r;
}

int chan_ssh_open(const struct remote_url *url, const struct remote_options *opt,
		  struct remote **out, struct unrack_error *err)
{
	struct far *f;
	int r;

	if (opt->host_key && !known_hosts_is_fingerprint(opt->host_key))
		return error_set(err, UNRACK_USAGE,
				 "\"%.100s\" is no fingerprint; --host-key takes SHA256: and 43 characters, "
				 "as `ssh-keygen -lf` shows it", opt->host_key);
	f = calloc(1, sizeof *f);
	if (!f)
		return error_nomem(err);
	f->line = f->local = f->wake = f->proxy_errs = -1;
	f->url = url;
	f->opt = opt;
	f->step_ms = opt->connect_ms ? opt->connect_ms : STEP_MS;
	r = report_init(&f->remote.report, url->host, opt->log, err);
	if (r < 0) {
		free(f);
		return r;
	}
	snprintf(f->host, sizeof f->host, "%s", url->host);
	f->remote.close = far_close;
	f->callbacks.userdata = f;
	f->callbacks.auth_function = chan_ssh_no_passphrase;
	ssh_callbacks_init(&f->callbacks);
	r = open_all(f, err);
	if (r < 0) {
		far_close(&f->remote);
		return r;
	}
	*out = &f->remote;
	return 0;
}
