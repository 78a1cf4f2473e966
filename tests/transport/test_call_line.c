/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A call and its answer on a line that flips bits, cuts, loses, repeats and exchanges: whatever
 * it does, and wherever, nothing is taken for what it is not. */
#include "../support/tap.h"
#include "base/bytes.h"
#include "player.h"
#include "unrack/call.h"

#define FRAMES_MAX 16

static struct unrack_error err;
static struct call call;
static struct buf asked, answered;

/* Plays IN to one side. */
static int play_server(const struct buf *in)
{
	struct call_waiting *w;
	struct player p;
	struct call got;
	int r;

	player_open(&p, in);
	r = call_take(&p.channel, &got, &w, &err);
	if (r == 0) {
		struct call_answer answer = { .disks = call.disks, .n = call.n };

		r = call_accept(w, &answer, &err);
		buf_clear(&answered);
		if (buf_append(&answered, p.out.data, p.out.len) < 0)
			abort();
	}
	call_free(&got);
	buf_free(&p.out);
	return r;
}

static int play_client(const struct buf *in)
{
	struct call_answer answer;
	struct player p;
	int r;

	player_open(&p, in);
	r = call_make(&p.channel, &call, &answer, &err);
	buf_clear(&asked);
	if (buf_append(&asked, p.out.data, p.out.len) < 0)
		abort();
	buf_free(&p.out);
	call_answer_free(&answer);
	return r;
}

/* --- Damage --- */

struct tally {
	unsigned tried, taken, silent, other;
};

static void try(int (*play)(const struct buf *), const struct buf *in, struct tally *t)
{
	int r;

	err = (struct unrack_error){ .code = UNRACK_OK };
	r = play(in);
	t->tried++;
	t->taken += r == 0;
	t->silent += r < 0 && err.text[0] == '\0';
	/* UNRACK_UNSUPPORTED: the first bytes are not ours any more. */
	t->other += r < 0 && r != UNRACK_LOST && r != UNRACK_UNSUPPORTED;
}

static void report(const struct tally *t, const char *who, const char *what)
{
	ok(t->tried > 3 && t->taken == 0, "%s: %s is noticed at each of %u places", who, what, t->tried);
	ok(t->silent == 0, "with a reason");
	ok(t->other == 0, "and for what it is: a line of no more use");
}

static void test_bytes(int (*play)(const struct buf *), const struct buf *good, const char *who)
{
	struct tally flips = { 0 }, cuts = { 0 }, lost = { 0 }, more = { 0 };
	uint8_t *copy = malloc(good->len + 1);

	for (size_t i = 0; i < good->len; i++) {
		struct buf in = { .data = copy, .len = good->len };

		memcpy(copy, good->data, good->len);
		copy[i] ^= (uint8_t)(1 << i % 8);
		try(play, &in, &flips);
		memcpy(copy, good->data, good->len);
		in.len = i;
		try(play, &in, &cuts);
		/* A byte that is missing, and one that comes twice. In the last payload the end of the
		 * line shows it. */
		memmove(copy + i, copy + i + 1, good->len - i - 1);
		in.len = good->len - 1;
		try(play, &in, &lost);
		memcpy(copy, good->data, i + 1);
		memcpy(copy + i + 1, good->data + i, good->len - i);
		in.len = good->len + 1;
		if (copy[i] != (i + 1 < good->len ? good->data[i + 1] : 0) && i + 1 < good->len)
			try(play, &in, &more);
	}
	report(&flips, who, "a flipped bit");
	report(&cuts, who, "a cut");
	report(&lost, who, "a lost byte");
	report(&more, who, "a byte too many");
	free(copy);
}

static void test_frames(int (*play)(const struct buf *), const struct buf *good, const char *who)
{
	struct tally lost = { 0 }, repeated = { 0 }, exchanged = { 0 };
	size_t at[FRAMES_MAX + 1] = { 0 };
	unsigned n = 0;

	while (at[n] < good->len && n < FRAMES_MAX) {
		at[n + 1] = at[n] + FRAME_HEADER_SIZE + get_le32(good->data + at[n] + 8);
		n++;
	}
	for (unsigned i = 0; i < n; i++) {
		struct buf in = { 0 };

		buf_append(&in, good->data, at[i]);
		buf_append(&in, good->data + at[i + 1], good->len - at[i + 1]);
		try(play, &in, &lost);
		buf_clear(&in);
		for (unsigned k = 0; k < i; k++) { /* an old one comes again in its place */
			buf_append(&in, good->data, at[i]);
			buf_append(&in, good->data + at[k], at[k + 1] - at[k]);
			buf_append(&in, good->data + at[i], good->len - at[i]);
			try(play, &in, &repeated);
			buf_clear(&in);

			buf_append(&in, good->data, at[k]);
			buf_append(&in, good->data + at[i], at[i + 1] - at[i]);
			buf_append(&in, good->data + at[k + 1], at[i] - at[k + 1]);
			buf_append(&in, good->data + at[k], at[k + 1] - at[k]);
			buf_append(&in, good->data + at[i + 1], good->len - at[i + 1]);
			try(play, &in, &exchanged);
			buf_clear(&in);
		}
		buf_free(&in);
	}
	report(&lost, who, "a lost frame");
	report(&repeated, who, "a frame that comes again");
	report(&exchanged, who, "frames that are exchanged");
}

int main(void)
{
	const struct buf nothing = { 0 };
	struct buf question = { 0 }, reply = { 0 };
	struct identity id = { 0 };

	call = (struct call){ .kind = CALL_SEND, .n = 3, .path = strdup("") };
	call.disks = calloc(call.n, sizeof *call.disks);
	if (identity_init(&id, 500107862016, "mbr=1a2b3c4d\n", "serial=S\n", &err) < 0)
		abort();
	for (unsigned i = 0; i < call.n; i++)
		if (call_disk_set(&call.disks[i], "/dev/sdX", (int)i, &id, &err) < 0)
			abort();
	identity_free(&id);
	is_int(play_client(&nothing), UNRACK_LOST, "a call without an answer");
	buf_append(&question, asked.data, asked.len);
	is_int(play_server(&question), 0, "an unchanged call is taken");
	buf_append(&reply, answered.data, answered.len);
	is_int(play_client(&reply), 0, "an unchanged answer too");
	test_bytes(play_server, &question, "the call");
	test_frames(play_server, &question, "the call");
	test_bytes(play_client, &reply, "the answer");
	test_frames(play_client, &reply, "the answer");
	buf_free(&question);
	buf_free(&reply);
	buf_free(&asked);
	buf_free(&answered);
	call_free(&call);
	return tap_done();
}
