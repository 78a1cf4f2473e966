/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copy with one half on another machine. A connection that is lost is made again, and
 * the session on it begins where the receiver's journal says. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "copy.h"
#include "unrack/intake.h"

/* Adds what one session did. */
static void count_sent(struct copy_stats *stats, const struct sender_result *res)
{
	stats->read_bytes += res->read_bytes;
	stats->data_grains += res->data_grains;
	stats->wire_bytes += res->sent_bytes;
	stats->deltas += (unsigned)res->deltas;
	stats->changed_grains += res->changed_grains;
	if (stats->lost == 0)
		stats->resumed_bytes = res->resumed_bytes;
}

static void count_received(struct copy_stats *stats, const struct receiver_result *res)
{
	stats->data_grains += res->data_grains;
	stats->wire_bytes += res->received_bytes;
	stats->deltas += (unsigned)res->deltas;
	stats->changed_grains += res->changed_grains;
	if (stats->lost == 0)
		stats->resumed_bytes = res->resumed_bytes;
}

/* As many sessions as it takes: each ends the copy, or with a connection that may be made again. */
static int sessions(struct copy_job *j, struct client *c, struct call *call,
		    int (*session)(struct copy_job *, struct client *, struct call *, struct unrack_error *),
		    struct unrack_error *err)
{
	while (session(j, c, call, err) < 0) {
		if (!client_again(c, err))
			return err->code;
		j->stats.lost++;
	}
	return 0;
}

/* --- Push ------------------------------------------------------------------------------- */

static int push_session(struct copy_job *j, struct client *c, struct call *call,
			struct unrack_error *err)
{
	const char *slash = strrchr(call->path, '/');
	struct sender_options so = { .machine = slash ? slash + 1 : call->path, .log = client_log(c),
				     .adapt = true };
	struct call_answer answer = { 0 };
	struct sender_result res;
	struct channel *out, *limited = NULL;
	int r = client_call(c, call, &answer, err);

	call_answer_free(&answer);
	if (r < 0)
		return r;
	out = client_channel(c);
	if (j->o->rate) {
		r = channel_open_limited(out, j->o->rate, &limited, err);
		out = limited;
	}
	if (r == 0) {
		r = sender_run(out, j->s->senders, j->s->n, &so, &res, err);
		count_sent(&j->stats, &res);
	}
	if (r < 0)
		client_explain(c, err);
	channel_close(limited);
	return r < 0 ? (int)err->code : 0;
}

int copy_push(struct copy_job *j, struct unrack_error *err)
{
	struct call call = { .kind = CALL_RECEIVE, .streams = (uint16_t)j->o->client.streams };
	struct client *c = NULL;
	struct remote_url url;
	int r = remote_parse_url(j->dest, &url, err);

	if (r == 0)
		r = sources_to_call(j->s, &call, err);
	if (r == 0 && !(call.path = strdup(url.path)))
		r = error_nomem(err);
	if (r == 0)
		r = client_open(j->cli, &j->o->client, &url, &c, err);
	call.format = (uint16_t)j->format;
	call.flags = (j->o->same_disk ? CALL_SAME_DISK : 0) |
		     (j->o->discard_changes ? CALL_DISCARD_CHANGES : 0);
	j->stats = (struct copy_stats){ .disks = j->s->n, .bytes = j->s->bytes };
	if (r == 0)
		r = sessions(j, c, &call, push_session, err);
	client_close(c);
	call_free(&call);
	return r;
}

/* --- Pull ------------------------------------------------------------------------------- */

/* The folder is opened for each session: what the last one left in it is read anew. */
static int receive(struct copy_job *j, struct client *c, const struct call_answer *answer,
		   struct unrack_error *err)
{
	struct identity *ids = calloc(answer->n, sizeof *ids);
	struct intake_options io = { .io = io_posix(), .log = client_log(c), .folder = j->dest,
				     .numbers = j->s->numbers, .n_numbers = j->s->n,
				     .session = ids, .n_session = answer->n, .names = j->s->names,
				     .format = j->format, .same_disk = j->o->same_disk,
				     .discard_changes = j->o->discard_changes };
	struct receiver_options ro = { .io = io_posix(), .log = client_log(c), .progress = true };
	struct receiver_result res;
	struct intake *in;
	int r;

	if (!ids)
		return error_nomem(err);
	j->s->bytes = 0;
	for (unsigned i = 0; i < answer->n; i++) {
		ids[i] = answer->disks[i].id;
		j->s->bytes += ids[i].bytes;
	}
	r = intake_open(&io, &in, err);
	if (r == 0) {
		r = receiver_run(client_channel(c), intake_host(in), &ro, &res, err);
		intake_close(in, r);
		count_received(&j->stats, &res);
	}
	free(ids);
	return r;
}

static int pull_session(struct copy_job *j, struct client *c, struct call *call,
			struct unrack_error *err)
{
	struct call_answer answer = { 0 };
	int r = client_call(c, call, &answer, err);

	if (r == 0 && answer.n != j->s->n)
		r = error_set(err, UNRACK_DAMAGED, "the far side offers %u disks instead of %u; use the same "
			      "unrack on both sides", answer.n, j->s->n);
	if (r == 0) {
		r = receive(j, c, &answer, err);
		if (r < 0)
			client_explain(c, err);
	}
	call_answer_free(&answer);
	return r < 0 ? (int)err->code : 0;
}

int copy_pull(struct copy_job *j, struct unrack_error *err)
{
	struct call call = { .kind = CALL_SEND, .rate = j->o->rate, .max_bad = j->o->max_bad,
			     .flags = (j->o->all_blocks ? CALL_ALL_BLOCKS : 0) | (j->o->live ? CALL_LIVE : 0) |
				      (copy_stops_at_bad(j->o) ? CALL_STOP_AT_BAD : 0),
			     .streams = (uint16_t)j->o->client.streams };
	struct client *c = NULL;
	int r = sources_to_call(j->s, &call, err);

	if (r == 0 && !(call.path = strdup("")))
		r = error_nomem(err);
	if (r == 0)
		r = client_open(j->cli, &j->o->client, &j->s->urls[0], &c, err);
	if (r == 0)
		r = sessions(j, c, &call, pull_session, err);
	j->stats.disks = j->s->n;
	j->stats.bytes = j->s->bytes;
	client_close(c);
	call_free(&call);
	return r;
}

int copy_identify_far(struct cli *cli, const struct client_options *o, const struct sources *s,
		      struct identity **ids, struct unrack_error *err)
{
	struct call call = { .kind = CALL_SEND };
	struct call_answer answer = { 0 };
	struct client *c = NULL;
	int r = sources_to_call(s, &call, err);

	*ids = calloc(s->n, sizeof **ids);
	if (r == 0 && (!(call.path = strdup("")) || !*ids))
		r = error_nomem(err);
	if (r == 0)
		r = client_open(cli, o, &s->urls[0], &c, err);
	if (r == 0)
		r = client_call(c, &call, &answer, err);
	if (r == 0 && answer.n != s->n)
		r = error_set(err, UNRACK_DAMAGED, "the far side knows %u disks instead of %u; use the same "
			      "unrack on both sides", answer.n, s->n);
	for (unsigned i = 0; i < s->n && r == 0; i++)
		r = identity_copy(&(*ids)[i], &answer.disks[i].id, err);
	if (r < 0 && *ids) {
		for (unsigned i = 0; i < s->n; i++)
			identity_free(&(*ids)[i]);
		free(*ids);
		*ids = NULL;
	}
	call_answer_free(&answer);
	client_close(c);
	call_free(&call);
	return r;
}
