/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sender against receivers that fail, lie or vanish. The receiver here is a script. */
#include "../../transport/link.h"

#include <stdatomic.h>

#include "copy.h"

#define SIZE 300000u /* five grains */

struct rig {
	struct channel *near, *far;
	struct link link;
	void (*script)(struct rig *);
	int sent;
	struct unrack_error err;
	struct sender_result res;
	struct sender_options opt;
};

static struct unrack_error err;
static uint8_t data[SIZE];

static void tell(struct rig *r, enum message_type type, uint16_t disk, const void *p, size_t n)
{
	struct unrack_error dropped;

	link_send(&r->link, type, disk, p, n, &dropped);
}

static unsigned hear(struct rig *r, uint8_t *payload, uint32_t *length)
{
	struct frame f;
	struct unrack_error dropped;

	if (link_read_header(&r->link, &f, &dropped) < 0 ||
	    link_read_payload(&r->link, &f, payload, &dropped) < 0)
		return 0;
	*length = f.length;
	return f.type;
}

/* Listens until a frame of TYPE comes. False if none does. */
static bool until(struct rig *r, enum message_type type)
{
	uint8_t *payload = malloc(MESSAGE_GRAINS_LIMIT);
	unsigned got;
	uint32_t n;

	do {
		got = hear(r, payload, &n);
	} while (got != 0 && got != type);
	free(payload);
	return got == type;
}

static void say_hello(struct rig *r, uint32_t payload_max)
{
	struct message_hello m = { .version = 1, .payload_max = payload_max };
	uint8_t p[MESSAGE_CONTROL_MAX];

	until(r, MESSAGE_HELLO);
	tell(r, MESSAGE_HELLO, 0, p, message_encode_hello(&m, p));
}

static void say_accept(struct rig *r, uint64_t next_grain)
{
	struct message_accept m = { .next_grain = next_grain, .pass = 1 };
	uint8_t p[MESSAGE_CONTROL_MAX];

	say_hello(r, FRAME_PAYLOAD_MAX);
	until(r, MESSAGE_OPEN);
	tell(r, MESSAGE_ACCEPT, 0, p, message_encode_accept(&m, p));
}

static void say_ack(struct rig *r, uint16_t disk, uint64_t grain)
{
	struct message_ack m = { grain, 0 };
	uint8_t p[MESSAGE_CONTROL_MAX];

	tell(r, MESSAGE_ACK, disk, p, message_encode_ack(&m, p));
}

static void say_done(struct rig *r, uint64_t grains)
{
	struct message_done m = { .data_grains = grains };
	uint8_t p[MESSAGE_CONTROL_MAX];

	tell(r, MESSAGE_DONE, 0, p, message_encode_done(&m, p));
}

static void small_frames(struct rig *r)
{
	say_hello(r, 65536);
	until(r, MESSAGE_ERROR);
	tell(r, MESSAGE_BYE, 0, NULL, 0);
}

static void accept_behind_end(struct rig *r)
{
	say_accept(r, 6);
	until(r, MESSAGE_ERROR);
	tell(r, MESSAGE_BYE, 0, NULL, 0);
}

static void ack_of_other_disk(struct rig *r)
{
	say_accept(r, 0);
	say_ack(r, 1, 1);
	until(r, MESSAGE_ERROR);
}

static void ack_behind_end(struct rig *r)
{
	say_accept(r, 0);
	say_ack(r, 0, 6);
	until(r, MESSAGE_ERROR);
}

static void ack_backwards(struct rig *r)
{
	say_accept(r, 3);
	say_ack(r, 0, 2);
	until(r, MESSAGE_ERROR);
}

static void done_early(struct rig *r)
{
	say_hello(r, FRAME_PAYLOAD_MAX);
	until(r, MESSAGE_OPEN);
	say_done(r, 5);
	until(r, MESSAGE_ERROR);
}

static void done_with_other_count(struct rig *r)
{
	say_accept(r, 0);
	until(r, MESSAGE_END);
	say_done(r, 4);
	until(r, MESSAGE_ERROR);
	tell(r, MESSAGE_BYE, 0, NULL, 0);
}

static void done_with_other_digest(struct rig *r)
{
	say_accept(r, 0);
	until(r, MESSAGE_END);
	say_done(r, 5);
	until(r, MESSAGE_ERROR);
	tell(r, MESSAGE_BYE, 0, NULL, 0);
}

static void bye_early(struct rig *r)
{
	say_accept(r, 0);
	tell(r, MESSAGE_BYE, 0, NULL, 0);
	until(r, MESSAGE_ERROR);
}

static void two_answers(struct rig *r)
{
	struct message_accept m = { .pass = 1 };
	uint8_t p[MESSAGE_CONTROL_MAX];

	say_accept(r, 0);
	tell(r, MESSAGE_ACCEPT, 0, p, message_encode_accept(&m, p));
	until(r, MESSAGE_ERROR);
}

static void vanish(struct rig *r)
{
	say_accept(r, 0);
	until(r, MESSAGE_GRAINS);
}

static void polite(struct rig *r)
{
	say_hello(r, FRAME_PAYLOAD_MAX);
	until(r, MESSAGE_ERROR);
	tell(r, MESSAGE_BYE, 0, NULL, 0);
}

static void they_lost_it(struct rig *r)
{
	struct unrack_error m;

	say_accept(r, 0);
	error_set(&m, UNRACK_LOST, "the stream was damaged");
	link_send_error(&r->link, &m);
}

static void damaged(struct rig *r)
{
	uint8_t header[FRAME_HEADER_SIZE] = "URK1";

	say_accept(r, 0);
	channel_write(r->far, header, sizeof header, &err);
	until(r, MESSAGE_ERROR);
}

static void other_dialogue(struct rig *r)
{
	uint8_t p[64] = { 0 };

	say_hello(r, FRAME_PAYLOAD_MAX);
	tell(r, MESSAGE_TEXT, 0, p, sizeof p);
	until(r, MESSAGE_ERROR);
}

static void refuse(struct rig *r)
{
	struct unrack_error m;

	say_accept(r, 0);
	error_set(&m, UNRACK_NOSPACE, "no space; free some");
	link_send_error(&r->link, &m);
}

static void data_from_receiver(struct rig *r)
{
	uint8_t p[64] = { 0 };

	say_hello(r, FRAME_PAYLOAD_MAX);
	tell(r, MESSAGE_GRAINS, 0, p, sizeof p);
	until(r, MESSAGE_ERROR);
}

static void zero_from_receiver(struct rig *r)
{
	struct message_range m = { 0, 1 };
	uint8_t p[64];

	say_hello(r, FRAME_PAYLOAD_MAX);
	tell(r, MESSAGE_ZERO, 0, p, message_encode_range(&m, p));
	until(r, MESSAGE_ERROR);
}

static void say_delta(struct rig *r)
{
	struct message_accept m = { .delta = true, .pass = 2 };
	uint8_t p[MESSAGE_CONTROL_MAX];

	say_hello(r, FRAME_PAYLOAD_MAX);
	until(r, MESSAGE_OPEN);
	tell(r, MESSAGE_ACCEPT, 0, p, message_encode_accept(&m, p));
}

static void say_digests(struct rig *r, uint16_t disk, uint64_t first, uint64_t count)
{
	struct message_digests m = { first, count, NULL };
	uint8_t p[MESSAGE_CONTROL_MAX];

	tell(r, MESSAGE_DIGESTS, disk, p, message_encode_digests(&m, p));
}

static void digests_in_first_pass(struct rig *r)
{
	say_accept(r, 0);
	say_digests(r, 0, 0, 5);
	until(r, MESSAGE_ERROR);
}

static void digests_before_want(struct rig *r)
{
	say_delta(r);
	until(r, MESSAGE_MAP);
	say_digests(r, 0, 3, 1);
	until(r, MESSAGE_ERROR);
}

static void digests_out_of_order(struct rig *r)
{
	say_delta(r);
	until(r, MESSAGE_WANT);
	say_digests(r, 0, 0, 1);
	say_digests(r, 0, 2, 1);
	until(r, MESSAGE_ERROR);
}

static void too_many_digests(struct rig *r)
{
	say_delta(r);
	until(r, MESSAGE_WANT);
	say_digests(r, 0, 0, 6);
	until(r, MESSAGE_ERROR);
}

static void digests_of_other_disk(struct rig *r)
{
	say_delta(r);
	until(r, MESSAGE_WANT);
	say_digests(r, 1, 0, 5);
	until(r, MESSAGE_ERROR);
}

static void digests_end_early(struct rig *r)
{
	say_delta(r);
	until(r, MESSAGE_WANT);
	say_digests(r, 0, 0, 4);
}

static void bye_for_digests(struct rig *r)
{
	say_delta(r);
	until(r, MESSAGE_WANT);
	tell(r, MESSAGE_BYE, 0, NULL, 0);
	until(r, MESSAGE_ERROR);
}

static void done_for_digests(struct rig *r)
{
	say_delta(r);
	until(r, MESSAGE_WANT);
	say_digests(r, 0, 0, 2);
	say_done(r, 5);
	until(r, MESSAGE_ERROR);
}

static void delta_from_receiver(struct rig *r)
{
	uint8_t p[64] = { 0 };

	say_delta(r);
	tell(r, MESSAGE_DELTA, 0, p, sizeof p);
	until(r, MESSAGE_ERROR);
}

static void map_from_receiver(struct rig *r)
{
	uint8_t p[64];

	say_delta(r);
	tell(r, MESSAGE_MAP, 0, p, message_encode_map(NULL, 0, false, p));
	until(r, MESSAGE_ERROR);
}

static void shell(struct rig *r)
{
	channel_write(r->far, "bash: line 1: unrack: command not found\n", 40, &err);
}

static void *run_script(void *arg)
{
	struct rig *r = arg;

	r->script(r);
	channel_close(r->far);
	return NULL;
}

static void run(struct rig *r, struct block_source *source)
{
	struct sender_disk disk = { .source = source };
	pthread_t thread;

	if (channel_open_pair(&r->near, &r->far, &err) < 0 ||
	    identity_init(&disk.id, source->size, "", "", &err) < 0)
		abort();
	link_init(&r->link, r->far);
	pthread_create(&thread, NULL, run_script, r);
	r->err.text[0] = '\0';
	r->sent = sender_run(r->near, &disk, 1, &r->opt, &r->res, &r->err);
	channel_close(r->near);
	pthread_join(thread, NULL);
	link_destroy(&r->link);
	identity_free(&disk.id);
}

static void against(void (*script)(struct rig *), int code, const char *text, const char *what)
{
	struct rig r = { .script = script, .opt = { .workers = 1 } };
	struct block_source *s;

	block_source_open_memory(data, SIZE, "/dev/sda", &s, &err);
	run(&r, s);
	is_int(r.sent, code, "%s", what);
	has_str(r.err.text, text, "with the reason");
	block_source_close(s);
}

/* --- A receiver that is stuck --- */
static atomic_bool stop;

static void never_answers(struct rig *r)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	uint32_t n;

	hear(r, payload, &n);
	atomic_store(&stop, true);
	until(r, MESSAGE_BYE);
}

static void test_stuck(void)
{
	struct rig r = { .script = never_answers, .opt = { .workers = 1 } };
	struct log log = { .stop = &stop };
	struct block_source *s;

	r.opt.log = &log;
	atomic_store(&stop, false);
	block_source_open_memory(data, SIZE, "/dev/sda", &s, &err);
	run(&r, s);
	is_int(r.sent, UNRACK_INTERRUPTED, "a receiver that never answers can be left");
	has_str(r.err.text, "the same command will find out and continue", "with what to do");
	block_source_close(s);
}

static void never_compares(struct rig *r)
{
	say_delta(r);
	until(r, MESSAGE_WANT);
	atomic_store(&stop, true);
	until(r, MESSAGE_BYE);
}

static void test_waiting(void)
{
	struct rig r = { .script = never_compares, .opt = { .workers = 1 } };
	struct log log = { .stop = &stop };
	struct block_source *s;

	r.opt.log = &log;
	atomic_store(&stop, false);
	block_source_open_memory(data, SIZE, "/dev/sda", &s, &err);
	run(&r, s);
	is_int(r.sent, UNRACK_INTERRUPTED, "who waits for digests can be stopped");
	block_source_close(s);
}

static void test_sources(void)
{
	struct rig r = { .script = polite, .opt = { .workers = 1 } };
	struct sender_disk disk[1] = { { 0 } };
	struct sender_result res;
	struct block_source *s;

	is_int(sender_run(NULL, disk, 0, &r.opt, &res, &err), UNRACK_USAGE, "no disks can't be copied");
	is_int(sender_run(NULL, disk, 257, &r.opt, &res, &err), UNRACK_USAGE, "nor too many");
	has_str(err.text, "257 disks can't be copied at once, only 1 to 256", "with the numbers");

	block_source_open_memory("", 0, "/dev/sdz", &s, &err);
	run(&r, s);
	is_int(r.sent, UNRACK_USAGE, "an empty source is refused");
	has_str(r.err.text, "/dev/sdz is empty", "by its name");
	s->size = MESSAGE_DISK_BYTES_MAX + 1;
	run(&r, s);
	is_int(r.sent, UNRACK_UNSUPPORTED, "one beyond all sizes too");
	has_str(r.err.text, "virtual disks end at 62 TiB", "with the limit");
	block_source_close(s);
}

int main(void)
{
	memset(data, 'd', sizeof data);
	against(small_frames, UNRACK_UNSUPPORTED, "takes at most 65536 bytes at a time",
		"a receiver of small frames");
	against(accept_behind_end, UNRACK_DAMAGED, "wants /dev/sda from grain 6 on, behind its end",
		"ACCEPT behind the end");
	against(ack_of_other_disk, UNRACK_DAMAGED, "acknowledged grain 1 of disk 1",
		"ACK of another disk");
	against(ack_behind_end, UNRACK_DAMAGED, "acknowledged grain 6 of disk 0", "ACK behind the end");
	against(ack_backwards, UNRACK_DAMAGED, "acknowledged grain 2 of disk 0", "ACK that goes back");
	against(done_early, UNRACK_DAMAGED, "a DONE where it was not due", "DONE instead of ACCEPT");
	against(done_with_other_count, UNRACK_DAMAGED,
		"the copy of /dev/sda has 4 grains of data, but 5 were sent",
		"DONE with another count");
	against(done_with_other_digest, UNRACK_DAMAGED,
		"the digest of the copy of /dev/sda is not that of the source",
		"DONE with another digest is no success");
	against(bye_early, UNRACK_DAMAGED, "a BYE where it was not due", "BYE in the middle");
	against(two_answers, UNRACK_DAMAGED, "ACCEPT", "two answers");
	against(vanish, UNRACK_LOST, "the connection to the receiver was lost",
		"a receiver that vanishes");
	against(vanish, UNRACK_LOST, "what it acknowledged is safe", "and what is safe");
	against(they_lost_it, UNRACK_LOST, "the stream was damaged",
		"a line that is lost for the receiver is lost for us");
	against(damaged, UNRACK_LOST,
		"the connection to the receiver was lost (the stream is damaged: the checksum of frame "
		"2's header is wrong); what it acknowledged is safe",
		"a damaged frame ends the connection");
	against(other_dialogue, UNRACK_DAMAGED, "the receiver sent a TEXT within a copy",
		"the call is over when the copy begins");
	against(refuse, UNRACK_NOSPACE, "no space; free some",
		"the receiver's own error arrives as it is");
	against(data_from_receiver, UNRACK_DAMAGED, "the receiver sent data", "data from the receiver");
	against(zero_from_receiver, UNRACK_DAMAGED,
		"the receiver sent a ZERO, which only a sender does",
		"a sender's message from the receiver");
	against(shell, UNRACK_UNSUPPORTED, "it says \"bash: line 1: unrack: command not found\"",
		"a shell instead of a receiver is quoted");
	against(digests_in_first_pass, UNRACK_DAMAGED, "digests of grains 0 to 4 of disk 0, which were not asked for",
		"digests where there is nothing to compare");
	against(digests_before_want, UNRACK_DAMAGED, "grains 3 to 3 of disk 0, which were not asked for",
		"digests that are not asked for yet");
	against(digests_out_of_order, UNRACK_DAMAGED, "grains 2 to 2 of disk 0, which were not asked for",
		"digests with a gap");
	against(too_many_digests, UNRACK_DAMAGED, "grains 0 to 5 of disk 0, which were not asked for",
		"more digests than were asked for");
	against(digests_of_other_disk, UNRACK_DAMAGED, "grains 0 to 4 of disk 1, which were not asked for",
		"digests of another disk");
	against(digests_end_early, UNRACK_LOST, "the connection to the receiver was lost",
		"digests that never come");
	against(bye_for_digests, UNRACK_DAMAGED, "a BYE where it was not due", "BYE in their place");
	against(done_for_digests, UNRACK_DAMAGED, "a DONE where it was not due", "or DONE");
	against(delta_from_receiver, UNRACK_DAMAGED, "the receiver sent data", "a DELTA from the receiver");
	against(map_from_receiver, UNRACK_DAMAGED, "the receiver sent a MAP, which only a sender does",
		"a MAP from the receiver");
	test_stuck();
	test_waiting();
	test_sources();
	return tap_done();
}
