/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is continued, what is compared from its beginning, and what is left as it is. */
#include "copy_rig.h"

struct meeting {
	const char *what;
	uint8_t was, is; /* states */
	bool was_live, is_live, all_blocks, by_map;
	bool compared;   /* from the first grain on */
};

static const struct meeting meetings[] = {
	{ "the same source", 1, 1, .compared = false },
	{ "a source that has changed", 1, 2, .compared = true },
	{ "a source whose state was not known", 0, 2, .compared = false },
	{ "a source whose state is not known", 1, 0, .compared = false },
	{ "a source in use", 1, 2, .is_live = true, .compared = false },
	{ "a source still in use", 1, 2, .was_live = true, .is_live = true, .compared = false },
	{ "a source that was in use", 1, 1, .was_live = true, .compared = true },
	{ "a source that was in use, and nothing else known", 0, 0, .was_live = true, .compared = true },
	{ "all blocks, where a map left some out", 1, 1, .all_blocks = true, .by_map = true, .compared = true },
	{ "all blocks, where nothing was left out", 1, 1, .all_blocks = true, .compared = false },
	{ "the same source by a map", 1, 1, .by_map = true, .compared = false },
};

static const struct map_run some_runs[] = { { 5, 3 }, { 80, 8 } };

/* A copy that is cut at CUT bytes (0: not), and one with the other side of the meeting. */
static void meet(const struct meeting *m, struct rig *r, uint64_t cut, struct map *map)
{
	rig_open(r, 2);
	r->c.again = RECEIVER_IF_CHANGED;
	r->c.checkpoint_bytes = 4 * GRAIN_SIZE;
	for (uint64_t g = 0; g < RIG_GRAINS; g++)
		fill(r, g, (char)('a' + g % 7));
	r->c.store = true;
	r->c.state = m->was;
	r->c.live = m->was_live;
	r->c.map[0] = m->by_map ? map : NULL;
	r->c.cut_after = cut;
	run(r);
	r->c.cut_after = 0;
	r->c.state = m->is;
	r->c.live = m->is_live;
	r->c.all_blocks = m->all_blocks;
	if (m->all_blocks)
		r->c.map[0] = NULL;
}

static void test_meetings(void)
{
	struct map *map = map_of(some_runs, 2);

	for (unsigned i = 0; i < ARRAY_LEN(meetings); i++) {
		const struct meeting *m = &meetings[i];
		struct rig r;

		meet(m, &r, 0, map);
		if (m->compared)
			fill(&r, 2, 'Z');
		run(&r);
		ok(r.c.received == 0 && r.c.res.deltas == m->compared, "%s, complete: %s", m->what,
		   m->compared ? "compared" : "nothing to do");
		ok(image_is(&r, r.c.map[0]) && is_whole(&r, m->compared ? 2 : 1), "the image is right");
		rig_close(&r);

		meet(m, &r, 60 * GRAIN_SIZE, map);
		if (m->compared)
			fill(&r, 2, 'Z');
		run(&r);
		ok(r.c.received == 0 && r.c.res.deltas == m->compared &&
		   (r.c.res.resumed_bytes == 0) == m->compared, "%s, cut: %s", m->what,
		   m->compared ? "compared" : "continued");
		ok(image_is(&r, r.c.map[0]) && is_whole(&r, m->compared ? 2 : 1), "the image is right");
		rig_close(&r);
	}
	map_free(map);
}

/* Who has compared the bytes need not ask for states. */
static void test_compared(void)
{
	static const struct meeting changed = { .was = 1, .is = 2 };
	struct rig r;

	meet(&changed, &r, 60 * GRAIN_SIZE, NULL);
	r.c.compared = true;
	run(&r);
	ok(r.c.received == 0 && r.c.res.deltas == 0 && r.c.res.resumed_bytes > 0 && image_is(&r, NULL),
	   "what was compared is continued, whatever the state says");
	rig_close(&r);
}

/* Whoever keeps a machine as it is says so. */
static void test_never(void)
{
	struct rig r;

	rig_open(&r, 2);
	r.c.state = 1;
	run(&r);
	r.c.again = RECEIVER_NEVER;
	r.c.state = 2;
	fill(&r, 2, 'Z');
	run(&r);
	ok(r.c.received == 0 && r.c.res.deltas == 0 && !image_is(&r, NULL), "a disk that is to stay is left alone");
	rig_close(&r);
}

/* A part by one map, the rest by another: the map that is kept says what is really left out. */
static void test_spliced_map(void)
{
	static const struct map_run a_runs[] = { { 4, 4 }, { 90, 10 } }, b_runs[] = { { 0, 10 }, { 70, 4 } };
	struct map *a = map_of(a_runs, 2), *b = map_of(b_runs, 2), *kept = NULL, *want = NULL;
	struct rig r;
	uint64_t at;

	rig_open(&r, 2);
	for (uint64_t g = 0; g < RIG_GRAINS; g++)
		fill(&r, g, 'x');
	r.c.checkpoint_bytes = 4 * GRAIN_SIZE;
	r.c.store = true;
	r.c.map[0] = a;
	r.c.cut_after = 50 * GRAIN_SIZE;
	run(&r);
	r.c.cut_after = 0;
	r.c.map[0] = b;
	run(&r);
	at = r.c.res.resumed_bytes / GRAIN_SIZE;
	ok(r.c.received == 0 && at > 8 && at < 70, "a copy continues at %llu with another map",
	   (unsigned long long)at);
	if (map_splice(a, b, at, &want, &err) < 0 ||
	    map_read(r.c.io, "/m/unrack/d0.map", RIG_SIZE, &kept, NULL, &err) < 0)
		abort();
	ok(image_is(&r, want) && map_unused_bytes(kept) == map_unused_bytes(want),
	   "the map is of both parts, as the image is");
	map_free(kept);
	map_free(want);
	rig_close(&r);

	rig_open(&r, 2);
	run(&r);
	twin_io_put(r.twin, "/m/unrack/d0.map", "nonsense", 8);
	fill(&r, 9, 'q');
	r.c.again = RECEIVER_IF_CHANGED;
	run(&r);
	ok(r.c.received == 0 && r.c.res.deltas == 1 && image_is(&r, NULL),
	   "where the map is damaged, nothing is believed");
	rig_close(&r);
	map_free(a);
	map_free(b);
}

/* A stream is never changed: the rest of it is of the same source, or it is written anew. */
static void test_stream_format(void)
{
	struct rig r;

	rig_open(&r, 2);
	r.c.format = DISK_STREAM;
	r.c.again = RECEIVER_IF_CHANGED;
	r.c.checkpoint_bytes = 4 * GRAIN_SIZE;
	free(r.data);
	r.data = copy_data(RIG_SIZE, COPY_NOISE, 8);
	r.c.state = 1;
	r.c.cut_after = 50 * GRAIN_SIZE;
	run(&r);
	r.c.cut_after = 0;
	r.c.state = 2;
	fill(&r, 2, 'Z');
	run(&r);
	ok(r.c.received == 0 && r.c.res.resumed_bytes == 0 && r.c.res.deltas == 0 && r.c.res.data_grains == RIG_GRAINS,
	   "a stream whose source has changed is begun again");
	ok(image_is(&r, NULL) && r.c.point[0].pass == 1, "in its first pass");
	run(&r);
	ok(r.c.received == 0 && r.c.res.data_grains == 0, "when it is complete nothing is to be done");
	r.c.again = RECEIVER_ALWAYS;
	run(&r);
	ok(r.c.received == 0 && r.c.res.data_grains == 0, "also if another pass is wanted, since the source is the same");
	r.c.state = 0;
	run(&r);
	is_int(r.c.received, UNRACK_UNSUPPORTED, "if that is known");
	r.c.state = 3;
	run(&r);
	is_int(r.c.received, UNRACK_UNSUPPORTED, "another change can't be made to it");
	has_str(r.c.receive_err.text, "is in the format stream and complete, and can't be changed any more; copy into "
		"another folder", "with what to do");
	ok(image_is(&r, NULL), "it stays as it is");
	rig_close(&r);
}

int main(void)
{
	test_meetings();
	test_compared();
	test_never();
	test_spliced_map();
	test_stream_format();
	return tap_done();
}
