/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serve: the far end of copy and scan, on standard input and output. One call, then the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "jobs.h"
#include "unrack/call.h"
#include "unrack/gather.h"
#include "unrack/intake.h"
#include "unrack/quota.h"
#include "unrack/scan.h"
#include "unrack/sender.h"
#include "sources.h"

/* How long a client may stay silent before it has called, and how long any may under a root. */
#define CALL_SILENCE_MS 60000u
#define SILENCE_MAX_MS 120000u
/* The session before this one may still be learning that its line was cut: that takes it
 * the silence that this client, too, allows, and then a last checkpoint. */
#define CHECKPOINT_MS 10000u

struct values {
	const char *root;
	bool receive_only;
	uint64_t quota;
};
static const struct option_spec options[] = {
	{ "root", 0, OPTION_STR, "DIR", "take machine folders beneath DIR only, and send nothing",
	  offsetof(struct values, root) },
	{ "receive-only", 0, OPTION_FLAG, NULL, "make and continue machine folders, change nothing that is complete",
	  offsetof(struct values, receive_only) },
	{ "quota", 0, OPTION_AMOUNT, "SIZE", "let the files beneath DIR take at most SIZE bytes",
	  offsetof(struct values, quota) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

struct server {
	struct cli *cli;
	const struct values *o;
	int in, to;                   /* the descriptors of CHANNEL */
	struct channel *channel;
	struct call call;
	struct call_waiting *waiting; /* until the call is answered */
	struct gather *others;        /* the client's further connections */
	struct channel *striped;      /* over all of them, or NULL */
	struct io *beneath;
	struct quota *quota;
	const struct io *io;
};

/* Standard input and output are the connection from here on; whatever else prints goes to
 * standard error, or to nobody, where what is said there is not for the client. */
static int take_stdio(struct server *s, struct unrack_error *err)
{
	int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), to = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	bool silent = s->o->receive_only;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r = 0;

	if (in < 0 || to < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    (silent && dup2(null, STDERR_FILENO) < 0) || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		r = error_errno(err, errno, "can't take over standard input and output");
	if (null >= 0)
		close(null);
	s->in = in;
	s->to = to;
	if (r == 0)
		return channel_open_fds(in, to, &s->channel, err);
	if (in >= 0)
		close(in);
	if (to >= 0)
		close(to);
	return r;
}

/* Where the machine folder is: beneath the root, or as the client says. */
static int open_storage(struct server *s, const char **folder, struct unrack_error *err)
{
	int r;

	*folder = s->call.path;
	s->io = io_posix();
	if (!s->o->root)
		return 0;
	while (**folder == '/')
		++*folder;
	if (!**folder)
		return error_set(err, UNRACK_USAGE, "no machine folder is named; end the destination with its name");
	r = io_open_beneath(s->o->root, &s->beneath, err);
	if (r < 0 && s->o->receive_only) {
		log_warn(&s->cli->log, "%s", err->text);
		return error_set(err, UNRACK_MISSING, "the server can't use its folder of machines; whoever looks after it "
				 "has to see to that");
	}
	if (r < 0)
		return r;
	s->io = s->beneath;
	if (s->o->quota) {
		r = quota_open(s->beneath, ".", s->o->quota, &s->quota, err);
		if (r == 0)
			s->io = quota_io(s->quota);
	}
	return r;
}

/* The client's further connections have come, and all are one. */
static int join_all(struct server *s, unsigned n, struct unrack_error *err)
{
	unsigned wait = s->channel->silence_ms ? s->channel->silence_ms : CALL_SILENCE_MS;
	struct channel *all[CHANNEL_STRIPES_MAX] = { s->channel };
	int r = gather_wait(s->others, s->in, wait, &s->cli->log, all + 1, err);

	return r < 0 ? r : channel_open_striped(all, n, CALL_STRIPE, &s->striped, err);
}

static int accept_call(struct server *s, const struct call_answer *yes, struct unrack_error *err)
{
	struct call_answer answer = *yes;
	struct call_waiting *w = s->waiting;
	int r = 0;

	if (s->call.streams > 1 && s->call.kind != CALL_SCAN && s->call.kind != CALL_JOIN) {
		r = gather_open(s->call.streams - 1, &s->others, err);
		if (r < 0)
			return r;
		answer.streams = s->call.streams;
		memcpy(answer.token, gather_token(s->others), GATHER_TOKEN_MAX);
	}
	s->waiting = NULL;
	r = call_accept(w, &answer, err);
	s->cli->told |= r < 0;
	return r < 0 || !s->others ? r : join_all(s, s->call.streams, err);
}

/* The line of the copy. */
static struct channel *line(const struct server *s)
{
	return s->striped ? s->striped : s->channel;
}

/* This connection is one more of a copy that another process answers for. */
static int join(struct server *s, struct unrack_error *err)
{
	static const struct call_answer yes = { .n = 0 };
	int socket, r = gather_enter(s->call.path, s->call.streams - 1u, &socket, err);

	if (r < 0)
		return r;
	r = accept_call(s, &yes, err);
	if (r == 0)
		r = gather_hand_over(socket, s->in, s->to, err);
	close(socket);
	return r;
}

static int run_receiver(struct server *s, struct intake *in, struct unrack_error *err)
{
	static const struct call_answer yes = { .n = 0 };
	struct receiver_options ro = { .io = s->io, .log = &s->cli->log };
	struct receiver_result res;
	int r = accept_call(s, &yes, err);

	if (r < 0)
		return r;
	r = receiver_run(line(s), intake_host(in), &ro, &res, err);
	s->cli->told = r < 0;
	return r;
}

static int receive_disks(struct server *s, struct unrack_error *err)
{
	const struct call *call = &s->call;
	struct identity *ids CLEANUP_FREE = calloc(call->n + 1, sizeof *ids);
	const char **names CLEANUP_FREE = calloc(call->n + 1, sizeof *names);
	int *numbers CLEANUP_FREE = calloc(call->n + 1, sizeof *numbers);
	struct intake_options io = { .log = &s->cli->log, .numbers = numbers, .n_numbers = call->n,
				     .session = ids, .n_session = call->n, .names = names,
				     .format = call->format,
				     .same_disk = call->flags & CALL_SAME_DISK,
				     .discard_changes = call->flags & CALL_DISCARD_CHANGES,
				     .receive_only = s->o->receive_only,
				     .wait_ms = s->channel->silence_ms + CHECKPOINT_MS };
	struct intake *in;
	int r;

	if (!ids || !names || !numbers)
		return error_nomem(err);
	for (unsigned i = 0; i < call->n; i++) {
		ids[i] = call->disks[i].id;
		names[i] = call->disks[i].name;
		numbers[i] = call->disks[i].number < 0 ? INTAKE_ANY : call->disks[i].number;
	}
	r = open_storage(s, &io.folder, err);
	io.io = s->io;
	if (r == 0)
		r = intake_open(&io, &in, err);
	if (r < 0)
		return r;
	r = run_receiver(s, in, err);
	intake_close(in, r);
	return r;
}

static int offer(struct server *s, const struct sources *src, struct unrack_error *err)
{
	struct call offers = { .n = 0 };
	int r = sources_to_call(src, &offers, err);

	if (r == 0) {
		struct call_answer answer = { .disks = offers.disks, .n = offers.n };

		r = accept_call(s, &answer, err);
	}
	call_free(&offers);
	return r;
}

static int run_sender(struct server *s, const struct sources *src, struct unrack_error *err)
{
	struct sender_options so = { .machine = "", .log = &s->cli->log, .adapt = true };
	struct sender_result res;
	struct channel *limited = NULL;
	int r = offer(s, src, err);

	if (r == 0 && s->call.rate)
		r = channel_open_limited(line(s), s->call.rate, &limited, err);
	if (r < 0)
		return r;
	r = sender_run(limited ? limited : line(s), src->senders, src->n, &so, &res, err);
	s->cli->told = r < 0;
	channel_close(limited);
	return r;
}

/* The paths that the call names. */
static int name_sources(const struct call *call, struct sources *src, struct unrack_error *err)
{
	const struct option_list none = { .n = 0 };
	char **paths CLEANUP_FREE = calloc(call->n + 1, sizeof *paths);

	if (!paths)
		return error_nomem(err);
	for (unsigned i = 0; i < call->n; i++)
		paths[i] = call->disks[i].name;
	return sources_collect(&none, paths, (int)call->n, src, err);
}

static int look_at_sources(struct server *s, struct sources *src, struct unrack_error *err)
{
	struct source_how how = { .live = s->call.flags & CALL_LIVE, .all_blocks = s->call.flags & CALL_ALL_BLOCKS,
				  .stop_at_bad = s->call.flags & CALL_STOP_AT_BAD, .max_bad = s->call.max_bad,
				  .log = &s->cli->log };

	return sources_look(src, &how, err);
}

static int send_disks(struct server *s, struct unrack_error *err)
{
	struct sources src = { .n = 0 };
	int r = name_sources(&s->call, &src, err);

	if (r == 0 && (src.far || src.stream))
		r = error_set(err, UNRACK_USAGE, "%s is no path of a disk or image on the far side", src.names[0]);
	if (r == 0)
		r = sources_open(&src, NULL, s->call.flags & CALL_LIVE, err);
	if (r == 0)
		r = look_at_sources(s, &src, err);
	if (r == 0)
		r = run_sender(s, &src, err);
	sources_close(&src);
	return r;
}

static int show_disks(struct server *s, struct unrack_error *err)
{
	const char **paths CLEANUP_FREE = calloc(s->call.n + 1, sizeof *paths);
	struct buf text = { 0 };
	struct json *found = NULL;
	int r;

	if (!paths)
		return error_nomem(err);
	for (unsigned i = 0; i < s->call.n; i++)
		paths[i] = s->call.disks[i].name;
	r = scan_disks(paths, s->call.n, &s->cli->log, &found, err);
	if (r == 0 && json_write(found, false, &text) < 0)
		r = error_nomem(err);
	if (r == 0) {
		struct call_answer answer = { .text = buf_steal(&text) };

		r = answer.text ? accept_call(s, &answer, err) : error_nomem(err);
		call_answer_free(&answer);
	}
	buf_free(&text);
	json_free(found);
	return r;
}

static int check_call(const struct server *s, struct unrack_error *err)
{
	if (s->call.kind != CALL_RECEIVE && s->call.kind != CALL_JOIN && (s->o->root || s->o->receive_only))
		return error_set(err, UNRACK_UNSAFE, "this server only takes machine folders; it sends and shows nothing");
	return 0;
}

static int answer_call(struct server *s, struct unrack_error *err)
{
	int r = check_call(s, err);

	if (r < 0)
		return r;
	/* Who holds a folder must not do so for ever by saying nothing. */
	if (s->o->root && (s->channel->silence_ms == 0 || s->channel->silence_ms > SILENCE_MAX_MS))
		s->channel->silence_ms = SILENCE_MAX_MS;
	switch (s->call.kind) {
	case CALL_RECEIVE:
		return receive_disks(s, err);
	case CALL_SEND:
		return send_disks(s, err);
	case CALL_JOIN:
		return join(s, err);
	case CALL_SCAN:
		break;
	}
	return show_disks(s, err);
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	struct server s = { .cli = cli, .o = values };
	int r = 0;

	(void)operands;
	(void)n;
	if (!s.o->root && (s.o->receive_only || s.o->quota))
		return error_set(err, UNRACK_USAGE, "--receive-only and --quota need --root, the folder that they are about");
	r = take_stdio(&s, err);
	if (r < 0)
		return r;
	s.channel->silence_ms = CALL_SILENCE_MS;
	r = call_take(s.channel, &s.call, &s.waiting, err);
	cli->told = r < 0; /* by call_take */
	if (r == 0)
		r = answer_call(&s, err);
	/* Nobody is there any more to be told. */
	cli->told |= r == UNRACK_LOST;
	if (r < 0 && s.waiting) {
		call_refuse(s.waiting, err);
		cli->told = true;
	}
	call_free(&s.call);
	quota_close(s.quota);
	io_close_beneath(s.beneath);
	channel_close(s.striped);
	gather_close(s.others);
	channel_close(s.channel);
	return r;
}

const struct command cmd_serve = {
	.name = "serve",
	.operands = "",
	.summary = "the far end of copy and scan, on standard input and output",
	.options = options,
	.values_size = sizeof(struct values),
	.min_operands = 0,
	.max_operands = 0,
	.run = run,
};
