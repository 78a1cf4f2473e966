/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A peer that says nothing is given up in time; one that lives is not, however long its
 * storage, its source or a full line make it wait. The cases run beside each other. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "../../transport/link.h"
#include "copy.h"

#define SILENCE_MS 160u
#define STALL_MS 400u
/* On a machine that is too busy to run a thread in time, once more with more of it; so often. */
#define PATIENCE 8u
#define TRIALS 4

static uint8_t *big;
#define BIG_SIZE ((size_t)24 << 20)
#define SMALL_SIZE 300000u

struct stall {
	const char *what;
	enum twin_op op;      /* of the receiver's storage; TWIN_OPS: none */
	const char *suffix;   /* of the file */
	bool source;          /* the sender's source */
	size_t size;
	unsigned silence_ms;
	int pinger;           /* who must have said PING: 0 sender, 1 receiver, -1: nobody */

	unsigned scale;

	atomic_bool done;
	struct copy c;
	struct twin_io *twin;
	struct twin_source *src;
	pthread_t thread;
};

static void sleep_once(struct stall *s)
{
	if (!atomic_exchange(&s->done, true))
		usleep(STALL_MS * 1000 * s->scale);
}

static int on_io(void *ctx, enum twin_op op, const char *path)
{
	struct stall *s = ctx;
	size_t n = strlen(path), m = s->suffix ? strlen(s->suffix) : 0;

	if (op == s->op && n >= m && memcmp(path + n - m, s->suffix, m) == 0)
		sleep_once(s);
	return 0;
}

static int on_read(void *ctx, uint64_t off, size_t n)
{
	struct stall *s = ctx;

	if (s->source && off + n > SMALL_SIZE / 2)
		sleep_once(s);
	return 0;
}

static void *run_stall(void *arg)
{
	struct stall *s = arg;

	atomic_store(&s->done, false);
	s->src = twin_source_memory(big, s->size);
	s->twin = twin_io_new(NULL);
	twin_io_quiet(s->twin);
	twin_io_hook(s->twin, on_io, s);
	twin_source_hook(s->src, on_read, s);
	s->c = (struct copy){ .source = { twin_source(s->src) }, .disks = 1, .io = twin_io(s->twin),
			      .dir = "/m", .workers = 1, .silence_ms = s->silence_ms * s->scale, .store = true };
	copy_run(&s->c);
	return NULL;
}

static struct stall stalls[] = {
	{ .what = "a disk that takes long to be found", .op = TWIN_OPEN, .suffix = "d0.journal",
	  .size = SMALL_SIZE, .silence_ms = SILENCE_MS, .pinger = 1 },
	{ .what = "a checkpoint that takes long", .op = TWIN_FDATASYNC, .suffix = "flat.vmdk",
	  .size = SMALL_SIZE, .silence_ms = SILENCE_MS, .pinger = 1 },
	{ .what = "storage that takes nothing, until the sender's line is full", .op = TWIN_PWRITE,
	  .suffix = "flat.vmdk", .size = BIG_SIZE, .silence_ms = SILENCE_MS, .pinger = 1 },
	{ .what = "a source that is slow", .op = TWIN_OPS, .source = true, .size = SMALL_SIZE,
	  .silence_ms = SILENCE_MS, .pinger = 0 },
	{ .what = "the same without a limit", .op = TWIN_OPS, .source = true, .size = SMALL_SIZE,
	  .pinger = -1 },
	{ .what = "a checkpoint without a limit", .op = TWIN_FDATASYNC, .suffix = "flat.vmdk",
	  .size = SMALL_SIZE, .pinger = -1 },
};

static void free_stall(struct stall *s)
{
	copy_free(&s->c);
	twin_source_free(s->src);
	twin_io_free(s->twin);
}

static bool was_patient(const struct stall *s)
{
	return s->c.sent == 0 && s->c.received == 0 && (s->pinger < 0 || s->c.pings[s->pinger] > 0);
}

static void check_stall(struct stall *s)
{
	for (int i = 1; i < TRIALS && !was_patient(s); i++) {
		free_stall(s);
		s->scale *= PATIENCE;
		run_stall(s);
	}
	ok(s->done, "%s", s->what);
	is_int(s->c.sent, 0, "is no error for the sender");
	is_int(s->c.received, 0, "nor for the receiver");
	ok(copy_image_is(&s->c, s->twin, 0, big, s->size), "the image is the source");
	if (s->pinger < 0)
		ok(s->c.pings[0] + s->c.pings[1] == 0, "there are no PINGs");
	else
		ok(s->c.pings[s->pinger] > 0, "PINGs keep the other side patient");
	free_stall(s);
}

/* --- Peers that fall silent, and do not close --- */
struct mute {
	struct channel *near, *far;
	struct link link;
	uint8_t payload[MESSAGE_CONTROL_MAX];
	int64_t took_ms;
	int status;
	struct unrack_error err;
	struct twin_io *twin;
	struct copy c;
	pthread_t thread;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void mute_open(struct mute *m)
{
	struct unrack_error err;

	if (channel_open_pair(&m->near, &m->far, &err) < 0)
		abort();
	link_init(&m->link, m->far);
	m->near->silence_ms = SILENCE_MS;
}

/* A receiver that took HELLO and then died with its machine. */
static void *run_mute_receiver(void *arg)
{
	struct mute *m = arg;
	struct message_hello hello = { .version = 1, .payload_max = FRAME_PAYLOAD_MAX };
	struct sender_options opt = { .workers = 1 };
	struct sender_disk disk = { 0 };
	struct sender_result res;
	int64_t began;

	mute_open(m);
	block_source_open_memory(big, BIG_SIZE, "/dev/sda", &disk.source, &m->err);
	if (identity_init(&disk.id, BIG_SIZE, "", "", &m->err) < 0)
		abort();
	link_send(&m->link, MESSAGE_HELLO, 0, m->payload, message_encode_hello(&hello, m->payload),
		  &m->err);
	began = now_ms();
	m->status = sender_run(m->near, &disk, 1, &opt, &res, &m->err);
	m->took_ms = now_ms() - began;
	block_source_close(disk.source);
	identity_free(&disk.id);
	return NULL;
}

/* A sender that has offered a disk and then fell silent, with the disk's first grains on the way. */
static void *run_mute_sender(void *arg)
{
	struct mute *m = arg;
	struct message_hello hello = { .version = 1, .payload_max = FRAME_PAYLOAD_MAX, .disks = 1 };
	struct message_open open = { .bytes = BIG_SIZE, .strict = "mbr=1\n", .advisory = "" };
	struct message_range zero = { 0, 3 };
	struct copy_receiver_arg receiver = { &m->c, NULL };
	int64_t began;

	mute_open(m);
	m->twin = twin_io_new(NULL);
	m->c = (struct copy){ .io = twin_io(m->twin), .dir = "/m" };
	copy_paths(&m->c);
	receiver.channel = m->near;
	link_send(&m->link, MESSAGE_HELLO, 0, m->payload, message_encode_hello(&hello, m->payload),
		  &m->err);
	link_send(&m->link, MESSAGE_OPEN, 0, m->payload, message_encode_open(&open, m->payload), &m->err);
	link_send(&m->link, MESSAGE_MAP, 0, m->payload, message_encode_map(NULL, 0, false, m->payload), &m->err);
	link_send(&m->link, MESSAGE_ZERO, 0, m->payload, message_encode_range(&zero, m->payload), &m->err);
	began = now_ms();
	copy_receive(&receiver); /* closes NEAR */
	m->took_ms = now_ms() - began;
	m->near = NULL;
	m->status = m->c.received;
	m->err = m->c.receive_err;
	return NULL;
}

static void mute_check(struct mute *m, const char *text, const char *what)
{
	is_int(m->status, UNRACK_LOST, "%s is given up", what);
	is_int(m->err.sys_errno, ETIMEDOUT, "because of the silence");
	has_str(m->err.text, "nothing has come from the far side for 0.16 s; the line is cut", "as it says");
	has_str(m->err.text, text, "with what is safe, or where to learn it");
	ok(m->took_ms >= SILENCE_MS && m->took_ms < SILENCE_MS + 120000, "in time: after %d ms",
	   (int)m->took_ms);
	link_destroy(&m->link);
	channel_close(m->near);
	channel_close(m->far);
	twin_io_free(m->twin);
}

int main(void)
{
	static struct mute receiver, sender;

	big = malloc(BIG_SIZE);
	memset(big, 'b', BIG_SIZE);
	for (unsigned i = 0; i < ARRAY_LEN(stalls); i++) {
		stalls[i].scale = 1;
		pthread_create(&stalls[i].thread, NULL, run_stall, &stalls[i]);
	}
	pthread_create(&receiver.thread, NULL, run_mute_receiver, &receiver);
	pthread_create(&sender.thread, NULL, run_mute_sender, &sender);
	for (unsigned i = 0; i < ARRAY_LEN(stalls); i++) {
		pthread_join(stalls[i].thread, NULL);
		check_stall(&stalls[i]);
	}
	pthread_join(receiver.thread, NULL);
	mute_check(&receiver, "what it acknowledged is safe", "a receiver that falls silent");
	pthread_join(sender.thread, NULL);
	mute_check(&sender, "196608 of 25165824 bytes of disk 0 are safe", "a sender that falls silent");
	free(big);
	return tap_done();
}
