/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole copy in one process, for tests: sender and receiver in a thread each, a channel
 * between them that records what goes over it and can be cut, and a host that puts disk N
 * at DIR/dN-flat.vmdk, DIR/unrack/dN.journal and so on. */
#ifndef TESTS_COPY_H
#define TESTS_COPY_H

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/size.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/buf.h"
#include "unrack/digest_table.h"
#include "unrack/frame.h"
#include "unrack/message.h"
#include "unrack/receiver.h"
#include "unrack/sender.h"
#include "unrack/vmdk.h"

#define COPY_DISKS 3

/* Many short copies, each with threads of its own: what one has freed is for the next, and not given back to the
 * kernel to be made zeros again. */
#ifndef COPY_PLAIN_MALLOC
__attribute__((constructor)) static void copy_keep_memory(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
}
#endif

/* One acknowledgement, and how many calls the storage twin had recorded when it was sent. */
struct copy_ack {
	uint64_t next_grain;
	size_t records;
};

/* What the line does to one frame of a direction, the AT-th. */
enum copy_damage_kind { COPY_NO_DAMAGE, COPY_FLIP, COPY_LOSE, COPY_REPEAT, COPY_EXCHANGE };
struct copy_damage {
	enum copy_damage_kind kind;
	unsigned at;
	size_t byte;               /* COPY_FLIP: which, of header and payload */
	unsigned seen;             /* frames so far */
	struct buf held;           /* COPY_EXCHANGE: until the next one */
};

struct copy {
	/* To be set: */
	struct copy_damage damage[2]; /* from the sender, from the receiver */
	struct block_source *source[COPY_DISKS];
	unsigned disks;
	const struct io *io;
	const char *dir;
	int workers;               /* of both sides */
	uint64_t checkpoint_bytes;
	unsigned checkpoint_ms;
	uint64_t cut_after;        /* bytes of the sender; 0: never */
	struct log log;            /* of the sender */
	struct log receive_log;    /* of the receiver */
	bool progress;             /* which reports it, too */
	unsigned silence_ms;       /* of both sides */
	struct twin_io *twin;      /* for struct copy_ack; may be NULL */
	enum disk_format format;   /* 0: flat */
	int lose_lock_at;          /* check_owner fails at this call and later; 0: never */
	bool lose_end;             /* all_done fails */
	bool store;                /* the sender does not compress */
	bool adapt;                /* it compresses as hard as it can */
	const char *strict;        /* identity; NULL: "mbr=00000001\n" */
	const struct map *map[COPY_DISKS];
	uint8_t state;             /* of the sources: that byte, all over; 0: not known */
	bool live, all_blocks;
	bool patient;              /* the sources are patient ones */
	enum receiver_again again;
	bool compared;

	/* What came out: */
	int sent, received;
	struct unrack_error send_err, receive_err;
	struct receiver_result receive_result;
	struct sender_result res;
	struct buf wire;           /* what the sender wrote */
	unsigned pings[2];         /* of sender and receiver */
	atomic_bool said_error;    /* the receiver did */
	atomic_bool reads_no_more; /* by its own wish */
	struct copy_ack ack[256];
	unsigned acks;
	struct journal_point point[COPY_DISKS]; /* of disk_done */
	unsigned done_disks, all_done;
	atomic_uint owner_checks;
	char lost[512];            /* what was told of lost sectors */
	char machine[64];
	char path[COPY_DISKS][6][512];
};

enum { COPY_IMAGE, COPY_DESCRIPTOR, COPY_JOURNAL, COPY_DIGESTS, COPY_MAP, COPY_EXTENT };

static void copy_paths(struct copy *c)
{
	static const char *const name[] = { "%s/d%d-flat.vmdk", "%s/d%d.vmdk", "%s/unrack/d%d.journal",
					    "%s/unrack/d%d.digests", "%s/unrack/d%d.map" };

	bool flat = c->format == 0 || c->format == DISK_FLAT;

	for (int d = 0; d < COPY_DISKS; d++) {
		for (int i = 0; i < COPY_EXTENT; i++)
			snprintf(c->path[d][i], sizeof c->path[d][i],
				 name[i == COPY_IMAGE && !flat ? COPY_DESCRIPTOR : i], c->dir, d);
		snprintf(c->path[d][COPY_EXTENT], sizeof c->path[d][COPY_EXTENT],
			 flat ? "d%d-flat.vmdk" : "d%d.vmdk", d);
	}
}

static int copy_place(void *ctx, const struct receiver_offer *offer, struct receiver_place *place,
		      struct unrack_error *err)
{
	struct copy *c = ctx;
	unsigned n = offer->disk;

	snprintf(c->machine, sizeof c->machine, "%s", offer->machine);
	if (n >= COPY_DISKS)
		return error_set(err, UNRACK_UNSAFE, "this folder takes %d disks", COPY_DISKS);
	*place = (struct receiver_place){
		.number = (int)n, .format = c->format ? c->format : DISK_FLAT,
		.image = c->path[n][COPY_IMAGE], .descriptor = c->path[n][COPY_DESCRIPTOR],
		.extent = c->path[n][COPY_EXTENT], .journal = c->path[n][COPY_JOURNAL],
		.digests = c->path[n][COPY_DIGESTS], .map = c->path[n][COPY_MAP],
		.again = c->again, .compared = c->compared,
	};
	return 0;
}

static int copy_check_owner(void *ctx, struct unrack_error *err)
{
	struct copy *c = ctx;

	if (c->lose_lock_at && (int)++c->owner_checks >= c->lose_lock_at)
		return error_set(err, UNRACK_UNSAFE, "somebody else owns the folder now");
	return 0;
}

static int copy_disk_done(void *ctx, const struct receiver_place *place,
			  const struct journal_point *point, struct unrack_error *err)
{
	struct copy *c = ctx;

	(void)err;
	c->point[place->number] = *point;
	c->done_disks++;
	return 0;
}

static int copy_lost(void *ctx, const struct receiver_place *place, uint64_t off, uint64_t len,
		     const char *text, bool over, struct unrack_error *err)
{
	struct copy *c = ctx;
	size_t n = strlen(c->lost);

	(void)over;
	(void)err;
	snprintf(c->lost + n, sizeof c->lost - n, "%d %llu+%llu %s\n", place->number, (unsigned long long)off,
		 (unsigned long long)len, text);
	return 0;
}

static int copy_all_done(void *ctx, struct unrack_error *err)
{
	struct copy *c = ctx;

	if (c->lose_end)
		return error_set(err, UNRACK_NOSPACE, "the end can't be noted");
	c->all_done++;
	return 0;
}

/* --- Channels that watch another one --- */
struct copy_tap {
	struct channel channel;
	struct channel *inner;
	struct copy *copy;
	bool receiver;
};

static int copy_tap_read(struct channel *ch, void *buf, size_t n, struct unrack_error *err)
{
	struct copy_tap *t = ch->ctx;

	t->inner->silence_ms = ch->silence_ms;
	return channel_read(t->inner, buf, n, err);
}

static int copy_damaged_write(struct copy_tap *t, struct copy_damage *d, const void *buf, size_t n,
			      struct unrack_error *err)
{
	unsigned i = d->seen++;
	uint8_t *copy;
	int r = 0;

	if (d->held.len) {
		r = channel_write(t->inner, buf, n, err);
		if (r == 0)
			r = channel_write(t->inner, d->held.data, d->held.len, err);
		buf_clear(&d->held);
		return r;
	}
	if (d->kind == COPY_NO_DAMAGE || i != d->at)
		return channel_write(t->inner, buf, n, err);
	switch (d->kind) {
	case COPY_FLIP:
		copy = malloc(n);
		memcpy(copy, buf, n);
		copy[d->byte < n ? d->byte : n - 1] ^= 0x10;
		r = channel_write(t->inner, copy, n, err);
		free(copy);
		break;
	case COPY_REPEAT:
		r = channel_write(t->inner, buf, n, err);
		if (r == 0)
			r = channel_write(t->inner, buf, n, err);
		break;
	case COPY_EXCHANGE:
		if (buf_append(&d->held, buf, n) < 0)
			abort();
		break;
	default:
		break;
	}
	return r;
}

static int copy_sender_write(struct channel *ch, const void *buf, size_t n,
			     struct unrack_error *err)
{
	struct copy_tap *t = ch->ctx;
	struct copy *c = t->copy;

	if (c->cut_after && c->wire.len + n > c->cut_after) {
		size_t part = c->cut_after > c->wire.len ? c->cut_after - c->wire.len : 0;

		if (part)
			channel_write(t->inner, buf, part, err);
		channel_shutdown(t->inner);
		return error_set(err, UNRACK_LOST, "cut");
	}
	if (buf_append(&c->wire, buf, n) < 0)
		abort();
	c->pings[0] += ((const uint8_t *)buf)[4] == MESSAGE_PING;
	return copy_damaged_write(t, &c->damage[0], buf, n, err);
}

static int copy_receiver_write(struct channel *ch, const void *buf, size_t n,
			       struct unrack_error *err)
{
	struct copy_tap *t = ch->ctx;
	struct copy *c = t->copy;
	const uint8_t *p = buf;

	if (p[4] == MESSAGE_ACK && c->acks < ARRAY_LEN(c->ack)) {
		c->ack[c->acks].next_grain = get_le64(p + FRAME_HEADER_SIZE);
		c->ack[c->acks++].records = c->twin ? twin_io_records(c->twin) : 0;
	}
	c->pings[1] += p[4] == MESSAGE_PING;
	if (p[4] == MESSAGE_ERROR)
		atomic_store(&c->said_error, true);
	return copy_damaged_write(t, &c->damage[1], buf, n, err);
}

static void copy_tap_shutdown(struct channel *ch)
{
	struct copy_tap *t = ch->ctx;

	channel_shutdown(t->inner);
}

static void copy_tap_close(struct channel *ch)
{
	struct copy_tap *t = ch->ctx;

	channel_close(t->inner);
}

static void copy_tap_stop_reading(struct channel *ch)
{
	struct copy_tap *t = ch->ctx;

	channel_stop_reading(t->inner);
	if (t->receiver)
		atomic_store(&t->copy->reads_no_more, true);
}

static const struct channel_ops copy_sender_ops = { copy_tap_read, copy_sender_write,
						    copy_tap_shutdown, copy_tap_close,
						    copy_tap_stop_reading };
static const struct channel_ops copy_receiver_ops = { copy_tap_read, copy_receiver_write,
						      copy_tap_shutdown, copy_tap_close,
						      copy_tap_stop_reading };

struct copy_receiver_arg {
	struct copy *copy;
	struct channel *channel;
};

static struct receiver_host copy_host(struct copy *c)
{
	return (struct receiver_host){ .place = copy_place, .check_owner = copy_check_owner,
				       .lost = copy_lost, .disk_done = copy_disk_done,
				       .all_done = copy_all_done, .ctx = c };
}

static void *copy_receive(void *arg)
{
	struct copy_receiver_arg *a = arg;
	struct copy *c = a->copy;
	struct receiver_host host = copy_host(c);
	struct receiver_options opt = { .io = c->io, .log = &c->receive_log,
					.progress = c->progress,
					.checkpoint_bytes = c->checkpoint_bytes,
					.checkpoint_ms = c->checkpoint_ms, .workers = c->workers };

	c->received = receiver_run(a->channel, &host, &opt, &c->receive_result, &c->receive_err);
	channel_close(a->channel);
	return NULL;
}

/* Waits until FLAG is set; not for ever, if that is what is wrong. */
__attribute__((unused)) static bool copy_await(atomic_bool *flag)
{
	for (int i = 0; i < 240000 && !atomic_load(flag); i++)
		usleep(500);
	return atomic_load(flag);
}

/* Runs sender and receiver to their end; results are in C. The sources stay open. */
__attribute__((unused)) static void copy_run(struct copy *c)
{
	struct copy_tap ends[2] = { { .copy = c }, { .copy = c, .receiver = true } };
	struct copy_receiver_arg arg = { c, &ends[1].channel };
	struct sender_options opt = { .workers = c->workers, .machine = "web01", .log = &c->log,
				      .store = c->store, .adapt = c->adapt };
	struct sender_disk disk[COPY_DISKS] = { 0 };
	struct unrack_error err;
	pthread_t thread;

	copy_paths(c);
	buf_clear(&c->wire);
	c->acks = c->done_disks = c->all_done = c->owner_checks = 0;
	c->lost[0] = '\0';
	c->pings[0] = c->pings[1] = 0;
	atomic_store(&c->said_error, false);
	atomic_store(&c->reads_no_more, false);
	if (channel_open_pair(&ends[0].inner, &ends[1].inner, &err) < 0)
		abort();
	ends[0].channel = (struct channel){ .ops = &copy_sender_ops, .ctx = &ends[0],
				       .silence_ms = c->silence_ms };
	ends[1].channel = (struct channel){ .ops = &copy_receiver_ops, .ctx = &ends[1],
				       .silence_ms = c->silence_ms };
	for (unsigned i = 0; i < c->disks; i++) {
		disk[i] = (struct sender_disk){ .source = c->source[i], .map = c->map[i], .live = c->live,
						.all_blocks = c->all_blocks, .patient = c->patient };
		memset(disk[i].state.b, c->state, sizeof disk[i].state.b);
		if (identity_init(&disk[i].id, c->source[i]->size,
				  c->strict ? c->strict : "mbr=00000001\n", "", &err) < 0)
			abort();
	}
	pthread_create(&thread, NULL, copy_receive, &arg);
	c->sent = sender_run(&ends[0].channel, disk, c->disks, &opt, &c->res, &c->send_err);
	channel_close(&ends[0].channel);
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < c->disks; i++)
		identity_free(&disk[i].id);
	if (c->sent == 0)
		c->send_err.text[0] = '\0';
	if (c->received == 0)
		c->receive_err.text[0] = '\0';
}

__attribute__((unused)) static void copy_free(struct copy *c)
{
	for (unsigned i = 0; i < c->disks; i++)
		block_source_close(c->source[i]);
	buf_free(&c->wire);
	for (unsigned i = 0; i < 2; i++)
		buf_free(&c->damage[i].held);
}

/* An empty journal with a known seed, so that two sessions are the same byte for byte. */
__attribute__((unused)) static void copy_fix_seed(struct copy *c, unsigned disk)
{
	struct journal_info info = { .format = c->format ? c->format : DISK_FLAT };
	struct journal *j;
	struct unrack_error err;

	copy_paths(c);
	memset(info.seed, 7, sizeof info.seed);
	if (identity_init(&info.id, c->source[disk]->size, c->strict ? c->strict : "mbr=00000001\n",
			  "", &err) < 0 ||
	    journal_create(c->io, c->path[disk][COPY_JOURNAL], &info, &j, &err) < 0)
		abort();
	journal_close(j);
	identity_free(&info.id);
}

/* The image in a twin is DATA, followed by zeros up to a whole sector. */
__attribute__((unused)) static bool copy_image_is(struct copy *c, struct twin_io *twin,
						   unsigned disk, const void *data, size_t size)
{
	struct block_source *image;
	struct unrack_error err;
	uint8_t *is = NULL;
	size_t n = 0;
	bool same = false;

	if (vmdk_open_source(twin_io(twin), c->path[disk][COPY_IMAGE], c->format ? c->format : DISK_FLAT, &image,
			     &err) < 0) {
		printf("# %s\n", err.text);
		return false;
	}
	n = (size_t)image->size;
	is = malloc(n);
	if (is && n == round_up(size, SECTOR_SIZE)) {
		same = block_source_read(image, is, n, 0, &err) == 0 && memcmp(is, data, size) == 0 &&
		       (n == size || is_zero(is + size, n - size));
	}
	block_source_close(image);
	free(is);
	return same;
}

/* Numbers that look random and are the same each time. */
__attribute__((unused)) static uint32_t copy_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* N bytes that don't shrink. */
__attribute__((unused)) static void copy_noise(uint8_t *p, size_t n, uint32_t *state)
{
	for (size_t i = 0; i < n; i += 4) {
		uint32_t r = copy_random(state);

		memcpy(p + i, &r, min_u64(4, n - i));
	}
}

enum copy_pattern { COPY_ZEROS, COPY_NOISE, COPY_TEXT, COPY_MIXED };

/* COPY_MIXED: per grain one of the three others, the first and last with data. */
__attribute__((unused)) static uint8_t *copy_data(size_t size, enum copy_pattern p, uint32_t seed)
{
	uint8_t *data = calloc(1, size ? size : 1);
	uint32_t state = seed * 2654435761u + 1;

	for (size_t g = 0; data && g < size; g += GRAIN_SIZE) {
		size_t n = min_u64(GRAIN_SIZE, size - g);
		enum copy_pattern q = p;

		if (p == COPY_MIXED)
			q = g == 0 || g + n == size ? COPY_TEXT : copy_random(&state) % 3;
		if (q != COPY_ZEROS)
			copy_noise(data + g, n, &state);
		for (size_t i = 0; i < n && q == COPY_TEXT; i++)
			data[g + i] = (uint8_t)('a' + (data[g + i] * 5 >> 8));
	}
	if (!data)
		abort();
	return data;
}

#endif
