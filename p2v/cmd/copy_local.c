/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both halves of the engine in one process, joined by a pair of descriptors. */
#include <errno.h>
#include <pthread.h>

#include "copy.h"
#include "digests.h"
#include "unrack/intake.h"

struct receiving {
	struct channel *channel;
	const struct receiver_host *host;
	struct receiver_options opt;
	struct receiver_result res;
	struct unrack_error err;
	int result;
};

static void *receive(void *arg)
{
	struct receiving *rc = arg;

	rc->result = receiver_run(rc->channel, rc->host, &rc->opt, &rc->res, &rc->err);
	return NULL;
}

/* The sender's error is the session's: the receiver's own came to it as such. Only when the
 * sender knows no more than that the line is gone, the receiver knows better. */
static int choose_error(int sent, const struct receiving *rc, struct unrack_error *err)
{
	if (rc->result < 0 && (sent == 0 || sent == UNRACK_LOST)) {
		*err = rc->err;
		return rc->result;
	}
	return sent;
}

static int run_halves(struct copy_job *j, struct intake *in, struct sender_result *res,
		      struct unrack_error *err)
{
	struct receiving rc = { .host = intake_host(in), .err = UNRACK_ERROR_INIT };
	/* Within one machine, compressing costs more than it saves, but for an image that keeps it. */
	struct sender_options so = { .machine = machine_name(intake_machine(in)), .log = &j->cli->log,
				     .store = true };
	const struct log says = { j->cli->log.ops, j->cli->log.ctx, NULL };
	struct channel *near, *out, *limited = NULL;
	pthread_t thread;
	int r = channel_open_pair(&near, &rc.channel, err);

	if (r < 0)
		return r;
	out = near;
	if (j->o->rate) {
		r = channel_open_limited(near, j->o->rate, &limited, err);
		out = limited;
	}
	if (r == 0) {
		/* Progress is the sender's; the stop flag too, so that it can ask for a last checkpoint. */
		rc.opt = (struct receiver_options){ .io = io_posix(), .log = &says };
		r = pthread_create(&thread, NULL, receive, &rc);
		if (r != 0)
			r = error_errno(err, r, "can't start the receiving half");
	}
	if (r == 0) {
		r = sender_run(out, j->s->senders, j->s->n, &so, res, err);
		channel_shutdown(out);
		pthread_join(thread, NULL);
		r = choose_error(r, &rc, err);
	}
	channel_close(limited);
	channel_close(near);
	channel_close(rc.channel);
	return r;
}

/* While the sender waits for the receiver's answer, and so reads nothing. */
static int compare(void *ctx, unsigned disk, const struct machine *m, int n, struct unrack_error *err)
{
	const struct copy_job *j = ctx;

	return digests_compare(m, n, j->s->senders[disk].source, &j->cli->log, err);
}

int copy_local(struct copy_job *j, struct unrack_error *err)
{
	struct intake_options io = { .io = io_posix(), .log = &j->cli->log, .folder = j->dest,
				     .numbers = j->s->numbers, .n_numbers = j->s->n,
				     .session = j->s->ids, .n_session = j->s->n, .names = j->s->names,
				     .format = j->format, .same_disk = j->o->same_disk,
				     .discard_changes = j->o->discard_changes,
				     .stream = j->s->stream, .compare = compare, .ctx = j };
	struct sender_result res = { 0 };
	struct intake *in;
	int r = intake_open(&io, &in, err);

	if (r < 0)
		return r;
	r = run_halves(j, in, &res, err);
	intake_close(in, r);
	j->stats = (struct copy_stats){ .disks = j->s->n, .bytes = j->s->bytes, .read_bytes = res.read_bytes,
					.data_grains = res.data_grains, .wire_bytes = res.sent_bytes,
					.resumed_bytes = res.resumed_bytes, .deltas = (unsigned)res.deltas,
					.changed_grains = res.changed_grains };
	return r;
}
