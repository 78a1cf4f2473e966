/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One disk's frames: checked, put in order, and handed on to workers, writer and syncer. */
#include <errno.h>
#include <string.h>

#include "base/size.h"
#include "receiver_parts.h"
#include "thread.h"

struct stream {
	struct receiver_disk *disk;
	struct link *link;
	struct pool *pool;
	struct receiver_sync sync;
	uint64_t position, grains; /* the next grain that is due; how many the disk has */
	uint64_t data_grains;      /* that were passed in this session */
	uint64_t sent_grains;      /* that came as data */
	uint64_t changed_grains;
	uint64_t lost_end;         /* where the last LOST ends, in bytes */
	struct digest_stream *session;
	struct receiver_delta *delta; /* NULL: it is no delta pass */
};

/* The ranges of a disk come in order and without gaps. */
static int advance(struct stream *s, uint64_t first, uint64_t count, struct unrack_error *err)
{
	if (first != s->position || count > s->grains - s->position)
		return error_set(err, UNRACK_DAMAGED,
				 "the sender sent grains %llu to %llu of disk %u where %llu of %llu is "
				 "due",
				 (unsigned long long)first, (unsigned long long)(first + count - 1),
				 s->disk->index, (unsigned long long)s->position,
				 (unsigned long long)s->grains);
	s->position += count;
	return 0;
}

/* Their digests count in their order, and in a delta pass also those that are there. */
static int submit(struct stream *s, struct receiver_item *item, struct unrack_error *err)
{
	const struct message_grains *m = &item->m;
	bool grains = item->type == MESSAGE_GRAINS;
	int r = advance(s, item->first, item->count, err);

	item->data_grains = item->changed = grains ? m->count : 0;
	if (r == 0 && s->delta)
		r = receiver_delta_settle(s->delta, item, s->session, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; grains && i < m->count; i++)
		digest_whole_add(s->session, m->first + m->grain[i].place, &m->grain[i].digest);
	s->data_grains += item->data_grains;
	s->changed_grains += item->changed;
	pool_submit(s->pool);
	return 0;
}

static int take_grains(struct stream *s, struct receiver_item *item, const struct frame *f,
		       struct unrack_error *err)
{
	int r = message_decode_grains(f->type, item->payload, f->length, &item->m, err);

	if (r < 0)
		return r;
	item->type = f->type;
	item->first = item->m.first;
	item->count = item->m.span;
	for (unsigned i = 0; i < item->m.count; i++)
		s->sent_grains += item->m.grain[i].size > 0;
	return submit(s, item, err);
}

/* How many of COUNT zeros from FIRST on go into one item: in a delta pass those that were none bring
 * their digests with them. */
static int zeros_at_once(struct stream *s, uint64_t first, uint64_t count, uint64_t *n,
			 struct unrack_error *err)
{
	int r;

	*n = count;
	if (!s->delta || first > s->grains || count > s->grains - first) /* will be refused */
		return 0;
	r = receiver_delta_zeros(s->delta, first, count, n, err);
	if (r == 0 && *n == 0)
		*n = min_u64(count, RECEIVER_ZEROS_MAX);
	return r;
}

static int take_range(struct stream *s, struct receiver_item *item, const struct frame *f,
		      struct unrack_error *err)
{
	struct message_range m;
	int r = message_decode_range(f->type, item->payload, f->length, &m, err);

	while (r == 0 && m.count > 0) {
		if (!item)
			item = pool_take(s->pool, -1);
		if (!item) /* somebody failed, and has said why */
			return error_set(err, UNRACK_IO, "stopped");
		item->type = f->type;
		item->first = m.first;
		item->count = m.count;
		if (f->type == MESSAGE_ZERO)
			r = zeros_at_once(s, m.first, m.count, &item->count, err);
		m.first += item->count;
		m.count -= item->count;
		if (r == 0)
			r = submit(s, item, err);
		item = NULL;
	}
	return r;
}

static int take_lost(struct stream *s, const struct receiver_item *item, const struct frame *f,
		     struct unrack_error *err)
{
	const struct receiver_host *host = s->disk->session->host;
	struct message_lost m;
	int r = message_decode_lost(item->payload, f->length, &m, err);

	if (r < 0)
		return r;
	if (m.off < s->lost_end || m.off / GRAIN_SIZE < s->position || m.len > s->disk->id.bytes ||
	    m.off > s->disk->id.bytes - m.len)
		return error_set(err, UNRACK_DAMAGED, "the sender says that bytes %llu to %llu of disk %u can't be "
				 "read, which can't be", (unsigned long long)m.off,
				 (unsigned long long)(m.off + m.len - 1), s->disk->index);
	s->lost_end = m.off + m.len;
	return host->lost ? host->lost(host->ctx, &s->disk->place, m.off, m.len, m.text, s->delta, err) : 0;
}

static int take_checkpoint(struct stream *s, const struct receiver_item *item,
			   const struct frame *f, struct unrack_error *err)
{
	struct message_checkpoint m;
	int r = message_decode_checkpoint(item->payload, f->length, &m, err);

	if (r < 0)
		return r;
	if (m.next_grain != s->position)
		return error_set(
			err, UNRACK_DAMAGED,
			"the sender asks for a checkpoint of disk %u at grain %llu, but stands "
			"at %llu",
			s->disk->index, (unsigned long long)m.next_grain,
			(unsigned long long)s->position);
	receiver_sync_ask(&s->sync, m.next_grain);
	return 0;
}

static int take_end(struct stream *s, const struct receiver_item *item, const struct frame *f,
		    struct message_end *end, struct unrack_error *err)
{
	struct digest digest;
	int r = message_decode_end(item->payload, f->length, end, err);

	if (r < 0)
		return r;
	digest_stream_end(s->session, &digest);
	if (s->position != s->grains)
		return error_set(err, UNRACK_DAMAGED,
				 "the sender ended disk %u at grain %llu of %llu", s->disk->index,
				 (unsigned long long)s->position, (unsigned long long)s->grains);
	if (end->first != s->disk->start.next_grain || end->data_grains != s->data_grains ||
	    memcmp(&end->session, &digest, sizeof digest) != 0)
		return error_set(err, UNRACK_IO,
				 "what arrived of disk %u is not what the sender counted; run the same "
				 "command again", s->disk->index);
	return 0;
}

_Static_assert(MESSAGE_TEXT_MAX <= MESSAGE_GRAINS_LIMIT, "an item has room for every message");

/* What comes only over an image of zeros, or only over one with data. */
static bool is_due(const struct stream *s, unsigned type)
{
	if (type == MESSAGE_GRAINS)
		return !s->delta;
	if (type == MESSAGE_DELTA || type == MESSAGE_SAME || type == MESSAGE_WANT)
		return s->delta;
	return true;
}

/* One frame. *ended is set by END. */
static int next_frame(struct stream *s, struct receiver_item *item, struct message_end *end,
		      bool *ended, struct unrack_error *err)
{
	struct frame f;
	int r = link_read_header(s->link, &f, err);

	if (r == 0)
		r = link_read_payload(s->link, &f, item->payload, err);
	if (r == 0 && f.disk != s->disk->index && f.type != MESSAGE_ERROR && f.type != MESSAGE_BYE)
		r = error_set(err, UNRACK_DAMAGED, "the sender sent a %s for disk %u within disk %u",
			      message_name(f.type), f.disk, s->disk->index);
	if (r < 0)
		return r;
	if (!is_due(s, f.type))
		return error_set(err, UNRACK_DAMAGED, "the sender sent a %s within disk %u, which %s",
				 message_name(f.type), s->disk->index,
				 s->delta ? "has data already" : "has no data yet");
	switch (f.type) {
	case MESSAGE_GRAINS:
	case MESSAGE_DELTA:
		return take_grains(s, item, &f, err);
	case MESSAGE_ZERO:
	case MESSAGE_SAME:
		return take_range(s, item, &f, err);
	case MESSAGE_WANT:
		return receiver_delta_answer(s->delta, s->position, &f, item->payload, err);
	case MESSAGE_LOST:
		return take_lost(s, item, &f, err);
	case MESSAGE_CHECKPOINT:
		return take_checkpoint(s, item, &f, err);
	case MESSAGE_END:
		*ended = true;
		return take_end(s, item, &f, end, err);
	case MESSAGE_ERROR:
		return receiver_their_error(s->disk->session, item->payload, f.length, err);
	case MESSAGE_BYE:
		s->disk->session->farewell = true;
		return error_set(err, UNRACK_INTERRUPTED, "the sender was stopped");
	default:
		return error_set(err, UNRACK_DAMAGED, "the sender sent a %s within disk %u",
				 message_name(f.type), s->disk->index);
	}
}

static int listen_to(struct stream *s, struct message_end *end, struct unrack_error *err)
{
	bool ended = false;
	int r = 0;

	while (r == 0 && !ended) {
		struct receiver_item *item = pool_take(s->pool, -1);

		if (!item) /* somebody failed, and has said why */
			return error_set(err, UNRACK_IO, "stopped");
		r = next_frame(s, item, end, &ended, err);
	}
	return r;
}

static bool storage_failed(struct receiver *session)
{
	bool failed;

	pthread_mutex_lock(&session->lock);
	failed = session->storage_failed;
	pthread_mutex_unlock(&session->lock);
	return failed;
}

/* With the pool there: starts the threads, listens, and lets them come to an end. */
static int run(struct stream *s, struct message_end *end, struct journal_point *durable,
	       struct unrack_error *err)
{
	struct receiver *session = s->disk->session;
	struct receiver_writer writer = { .disk = s->disk, .sync = &s->sync, .pool = s->pool };
	pthread_t thread;
	int r = receiver_sync_start(&s->sync, s->disk, err);

	if (r < 0)
		return r;
	r = thread_start(&thread, receiver_write_run, &writer, err);
	if (r < 0) {
		receiver_sync_end(&s->sync, false);
		return r;
	}
	r = listen_to(s, end, err);
	pool_finish(s->pool);
	pthread_join(thread, NULL);
	/* After a failure of storage the syncer has ended already, or has to now. */
	receiver_sync_end(&s->sync, !storage_failed(session));
	*durable = s->sync.durable;
	if (session->failed) {
		*err = session->why;
		r = err->code;
	}
	return r;
}

static void set_pool(struct receiver *session, struct pool *pool)
{
	pthread_mutex_lock(&session->lock);
	session->pool = pool;
	pthread_mutex_unlock(&session->lock);
}

static void count_result(const struct stream *s)
{
	struct receiver_result *res = s->disk->session->res;

	res->data_grains += s->sent_grains;
	if (s->delta) {
		res->deltas++;
		res->changed_grains += s->changed_grains;
	}
}

int receiver_stream(struct receiver_disk *d, unsigned workers, void *const *items, unsigned n,
		    struct message_end *end, struct journal_point *durable, struct unrack_error *err)
{
	struct stream s = { .disk = d, .link = &d->session->link,
			    .position = d->start.next_grain, .grains = grain_count(d->id.bytes) };
	struct pool_options po = { .workers = workers, .items = items, .n = n, .ctx = d,
				   .worker_new = receiver_grains_worker,
				   .worker_free = receiver_grains_worker_free,
				   .work = receiver_grains_work };
	int r;

	*durable = d->start;
	s.session = digest_stream_new(&d->key);
	if (!s.session)
		return error_nomem(err);
	digest_whole_begin(s.session, d->id.bytes);
	r = d->delta ? receiver_delta_open(d, &s.delta, err) : 0;
	if (r == 0)
		r = pool_open(&po, &s.pool, err);
	if (r == 0) {
		set_pool(d->session, s.pool);
		r = run(&s, end, durable, err);
		count_result(&s);
		set_pool(d->session, NULL);
		pool_close(s.pool);
	}
	receiver_delta_close(s.delta);
	digest_stream_free(s.session);
	return r;
}
