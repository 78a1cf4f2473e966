/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sender_run against a receiver that does what the input says: 0:1 how (bit 0: two disks, bit 1:
 * PINGs, bit 2: stored), 1:1 after which of its frames it is told to stop (0: none); then a
 * program (play.h).
 *
 * Made are answers that are right: HELLO; ACCEPT from 0:1 next grain, 1:1 flags; DIGESTS from 0:1
 * count, 1:1 how (0: zeros, 1: as the source's, 2: others); ACK from 0:1 distance from all that
 * was sent; DONE from bytes that change a right one; each is played when its question has come. A sender that is content has heard a right DONE for every disk that was
 * not complete before. */
#include "play.h"

#include <time.h>

#include "base/size.h"
#include "unrack/block_source.h"
#include "unrack/digest_table.h"
#include "unrack/sender.h"

#define GRAINS 21u
#define SIZE ((GRAINS - 1) * (size_t)GRAIN_SIZE + 1000)
#define DISKS 2u
/* An answer to a question that never comes is played after this time all the same. */
#define WAIT_NS 20000000

struct state {
	unsigned asked[MESSAGE_LOST + 1]; /* how many of each type the sender has sent */
	unsigned answered[MESSAGE_LOST + 1];
	uint64_t next, sent, data_grains; /* accepted; where the sender stands */
	bool delta;
	uint64_t told;                    /* below it the image's digests were told */
	struct digest have[GRAINS];       /* they */
	struct digest is[GRAINS];         /* the source's */
	struct message_end end;
	uint8_t early[8 + DIGEST_SIZE];   /* a DONE that came before its END */
	bool is_early;
	unsigned dones;
	unsigned good;                    /* disks that are complete or done */
	unsigned stop_after;
	atomic_bool stop;
};

/* Grains of text, zeros in between. */
static const uint8_t *source_bytes(void)
{
	static uint8_t data[SIZE];

	if (data[0])
		return data;
	for (size_t i = 0; i < SIZE; i++)
		if (i / GRAIN_SIZE % 5 < 3)
			data[i] = (uint8_t)('a' + i % 11 + i / GRAIN_SIZE);
	return data;
}

static void digest_source(struct state *s)
{
	uint8_t seed[DIGEST_SEED_SIZE] = { 0 };
	struct digest_key key;

	for (unsigned i = 0; i < 4; i++)
		put_le64(seed + 8 * i, i);
	digest_key_init(&key, seed);
	for (uint64_t g = 0; g < GRAINS; g++) {
		const uint8_t *grain = source_bytes() + g * GRAIN_SIZE;

		if (!is_zero(grain, grain_bytes(SIZE, g)))
			digest_grain(&key, grain, grain_bytes(SIZE, g), GRAIN_SIZE, &s->is[g]);
	}
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

static void make_accept(struct fuzz_in *in, struct buf *out)
{
	uint64_t next = fuzz_take(in, 1), flags = fuzz_take(in, 1);

	append_number(out, 0, 4);
	append_number(out, flags, 4);
	append_number(out, next, 8);
	append_number(out, next / 2, 8);
	append_number(out, 1, 8);
	for (uint64_t i = 0; i < 4; i++)
		append_number(out, i, 8);
}

static void make_digests(const struct state *s, struct fuzz_in *in, struct buf *out)
{
	uint64_t count = fuzz_take(in, 1), how = fuzz_take(in, 1);

	append_number(out, s->told, 8);
	append_number(out, count, 8);
	for (uint64_t g = s->told; how > 0 && g < s->told + count; g++) {
		struct digest d = { { (uint8_t)how } };

		if (how == 1 && g < GRAINS)
			d = s->is[g];
		if (buf_append(out, d.b, sizeof d.b) < 0)
			abort();
	}
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
		make_accept(in, out);
		break;
	case MESSAGE_DIGESTS:
		wait_for_question(p, MESSAGE_WANT);
		make_digests(s, in, out);
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

/* What the sender may believe from now on. */
static void played_digests(struct state *s, const struct buf *payload)
{
	struct message_digests m;
	struct unrack_error err;

	if (message_decode_digests(payload->data, payload->len, &m, &err) < 0 || m.first != s->told ||
	    m.first >= GRAINS || m.count > GRAINS - m.first)
		return;
	for (uint64_t i = 0; i < m.count; i++)
		memcpy(&s->have[m.first + i], m.digest ? m.digest + i * DIGEST_SIZE : (const uint8_t[DIGEST_SIZE]){ 0 },
		       DIGEST_SIZE);
	s->told += m.count;
}

/* A DONE that answers the END. */
static bool is_right(const struct state *s, const uint8_t *done)
{
	return get_le64(done) == s->data_grains + s->end.data_grains &&
	       (s->next || memcmp(done + 8, s->end.session.b, DIGEST_SIZE) == 0);
}

static void played(struct play *p, unsigned type, const struct buf *payload)
{
	struct state *s = p->ctx;

	if (type == MESSAGE_ACCEPT && payload->len == 64 && (get_le32(payload->data + 4) & 3) == 1)
		s->good++;
	if (type == MESSAGE_DONE && payload->len == sizeof s->early) {
		s->is_early = s->asked[MESSAGE_END] <= s->dones++;
		memcpy(s->early, payload->data, sizeof s->early);
		if (!s->is_early)
			s->good += is_right(s, payload->data);
	}
	if (type == MESSAGE_ACCEPT && payload->len == 64) {
		s->next = s->sent = s->told = get_le64(payload->data + 8);
		s->data_grains = get_le64(payload->data + 16);
		s->delta = get_le32(payload->data + 4) & 2;
	}
	if (type == MESSAGE_DIGESTS && s->delta)
		played_digests(s, payload);
}

/* Nobody says of a grain that it has not changed without having compared it. */
static void check_same(const struct state *s, uint64_t g)
{
	fuzz_check(s->delta && g < s->told && memcmp(&s->have[g], &s->is[g], sizeof s->is[g]) == 0);
}

static void check_delta(const struct state *s, const struct message_grains *m)
{
	unsigned at = 0;

	for (unsigned i = 0; i < m->span; i++) {
		uint64_t g = m->first + i;

		if (at == m->count || m->grain[at].place != i) {
			check_same(s, g);
			continue;
		}
		fuzz_check(g < s->told && memcmp(&m->grain[at].digest, &s->is[g], sizeof s->is[g]) == 0);
		at++;
	}
}

/* The sender's own frames keep to the dialogue. */
static void heard(struct play *p, const struct frame *f, const uint8_t *payload)
{
	struct state *s = p->ctx;
	struct message_grains m;
	struct message_range z;
	struct unrack_error err;
	unsigned all = 0;

	s->asked[f->type]++;
	for (unsigned i = 0; i < ARRAY_LEN(s->asked); i++)
		all += s->asked[i];
	if (s->stop_after && all >= s->stop_after)
		atomic_store(&s->stop, true);
	switch (f->type) {
	case MESSAGE_GRAINS:
	case MESSAGE_DELTA:
		fuzz_check(message_decode_grains(f->type, payload, f->length, &m, &err) == 0);
		fuzz_check(m.first == s->sent && m.first + m.span <= GRAINS);
		fuzz_check((f->type == MESSAGE_DELTA) == s->delta);
		if (s->delta)
			check_delta(s, &m);
		s->sent += m.span;
		break;
	case MESSAGE_ZERO:
	case MESSAGE_SAME:
		fuzz_check(message_decode_range(f->type, payload, f->length, &z, &err) == 0);
		fuzz_check(z.first == s->sent && z.first + z.count <= GRAINS);
		for (uint64_t g = z.first; f->type == MESSAGE_SAME && g < z.first + z.count; g++)
			check_same(s, g);
		s->sent += z.count;
		break;
	case MESSAGE_WANT:
		fuzz_check(message_decode_range(f->type, payload, f->length, &z, &err) == 0);
		fuzz_check(s->delta && z.first >= s->sent && z.first + z.count <= GRAINS);
		s->told = z.first;
		break;
	case MESSAGE_END:
		fuzz_check(message_decode_end(payload, f->length, &s->end, &err) == 0);
		fuzz_check(s->sent == GRAINS && s->end.first == s->next);
		if (s->is_early)
			s->good += is_right(s, s->early);
		s->is_early = false;
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
	digest_source(&s);
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
