/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps and delta passes: a second copy sends what differs, what nothing uses is zeros, and in the
 * end the image is always what the source is then. */
#include <errno.h>

#include "copy_rig.h"
#include "unrack/patient.h"

static unsigned image_calls(struct rig *r, size_t from)
{
	unsigned n = 0;

	for (size_t i = from; i < twin_io_records(r->twin); i++) {
		struct twin_record rec = twin_io_record(r->twin, i);

		n += (rec.op == TWIN_PWRITE || rec.op == TWIN_PUNCH || rec.op == TWIN_TRUNCATE) &&
		     strstr(rec.path, "-flat.vmdk");
	}
	return n;
}

static void test_map(int workers)
{
	/* A part of a piece, several pieces, single grains, the short end. */
	static const struct map_run runs[] = { { 3, 2 }, { 16, 32 }, { 50, 1 }, { 52, 1 }, { 60, 20 },
					       { 104, 1 } };
	struct map *m = map_of(runs, ARRAY_LEN(runs)), *kept = NULL;
	struct map_origin origin;
	const struct map_run *got;
	unsigned touched = 0;
	struct rig r;
	size_t n;

	rig_open(&r, workers);
	for (uint64_t g = 0; g < RIG_GRAINS; g++)
		fill(&r, g, 'x');
	r.c.map[0] = m;
	r.c.state = 7;
	run(&r);
	ok(r.c.sent == 0 && r.c.received == 0, "a disk is copied by its map");
	ok(image_is(&r, m), "what nothing uses is zeros");
	for (size_t i = 0; i < ARRAY_LEN(runs); i++)
		touched += twin_source_was_read(r.src, runs[i].first * GRAIN_SIZE,
						min_u64(runs[i].count * GRAIN_SIZE,
							RIG_SIZE - runs[i].first * GRAIN_SIZE));
	is_int(touched, 0, "and was not read");
	is_int(r.c.res.data_grains, RIG_GRAINS - 57, "nor sent");
	is_int(r.c.res.read_bytes, (RIG_GRAINS - 57) * (uint64_t)GRAIN_SIZE, "all else was");
	is_int(map_read(r.c.io, "/m/unrack/d0.map", RIG_SIZE, &kept, &origin, &err), 0, "the map is kept");
	got = map_runs(kept, &n);
	ok(n == ARRAY_LEN(runs) && memcmp(got, runs, sizeof runs) == 0, "as it was");
	ok(origin.pass == 1 && origin.state.b[0] == 7 && origin.state.b[15] == 7,
	   "with the source's state");
	ok(is_whole(&r, 1), "the digests are of the image");
	map_free(kept);
	rig_close(&r);
	map_free(m);
}

/* More runs than a message has. */
static void test_large_map(void)
{
	uint64_t grains = 2 * (MESSAGE_MAP_RUNS * 2 + 5), size = grains * GRAIN_SIZE, n = grains / 2;
	struct map_run *runs = calloc(n, sizeof *runs);
	struct map *m = NULL, *kept = NULL;
	struct twin_io *twin = twin_io_new(NULL);
	struct block_source *zeros = NULL;
	uint8_t *data = calloc(1, size);
	size_t got = 0;

	for (uint64_t i = 0; i < n; i++)
		runs[i] = (struct map_run){ 2 * i, 1 };
	if (!data || map_from_runs(size, runs, n, &m, &err) < 0 ||
	    block_source_open_memory(data, size, "zeros", &zeros, &err) < 0)
		abort();
	{
		struct copy c = { .disks = 1, .source = { zeros }, .io = twin_io(twin), .dir = "/m",
				  .map = { m }, .workers = -1 };

		copy_run(&c);
		ok(c.sent == 0 && c.received == 0, "a map of %llu runs goes over the line",
		   (unsigned long long)n);
		buf_free(&c.wire);
	}
	if (map_read(twin_io(twin), "/m/unrack/d0.map", size, &kept, NULL, &err) == 0)
		map_runs(kept, &got);
	is_int(got, n, "and arrives whole");
	map_free(kept);
	map_free(m);
	block_source_close(zeros);
	twin_io_free(twin);
	free(data);
	free(runs);
}

/* What becomes of each kind of grain. */
static void test_delta(int workers)
{
	struct rig r;
	size_t records;

	rig_open(&r, workers);
	fill(&r, 1, 'a');
	fill(&r, 2, 'b');
	memset(r.data + 20 * GRAIN_SIZE, 0, 20 * GRAIN_SIZE);
	fill(&r, 90, 'c');
	run(&r);
	ok(image_is(&r, NULL) && is_whole(&r, 1), "a first copy");

	fill(&r, 1, 'A');
	memset(r.data + 2 * GRAIN_SIZE, 0, GRAIN_SIZE);
	fill(&r, 30, 'd');
	r.data[90 * GRAIN_SIZE + 77] ^= 1;
	fill(&r, RIG_GRAINS - 1, 'e');
	run(&r);
	ok(r.c.sent == 0 && r.c.received == 0, "a second one over it");
	ok(image_is(&r, NULL), "makes the image what the source is now");
	ok(is_whole(&r, 2), "and digests and journal say so");
	is_int(r.c.res.data_grains, 4, "only what differs is sent");
	is_int(r.c.res.changed_grains, 5, "with what has become zeros");
	ok(r.c.res.deltas == 1 && r.c.receive_result.deltas == 1 && r.c.receive_result.changed_grains == 5 &&
	   r.c.receive_result.data_grains == 4, "both sides count the same");
	is_int(r.c.done_disks, 1, "the disk is done again");
	is_int(r.c.point[0].pass, 2, "in its second pass");

	records = twin_io_records(r.twin);
	run(&r);
	ok(r.c.sent == 0 && r.c.received == 0 && is_whole(&r, 3), "a third one, without a change");
	is_int(r.c.res.data_grains, 0, "sends nothing");
	is_int(image_calls(&r, records), 0, "and does not touch the image");
	ok(r.c.wire.len < 4096, "it takes %zu bytes on the line", r.c.wire.len);

	memset(r.data, 0, RIG_SIZE);
	run(&r);
	ok(image_is(&r, NULL) && is_whole(&r, 4), "a disk that was wiped");
	is_int(r.c.point[0].data_grains, 0, "is all zeros");
	rig_close(&r);
}

/* Files are deleted, and others are made elsewhere. */
static void test_delta_maps(void)
{
	static const struct map_run old_runs[] = { { 10, 20 }, { 64, 16 } };
	static const struct map_run new_runs[] = { { 0, 12 }, { 50, 20 }, { 100, 5 } };
	struct map *old_map = map_of(old_runs, 2), *new_map = map_of(new_runs, 3), *kept = NULL;
	struct map_origin origin;
	struct rig r;

	rig_open(&r, 2);
	for (uint64_t g = 0; g < RIG_GRAINS; g++)
		fill(&r, g, 'x');
	r.c.map[0] = old_map;
	r.c.state = 1;
	run(&r);
	ok(image_is(&r, old_map), "a copy by a map");
	r.c.map[0] = new_map;
	r.c.state = 2;
	run(&r);
	ok(r.c.received == 0 && image_is(&r, new_map), "a second one by another map");
	ok(is_whole(&r, 2), "deleted data is zeros again, in the digests, too");
	is_int(r.c.res.data_grains, 18 + 10, "what is used now is sent");
	is_int(r.c.receive_result.changed_grains, 18 + 10 + 10 + 14 + 5, "what is not is punched");
	ok(map_read(r.c.io, "/m/unrack/d0.map", RIG_SIZE, &kept, &origin, &err) == 0 &&
	   map_unused_bytes(kept) == map_unused_bytes(new_map) && origin.pass == 2 && origin.state.b[3] == 2,
	   "the map is the new one");
	map_free(kept);
	r.c.map[0] = NULL;
	run(&r);
	ok(image_is(&r, NULL) && is_whole(&r, 3), "without a map all is there");
	rig_close(&r);
	map_free(old_map);
	map_free(new_map);
}

static void test_sparse_format(void)
{
	struct rig r;

	rig_open(&r, 2);
	r.c.format = DISK_SPARSE;
	run(&r);
	fill(&r, 1, 'A');
	memset(r.data + 20 * GRAIN_SIZE, 0, 20 * GRAIN_SIZE);
	fill(&r, 90, 'c');
	run(&r);
	ok(r.c.received == 0 && r.c.res.deltas == 1 && r.c.res.data_grains == 2 && image_is(&r, NULL),
	   "a sparse image takes a second pass");
	rig_close(&r);
}

static void test_serial_twin(void)
{
	struct rig r[2];

	for (int i = 0; i < 2; i++) {
		rig_open(&r[i], i ? 4 : -1);
		r[i].src = twin_source_memory(r[i].data, RIG_SIZE);
		r[i].c.source[0] = twin_source(r[i].src);
		copy_fix_seed(&r[i].c, 0);
		run(&r[i]);
		for (uint64_t g = 0; g < RIG_GRAINS; g += 3)
			fill(&r[i], g, (char)('a' + g));
		run(&r[i]);
	}
	ok(r[0].c.wire.len == r[1].c.wire.len && r[0].c.wire.len > 4000 &&
	   memcmp(r[0].c.wire.data, r[1].c.wire.data, r[0].c.wire.len) == 0,
	   "the bytes of a delta pass do not depend on the workers");
	rig_close(&r[0]);
	rig_close(&r[1]);
}

/* --- Large disks ---------------------------------------------------------------------------- */

#define LARGE (5ull * MESSAGE_WANT_MAX + 100) /* grains: 20 GiB and a bit */

struct few {
	struct block_source source;
	uint64_t grain[6];
	char fill;
};

static int few_read(struct block_source *s, void *buf, size_t n, uint64_t off, struct unrack_error *e)
{
	const struct few *f = s->ctx;

	(void)e;
	memset(buf, 0, n);
	for (unsigned i = 0; i < ARRAY_LEN(f->grain); i++) {
		uint64_t at = f->grain[i] * GRAIN_SIZE;

		if (at >= off && at + GRAIN_SIZE <= off + n)
			memset((uint8_t *)buf + (at - off), f->fill + (int)i, GRAIN_SIZE);
	}
	return 0;
}

static int few_next(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
		    struct unrack_error *e)
{
	const struct few *f = s->ctx;

	(void)e;
	*start = *end = s->size;
	for (unsigned i = ARRAY_LEN(f->grain); i-- > 0;)
		if (f->grain[i] * GRAIN_SIZE + GRAIN_SIZE > off) {
			*start = max_u64(off, f->grain[i] * GRAIN_SIZE);
			*end = f->grain[i] * GRAIN_SIZE + GRAIN_SIZE;
		}
	return 0;
}

/* Windows of digests that follow each other, and some that nobody needs. */
static void test_windows(void)
{
	static const struct block_source_ops ops = { .read = few_read, .next_data = few_next };
	struct few f = { .source = { &ops, LARGE * GRAIN_SIZE, "few", &f }, .fill = 'a',
			 .grain = { 0, MESSAGE_WANT_MAX - 1, MESSAGE_WANT_MAX, 4 * MESSAGE_WANT_MAX + 7,
				    5 * MESSAGE_WANT_MAX - 1, LARGE - 1 } };
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .disks = 1, .source = { &f.source }, .io = twin_io(twin), .dir = "/m", .workers = 2,
			  .again = RECEIVER_ALWAYS };

	twin_io_quiet(twin);
	copy_run(&c);
	ok(c.received == 0 && c.res.data_grains == 6, "a disk of 20 GiB with six grains");
	copy_run(&c);
	ok(c.received == 0 && c.sent == 0 && c.res.deltas == 1 && c.res.changed_grains == 0,
	   "is compared, wherever they are");
	f.fill = 'A';
	f.grain[4] -= 100;
	copy_run(&c);
	ok(c.received == 0 && c.res.data_grains == 6 && c.receive_result.changed_grains == 7,
	   "one that moved leaves zeros");
	ok(c.point[0].data_grains == 6 && c.point[0].pass == 3, "which the journal says, too");
	buf_free(&c.wire);
	twin_io_free(twin);
}

/* --- Lost sectors --------------------------------------------------------------------------- */

static void test_lost(void)
{
	struct rig r;

	rig_open(&r, 2);
	for (uint64_t g = 0; g < RIG_GRAINS; g++)
		fill(&r, g, 'x');
	r.src = twin_source_memory(r.data, RIG_SIZE);
	twin_source_bad(r.src, 20 * GRAIN_SIZE + 512, 512, EIO, 0);
	twin_source_bad(r.src, 40 * GRAIN_SIZE, 4 * GRAIN_SIZE, EIO, 0);
	if (patient_open(twin_source(r.src), &(struct patient_options){ .log = NULL }, &r.c.source[0], &err) < 0)
		abort();
	r.c.patient = true;
	copy_run(&r.c);
	ok(r.c.sent == 0 && r.c.received == 0, "a disk with bad sectors is copied");
	is_str(r.c.lost, "0 1311232+512 \n0 2621440+262144 \n", "and the receiver knows which");
	memset(r.data + 20 * GRAIN_SIZE + 512, 0, 512);
	memset(r.data + 40 * GRAIN_SIZE, 0, 4 * GRAIN_SIZE);
	ok(image_is(&r, NULL), "they are zeros");
	rig_close(&r);
}

int main(void)
{
	test_map(-1);
	test_map(3);
	test_large_map();
	test_delta(-1);
	test_delta(3);
	test_delta_maps();
	test_serial_twin();
	test_sparse_format();
	test_windows();
	test_lost();
	return tap_done();
}
