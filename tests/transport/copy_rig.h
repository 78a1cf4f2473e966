/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One disk that is copied again and again, for tests: its data changes in between. */
#ifndef TESTS_COPY_RIG_H
#define TESTS_COPY_RIG_H

#include "copy.h"

/* Seven pieces and an odd end. */
#define RIG_GRAINS 105u
#define RIG_SIZE ((RIG_GRAINS - 1) * (size_t)GRAIN_SIZE + 12345)

static struct unrack_error err;

struct rig {
	struct twin_io *twin;
	struct twin_source *src;
	uint8_t *data;
	struct copy c;
};

__attribute__((unused)) static void rig_open(struct rig *r, int workers)
{
	r->data = copy_data(RIG_SIZE, COPY_MIXED, 5);
	r->src = NULL;
	r->twin = twin_io_new(NULL);
	r->c = (struct copy){ .disks = 1, .io = twin_io(r->twin), .dir = "/m", .workers = workers,
			      .again = RECEIVER_ALWAYS };
}

__attribute__((unused)) static void drop_source(struct rig *r)
{
	block_source_close(r->c.source[0]);
	r->c.source[0] = NULL;
	twin_source_free(r->src);
	r->src = NULL;
}

/* A copy of the data as it is now. */
__attribute__((unused)) static void run(struct rig *r)
{
	if (r->src)
		drop_source(r);
	r->src = twin_source_memory(r->data, RIG_SIZE);
	r->c.source[0] = twin_source(r->src);
	copy_run(&r->c);
	if (r->c.sent < 0 || r->c.received < 0)
		printf("# %d %s, %d %s\n", r->c.sent, r->c.send_err.text, r->c.received,
		       r->c.receive_err.text);
}

__attribute__((unused)) static void rig_close(struct rig *r)
{
	drop_source(r);
	buf_free(&r->c.wire);
	twin_io_free(r->twin);
	free(r->data);
}

/* Of RUNS, N of them. */
__attribute__((unused)) static struct map *map_of(const struct map_run *runs, size_t n)
{
	struct map *m = NULL;

	if (map_from_runs(RIG_SIZE, runs, n, &m, &err) < 0)
		abort();
	return m;
}

/* The image is the data, with the grains of M zeroed (NULL: none). */
__attribute__((unused)) static bool image_is(struct rig *r, const struct map *m)
{
	uint8_t *want = malloc(RIG_SIZE);
	const struct map_run *runs;
	size_t n = 0;
	bool same;

	memcpy(want, r->data, RIG_SIZE);
	runs = m ? map_runs(m, &n) : NULL;
	for (size_t i = 0; i < n; i++)
		memset(want + runs[i].first * GRAIN_SIZE, 0,
		       min_u64(runs[i].count * GRAIN_SIZE, RIG_SIZE - runs[i].first * GRAIN_SIZE));
	same = copy_image_is(&r->c, r->twin, 0, want, RIG_SIZE);
	free(want);
	return same;
}

/* Journal, digests and image agree. */
__attribute__((unused)) static bool is_whole(struct rig *r, uint64_t pass)
{
	struct journal_info info;
	struct journal_point point;
	struct digest_table *t;
	struct verify_result v;
	struct digest_key key;
	struct digest whole;
	uint64_t n;
	bool good;

	if (journal_read(r->c.io, "/m/unrack/d0.journal", &info, &point, &err) < 0)
		return false;
	digest_key_init(&key, info.seed);
	journal_info_free(&info);
	if (digest_table_open(r->c.io, "/m/unrack/d0.digests", RIG_SIZE, true, &t, &err) < 0)
		return false;
	good = point.complete && point.pass == pass &&
	       digest_table_whole(t, &key, RIG_SIZE, RIG_GRAINS, &whole, &n, &err) == 0 && n == point.data_grains &&
	       memcmp(&whole, &point.whole, sizeof whole) == 0 &&
	       verify_image(r->c.io, "/m/d0-flat.vmdk", DISK_FLAT, RIG_SIZE, t, &key, NULL, 0, 0, NULL, &v, &err) == 0 &&
	       v.different == 0 && v.checked == RIG_GRAINS;
	digest_table_close(t);
	return good;
}

__attribute__((unused)) static void fill(struct rig *r, uint64_t grain, char c)
{
	memset(r->data + grain * GRAIN_SIZE, c, grain_bytes(RIG_SIZE, grain));
}

#endif
