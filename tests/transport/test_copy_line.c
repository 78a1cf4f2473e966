/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copy on a line that flips bits, loses, repeats and exchanges frames, at each frame of both
 * directions: the side that hears it notices, both end, and what is called safe is. */
#include <unistd.h>

#include "copy.h"

#define SIZE ((2u << 20) + 30000u)
/* The shortest session; PINGs and more ACKs may come in between. */
#define SENDER_FRAMES 7   /* HELLO OPEN GRAINS ZERO GRAINS END BYE */
#define RECEIVER_FRAMES 5 /* HELLO ACCEPT ACK DONE BYE */

#define BESIDE 32 /* copies at once: for each there are some descriptors */

static uint8_t *data;

struct trial {
	unsigned side; /* 0: what the sender says is damaged */
	struct copy_damage damage;
	struct copy c;
	struct twin_source *src;
	struct twin_io *twin;
	pthread_t thread;
};

static const char *const kinds[] = { "", "a flipped bit", "a lost frame", "a repeated frame",
				     "two exchanged frames" };

static void *run(void *arg)
{
	struct trial *t = arg;

	t->src = twin_source_memory(data, SIZE);
	t->twin = twin_io_new(NULL);
	twin_io_quiet(t->twin);
	t->c = (struct copy){ .source = { twin_source(t->src) }, .disks = 1, .io = twin_io(t->twin),
			      .dir = "/m", .workers = -1, .silence_ms = 160 };
	t->c.damage[t->side] = t->damage;
	copy_run(&t->c);
	return NULL;
}

/* A lost line, or, where the first bytes are no longer ours, not our protocol. */
static bool is_noticed(int status, const struct unrack_error *err)
{
	return status == UNRACK_LOST ||
	       (status == UNRACK_UNSUPPORTED && strstr(err->text, "does not speak unrack's protocol"));
}

static bool is_safe(struct trial *t)
{
	size_t n = 0;
	uint8_t *image = twin_io_get(t->twin, t->c.path[0][COPY_IMAGE], &n);
	struct journal_point point = { 0 };
	struct unrack_error err;
	uint64_t safe;
	bool good;

	if (twin_io_exists(t->twin, t->c.path[0][COPY_JOURNAL]) &&
	    journal_read(t->c.io, t->c.path[0][COPY_JOURNAL], NULL, &point, &err) < 0)
		return false;
	safe = min_u64(point.next_grain * GRAIN_SIZE, SIZE);
	good = safe == 0 || (n >= safe && memcmp(image, data, safe) == 0);
	free(image);
	return good && (!point.complete || safe == SIZE);
}

/* The side that hears the damage must notice. The receiver ends well when only its BYE is hurt. */
static bool is_good(const struct trial *t)
{
	const struct copy *c = &t->c;

	if (!(t->side ? is_noticed(c->sent, &c->send_err) : is_noticed(c->received, &c->receive_err)))
		return false;
	return c->sent < 0 && (c->received < 0 || (t->side == 1 && c->all_done));
}

static void check(struct trial *t, unsigned *unnoticed, unsigned *unsafe)
{
	const struct copy *c = &t->c;

	if (!is_good(t)) {
		printf("# %s, frame %u of %s, byte %zu: sent %d (%s), received %d (%s)\n",
		       kinds[t->damage.kind], t->damage.at, t->side ? "the receiver" : "the sender",
		       t->damage.byte, c->sent, c->send_err.text, c->received, c->receive_err.text);
		++*unnoticed;
	}
	*unsafe += !is_safe(t);
	copy_free(&t->c);
	twin_source_free(t->src);
	twin_io_free(t->twin);
}

/* Trials of these kinds beside each other: what is lost is noticed at the next PING only. */
static void test_kinds(enum copy_damage_kind first, enum copy_damage_kind last, unsigned sides,
		       const size_t *bytes, unsigned n)
{
	struct trial *trial = calloc(n * 3 * (SENDER_FRAMES + RECEIVER_FRAMES), sizeof *trial);
	unsigned unnoticed = 0, unsafe = 0, k = 0;

	for (unsigned side = 0; side < 2; side++) {
		unsigned frames = side ? RECEIVER_FRAMES : SENDER_FRAMES;

		for (unsigned f = 0; f < frames && (sides & 1 << side); f++)
			for (enum copy_damage_kind kind = first; kind <= last; kind++)
				/* A second BYE is never read. */
				for (unsigned b = 0; b < n && !(kind == COPY_REPEAT && f + 1 == frames); b++)
					trial[k++] = (struct trial){
						.side = side,
						.damage = { .kind = kind, .at = f, .byte = bytes[b] } };
	}
	for (unsigned from = 0, to; from < k; from = to) {
		to = (unsigned)min_u64(k, from + BESIDE);
		for (unsigned i = from; i < to; i++)
			pthread_create(&trial[i].thread, NULL, run, &trial[i]);
		for (unsigned i = from; i < to; i++)
			pthread_join(trial[i].thread, NULL);
	}
	for (unsigned i = 0; i < k; i++)
		check(&trial[i], &unnoticed, &unsafe);
	is_int(unnoticed, 0, "%s to %s: noticed in each of %u copies", kinds[first], kinds[last], k);
	is_int(unsafe, 0, "and what is called safe is");
	free(trial);
}

int main(void)
{
	/* Magic, type, length, sequence, both checksums; payload: its beginning and end. */
	static const size_t bytes[] = { 0, 4, 8, 16, 24, 32, 40, SIZE };
	static const size_t none[] = { 0 };

	data = copy_data(SIZE, COPY_TEXT, 4);
	memset(data + GRAIN_SIZE, 0, (2 << 20) - GRAIN_SIZE);
	test_kinds(COPY_FLIP, COPY_FLIP, 1, bytes, ARRAY_LEN(bytes));
	test_kinds(COPY_FLIP, COPY_FLIP, 2, bytes, ARRAY_LEN(bytes));
	test_kinds(COPY_LOSE, COPY_EXCHANGE, 3, none, 1);
	free(data);
	return tap_done();
}
