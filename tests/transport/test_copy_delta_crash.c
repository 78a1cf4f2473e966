/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Delta passes that end by a kill or a power failure, at every call. What was acknowledged holds, the
 * next session makes the image what the source is then, and that also where the source has gone
 * back to what it was: what a lost pass left in the image is never taken for unchanged. */
#include <unistd.h>

#include "copy.h"

/* So many that checkpoints can fall between them. */
#define PIECES 4
#define SIZE (PIECES * MESSAGE_GRAINS_MAX * GRAIN_SIZE - 1000)
#define GRAINS (PIECES * MESSAGE_GRAINS_MAX)

static struct unrack_error err;
static uint8_t *before, *after; /* the source */
static enum disk_format format;

static void make_data(void)
{
	before = calloc(1, SIZE);
	after = calloc(1, SIZE);
	for (uint64_t g = 0; g < GRAINS; g++) {
		uint32_t n = grain_bytes(SIZE, g);

		/* Of each piece: one that stays, one that changes, one that goes, one that comes. */
		if (g % 16 == 1 || g % 16 == 4 || g % 16 == 15)
			memset(before + g * GRAIN_SIZE, 'a' + (int)(g % 23), n);
		if (g % 16 == 1 || g % 16 == 9)
			memset(after + g * GRAIN_SIZE, 'a' + (int)(g % 23), n);
		if (g % 16 == 4)
			memset(after + g * GRAIN_SIZE, 'A' + (int)(g % 23), n);
	}
}

/* Holds each read until the piece before it has had its checkpoint. */
struct pace {
	struct copy *copy;
	struct twin_io *twin;
	uint64_t syncs; /* seen at the last read */
};
#define CHECKPOINT_SYNCS 3 /* image, digests, journal */

static int slowly(void *ctx, uint64_t off, size_t n)
{
	struct pace *p = ctx;

	(void)n;
	for (int i = 0; off > 0 && i < 240000 && !atomic_load(&p->copy->said_error); i++) {
		if (twin_io_count(p->twin, TWIN_FDATASYNC) >= p->syncs + CHECKPOINT_SYNCS)
			break;
		usleep(500);
	}
	p->syncs = twin_io_count(p->twin, TWIN_FDATASYNC);
	return 0;
}

static struct copy a_copy(struct twin_io *twin, uint8_t state)
{
	return (struct copy){ .disks = 1, .io = twin_io(twin), .dir = "/m", .workers = 2, .state = state, .format = format,
			      .checkpoint_bytes = 4 * GRAIN_SIZE, .checkpoint_ms = 1, .twin = twin };
}

/* One session with DATA as the source. */
static void run(struct copy *c, const uint8_t *data, struct pace *pace)
{
	struct twin_source *src = twin_source_memory(data, SIZE);

	if (pace) {
		pace->copy = c;
		twin_source_hook(src, slowly, pace);
	}
	c->source[0] = twin_source(src);
	copy_run(c);
	copy_free(&(struct copy){ .source = { c->source[0] }, .disks = 1 });
	twin_source_free(src);
}

static uint64_t acked_at(const struct copy *c, size_t records)
{
	uint64_t grain = 0;

	for (unsigned i = 0; i < c->acks; i++)
		if (c->ack[i].records <= records)
			grain = max_u64(grain, c->ack[i].next_grain);
	return grain;
}

static bool settles(struct copy *c, struct twin_io *twin, const uint8_t *data, uint64_t acked, const char *what)
{
	bool good;

	run(c, data, NULL);
	good = c->sent == 0 && c->received == 0 && copy_image_is(c, twin, 0, data, SIZE) &&
	       c->res.resumed_bytes >= min_u64(acked * GRAIN_SIZE, SIZE);
	if (!good)
		printf("# %s: %d %s, %d %s, resumed at %llu, acknowledged %llu\n", what, c->sent, c->send_err.text,
		       c->received, c->receive_err.text, (unsigned long long)c->res.resumed_bytes,
		       (unsigned long long)acked * GRAIN_SIZE);
	buf_free(&c->wire);
	return good;
}

/* The pass goes on. */
static bool continues(struct twin_io *twin, uint64_t acked)
{
	struct copy c = a_copy(twin, 2);

	return settles(&c, twin, after, acked, "continued");
}

/* Behind the last record the source is again what it was. */
static bool goes_back(struct twin_io *twin)
{
	struct copy c = a_copy(twin, 0);
	uint8_t *data = malloc(SIZE);
	struct journal_point point;
	uint64_t safe;
	bool good;

	if (journal_read(c.io, "/m/unrack/d0.journal", NULL, &point, &err) < 0)
		abort();
	safe = point.complete ? (point.pass == 1 ? 0 : SIZE) : min_u64(point.next_grain * GRAIN_SIZE, SIZE);
	memcpy(data, after, safe);
	memcpy(data + safe, before + safe, SIZE - safe);
	c.again = RECEIVER_ALWAYS;
	good = settles(&c, twin, data, 0, "gone back");
	free(data);
	return good;
}

/* Behind call I the disk is the same as before it. */
static bool changes_nothing(struct twin_io *twin, size_t i)
{
	enum twin_op op = twin_io_record(twin, i).op;

	return op == TWIN_PREAD || op == TWIN_CLOSE;
}

/* BACK: also with a source that goes back; where nothing unsynced was kept, there is nothing to find. */
static void test_power_failures(enum twin_crash mode, bool back, const char *what)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = a_copy(twin, 1);
	struct pace pace = { .twin = twin };
	unsigned bad = 0, mixed = 0;
	size_t from, n;

	run(&c, before, NULL);
	from = twin_io_records(twin);
	c.state = 2;
	run(&c, after, &pace);
	n = twin_io_records(twin);
	ok(c.received == 0 && c.acks >= 3 && n > from + 30 && c.res.changed_grains == 3 * PIECES,
	   "%s: a delta pass of %zu calls and %u acknowledgements", what, n - from, c.acks);
	for (size_t i = from; i <= n; i++) {
		struct twin_io *crashed;

		if (i > from && changes_nothing(twin, i - 1))
			continue;
		/* Each is tried, in one of the three modes at least. */
		if (!tap_all() && i % 3 != (size_t)mode && i < n)
			continue;
		crashed = twin_io_crash(twin, i, mode, (uint32_t)i);
		bad += !continues(crashed, acked_at(&c, i));
		twin_io_free(crashed);
		if (!back)
			continue;
		crashed = twin_io_crash(twin, i, mode, (uint32_t)i);
		mixed += !goes_back(crashed);
		twin_io_free(crashed);
	}
	is_int(bad, 0, "%s: after each of them%s the same command completes it", what,
	       tap_all() ? "" : " (a third is tried)");
	if (back)
		is_int(mixed, 0, "%s: also when the source is what it was before", what);
	buf_free(&c.wire);
	twin_io_free(twin);
}

/* --- How far a pass may go beyond its last record ------------------------------------------ */

#define FAR (3 * 16384ull) /* grains: 3 GiB */

struct even {
	struct block_source source;
	char fill;
};

/* Data in every 4096th grain. */
static int even_read(struct block_source *s, void *buf, size_t n, uint64_t off, struct unrack_error *e)
{
	const struct even *f = s->ctx;

	(void)e;
	memset(buf, 0, n);
	for (size_t at = 0; at < n; at += GRAIN_SIZE)
		if ((off + at) / GRAIN_SIZE % 4096 == 0)
			memset((uint8_t *)buf + at, f->fill + (int)((off + at) / GRAIN_SIZE / 4096), GRAIN_SIZE);
	return 0;
}

static int even_next(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
		     struct unrack_error *e)
{
	uint64_t step = 4096ull * GRAIN_SIZE;

	(void)e;
	*start = off % step < GRAIN_SIZE ? off : round_up(off, step);
	*start = min_u64(*start, s->size);
	*end = min_u64(round_down(*start, step) + GRAIN_SIZE, s->size);
	return 0;
}

static void test_horizon(void)
{
	static const struct block_source_ops ops = { .read = even_read, .next_data = even_next };
	struct even f = { .source = { &ops, FAR * GRAIN_SIZE, "even", &f }, .fill = 'a' };
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = a_copy(twin, 1);
	uint64_t next = 0, worst = 0;
	size_t from;

	c.checkpoint_bytes = 1ull << 40;
	c.checkpoint_ms = 1000000;
	c.source[0] = &f.source;
	copy_run(&c);
	from = twin_io_records(twin);
	f.fill = 'A';
	c.state = 2;
	copy_run(&c);
	ok(c.received == 0 && c.res.changed_grains == 12, "a pass over 3 GiB with twelve changes");
	for (size_t i = from; i < twin_io_records(twin); i++) {
		struct twin_record r = twin_io_record(twin, i);

		if (r.op != TWIN_PWRITE)
			continue;
		if (strstr(r.path, ".journal"))
			next = get_le64(r.data + 8);
		else if (strstr(r.path, "-flat.vmdk"))
			worst = max_u64(worst, (r.off + r.len - 1) / GRAIN_SIZE - next);
	}
	ok(worst > 4096 && worst < 16384, "it never goes more than 1 GiB beyond its last record (%llu grains)",
	   (unsigned long long)worst);
	buf_free(&c.wire);
	twin_io_free(twin);
}

int main(void)
{
	make_data();
	format = DISK_FLAT;
	test_power_failures(TWIN_KEEP, true, "killed");
	test_power_failures(TWIN_DROP, false, "power failure, nothing unsynced kept");
	test_power_failures(TWIN_TORN, true, "power failure, some of it kept");
	test_horizon();
	format = DISK_SPARSE;
	test_power_failures(TWIN_TORN, true, "sparse, some of it kept");
	free(before);
	free(after);
	return tap_done();
}
