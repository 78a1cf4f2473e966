/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "password.h"
#include "unrack/buf.h"

#define TIMEOUT_S 30u
#define RECONNECT_S 300u
#define WAIT_MAX_MS 15000u
#define POLL_MS 100
#define JOIN_LOOK_MS 1000u

struct client {
	struct cli *cli;
	const struct client_options *o;
	const struct remote_url *url;
	struct remote_options ro;
	struct password *password;
	char *command;
	unsigned silence_ms, reconnect_ms;
	struct remote *remote;
	struct remote *others[CHANNEL_STRIPES_MAX - 1]; /* further connections of the same copy */
	struct channel *striped; /* over all of them, or NULL */
	struct log log; /* the program's, through us */
	bool reached;   /* the far side has answered once */
	atomic_uint_fast64_t durable[MESSAGE_DISKS_MAX]; /* bytes, the most that any session has reported */
	atomic_int_fast64_t advanced;  /* when one of them last grew, ms */
	int64_t lost_since;            /* when the current series of losses began, 0: none */
	unsigned wait_ms;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_message(void *ctx, enum log_level level, const char *text)
{
	struct client *c = ctx;

	c->cli->log.ops->message(c->cli->log.ctx, level, text);
}

static void on_progress(void *ctx, const struct log_progress *p)
{
	struct client *c = ctx;

	if (p->disk >= 0 && (unsigned)p->disk < MESSAGE_DISKS_MAX &&
	    p->done > atomic_load(&c->durable[p->disk])) {
		atomic_store(&c->durable[p->disk], p->done);
		atomic_store(&c->advanced, now_ms());
	}
	c->cli->log.ops->progress(c->cli->log.ctx, p);
}

static const struct log_ops ear_ops = { on_message, on_progress };

static int parse_seconds(const char *name, const char *text, unsigned def, unsigned least,
			 unsigned *ms, struct unrack_error *err)
{
	char *end;
	unsigned long v;

	*ms = def * 1000;
	if (!text)
		return 0;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || v < least || v > 86400)
		return error_set(err, UNRACK_USAGE, "--%s takes a number of seconds from %u to 86400, not \"%s\"",
				 name, least, text);
	*ms = (unsigned)v * 1000;
	return 0;
}

static int prepare(struct client *c, struct unrack_error *err)
{
	const struct client_options *o = c->o;
	struct buf command = { 0 };
	int r = parse_seconds("timeout", o->timeout, TIMEOUT_S, 1, &c->silence_ms, err);

	if (r == 0)
		r = parse_seconds("reconnect", o->reconnect, RECONNECT_S, 0, &c->reconnect_ms, err);
	if (r == 0 && o->streams > CHANNEL_STRIPES_MAX)
		r = error_set(err, UNRACK_USAGE, "--streams takes a number from 1 to %u, not %u", CHANNEL_STRIPES_MAX,
			      o->streams);
	if (r == 0)
		r = password_open(o->ask_password, o->password_fd, c->log.stop, &c->password, err);
	if (r < 0)
		return r;
	c->cli->password_fd = o->password_fd;
	if (buf_printf(&command, "%s serve --quiet", o->remote_unrack ? o->remote_unrack : "unrack") < 0) {
		buf_free(&command);
		return error_nomem(err);
	}
	c->command = buf_steal(&command);
	c->ro = (struct remote_options){ .command = c->command, .rsh = o->rsh, .legacy = o->ssh_legacy,
					 .config = o->ssh_config, .known_hosts = o->known_hosts,
					 .host_key = o->host_key, .identity = o->identity, .log = &c->log };
	if (password_there(c->password)) {
		c->ro.password = password_get;
		c->ro.password_ctx = c->password;
	}
	return 0;
}

int client_open(struct cli *cli, const struct client_options *o, const struct remote_url *url,
		struct client **out, struct unrack_error *err)
{
	struct client *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return error_nomem(err);
	c->cli = cli;
	c->o = o;
	c->url = url;
	c->log = (struct log){ &ear_ops, c, cli->log.stop };
	r = prepare(c, err);
	if (r < 0) {
		client_close(c);
		return r;
	}
	*out = c;
	return 0;
}

static void hang_up(struct client *c)
{
	channel_close(c->striped);
	c->striped = NULL;
	for (unsigned i = 0; i < CHANNEL_STRIPES_MAX - 1; i++) {
		remote_close(c->others[i]);
		c->others[i] = NULL;
	}
	remote_close(c->remote);
	c->remote = NULL;
}

/* Nobody there waits for another connection of this copy: that is elsewhere, or the first one has been lost
 * meanwhile, or was given up, since the one before this came at LAST. */
static int explain_join(struct client *c, int64_t last, struct unrack_error *err)
{
	struct channel *first = remote_channel(c->remote);
	struct unrack_error why;
	uint8_t byte;

	if (err->code != UNRACK_UNSAFE)
		return err->code;
	if (now_ms() - last >= (int64_t)c->silence_ms) {
		error_set(err, UNRACK_LOST, "the line to %s stood still while connections were made", c->url->host);
		err->sys_errno = ETIMEDOUT;
		return err->code;
	}
	first->silence_ms = JOIN_LOOK_MS;
	if (channel_read(first, &byte, 1, &why) < 0 && why.code == UNRACK_LOST && why.sys_errno != ETIMEDOUT)
		*err = why;
	return err->code;
}

/* The other connections that the far side waits for. */
static int join_all(struct client *c, const struct call *first, const struct call_answer *answer,
		    struct unrack_error *err)
{
	struct channel *all[CHANNEL_STRIPES_MAX] = { remote_channel(c->remote) };
	struct call_answer yes;
	char token[MESSAGE_TOKEN_MAX];
	int64_t last = now_ms();
	int r = 0;

	memcpy(token, answer->token, sizeof token);
	for (unsigned i = 1; i < answer->streams; i++) {
		struct call call = { .kind = CALL_JOIN, .silence_ms = first->silence_ms,
				     .streams = (uint16_t)i, .path = token, .log = first->log };

		r = remote_open(c->url, &c->ro, &c->others[i - 1], err);
		if (r < 0)
			return r;
		all[i] = remote_channel(c->others[i - 1]);
		r = call_make(all[i], &call, &yes, err);
		if (r < 0)
			return explain_join(c, last, err);
		call_answer_free(&yes);
		last = now_ms();
	}
	return channel_open_striped(all, answer->streams, CALL_STRIPE, &c->striped, err);
}

/* The command that shows it can be typed as it is. */
static void explain_noise(const struct client *c, struct unrack_error *err)
{
	const struct remote_url *u = c->url;
	char port[16] = "";

	if (u->port)
		snprintf(port, sizeof port, "-p %u ", u->port);
	error_suffix(err, "; what the far shell starts with must print nothing: see what `ssh %s%s%s%s true` says", port,
		     u->user, *u->user ? "@" : "", u->host);
}

int client_call(struct client *c, struct call *call, struct call_answer *answer,
		struct unrack_error *err)
{
	int r;

	hang_up(c);
	r = remote_open(c->url, &c->ro, &c->remote, err);
	if (r < 0)
		return r;
	call->silence_ms = c->silence_ms;
	r = call_make(remote_channel(c->remote), call, answer, err);
	if (r == UNRACK_UNSUPPORTED && !remote_channel(c->remote)->spoken)
		explain_noise(c, err);
	else if (r < 0)
		client_explain(c, err);
	else
		c->reached = true;
	if (r == 0 && answer->streams > 1) {
		r = join_all(c, call, answer, err);
		if (r < 0)
			call_answer_free(answer);
	}
	return r < 0 ? (int)err->code : 0;
}

struct channel *client_channel(struct client *c)
{
	return c->striped ? c->striped : remote_channel(c->remote);
}

const struct log *client_log(struct client *c)
{
	return &c->log;
}

void client_explain(struct client *c, struct unrack_error *err)
{
	if (err->code == UNRACK_LOST && c->remote)
		remote_explain(c->remote, err);
}

/* False: a stop was asked for meanwhile. */
static bool sleep_ms(const struct log *log, unsigned ms)
{
	int64_t end = now_ms() + ms;
	const struct timespec t = { 0, POLL_MS * 1000000L };

	while (now_ms() < end && !log_stop_asked(log))
		nanosleep(&t, NULL);
	return !log_stop_asked(log);
}

/* A stop while there is no line is a stop, not a failure. */
static bool stopped(const struct client *c, struct unrack_error *why)
{
	if (log_stop_asked(&c->log))
		error_set(why, UNRACK_INTERRUPTED, "stopped while the connection to %s was lost; the same command "
			  "continues", c->url->host);
	return false;
}

/* Our own session before the cut may hold the folder still: it has not noticed, or was stopped. */
static bool is_our_past(const struct client *c, const struct unrack_error *why)
{
	return c->lost_since != 0 && why->code == UNRACK_UNSAFE && why->sys_errno == EBUSY;
}

bool client_again(struct client *c, struct unrack_error *why)
{
	int64_t now = now_ms();
	bool first;

	if (!c->reached || (why->code != UNRACK_LOST && !is_our_past(c, why)))
		return false;
	if (c->reconnect_ms == 0 || log_stop_asked(&c->log))
		return stopped(c, why);
	first = c->lost_since == 0 || atomic_load(&c->advanced) > c->lost_since;
	if (first) {
		c->lost_since = now;
		c->wait_ms = 500;
		log_warn(&c->log, "%s; trying again for %u s", why->text, c->reconnect_ms / 1000);
	} else {
		log_debug(&c->log, "%s", why->text);
	}
	if (now - c->lost_since >= (int64_t)c->reconnect_ms)
		return false;
	hang_up(c);
	if (!sleep_ms(&c->log, c->wait_ms))
		return stopped(c, why);
	c->wait_ms = c->wait_ms * 2 < WAIT_MAX_MS ? c->wait_ms * 2 : WAIT_MAX_MS;
	return true;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	hang_up(c);
	password_close(c->password);
	free(c->command);
	free(c);
}
