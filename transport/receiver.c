/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "receiver_parts.h"

#define CHECKPOINT_BYTES (256ull << 20)
#define CHECKPOINT_MS 2000u

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

/* A frame of the session outside of a disk's data. PAYLOAD has MESSAGE_CONTROL_MAX bytes. */
static int read_control(struct receiver *r, struct frame *f, uint8_t *payload,
			struct unrack_error *err)
{
	int status = link_read_header(&r->link, f, err);

	if (status == 0 && f->type == MESSAGE_GRAINS)
		return error_set(err, UNRACK_DAMAGED, "the sender sent data without a disk");
	if (status == 0 && f->type > MESSAGE_PING)
		return error_set(err, UNRACK_DAMAGED, "the sender sent a %s within a copy",
				 message_name(f->type));
	if (status == 0)
		status = link_read_payload(&r->link, f, payload, err);
	if (status == 0 && f->type == MESSAGE_ERROR)
		status = receiver_their_error(r, payload, f->length, err);
	return status;
}

static int not_due(const struct frame *f, const char *due, struct unrack_error *err)
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
	int status = read_control(r, &f, payload, err);

	if (status < 0)
		return status;
	if (f.type != MESSAGE_HELLO)
		return not_due(&f, "HELLO", err);
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
				    .complete = d->start.complete,
				    .next_grain = d->start.next_grain,
				    .data_grains = d->start.data_grains,
				    .pass = d->start.pass };

	memcpy(m.seed, d->seed, sizeof m.seed);
	return link_send(&r->link, MESSAGE_ACCEPT, d->index, payload,
			 message_encode_accept(&m, payload), err);
}

/* A line that is of no more use: what that means for the copy. D: the disk under way, or NULL. */
static int explain_lost(const struct receiver *r, const struct receiver_disk *d,
			const struct journal_point *durable, struct unrack_error *err)
{
	struct unrack_error why = *err;

	if (why.code != UNRACK_LOST || r->farewell)
		return why.code;
	if (d)
		error_set(err, UNRACK_LOST,
			  "the connection to the sender was lost (%.500s); %llu of %llu bytes of disk "
			  "%d are safe, the same command continues there", why.text,
			  (unsigned long long)min_u64(durable->next_grain * GRAIN_SIZE, d->id.bytes),
			  (unsigned long long)d->id.bytes, d->place.number);
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
		status = receiver_stream(d, it->workers, it->list, it->n, &end, &durable, err);
	if (status < 0)
		return explain_lost(r, d, &durable, err);
	status = receiver_disk_finish(d, &end, &durable, &done.whole, err);
	if (status < 0)
		return status;
	done.data_grains = durable.data_grains;
	status = link_send(&r->link, MESSAGE_DONE, d->index, payload,
			   message_encode_done(&done, payload), err);
	return status < 0 ? explain_lost(r, d, &durable, err) : 0;
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
	if (status == 0)
		status = receive_disk(r, &d, it, payload, err);
	receiver_disk_close(&d);
	return status;
}

static int session(struct receiver *r, const struct items *it, struct unrack_error *err)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	unsigned done = 0;
	struct frame f;
	int status = hello(r, payload, err);

	if (status < 0)
		return explain_lost(r, NULL, NULL, err);
	while (status == 0) {
		status = read_control(r, &f, payload, err);
		if (status < 0)
			return explain_lost(r, NULL, NULL, err);
		if (f.type == MESSAGE_BYE)
			break;
		if (f.type != MESSAGE_OPEN)
			return not_due(&f, "a disk", err);
		status = take_disk(r, &f, done++, it, payload, err);
	}
	if (status < 0)
		return status;
	if (done < r->disks) {
		r->farewell = true;
		return error_set(err, UNRACK_INTERRUPTED,
				 "the sender was stopped after %u of %u disks; the same command "
				 "continues", done, r->disks);
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
	struct receiver r = { .host = host, .opt = *opt };
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
		status = session(&r, &it, err);
	say_goodbye(&r, err);
	free_items(&it);
	pthread_mutex_destroy(&r.lock);
	link_destroy(&r.link);
	return status;
}
