/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/sender.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"
#include "heartbeat.h"
#include "sender_parts.h"
#include "thread.h"
#include "unrack/digest_table.h"

#define STOP_CHECK_MS 200

struct sender {
	struct link link;
	struct sender_replies replies;
	const struct sender_options *opt;
	struct sender_result *res;
	unsigned workers, n_items;
	struct sender_item *items;
	void **item_list;
	bool broken; /* the far side has nothing more to hear from us */
};

static void free_items(struct sender *s)
{
	for (unsigned i = 0; s->items && i < s->n_items; i++) {
		free(s->items[i].data);
		free(s->items[i].frame);
	}
	free(s->items);
	free(s->item_list);
}

static int make_items(struct sender *s, struct unrack_error *err)
{
	s->workers = pool_workers(s->opt->workers, SENDER_WORKERS_MAX);
	s->n_items = s->workers + SENDER_ITEMS_SPARE;
	s->items = calloc(s->n_items, sizeof *s->items);
	s->item_list = calloc(s->n_items, sizeof *s->item_list);
	if (!s->items || !s->item_list)
		return error_nomem(err);
	for (unsigned i = 0; i < s->n_items; i++) {
		struct sender_item *item = &s->items[i];

		/* Page-aligned for reads past the page cache. */
		if (posix_memalign((void **)&item->data, 4096, SENDER_PIECE) != 0)
			item->data = NULL;
		item->frame = malloc(FRAME_HEADER_SIZE + MESSAGE_GRAINS_LIMIT);
		if (!item->data || !item->frame)
			return error_nomem(err);
		s->item_list[i] = item;
	}
	return 0;
}

/* What ended the session when we only saw that it has ended. */
static int find_cause(struct sender *s, struct unrack_error *err)
{
	struct sender_wait w = { .event = SENDER_FAILURE, .patience_ms = SENDER_REASON_MS };

	s->broken = true;
	return sender_replies_wait(&s->replies, &w, NULL, err);
}

static int tell(struct sender *s, enum message_type type, uint16_t disk, const void *payload,
		size_t n, struct unrack_error *err)
{
	int r = link_send(&s->link, type, disk, payload, n, err);

	if (r == 0)
		return 0;
	sender_replies_write_failed(&s->replies, err);
	return find_cause(s, err);
}

static int wait_for(struct sender *s, const struct sender_wait *w, union sender_reply *out,
		    struct unrack_error *err)
{
	int r = sender_replies_wait(&s->replies, w, out, err);

	if (r < 0)
		s->broken = true;
	return r;
}

static int wait_reply(struct sender *s, enum message_type type, int64_t patience_ms,
		      union sender_reply *out, struct unrack_error *err)
{
	struct sender_wait w = { .event = SENDER_REPLY, .type = type,
				 .patience_ms = patience_ms };

	return wait_for(s, &w, out, err);
}

static int hello(struct sender *s, unsigned disks, struct unrack_error *err)
{
	struct message_hello m = { .version = MESSAGE_VERSION, .features = MESSAGE_FEATURES,
				   .payload_max = FRAME_PAYLOAD_MAX, .disks = disks };
	uint8_t payload[MESSAGE_CONTROL_MAX];
	union sender_reply reply = { 0 };
	int r;

	if (s->opt->machine)
		strncpy(m.machine, s->opt->machine, sizeof m.machine - 1);
	r = tell(s, MESSAGE_HELLO, 0, payload, message_encode_hello(&m, payload), err);
	if (r == 0)
		r = wait_reply(s, MESSAGE_HELLO, SENDER_HELLO_MS, &reply, err);
	if (r < 0)
		return r;
	if (reply.hello.payload_max < MESSAGE_GRAINS_LIMIT)
		return error_set(
			err, UNRACK_UNSUPPORTED,
			"the receiver takes at most %u bytes at a time, but %u are needed; use "
			"the same unrack on both sides",
			reply.hello.payload_max, MESSAGE_GRAINS_LIMIT);
	return 0;
}

static int open_disk(struct sender *s, uint16_t index, const struct sender_disk *d,
		     struct message_accept *a, struct unrack_error *err)
{
	struct message_open m = { .bytes = d->source->size, .strict = d->id.strict,
				  .advisory = d->id.advisory, .state = d->state,
				  .flags = (d->live ? OPEN_LIVE : 0) |
					   (d->all_blocks ? OPEN_ALL_BLOCKS : 0) };
	uint8_t payload[MESSAGE_CONTROL_MAX];
	union sender_reply reply = { 0 };
	size_t n;
	int r;

	if (d->source->size == 0)
		return error_set(err, UNRACK_USAGE, "%s is empty; there is nothing to copy",
				 d->source->name);
	if (d->source->size > MESSAGE_DISK_BYTES_MAX)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s has %llu bytes; virtual disks end at 62 TiB", d->source->name,
				 (unsigned long long)d->source->size);
	if (d->id.bytes != d->source->size)
		return error_set(err, UNRACK_INTERNAL,
				 "%s has %llu bytes, but was identified as a disk of %llu",
				 d->source->name, (unsigned long long)d->source->size,
				 (unsigned long long)d->id.bytes);
	n = message_encode_open(&m, payload);
	if (n == 0)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s has more partitions and filesystems than its identity can name",
				 d->source->name);
	r = tell(s, MESSAGE_OPEN, index, payload, n, err);
	if (r == 0)
		r = wait_reply(s, MESSAGE_ACCEPT, SENDER_HELLO_MS, &reply, err);
	if (r < 0)
		return r;
	*a = reply.accept;
	if (a->next_grain > grain_count(d->source->size))
		return error_set(err, UNRACK_DAMAGED,
				 "the receiver wants %s from grain %llu on, behind its end",
				 d->source->name, (unsigned long long)a->next_grain);
	return 0;
}

/* What nothing uses, for the receiver's records; the ranges themselves come as zeros. */
static int send_map(struct sender *s, uint16_t index, const struct map *map, struct unrack_error *err)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	const struct map_run *runs = NULL;
	size_t left = 0;
	int r;

	if (map)
		runs = map_runs(map, &left);
	do {
		uint32_t n = (uint32_t)min_u64(left, MESSAGE_MAP_RUNS);

		left -= n;
		r = tell(s, MESSAGE_MAP, index, payload, message_encode_map(runs, n, left > 0, payload), err);
		runs += n;
	} while (r == 0 && left > 0);
	return r;
}

/* END, and what the receiver then says against what we know of the disk. */
static int end_disk(struct sender *s, struct sender_pass *p, const struct message_accept *a,
		    struct unrack_error *err)
{
	struct sender_wait written = { .event = SENDER_WRITER_DONE, .patience_ms = SENDER_STOP_MS };
	union sender_reply reply = { 0 };
	int r = sender_read_mark(p, SENDER_END, err);

	if (r < 0)
		return find_cause(s, err);
	pool_finish(p->pool);
	r = wait_reply(s, MESSAGE_DONE, SENDER_STOP_MS, &reply, err);
	if (r == 0)
		r = wait_for(s, &written, NULL, err); /* p->data_grains and p->whole are its results */
	if (r < 0)
		return r;
	if (reply.done.data_grains != a->data_grains + p->data_grains)
		return error_set(
			err, UNRACK_DAMAGED,
			"the copy of %s has %llu grains of data, but %llu were sent; verify "
			"the copy",
			p->source->name, (unsigned long long)reply.done.data_grains,
			(unsigned long long)a->data_grains + p->data_grains);
	if (a->next_grain == 0 && memcmp(&reply.done.whole, &p->whole, sizeof p->whole) != 0)
		return error_set(err, UNRACK_DAMAGED,
				 "the digest of the copy of %s is not that of the source; verify the "
				 "copy", p->source->name);
	return 0;
}

/* All was read. */
static int check_disk(struct sender *s, struct sender_pass *p, struct unrack_error *err)
{
	int r;

	while (!pool_drain(p->pool, STOP_CHECK_MS)) {
		if (pool_stopped(p->pool) || sender_replies_failed(&s->replies))
			return error_set(err, UNRACK_IO, "the copy has stopped");
		if (log_stop_asked(s->opt->log))
			return error_set(err, UNRACK_INTERRUPTED, "stopped");
	}
	/* Nobody uses them, and the check needs memory. */
	for (unsigned i = 0; i < s->n_items; i++)
		madvise(s->items[i].data, SENDER_PIECE, MADV_DONTNEED);
	r = p->of->check(p->of->ctx, err);
	p->source_failed = r < 0 && r != UNRACK_INTERRUPTED;
	return r;
}

/* We were asked to stop: what has been sent is made durable first. */
static int pause_disk(struct sender *s, struct sender_pass *p, struct unrack_error *err)
{
	struct sender_wait durable = { .event = SENDER_DURABLE, .grain = p->position,
				       .patience_ms = SENDER_STOP_MS };
	int r = sender_read_mark(p, SENDER_CHECKPOINT, err);

	if (r < 0)
		return find_cause(s, err);
	pool_finish(p->pool);
	r = wait_for(s, &durable, NULL, err);
	if (r < 0)
		return r;
	return error_set(err, UNRACK_INTERRUPTED,
			 "stopped; %llu of %llu bytes of %s are safe, the same command continues there",
			 (unsigned long long)p->position * GRAIN_SIZE,
			 (unsigned long long)p->source->size, p->source->name);
}

/* The source can't be read, or is refused. What was read before is sent all the same. */
static int give_up_disk(struct sender *s, struct sender_pass *p, struct unrack_error *err)
{
	struct sender_wait written = { .event = SENDER_WRITER_DONE, .patience_ms = SENDER_STOP_MS };
	struct unrack_error why = *err, dropped;

	pool_finish(p->pool);
	wait_for(s, &written, NULL, &dropped);
	if (why.code == UNRACK_UNSAFE || why.code == UNRACK_USAGE) {
		*err = why;
		return why.code;
	}
	error_set(err, why.code, "%.900s; what was read before is kept, the same command continues "
		  "there", why.text);
	err->sys_errno = why.sys_errno;
	return err->code;
}

static int run_pass(struct sender *s, struct sender_pass *p, const struct message_accept *a,
		    struct unrack_error *err)
{
	pthread_t writer;
	int r = thread_start(&writer, sender_write_run, p, err);

	if (r < 0)
		return r;
	r = sender_read(p, err);
	if (r == 0 && p->of->check)
		r = check_disk(s, p, err);
	if (r == 0)
		r = end_disk(s, p, a, err);
	else if (p->source_failed)
		r = give_up_disk(s, p, err);
	else if (r == UNRACK_INTERRUPTED)
		r = pause_disk(s, p, err);
	else
		r = find_cause(s, err);
	/* The writer may be waiting for items, or for a receiver that takes no bytes. */
	if (s->broken)
		channel_shutdown(s->link.channel);
	if (r < 0)
		pool_stop(p->pool);
	pthread_join(writer, NULL);
	return r;
}

static void tell_begin(const struct sender *s, const struct sender_disk *d, const struct message_accept *a)
{
	const char *what = a->delta ? "is compared with the copy that is there, from" : "continues at";

	if (a->complete)
		log_info(s->opt->log, "disk %u, %s, is complete already", a->number, d->source->name);
	else if (a->next_grain > 0)
		log_info(s->opt->log, "disk %u, %s, %s byte %llu of %llu", a->number, d->source->name, what,
			 (unsigned long long)a->next_grain * GRAIN_SIZE, (unsigned long long)d->source->size);
	else if (a->delta)
		log_info(s->opt->log, "disk %u, %s, is compared with the copy that is there", a->number,
			 d->source->name);
}

/* With the map sent. */
static int pass_over(struct sender *s, struct sender_pass *p, const struct message_accept *a,
		     struct unrack_error *err)
{
	struct pool_options po = { .workers = s->workers, .items = s->item_list, .n = s->n_items,
				   .worker_new = sender_grains_worker,
				   .worker_free = sender_grains_worker_free,
				   .work = sender_grains_work };
	struct digest_key key;
	bool adapt = s->opt->adapt && !s->opt->store && s->workers > 0;
	struct sender_grains_setup setup = { .key = &key, .n = s->n_items, .delta = a->delta,
					     .pool = adapt ? &p->pool : NULL };
	int r = 0;

	digest_key_init(&key, a->seed);
	setup.engine = s->opt->store && !a->keeps_streams ? DEFLATE_STORE : DEFLATE_BEST;
	setup.least = a->keeps_streams ? DEFLATE_USUAL : DEFLATE_LEAST;
	po.ctx = &setup;
	p->first = p->position = a->next_grain;
	p->delta = a->delta;
	p->session = digest_stream_new(&key);
	if (!p->session)
		return error_nomem(err);
	digest_whole_begin(p->session, p->source->size);
	if (p->delta)
		r = sender_digests_open(&s->replies, p->disk, grain_count(p->source->size), err);
	if (r == 0)
		r = pool_open(&po, &p->pool, err);
	if (r == 0)
		r = run_pass(s, p, a, err);
	pool_close(p->pool);
	sender_digests_close(&s->replies);
	digest_stream_free(p->session);
	return r;
}

static int copy_disk(struct sender *s, uint16_t index, const struct sender_disk *d,
		     struct unrack_error *err)
{
	struct sender_pass p = { .link = &s->link, .replies = &s->replies, .log = s->opt->log,
				 .of = d, .source = d->source, .map = d->map, .patient = d->patient,
				 .disk = index };
	struct message_accept a = { 0 };
	int r = open_disk(s, index, d, &a, err);

	if (r < 0)
		return r;
	sender_replies_accepted(&s->replies, index, d->source->size, &a);
	s->res->resumed_bytes += min_u64(a.next_grain * GRAIN_SIZE, d->source->size);
	tell_begin(s, d, &a);
	if (a.complete)
		return 0;
	r = send_map(s, index, d->map, err);
	if (r == 0)
		r = pass_over(s, &p, &a, err);
	s->res->read_bytes += p.read_bytes;
	s->res->data_grains += p.sent_grains;
	if (a.delta) {
		s->res->deltas++;
		s->res->changed_grains += p.changed_grains;
	}
	if (r == 0)
		s->res->disks++;
	return r;
}

static int session(struct sender *s, const struct sender_disk *disks, unsigned n,
		   struct unrack_error *err)
{
	int r = hello(s, n, err);

	for (unsigned i = 0; r == 0 && i < n; i++) {
		if (log_stop_asked(s->opt->log))
			return error_set(err, UNRACK_INTERRUPTED,
					 "stopped after %u of %u disks; the same command continues",
					 i, n);
		r = copy_disk(s, (uint16_t)i, &disks[i], err);
	}
	if (r == 0)
		r = tell(s, MESSAGE_BYE, 0, NULL, 0, err);
	if (r == 0)
		r = wait_reply(s, MESSAGE_BYE, SENDER_STOP_MS, NULL, err);
	return r;
}

/* We end the session early. The receiver makes safe what it has, and says when; the error is
 * ours already, so that we don't wait for it for ever. */
static void say_why(struct sender *s, const struct unrack_error *why)
{
	struct sender_wait bye = { .event = SENDER_REPLY, .type = MESSAGE_BYE,
				   .patience_ms = SENDER_STOP_MS, .limit_ms = SENDER_STOP_MS };
	struct unrack_error dropped;

	if (why->code != UNRACK_INTERRUPTED)
		link_send_error(&s->link, why);
	else if (link_send(&s->link, MESSAGE_BYE, 0, NULL, 0, &dropped) < 0)
		return;
	wait_for(s, &bye, NULL, &dropped);
}

int sender_run(struct channel *c, const struct sender_disk *disks, unsigned n,
	       const struct sender_options *opt, struct sender_result *res,
	       struct unrack_error *err)
{
	struct sender s = { .opt = opt, .res = res };
	struct heartbeat heart = { 0 };
	int r;

	memset(res, 0, sizeof *res);
	if (n == 0 || n > MESSAGE_DISKS_MAX)
		return error_set(err, UNRACK_USAGE, "%u disks can't be copied at once, only 1 to %u", n,
				 MESSAGE_DISKS_MAX);
	link_init(&s.link, c);
	r = make_items(&s, err);
	if (r == 0)
		r = sender_replies_start(&s.replies, &s.link, opt->log, err);
	if (r == 0) {
		r = heartbeat_start(&heart, &s.link, c->silence_ms, NULL, err);
		if (r == 0)
			r = session(&s, disks, n, err);
		if (r < 0 && !s.broken)
			say_why(&s, err);
		sender_replies_stop(&s.replies);
		if (r < 0) /* a PING may be on its way to somebody who takes nothing */
			channel_shutdown(c);
		heartbeat_stop(&heart);
	}
	res->sent_bytes = atomic_load(&s.link.sent_bytes);
	free_items(&s);
	link_destroy(&s.link);
	return r;
}
