/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A receiver, and a sender that is a script of frames, for tests. */
#ifndef TESTS_RECEIVER_RIG_H
#define TESTS_RECEIVER_RIG_H

#include "../../transport/link.h"

#include "copy.h"

#define SIZE 300000u /* five grains, the last one short */

struct rig {
	struct copy c;
	struct twin_io *twin;
	struct copy_receiver_arg arg;
	struct channel *near, *far;
	struct link link;
	pthread_t thread;
	struct digest_key key;
	struct deflate *deflate;
	uint8_t seed[DIGEST_SEED_SIZE];
	struct digest_stream *session;
	uint64_t sent_grains;
	struct unrack_error theirs; /* the receiver's ERROR */
	bool cut;                   /* it can't send one */
	bool no_map;                /* the script sends it */
};

static struct unrack_error err;
static uint8_t payload[MESSAGE_GRAINS_LIMIT];

__attribute__((unused)) static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof *r);
	r->twin = twin_io_new(NULL);
	r->c.io = twin_io(r->twin);
	r->c.dir = "/m";
	copy_paths(&r->c);
	r->deflate = deflate_open(DEFLATE_BEST);
}

__attribute__((unused)) static void rig_start(struct rig *r)
{
	if (channel_open_pair(&r->near, &r->far, &err) < 0)
		abort();
	link_init(&r->link, r->near);
	r->arg = (struct copy_receiver_arg){ &r->c, r->far };
	pthread_create(&r->thread, NULL, copy_receive, &r->arg);
}

__attribute__((unused)) static void tell(struct rig *r, enum message_type type, uint16_t disk, size_t n)
{
	struct unrack_error dropped;

	link_send(&r->link, type, disk, payload, n, &dropped);
}

/* The receiver's next frame; its payload is left in PAYLOAD. 0 at the end. */
__attribute__((unused)) static unsigned hear(struct rig *r, uint32_t *length)
{
	struct frame f;

	if (link_read_header(&r->link, &f, &err) < 0 ||
	    link_read_payload(&r->link, &f, payload, &err) < 0)
		return 0;
	*length = f.length;
	if (f.type == MESSAGE_ERROR)
		message_decode_error(payload, f.length, &r->theirs, &err);
	return f.type;
}

__attribute__((unused)) static void hello(struct rig *r, uint32_t disks)
{
	struct message_hello m = { .version = 1, .payload_max = FRAME_PAYLOAD_MAX, .disks = disks };
	uint32_t n;

	tell(r, MESSAGE_HELLO, 0, message_encode_hello(&m, payload));
	hear(r, &n);
}

__attribute__((unused)) static void send_map(struct rig *r, const struct map_run *runs, uint32_t n, bool more)
{
	tell(r, MESSAGE_MAP, 0, message_encode_map(runs, n, more, payload));
}

__attribute__((unused)) static unsigned open_disk(struct rig *r, uint16_t disk, uint64_t bytes, const char *strict)
{
	struct message_open m = { .bytes = bytes, .strict = strict, .advisory = "" };
	struct message_accept a;
	unsigned type;
	uint32_t n = 0;

	tell(r, MESSAGE_OPEN, disk, message_encode_open(&m, payload));
	type = hear(r, &n);
	if (type == MESSAGE_ACCEPT && message_decode_accept(payload, n, &a, &err) == 0) {
		digest_key_init(&r->key, a.seed);
		r->session = digest_stream_new(&r->key);
		digest_whole_begin(r->session, bytes);
		if (!a.complete && !r->no_map)
			send_map(r, NULL, 0, false);
	}
	return type;
}

/* SPAN grains from FIRST on, each full of the letter C, as a disk of SIZE bytes has them. */
__attribute__((unused)) static void send_grains(struct rig *r, uint64_t first, uint16_t span, char c)
{
	struct message_grains_writer w;
	uint8_t grain[GRAIN_SIZE];

	message_grains_begin(&w, payload, first, span);
	for (uint16_t i = 0; i < span; i++) {
		uint64_t index = first + i;
		struct digest d;

		memset(grain, 0, sizeof grain);
		memset(grain, c, index * GRAIN_SIZE < SIZE ? grain_bytes(SIZE, index) : GRAIN_SIZE);
		digest_grain(&r->key, grain, GRAIN_SIZE, GRAIN_SIZE, &d);
		message_grains_add(
			&w, i, (uint32_t)deflate_grain(r->deflate, grain, message_grains_room(&w)),
			&d);
		digest_whole_add(r->session, index, &d);
		r->sent_grains++;
	}
	tell(r, MESSAGE_GRAINS, 0, message_grains_end(&w));
}

__attribute__((unused)) static void send_zero(struct rig *r, uint64_t first, uint64_t count)
{
	struct message_range m = { first, count };

	tell(r, MESSAGE_ZERO, 0, message_encode_range(&m, payload));
}

__attribute__((unused)) static void send_end(struct rig *r, int64_t more)
{
	struct message_end m = { .data_grains = r->sent_grains + (uint64_t)more };

	digest_stream_end(r->session, &m.session);
	tell(r, MESSAGE_END, 0, message_encode_end(&m, payload));
}

/* Everything up to the receiver's last frame. Its ERROR must be what it returned itself. */
__attribute__((unused)) static void rig_end(struct rig *r, int code, const char *text, const char *what)
{
	uint32_t n;

	while (hear(r, &n) != 0)
		;
	channel_close(r->near);
	pthread_join(r->thread, NULL);
	link_destroy(&r->link);
	is_int(r->c.received, code, "%s", what);
	has_str(r->c.receive_err.text, text, "with the reason");
	if (code != UNRACK_OK && code != UNRACK_INTERRUPTED && !r->cut)
		is_str(r->theirs.text, r->c.receive_err.text, "which the sender is told");
	ok(code == UNRACK_OK || r->c.done_disks == 0, "nothing is declared complete that is not");
	digest_stream_free(r->session);
	r->session = NULL;
	r->sent_grains = 0;
	r->cut = false;
}

__attribute__((unused)) static void rig_close(struct rig *r)
{
	deflate_close(r->deflate);
	twin_io_free(r->twin);
}

/* Runs SCRIPT behind ACCEPT of one disk, in place of its map. */
__attribute__((unused)) static void after_accept(void (*script)(struct rig *), int code, const char *text, const char *what)
{
	struct rig r;

	rig_open(&r);
	r.no_map = true;
	rig_start(&r);
	hello(&r, 1);
	if (open_disk(&r, 0, SIZE, "mbr=1\n") == MESSAGE_ACCEPT)
		script(&r);
	rig_end(&r, code, text, what);
	rig_close(&r);
}

/* Runs SCRIPT behind OPEN of one disk. */
__attribute__((unused)) static void after_open(void (*script)(struct rig *), int code, const char *text, const char *what)
{
	struct rig r;

	rig_open(&r);
	rig_start(&r);
	hello(&r, 1);
	if (open_disk(&r, 0, SIZE, "mbr=1\n") == MESSAGE_ACCEPT)
		script(&r);
	rig_end(&r, code, text, what);
	rig_close(&r);
}

__attribute__((unused)) static void good(struct rig *r)
{
	uint32_t n;

	send_grains(r, 0, 2, 'a');
	send_zero(r, 2, 1);
	send_grains(r, 3, 2, 'b');
	send_end(r, 0);
	while (hear(r, &n) == MESSAGE_ACK)
		;
	tell(r, MESSAGE_BYE, 0, 0);
}

#endif
