/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "heartbeat.h"
#include "receiver_parts.h"
#include "thread.h"

#define CHECKPOINT_BYTES (256ull << 20)
#define CHECKPOINT_MS 2000u
/* Much shorter than others wait before they take over. */
#define OWNED_MS 1000

struct items {
	unsigned workers, n;
	struct receiver_item *item;
	void **list;
};

static void free_items(struct items *it)
{
	for (unsigned i = 0; it->item && i < it->n; i++) {
		free(it->item[i].payload);
		free(it->item[i].data);
	}
	free(it->item);
	free(it->list);
}

static int make_items(struct items *it, int workers, struct unrack_error *err)
{
	it->workers = pool_workers(workers, RECEIVER_WORKERS_MAX);
	it->n = it->workers + RECEIVER_ITEMS_SPARE;
	it->item = calloc(it->n, sizeof *it->item);
	it->list = calloc(it->n, sizeof *it->list);
	if (!it->item || !it->list)
		return error_nomem(err);
	for (unsigned i = 0; i < it->n; i++) {
		it->item[i].payload = malloc(MESSAGE_GRAINS_LIMIT);
		if (posix_memalign((void **)&it->item[i].data, IO_DIRECT_ALIGN, RECEIVER_PIECE) != 0)
			it->item[i].data = NULL;
		if (!it->item[i].payload || !it->item[i].data)
			return error_nomem(err);
		it->list[i] = &it->item[i];
	}
	return 0;
}

void receiver_fail(struct receiver *r, const struct unrack_error *why, bool storage)
{
	struct pool *pool;
	bool first;

	pthread_mutex_lock(&r->lock);
	first = !r->failed;
	if (first)
		r->why = *why;
	r->failed = true;
	r->storage_failed |= storage;
	pool = r->pool;
	pthread_mutex_unlock(&r->lock);
	if (!first)
		return;
	link_send_error(&r->link, why);
	channel_shutdown(r->link.channel);
	pool_stop(pool);
}

int receiver_check_owner(struct receiver *r, struct unrack_error *err)
{
	int status = r->host->check_owner ? r->host->check_owner(r->host->ctx, err) : 0;

	if (status == 0)
		atomic_store(&r->owned_ms, thread_now_ms());
	return status;
}

int receiver_still_owner(struct receiver *r, struct unrack_error *err)
{
	return thread_now_ms() - atomic_load(&r->owned_ms) < OWNED_MS ? 0 : receiver_check_owner(r, err);
}

int receiver_their_error(struct receiver *r, const void *payload, size_t n,
			 struct unrack_error *err)
{
	struct unrack_error theirs;
	int status = message_decode_error(payload, n, &theirs, err);

	if (status < 0)
		return status;
	r->farewell = true;
	*err = theirs;
	return error_prefix(err, "the sender gave up");
}

void receiver_report(const struct receiver_disk *d, uint64_t next_grain)
{
	struct receiver *r = d->session;
	struct log_progress p = {
		.step = "copy",
		.disk = d->place.number,
		.done = min_u64(next_grain * GRAIN_SIZE, d->id.bytes),
		.total = d->id.bytes,
		.unit = "bytes",
		.sent = atomic_load_explicit(&r->link.received_bytes, memory_order_relaxed),
	};

	if (r->opt.progress)
		log_progress(r->opt.log, &p);
}

int receiver_read_control(struct receiver *r, struct frame *f, uint8_t *payload,
			  struct unrack_error *err)
{
	int status = link_read_header(&r->link, f, err);

	if (status == 0 && (f->type == MESSAGE_GRAINS || f->type == MESSAGE_DELTA))
		return error_set(err, UNRACK_DAMAGED, "the sender sent data without a disk");
	if (status == 0 && message_is_of_call(f->type))
		return error_set(err, UNRACK_DAMAGED, "the sender sent a %s within a copy",
				 message_name(f->type));
	if (status == 0)
		status = link_read_payload(&r->link, f, payload, err);
	if (status == 0 && f->type == MESSAGE_ERROR)
		status = receiver_their_error(r, payload, f->length, err);
	return status;
}

int receiver_not_due(const struct frame *f, const char *due, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED, "the sender sent a %s where %s is due",
			 message_name(f->type), due);
}

static int hello(struct receiver *r, uint8_t *payload, struct unrack_error *err)
{
	struct message_hello ours = { .version = MESSAGE_VERSION, .features = MESSAGE_FEATURES,
				      .payload_max = FRAME_PAYLOAD_MAX };
	struct message_hello theirs;
	struct frame f;
	int status = receiver_read_control(r, &f, payload, err);

	if (status < 0)
		return status;
	if (f.type != MESSAGE_HELLO)
		return receiver_not_due(&f, "HELLO", err);
	status = message_decode_hello(payload, f.length, &theirs, err);
	if (status < 0)
		return status;
	if (theirs.disks == 0 || theirs.payload_max < MESSAGE_CONTROL_MAX)
		return error_set(err, UNRACK_DAMAGED,
				 "the sender's HELLO has %u disks and takes %u bytes", theirs.disks,
				 theirs.payload_max);
	r->disks = theirs.disks;
	memcpy(r->machine, theirs.machine, sizeof r->machine);
	return link_send(&r->link, MESSAGE_HELLO, 0, payload, message_encode_hello(&ours, payload),
			 err);
}

static int accept_disk(struct receiver *r, const struct receiver_disk *d, uint8_t *payload,
		       struct unrack_error *err)
{
	struct message_accept m = { .number = (uint32_t)d->place.number,
				    .complete = d->start.complete, .delta = d->delta,
				    .keeps_streams = d->image && !image_wants_inflated(d->image),
				    .next_grain = d->start.next_grain,
				    .data_grains = d->start.data_grains,
				    .pass = d->start.pass };

	memcpy(m.seed, d->seed, sizeof m.seed);
	return link_send(&r->link, MESSAGE_ACCEPT, d->index, payload,
			 message_encode_accept(&m, payload), err);
}

/* The listener was woken because the program is asked to stop. */
static int explain_stop(const struct receiver *r, const struct receiver_disk *d, uint64_t safe,
			struct unrack_error *err)
{
	if (d)
		return error_set(err, UNRACK_INTERRUPTED,
				 "stopped; %llu of %llu bytes of disk %d are safe, the same command "
				 "continues there", (unsigned long long)safe,
				 (unsigned long long)d->id.bytes, d->place.number);
	if (r->disks == 0)
		return error_set(err, UNRACK_INTERRUPTED,
				 "stopped before the copy began; the same command begins it");
	return error_set(err, UNRACK_INTERRUPTED,
			 "stopped after %u of %u disks; the same command continues",
			 r->ended, r->disks);
}

/* Reading has ended early: what that means for the copy. D: the disk under way, of which all
 * below NEXT_GRAIN is safe, or NULL. */
static int explain_end(const struct receiver *r, const struct receiver_disk *d, uint64_t next_grain,
		       struct unrack_error *err)
{
	uint64_t safe = d ? min_u64(next_grain * GRAIN_SIZE, d->id.bytes) : 0;
	struct unrack_error why = *err;

	if (why.code != UNRACK_LOST || r->farewell)
		return why.code;
	if (why.sys_errno == ECANCELED && log_stop_asked(r->opt.log))
		return explain_stop(r, d, safe, err);
	if (d)
		error_set(err, UNRACK_LOST,
			  "the connection to the sender was lost (%.500s); %llu of %llu bytes of disk "
			  "%d are safe, the same command continues there", why.text,
			  (unsigned long long)safe, (unsigned long long)d->id.bytes, d->place.number);
	else
		error_set(err, UNRACK_LOST,
			  "the connection to the sender was lost (%.500s); run the same command again "
			  "to continue", why.text);
	err->sys_errno = why.sys_errno;
	return UNRACK_LOST;
}

static int receive_disk(struct receiver *r, struct receiver_disk *d, const struct items *it,
			uint8_t *payload, struct unrack_error *err)
{
	struct journal_point durable = d->start;
	struct message_end end;
	struct message_done done;
	int status = accept_disk(r, d, payload, err);

	if (status == 0 && d->start.complete)
		return 0;
	if (status == 0)
		status = receiver_map_take(d, err);
	if (status == 0 && r->host->begin)
		status = r->host->begin(r->host->ctx, &d->place, d->start.next_grain * GRAIN_SIZE, err);
	if (status == 0)
		status = receiver_stream(d, it->workers, it->list, it->n, &end, &durable, err);
	if (status < 0)
		return explain_end(r, d, durable.next_grain, err);
	status = receiver_disk_finish(d, &end, &durable, &done.whole, err);
	if (status < 0)
		return status;
	r->res->disks++;
	done.data_grains = durable.data_grains;
	status = link_send(&r->link, MESSAGE_DONE, d->index, payload,
			   message_encode_done(&done, payload), err);
	return status < 0 ? explain_end(r, d, durable.next_grain, err) : 0;
}

static int take_disk(struct receiver *r, const struct frame *f, unsigned due,
		     const struct items *it, uint8_t *payload, struct unrack_error *err)
{
	struct receiver_disk d;
	struct message_open m;
	int status = message_decode_open(payload, f->length, &m, err);

	if (status < 0)
		return status;
	if (f->disk != due || f->disk >= r->disks)
		return error_set(err, UNRACK_DAMAGED,
				 "the sender offers disk %u where disk %u of %u is due", f->disk,
				 due, r->disks);
	status = receiver_disk_open(&d, r, f->disk, &m, err);
	if (status == 0) {
		r->res->bytes += d.id.bytes;
		r->res->resumed_bytes += min_u64(d.start.next_grain * GRAIN_SIZE, d.id.bytes);
		receiver_report(&d, d.start.next_grain);
		status = receive_disk(r, &d, it, payload, err);
	}
	receiver_disk_close(&d);
	return status;
}

static int session(struct receiver *r, const struct items *it, struct unrack_error *err)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	struct frame f;
	int status = hello(r, payload, err);

	if (status < 0)
		return explain_end(r, NULL, 0, err);
	while (status == 0) {
		status = receiver_read_control(r, &f, payload, err);
		if (status < 0)
			return explain_end(r, NULL, 0, err);
		if (f.type == MESSAGE_BYE)
			break;
		if (f.type != MESSAGE_OPEN)
			return receiver_not_due(&f, "a disk", err);
		status = take_disk(r, &f, r->ended, it, payload, err);
		r->ended += status == 0;
	}
	if (status < 0)
		return status;
	if (r->ended < r->disks) {
		r->farewell = true;
		return error_set(err, UNRACK_INTERRUPTED,
				 "the sender was stopped after %u of %u disks; the same command "
				 "continues", r->ended, r->disks);
	}
	if (r->host->all_done)
		status = r->host->all_done(r->host->ctx, err);
	r->farewell = status == 0;
	return status;
}

/* How a session ends: BYE answers the sender's end, ERROR is our own. On a line that fails there
 * is nobody to tell, and a write may block for ever; one that damages what it carries still
 * carries something. */
static void say_goodbye(struct receiver *r, const struct unrack_error *err)
{
	struct unrack_error dropped;

	if (r->farewell) /* all that we promised holds, whether this arrives or not */
		link_send(&r->link, MESSAGE_BYE, 0, NULL, 0, &dropped);
	else if (!r->failed && (err->code != UNRACK_LOST || err->sys_errno == 0))
		link_send_error(&r->link, err);
}

int receiver_run(struct channel *c, const struct receiver_host *host,
		 const struct receiver_options *opt, struct receiver_result *res,
		 struct unrack_error *err)
{
	struct receiver r = { .host = host, .opt = *opt, .res = res };
	struct heartbeat heart = { 0 };
	struct items it = { 0 };
	int status;

	memset(res, 0, sizeof *res);
	if (r.opt.checkpoint_bytes == 0)
		r.opt.checkpoint_bytes = CHECKPOINT_BYTES;
	if (r.opt.checkpoint_ms == 0)
		r.opt.checkpoint_ms = CHECKPOINT_MS;
	link_init(&r.link, c);
	pthread_mutex_init(&r.lock, NULL);
	status = make_items(&it, opt->workers, err);
	if (status == 0)
		status = heartbeat_start(&heart, &r.link, c->silence_ms, opt->log, err);
	if (status == 0)
		status = session(&r, &it, err);
	say_goodbye(&r, err);
	if (status < 0 && !r.farewell)
		channel_shutdown(c);
	heartbeat_stop(&heart);
	res->received_bytes = atomic_load(&r.link.received_bytes);
	free_items(&it);
	pthread_mutex_destroy(&r.lock);
	link_destroy(&r.link);
	return status;
}
