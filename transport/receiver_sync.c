/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoints beside reception. The writer reports what it has written; the syncer takes that
 * as it is at one moment, makes it durable in the one right order, and acknowledges it. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "receiver_parts.h"
#include "thread.h"

static int pending_init(struct receiver_pending *p)
{
	p->n = 0;
	p->grain = malloc(RECEIVER_UNSYNCED_MAX * sizeof *p->grain);
	p->digest = malloc(RECEIVER_UNSYNCED_MAX * sizeof *p->digest);
	return p->grain && p->digest ? 0 : -1;
}

static void pending_free(struct receiver_pending *p)
{
	free(p->grain);
	free(p->digest);
}

static int write_digests(struct digest_table *t, const struct receiver_pending *p,
			 struct unrack_error *err)
{
	uint32_t i = 0;
	int r = 0;

	while (r == 0 && i < p->n) {
		uint32_t n = 1;

		while (i + n < p->n && p->grain[i + n] == p->grain[i] + n)
			n++;
		r = digest_table_write(t, p->grain[i], &p->digest[i], n, err);
		i += n;
	}
	return r == 0 && p->n > 0 ? digest_table_sync(t, err) : r;
}

/* Image, digests, journal, and only then the acknowledgement. */
static int checkpoint(struct receiver_sync *s, const struct journal_point *point,
		      struct unrack_error *err)
{
	struct receiver_disk *d = s->disk;
	int r = image_sync(d->image, err);

	/* The table's pages are held: they would put back what another process has written since. */
	if (r == 0)
		r = receiver_check_owner(d->session, err);
	if (r == 0)
		r = write_digests(d->table, &s->syncing, err);
	if (r == 0)
		r = receiver_check_owner(d->session, err);
	if (r == 0)
		r = journal_append(d->journal, point, err);
	return r;
}

static void acknowledge(struct receiver_sync *s, const struct journal_point *point)
{
	struct message_ack m = { point->next_grain, point->data_grains };
	uint8_t payload[MESSAGE_CONTROL_MAX];
	struct unrack_error dropped; /* the listener sees a broken channel too */

	link_send(&s->disk->session->link, MESSAGE_ACK, s->disk->index, payload,
		  message_encode_ack(&m, payload), &dropped);
}

/* How long until a checkpoint is due: 0 now, -1 when something happens. With the lock held. */
static int64_t due_in(const struct receiver_sync *s, int64_t last_ms)
{
	const struct receiver_options *opt = &s->disk->session->opt;
	uint64_t grains = s->written.next_grain - s->durable.next_grain;
	int64_t left;

	if (s->finish || (s->asked && s->written.next_grain >= s->asked_grain))
		return 0;
	if (grains == 0)
		return -1;
	if (s->held)
		return 0;
	/* What was written since counts, not how far that is: a hole of terabytes is nothing to be made safe. */
	if (s->pending.n >= min_u64(s->disk->session->opt.checkpoint_bytes / GRAIN_SIZE, RECEIVER_UNSYNCED_MAX / 2))
		return 0;
	left = last_ms + opt->checkpoint_ms - thread_now_ms();
	return left > 0 ? left : 0;
}

static void swap_pending(struct receiver_sync *s)
{
	struct receiver_pending full = s->pending;

	s->pending = s->syncing;
	s->pending.n = 0;
	s->syncing = full;
}

/* One checkpoint of what is written now. Called and left with the lock held. */
static void sync_once(struct receiver_sync *s)
{
	struct journal_point point = s->written;
	bool news = point.next_grain != s->durable.next_grain;
	struct unrack_error err;
	int r = 0;

	if (point.next_grain >= s->asked_grain)
		s->asked = false;
	swap_pending(s);
	pthread_cond_signal(&s->room);
	pthread_mutex_unlock(&s->lock);
	if (news)
		r = checkpoint(s, &point, &err);
	if (r == 0) {
		acknowledge(s, &point);
		receiver_report(s->disk, point.next_grain);
	} else {
		receiver_disk_explain(s->disk, point.next_grain, &err);
		receiver_fail(s->disk->session, &err, true);
	}
	pthread_mutex_lock(&s->lock);
	if (r == 0)
		s->durable = point;
	else
		s->dead = true;
	pthread_cond_signal(&s->room);
}

static void *sync_run(void *arg)
{
	struct receiver_sync *s = arg;
	int64_t last_ms = thread_now_ms();

	pthread_mutex_lock(&s->lock);
	while (!s->dead) {
		int64_t wait = due_in(s, last_ms);

		if (wait != 0) {
			thread_cond_wait(&s->work, &s->lock, wait);
			continue;
		}
		last_ms = thread_now_ms();
		if (s->finish && !s->asked && s->written.next_grain == s->durable.next_grain)
			break;
		sync_once(s);
	}
	pthread_cond_signal(&s->room);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int receiver_sync_start(struct receiver_sync *s, struct receiver_disk *d,
			struct unrack_error *err)
{
	int r;

	memset(s, 0, sizeof *s);
	s->disk = d;
	s->written = s->durable = d->start;
	r = thread_cond_init(&s->work, err);
	if (r < 0)
		return r;
	r = thread_cond_init(&s->room, err);
	if (r < 0)
		goto no_room;
	pthread_mutex_init(&s->lock, NULL);
	r = pending_init(&s->pending) < 0 || pending_init(&s->syncing) < 0 ? error_nomem(err) : 0;
	if (r == 0)
		r = thread_start(&s->thread, sync_run, s, err);
	if (r == 0)
		return 0;
	pending_free(&s->pending);
	pending_free(&s->syncing);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->room);
no_room:
	pthread_cond_destroy(&s->work);
	return r;
}

int receiver_sync_touch(struct receiver_sync *s, const struct receiver_item *item)
{
	uint64_t end = item->first + item->count;
	bool dead;

	if (item->changed == 0)
		return 0;
	pthread_mutex_lock(&s->lock);
	s->held = end > s->durable.next_grain + RECEIVER_TOUCHED_MAX;
	if (s->held)
		pthread_cond_signal(&s->work);
	while (!s->dead && end > s->durable.next_grain + RECEIVER_TOUCHED_MAX)
		thread_cond_wait(&s->room, &s->lock, -1);
	s->held = false;
	dead = s->dead;
	pthread_mutex_unlock(&s->lock);
	return dead ? -1 : 0;
}

static void add_pending(struct receiver_pending *p, uint64_t grain, const struct digest *digest)
{
	p->grain[p->n] = grain;
	p->digest[p->n++] = *digest;
}

static void add_changed(struct receiver_pending *p, const struct receiver_item *item)
{
	static const struct digest zeros;
	const struct digest *old = (const struct digest *)item->payload;

	if (item->changed == 0)
		return;
	if (item->type == MESSAGE_ZERO) {
		for (uint64_t i = 0; i < item->count; i++)
			if (!digest_is_zero(&old[i]))
				add_pending(p, item->first + i, &zeros);
		return;
	}
	for (unsigned i = 0; i < item->m.count; i++)
		add_pending(p, item->first + item->m.grain[i].place, &item->m.grain[i].digest);
}

int receiver_sync_wrote(struct receiver_sync *s, const struct receiver_item *item)
{
	bool dead, wake;

	pthread_mutex_lock(&s->lock);
	while (!s->dead && s->pending.n + item->changed > RECEIVER_UNSYNCED_MAX)
		thread_cond_wait(&s->room, &s->lock, -1);
	wake = s->written.next_grain == s->durable.next_grain;
	if (!s->dead)
		add_changed(&s->pending, item);
	s->written.data_grains += item->data_grains;
	s->written.next_grain += item->count;
	s->written.image_length = image_length(s->disk->image);
	dead = s->dead;
	/* The syncer minds the time by itself, once there is something to be made safe. */
	wake |= due_in(s, thread_now_ms()) == 0;
	pthread_mutex_unlock(&s->lock);
	if (wake)
		pthread_cond_signal(&s->work);
	return dead ? -1 : 0;
}

void receiver_sync_ask(struct receiver_sync *s, uint64_t grain)
{
	pthread_mutex_lock(&s->lock);
	s->asked = true;
	s->asked_grain = grain;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

void receiver_sync_end(struct receiver_sync *s, bool last_checkpoint)
{
	pthread_mutex_lock(&s->lock);
	if (last_checkpoint)
		s->finish = true;
	else
		s->dead = true;
	/* Asked for something that will not come any more: what there is must do. */
	if (s->asked_grain > s->written.next_grain)
		s->asked = false;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pending_free(&s->pending);
	pending_free(&s->syncing);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->room);
	pthread_cond_destroy(&s->work);
}
