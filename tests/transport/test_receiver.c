/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receiver against senders that do not keep to the protocol, and places that it must not
 * write to. The sender here is a script of frames. */
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

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof *r);
	r->twin = twin_io_new(NULL);
	r->c.io = twin_io(r->twin);
	r->c.dir = "/m";
	copy_paths(&r->c);
	r->deflate = deflate_open(DEFLATE_BEST);
}

static void rig_start(struct rig *r)
{
	if (channel_open_pair(&r->near, &r->far, &err) < 0)
		abort();
	link_init(&r->link, r->near);
	r->arg = (struct copy_receiver_arg){ &r->c, r->far };
	pthread_create(&r->thread, NULL, copy_receive, &r->arg);
}

static void tell(struct rig *r, enum message_type type, uint16_t disk, size_t n)
{
	struct unrack_error dropped;

	link_send(&r->link, type, disk, payload, n, &dropped);
}

/* The receiver's next frame; its payload is left in PAYLOAD. 0 at the end. */
static unsigned hear(struct rig *r, uint32_t *length)
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

static void hello(struct rig *r, uint32_t disks)
{
	struct message_hello m = { .version = 1, .payload_max = FRAME_PAYLOAD_MAX, .disks = disks };
	uint32_t n;

	tell(r, MESSAGE_HELLO, 0, message_encode_hello(&m, payload));
	hear(r, &n);
}

static void send_map(struct rig *r, const struct map_run *runs, uint32_t n, bool more)
{
	tell(r, MESSAGE_MAP, 0, message_encode_map(runs, n, more, payload));
}

static unsigned open_disk(struct rig *r, uint16_t disk, uint64_t bytes, const char *strict)
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
static void send_grains(struct rig *r, uint64_t first, uint16_t span, char c)
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

static void send_zero(struct rig *r, uint64_t first, uint64_t count)
{
	struct message_range m = { first, count };

	tell(r, MESSAGE_ZERO, 0, message_encode_range(&m, payload));
}

static void send_end(struct rig *r, int64_t more)
{
	struct message_end m = { .data_grains = r->sent_grains + (uint64_t)more };

	digest_stream_end(r->session, &m.session);
	tell(r, MESSAGE_END, 0, message_encode_end(&m, payload));
}

/* Everything up to the receiver's last frame. Its ERROR must be what it returned itself. */
static void rig_end(struct rig *r, int code, const char *text, const char *what)
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

static void rig_close(struct rig *r)
{
	deflate_close(r->deflate);
	twin_io_free(r->twin);
}

/* Runs SCRIPT behind ACCEPT of one disk, in place of its map. */
static void after_accept(void (*script)(struct rig *), int code, const char *text, const char *what)
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
static void after_open(void (*script)(struct rig *), int code, const char *text, const char *what)
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

static void good(struct rig *r)
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

static void gap(struct rig *r)
{
	send_grains(r, 0, 2, 'a');
	send_grains(r, 3, 2, 'a');
}

static void repeated(struct rig *r)
{
	send_grains(r, 0, 2, 'a');
	send_grains(r, 1, 2, 'b');
}

static void behind_end(struct rig *r)
{
	send_grains(r, 0, 6, 'a');
}

static void zero_behind_end(struct rig *r)
{
	send_zero(r, 0, 6);
}

static void early_end(struct rig *r)
{
	send_grains(r, 0, 4, 'a');
	send_end(r, 0);
}

static void wrong_count(struct rig *r)
{
	send_grains(r, 0, 5, 'a');
	send_end(r, 1);
}

static void wrong_session(struct rig *r)
{
	struct digest d = { { 1 } };

	send_grains(r, 0, 5, 'a');
	digest_whole_add(r->session, 5, &d);
	send_end(r, 0);
}

static void wrong_digest(struct rig *r)
{
	r->key.secret[0] ^= 1;
	send_grains(r, 0, 5, 'a');
	send_end(r, 0);
}

/* The last grain is short: what stands behind the disk's end is not zero. */
static void long_tail(struct rig *r)
{
	struct message_grains_writer w;
	uint8_t grain[GRAIN_SIZE];
	struct digest d;

	send_grains(r, 0, 4, 'a');
	memset(grain, 'x', sizeof grain);
	digest_grain(&r->key, grain, GRAIN_SIZE, GRAIN_SIZE, &d);
	message_grains_begin(&w, payload, 4, 1);
	message_grains_add(&w, 0,
			   (uint32_t)deflate_grain(r->deflate, grain, message_grains_room(&w)), &d);
	tell(r, MESSAGE_GRAINS, 0, message_grains_end(&w));
}

static void not_zlib(struct rig *r)
{
	struct message_grains_writer w;
	struct digest d = { { 0 } };

	message_grains_begin(&w, payload, 0, 1);
	memset(message_grains_room(&w), 0xff, 100);
	message_grains_add(&w, 0, 100, &d);
	tell(r, MESSAGE_GRAINS, 0, message_grains_end(&w));
}

static void other_disk(struct rig *r)
{
	struct message_range m = { 0, 1 };

	tell(r, MESSAGE_ZERO, 1, message_encode_range(&m, payload));
}

static void second_open(struct rig *r)
{
	struct message_open m = { .bytes = SIZE, .strict = "", .advisory = "" };

	tell(r, MESSAGE_OPEN, 0, message_encode_open(&m, payload));
}

static void damaged(struct rig *r)
{
	uint8_t header[FRAME_HEADER_SIZE] = "URK1";

	send_grains(r, 0, 3, 'a');
	channel_write(r->near, header, sizeof header, &err);
}

static void other_dialogue(struct rig *r)
{
	tell(r, MESSAGE_READY, 0, 0);
}

static void wrong_checkpoint(struct rig *r)
{
	struct message_checkpoint m = { 1ull << 60 };

	tell(r, MESSAGE_CHECKPOINT, 0, message_encode_checkpoint(&m, payload));
}

static void their_error(struct rig *r)
{
	struct unrack_error m;
	uint32_t n;

	send_grains(r, 0, 3, 'a');
	error_set(&m, UNRACK_IO, "can't read /dev/sda");
	tell(r, MESSAGE_ERROR, 0, message_encode_error(&m, payload));
	is_int(hear(r, &n), MESSAGE_ACK, "what had arrived is made durable");
	is_int(get_le64(payload), 3, "all of it");
	is_int(hear(r, &n), MESSAGE_BYE, "and the sender may go");
}

/* --- Maps, and passes over what is there --- */

static void map_out_of_order(struct rig *r)
{
	static const struct map_run runs[] = { { 2, 1 }, { 0, 1 } };

	send_map(r, runs, 2, false);
}

static void maps_that_touch(struct rig *r)
{
	static const struct map_run runs[] = { { 0, 1 }, { 1, 1 } };

	send_map(r, runs, 1, true);
	send_map(r, runs + 1, 1, false);
}

static void map_behind_end(struct rig *r)
{
	static const struct map_run runs[] = { { 4, 2 } };

	send_map(r, runs, 1, false);
}

static void endless_map(struct rig *r)
{
	static struct map_run runs[MESSAGE_MAP_RUNS];

	for (uint32_t n = 0; n <= RANGES_MAX; n += MESSAGE_MAP_RUNS) {
		for (uint32_t i = 0; i < MESSAGE_MAP_RUNS; i++)
			runs[i] = (struct map_run){ 2ull * (n + i), 1 };
		send_map(r, runs, MESSAGE_MAP_RUNS, true);
	}
}

static void no_map(struct rig *r)
{
	send_zero(r, 0, 5);
}

static void map_of_other_disk(struct rig *r)
{
	tell(r, MESSAGE_MAP, 1, message_encode_map(NULL, 0, false, payload));
}

static void bye_for_map(struct rig *r)
{
	tell(r, MESSAGE_BYE, 0, 0);
}

static void second_map(struct rig *r)
{
	send_map(r, NULL, 0, false);
	send_map(r, NULL, 0, false);
}

static void lost_too_late(struct rig *r)
{
	struct message_lost m = { 3 * GRAIN_SIZE - 512, 512, "" };

	send_map(r, NULL, 0, false);
	send_zero(r, 0, 3);
	tell(r, MESSAGE_LOST, 0, message_encode_lost(&m, payload));
}

static void lost_behind_end(struct rig *r)
{
	struct message_lost m = { SIZE - 511, 512, "" };

	send_map(r, NULL, 0, false);
	tell(r, MESSAGE_LOST, 0, message_encode_lost(&m, payload));
}

static void want_in_first_pass(struct rig *r)
{
	struct message_range m = { 0, 5 };

	send_map(r, NULL, 0, false);
	tell(r, MESSAGE_WANT, 0, message_encode_range(&m, payload));
}

static void same_in_first_pass(struct rig *r)
{
	struct message_range m = { 0, 5 };

	send_map(r, NULL, 0, false);
	tell(r, MESSAGE_SAME, 0, message_encode_range(&m, payload));
}

static void delta_in_first_pass(struct rig *r)
{
	send_map(r, NULL, 0, false);
	tell(r, MESSAGE_DELTA, 0, 100);
}

static void test_maps(void)
{
	after_accept(map_out_of_order, UNRACK_DAMAGED, "the sender's map of disk 0 is not valid: run 1 of a map",
		     "a map that is not sorted is refused");
	after_accept(maps_that_touch, UNRACK_DAMAGED, "the sender's map of disk 0 is not valid",
		     "one whose runs touch too");
	after_accept(map_behind_end, UNRACK_DAMAGED, "the sender's map of disk 0 is not valid",
		     "one that goes behind the end");
	after_accept(endless_map, UNRACK_DAMAGED, "the sender's map of disk 0 has more than 1048576 runs",
		     "one that does not end");
	after_accept(no_map, UNRACK_DAMAGED, "a ZERO where the map of the disk is due", "data without a map");
	after_accept(map_of_other_disk, UNRACK_DAMAGED, "a MAP where the map of the disk is due",
		     "the map of another disk");
	after_accept(bye_for_map, UNRACK_INTERRUPTED, "the sender was stopped", "a sender may stop instead");
	after_accept(second_map, UNRACK_DAMAGED, "the sender sent a MAP within disk 0", "a second map");
	after_accept(lost_too_late, UNRACK_DAMAGED, "can't be read, which can't be", "lost sectors that came already");
	after_accept(lost_behind_end, UNRACK_DAMAGED, "can't be read, which can't be", "some behind the end");
	after_accept(want_in_first_pass, UNRACK_DAMAGED, "a WANT within disk 0, which has no data yet",
		     "questions about nothing");
	after_accept(same_in_first_pass, UNRACK_DAMAGED, "a SAME within disk 0, which has no data yet",
		     "what can't have stayed");
	after_accept(delta_in_first_pass, UNRACK_DAMAGED, "a DELTA within disk 0, which has no data yet",
		     "nor have changed");
}

static void send_range(struct rig *r, enum message_type type, uint64_t first, uint64_t count)
{
	struct message_range m = { first, count };

	tell(r, type, 0, message_encode_range(&m, payload));
}

static void grains_in_delta(struct rig *r)
{
	send_grains(r, 0, 5, 'b');
}

static void want_behind_end(struct rig *r)
{
	send_range(r, MESSAGE_WANT, 0, 6);
}

static void want_twice(struct rig *r)
{
	send_range(r, MESSAGE_WANT, 0, 3);
	send_range(r, MESSAGE_WANT, 2, 3);
}

static void want_what_came(struct rig *r)
{
	send_range(r, MESSAGE_SAME, 0, 3);
	send_range(r, MESSAGE_WANT, 0, 3);
}

static void same_behind_end(struct rig *r)
{
	send_range(r, MESSAGE_SAME, 0, 6);
}

static void zero_behind_end_of_delta(struct rig *r)
{
	send_range(r, MESSAGE_ZERO, 0, 1ull << 30);
}

static void same_that_is_not(struct rig *r)
{
	send_range(r, MESSAGE_SAME, 0, 5);
	send_end(r, 5); /* its digest is of nothing */
}

/* SCRIPT over a disk that is complete. */
static void over_copy(void (*script)(struct rig *), int code, const char *text, const char *what)
{
	struct rig r;

	rig_open(&r);
	r.c.again = RECEIVER_ALWAYS;
	for (int pass = 0; pass < 2; pass++) {
		r.c.done_disks = 0;
		rig_start(&r);
		hello(&r, 1);
		if (open_disk(&r, 0, SIZE, "mbr=1\n") == MESSAGE_ACCEPT)
			(pass ? script : good)(&r);
		rig_end(&r, pass ? code : UNRACK_OK, pass ? text : "", pass ? what : "a copy");
	}
	rig_close(&r);
}

static void test_delta(void)
{
	over_copy(grains_in_delta, UNRACK_DAMAGED, "a GRAINS within disk 0, which has data already",
		  "data that was not compared is refused");
	over_copy(want_behind_end, UNRACK_DAMAGED, "digests of grains 0 to 5 of disk 0, which it has no use for",
		  "questions about what is behind the end");
	over_copy(want_twice, UNRACK_DAMAGED, "digests of grains 2 to 4 of disk 0, which it has no use for",
		  "questions that were answered");
	over_copy(want_what_came, UNRACK_DAMAGED, "digests of grains 0 to 2 of disk 0, which it has no use for",
		  "questions about what has come");
	over_copy(same_behind_end, UNRACK_DAMAGED, "grains 0 to 5 of disk 0 where 0 of 5 is due",
		  "what has not changed behind the end");
	over_copy(zero_behind_end_of_delta, UNRACK_DAMAGED, "of disk 0 where 0 of 5 is due", "zeros behind the end");
	over_copy(same_that_is_not, UNRACK_IO, "not what the sender counted",
		  "a sender that says \"the same\" of what it does not know");
}

static void test_streams(void)
{
	after_open(good, UNRACK_OK, "", "a sender that keeps to the protocol is served");
	after_open(gap, UNRACK_DAMAGED, "grains 3 to 4 of disk 0 where 2 of 5 is due",
		   "a gap is refused");
	after_open(repeated, UNRACK_DAMAGED, "grains 1 to 2 of disk 0 where 2 of 5 is due",
		   "a range that comes twice is refused");
	after_open(behind_end, UNRACK_DAMAGED, "grains 0 to 5 of disk 0 where 0 of 5 is due",
		   "data behind the end is refused");
	after_open(zero_behind_end, UNRACK_DAMAGED, "where 0 of 5 is due",
		   "zeros behind the end are refused");
	after_open(early_end, UNRACK_DAMAGED, "ended disk 0 at grain 4 of 5",
		   "an early END is refused");
	after_open(wrong_count, UNRACK_IO, "not what the sender counted", "a wrong count is noticed");
	after_open(wrong_session, UNRACK_IO, "not what the sender counted",
		   "a wrong digest of the session is noticed");
	after_open(wrong_digest, UNRACK_IO,
		   "the data of disk 0 at byte 0 arrived damaged: its digest is not the one",
		   "a wrong digest of a grain is noticed");
	after_open(long_tail, UNRACK_IO, "the data of disk 0 at byte 262144 arrived damaged",
		   "data behind the end of a short grain is noticed");
	after_open(not_zlib, UNRACK_IO, "arrived damaged: its compressed bytes are damaged",
		   "what does not inflate is noticed");
	after_open(other_disk, UNRACK_DAMAGED, "a ZERO for disk 1 within disk 0",
		   "a frame of another disk is refused");
	after_open(second_open, UNRACK_DAMAGED, "a OPEN within disk 0",
		   "a disk within a disk is refused");
	after_open(damaged, UNRACK_LOST,
		   "the connection to the sender was lost (the stream is damaged: the checksum of frame "
		   "4's header is wrong); 196608 of 300000 bytes of disk 0 are safe",
		   "a damaged frame ends the connection");
	after_open(other_dialogue, UNRACK_DAMAGED, "a READY within disk 0",
		   "the call is over when the copy begins");
	after_open(wrong_checkpoint, UNRACK_DAMAGED, "but stands at 0",
		   "a checkpoint for another position is refused");
}

static void test_their_error(void)
{
	struct rig r;

	rig_open(&r);
	rig_start(&r);
	hello(&r, 1);
	open_disk(&r, 0, SIZE, "mbr=1\n");
	their_error(&r);
	channel_close(r.near);
	pthread_join(r.thread, NULL);
	is_int(r.c.received, UNRACK_IO, "the sender's error is the receiver's");
	is_str(r.c.receive_err.text, "the sender gave up: can't read /dev/sda", "with its sentence");
	link_destroy(&r.link);
	digest_stream_free(r.session);
	rig_close(&r);
}

static void test_handshake(void)
{
	struct message_hello m = { .version = 2, .payload_max = FRAME_PAYLOAD_MAX, .disks = 1 };
	struct rig r;

	rig_open(&r);
	rig_start(&r);
	tell(&r, MESSAGE_HELLO, 0, message_encode_hello(&m, payload));
	rig_end(&r, UNRACK_UNSUPPORTED, "one side speaks version 2 of the protocol",
		"another version is refused");

	rig_start(&r);
	tell(&r, MESSAGE_BYE, 0, 0);
	rig_end(&r, UNRACK_DAMAGED, "a BYE where HELLO is due", "HELLO comes first");

	m.version = 1;
	m.disks = 0;
	rig_start(&r);
	tell(&r, MESSAGE_HELLO, 0, message_encode_hello(&m, payload));
	rig_end(&r, UNRACK_DAMAGED, "has 0 disks", "a session without disks is refused");

	rig_start(&r);
	hello(&r, 1);
	open_disk(&r, 1, SIZE, "");
	rig_end(&r, UNRACK_DAMAGED, "the sender offers disk 1 where disk 0 of 1 is due",
		"disks come in order");

	rig_start(&r);
	hello(&r, 1);
	send_zero(&r, 0, 1);
	rig_end(&r, UNRACK_DAMAGED, "a ZERO where a disk is due", "there is no data without a disk");

	rig_start(&r);
	hello(&r, 1);
	tell(&r, MESSAGE_GRAINS, 0, 100);
	rig_end(&r, UNRACK_DAMAGED, "data without a disk", "of any kind");

	rig_start(&r);
	hello(&r, 1);
	tell(&r, MESSAGE_TEXT, 0, 100);
	rig_end(&r, UNRACK_DAMAGED, "a TEXT within a copy", "nor messages of the call");

	rig_start(&r);
	hello(&r, 1);
	channel_shutdown(r.near);
	r.cut = true;
	rig_end(&r, UNRACK_LOST, "the connection to the sender was lost (the far side closed the "
		"connection); run the same command again", "a line may be cut between two disks");

	rig_start(&r);
	channel_write(r.near, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", 40, &err);
	rig_end(&r, UNRACK_UNSUPPORTED, "it says \"SSH-2.0-OpenSSH_9.2p1",
		"who speaks something else is quoted");

	rig_start(&r);
	hello(&r, 2);
	tell(&r, MESSAGE_BYE, 0, 0);
	rig_end(&r, UNRACK_INTERRUPTED, "stopped after 0 of 2 disks", "a sender may stop early");
	rig_close(&r);
}

static void offer(struct rig *r, const char *strict, int code, const char *text, const char *what)
{
	rig_start(r);
	hello(r, 1);
	open_disk(r, 0, SIZE, strict);
	rig_end(r, code, text, what);
}

static void test_places(void)
{
	struct rig r;
	uint8_t *kept;
	size_t n;

	rig_open(&r);
	twin_io_put(r.twin, "/m/d0-flat.vmdk", "precious", 8);
	offer(&r, "mbr=1\n", UNRACK_UNSAFE, "/m/d0-flat.vmdk exists, but no journal",
	      "an image that is not ours is refused");
	kept = twin_io_get(r.twin, "/m/d0-flat.vmdk", &n);
	ok(n == 8 && memcmp(kept, "precious", 8) == 0, "and stays as it is");
	ok(!twin_io_exists(r.twin, "/m/unrack/d0.journal"), "without a journal of ours");
	free(kept);
	r.c.io->ops->unlink(r.c.io->ctx, "/m/d0-flat.vmdk");

	rig_start(&r);
	hello(&r, 1);
	open_disk(&r, 0, SIZE, "mbr=1\n");
	send_grains(&r, 0, 3, 'a');
	channel_shutdown(r.near);
	r.cut = true;
	rig_end(&r, UNRACK_LOST, "196608 of 300000 bytes of disk 0 are safe", "a copy is begun");
	offer(&r, "mbr=2\n", UNRACK_UNSAFE, "another disk than the one offered for it",
	      "another disk is not written into it");
	has_str(r.c.receive_err.text, "mbr", "which says the difference");
	r.c.format = DISK_STREAM;
	offer(&r, "mbr=1\n", UNRACK_UNSAFE, "is of a copy in another format", "another format is refused");
	rig_close(&r);
}

/* The files of a copy that is under way, changed behind our back. */
static void test_changed_files(void)
{
	static const struct {
		const char *path;
		size_t keep; /* 0: the file is gone */
		int code;
		const char *text;
	} change[] = {
		{ "/m/d0-flat.vmdk", 0, UNRACK_DAMAGED,
		  "is missing, but its journal says that 196608" },
		{ "/m/d0-flat.vmdk", 196607, UNRACK_DAMAGED, "is shorter than the 196608 bytes" },
		{ "/m/unrack/d0.digests", 0, UNRACK_IO, "/m/unrack/d0.digests: No such file" },
		{ "/m/unrack/d0.digests", 100, UNRACK_DAMAGED, "/m/unrack/d0.digests" },
		{ "/m/unrack/d0.journal", 20, UNRACK_DAMAGED, "/m/unrack/d0.journal" },
		{ "/m/unrack/d0.journal", 0, UNRACK_UNSAFE, "no journal" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(change); i++) {
		struct rig r;
		uint8_t *file;
		size_t n;

		rig_open(&r);
		rig_start(&r);
		hello(&r, 1);
		open_disk(&r, 0, SIZE, "mbr=1\n");
		send_grains(&r, 0, 3, 'a');
		channel_shutdown(r.near);
		r.cut = true;
		rig_end(&r, UNRACK_LOST, "are safe", "a copy is begun");
		file = twin_io_get(r.twin, change[i].path, &n);
		r.c.io->ops->unlink(r.c.io->ctx, change[i].path);
		if (change[i].keep)
			twin_io_put(r.twin, change[i].path, file, change[i].keep);
		free(file);
		offer(&r, "mbr=1\n", change[i].code, change[i].text,
		      "a file that was changed is noticed");
		rig_close(&r);
	}
}

int main(void)
{
	test_maps();
	test_delta();
	test_streams();
	test_their_error();
	test_handshake();
	test_places();
	test_changed_files();
	return tap_done();
}
