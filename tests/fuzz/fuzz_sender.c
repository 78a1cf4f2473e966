/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sender_run against a receiver that does what the input says: 0:1 how (bit 0: two disks, bit 1:
 * PINGs, bit 2: stored), 1:1 after which of its frames it is told to stop (0: none); then a
 * program (play.h).
 *
 * Made are answers that are right: HELLO; ACCEPT from 0:1 next grain, 1:1 flags; ACK from 0:1
 * distance from all that was sent; DONE from bytes that change a right one; each is played when
 * its question has come. A sender that is content has heard a right DONE for every disk that was
 * not complete before. */
#include "play.h"

#include <time.h>

#include "unrack/block_source.h"
#include "unrack/digest_table.h"
#include "unrack/sender.h"

#define GRAINS 21u
#define SIZE ((GRAINS - 1) * (size_t)GRAIN_SIZE + 1000)
#define DISKS 2u
/* An answer to a question that never comes is played after this time all the same. */
#define WAIT_NS 20000000

struct state {
	unsigned asked[MESSAGE_TEXT + 1]; /* how many of each type the sender has sent */
	unsigned answered[MESSAGE_TEXT + 1];
	uint64_t next, sent, data_grains; /* accepted; where the sender stands */
	struct message_end end;
	unsigned good;                    /* disks that are complete or done */
	unsigned stop_after;
	atomic_bool stop;
};

/* Grains of text, zeros in between. */
static const uint8_t *source_bytes(void)
{
	static uint8_t data[SIZE];

	for (size_t i = 0; !data[0] && i < SIZE; i++)
		if (i / GRAIN_SIZE % 5 < 3)
			data[i] = (uint8_t)('a' + i % 11 + i / GRAIN_SIZE);
	return data;
}

static void append_number(struct buf *out, uint64_t v, size_t n)
{
	uint8_t le[8];

	put_le64(le, v);
	if (buf_append(out, le, n) < 0)
		abort();
}

static void wait_for_question(struct play *p, unsigned type)
{
	struct state *s = p->ctx;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!p->down && !p->deaf && s->asked[type] <= s->answered[type])
		if (pthread_cond_timedwait(&p->changed, &p->lock, &until) != 0)
			break;
	s->answered[type]++;
}

static void make_accept(struct state *s, struct fuzz_in *in, struct buf *out)
{
	uint64_t next = fuzz_take(in, 1), flags = fuzz_take(in, 1);

	append_number(out, 0, 4);
	append_number(out, flags, 4);
	append_number(out, next, 8);
	append_number(out, next / 2, 8);
	append_number(out, 1, 8);
	for (uint64_t i = 0; i < 4; i++)
		append_number(out, i, 8);
	s->next = s->sent = next;
	s->data_grains = next / 2;
}

static void make_done(const struct state *s, struct fuzz_in *in, struct buf *out)
{
	append_number(out, s->data_grains + s->end.data_grains, 8);
	if (buf_append(out, s->end.session.b, DIGEST_SIZE) < 0)
		abort();
	for (size_t i = 0; i < out->len && in->n; i++)
		out->data[i] ^= (uint8_t)fuzz_take(in, 1);
}

static bool make(struct play *p, unsigned type, uint8_t *disk, struct fuzz_in *in, struct buf *out)
{
	struct state *s = p->ctx;
	uint64_t at;

	(void)disk;
	switch (type) {
	case MESSAGE_HELLO:
		wait_for_question(p, MESSAGE_HELLO);
		if (buf_append(out, "unrack\r\n\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x11\0", 36) < 0)
			abort();
		append_number(out, 0, 8);
		break;
	case MESSAGE_ACCEPT:
		wait_for_question(p, MESSAGE_OPEN);
		make_accept(s, in, out);
		break;
	case MESSAGE_ACK:
		at = s->sent + (uint64_t)(int8_t)fuzz_take(in, 1);
		append_number(out, at, 8);
		append_number(out, at / 2, 8);
		break;
	case MESSAGE_DONE:
		wait_for_question(p, MESSAGE_END);
		make_done(s, in, out);
		break;
	case MESSAGE_BYE:
		wait_for_question(p, MESSAGE_BYE);
		break;
	default:
		return false;
	}
	return true;
}

static void played(struct play *p, unsigned type, const struct buf *payload)
{
	struct state *s = p->ctx;

	if (type == MESSAGE_ACCEPT && payload->len == 64 && get_le32(payload->data + 4) == 1)
		s->good++;
	if (type == MESSAGE_DONE && payload->len == 24 && s->asked[MESSAGE_END] &&
	    get_le64(payload->data) == s->data_grains + s->end.data_grains &&
	    (s->next || memcmp(payload->data + 8, s->end.session.b, DIGEST_SIZE) == 0))
		s->good++;
	if (type == MESSAGE_ACCEPT && payload->len == 64) {
		s->next = s->sent = get_le64(payload->data + 8);
		s->data_grains = get_le64(payload->data + 16);
	}
}

/* The sender's own frames keep to the dialogue. */
static void heard(struct play *p, const struct frame *f, const uint8_t *payload)
{
	struct state *s = p->ctx;
	struct message_grains m;
	struct message_zero z;
	struct unrack_error err;
	unsigned all = 0;

	s->asked[f->type]++;
	for (unsigned i = 0; i < ARRAY_LEN(s->asked); i++)
		all += s->asked[i];
	if (s->stop_after && all >= s->stop_after)
		atomic_store(&s->stop, true);
	switch (f->type) {
	case MESSAGE_GRAINS:
		fuzz_check(message_decode_grains(payload, f->length, &m, &err) == 0);
		fuzz_check(m.first == s->sent && m.first + m.span <= GRAINS);
		s->sent += m.span;
		break;
	case MESSAGE_ZERO:
		fuzz_check(message_decode_zero(payload, f->length, &z, &err) == 0);
		fuzz_check(z.first == s->sent && z.first + z.count <= GRAINS);
		s->sent += z.count;
		break;
	case MESSAGE_END:
		fuzz_check(message_decode_end(payload, f->length, &s->end, &err) == 0);
		fuzz_check(s->sent == GRAINS && s->end.first == s->next);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct play_ops ops = { make, played, heard };
	struct fuzz_in in = { data, size };
	unsigned how = (unsigned)fuzz_take(&in, 1);
	struct state s = { .stop_after = (unsigned)fuzz_take(&in, 1) };
	struct log log = { .stop = &s.stop };
	struct sender_options opt = { .workers = -1, .store = how & 4, .machine = "web01", .log = &log };
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct sender_disk disk[DISKS] = { 0 };
	unsigned disks = how & 1 ? 2 : 1;
	struct sender_result res;
	struct play p;
	int r;

	for (unsigned i = 0; i < disks; i++)
		if (block_source_open_memory(source_bytes(), SIZE, "source", &disk[i].source, &err) < 0 ||
		    identity_init(&disk[i].id, SIZE, "mbr=00000001\n", "", &err) < 0)
			abort();
	play_open(&p, &ops, &s, in);
	p.channel.silence_ms = how & 2 ? 1000 : 0;
	r = sender_run(&p.channel, disk, disks, &opt, &res, &err);
	fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
	fuzz_check(r < 0 || s.good >= disks);
	play_free(&p);
	for (unsigned i = 0; i < disks; i++) {
		block_source_close(disk[i].source);
		identity_free(&disk[i].id);
	}
	return 0;
}
