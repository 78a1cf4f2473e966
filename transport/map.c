/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "unrack/grain.h"

#define MAGIC "UNRACKMP"
#define VERSION 1u
#define HEADER_SIZE 64u
#define RUN_SIZE 16u
#define AT_VERSION 8
#define AT_SUM 16
#define AT_BYTES 24
#define AT_PASS 32
#define AT_STATE 40
#define AT_RUNS 56
#define FILE_MAX (HEADER_SIZE + (size_t)MAP_RUNS_MAX * RUN_SIZE)
#define MAP_MODE 0600

struct map {
	uint64_t disk_bytes, grains, unused;
	size_t n;
	struct map_run runs[];
};

static struct map *map_alloc(uint64_t disk_bytes, size_t n, struct unrack_error *err)
{
	struct map *m = calloc(1, sizeof *m + n * sizeof m->runs[0]);

	if (!m) {
		error_nomem(err);
		return NULL;
	}
	m->disk_bytes = disk_bytes;
	m->grains = grain_count(disk_bytes);
	return m;
}

/* Runs come in order. */
static void map_add(struct map *m, uint64_t first, uint64_t count)
{
	struct map_run *last = m->n ? &m->runs[m->n - 1] : NULL;

	if (count == 0)
		return;
	m->unused += count;
	if (last && last->first + last->count == first)
		last->count += count;
	else
		m->runs[m->n++] = (struct map_run){ first, count };
}

int map_new(uint64_t disk_bytes, struct ranges *unused, struct map **out, struct unrack_error *err)
{
	const struct range *at = NULL;
	struct map *m;
	size_t n = 0;

	if (unused)
		at = ranges_list(unused, &n);
	if (n > MAP_RUNS_MAX)
		return error_set(err, UNRACK_INTERNAL, "a map of %zu ranges", n);
	m = map_alloc(disk_bytes, n, err);
	if (!m)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		uint64_t end = min_u64(at[i].off + at[i].len, disk_bytes);
		uint64_t first = div_round_up(at[i].off, GRAIN_SIZE);
		/* Of the disk's last grain there may be only a part. */
		uint64_t last = end == disk_bytes ? m->grains : end / GRAIN_SIZE;

		if (first < last)
			map_add(m, first, last - first);
	}
	*out = m;
	return 0;
}

/* Adds a run that comes from outside. */
static int take_run(struct map *m, const struct map_run *run, struct unrack_error *err)
{
	const struct map_run *last = m->n ? &m->runs[m->n - 1] : NULL;

	if (run->count == 0 || run->first >= m->grains || run->count > m->grains - run->first ||
	    (last && run->first <= last->first + last->count))
		return error_set(err, UNRACK_DAMAGED,
				 "run %zu of a map is not within the disk, or not in order", m->n);
	map_add(m, run->first, run->count);
	return 0;
}

int map_from_runs(uint64_t disk_bytes, const struct map_run *runs, size_t n, struct map **out,
		  struct unrack_error *err)
{
	struct map *m = map_alloc(disk_bytes, n, err);
	int r = 0;

	if (!m)
		return err->code;
	for (size_t i = 0; i < n && r == 0; i++)
		r = take_run(m, &runs[i], err);
	if (r < 0)
		map_free(m);
	else
		*out = m;
	return r;
}

/* The runs of FROM between the grains FIRST and END. */
static void copy_runs(struct map *to, const struct map *from, uint64_t first, uint64_t end)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct map_run *run = &from->runs[i];
		uint64_t low = max_u64(run->first, first);
		uint64_t high = min_u64(run->first + run->count, end);

		if (low < high)
			map_add(to, low, high - low);
	}
}

int map_splice(const struct map *a, const struct map *b, uint64_t grain, struct map **out,
	       struct unrack_error *err)
{
	struct map *m;

	if (a->disk_bytes != b->disk_bytes)
		return error_set(err, UNRACK_INTERNAL, "maps of disks of different sizes can't be joined");
	m = map_alloc(b->disk_bytes, a->n + b->n, err);
	if (!m)
		return err->code;
	copy_runs(m, a, 0, grain);
	copy_runs(m, b, grain, b->grains);
	if (m->n > MAP_RUNS_MAX) {
		map_free(m);
		return error_set(err, UNRACK_UNSUPPORTED, "the map of this copy has more than %u runs; "
				 "continue with --all-blocks", MAP_RUNS_MAX);
	}
	*out = m;
	return 0;
}

void map_free(struct map *m)
{
	free(m);
}

const struct map_run *map_runs(const struct map *m, size_t *n)
{
	*n = m->n;
	return m->runs;
}

uint64_t map_disk_bytes(const struct map *m)
{
	return m->disk_bytes;
}

uint64_t map_unused_bytes(const struct map *m)
{
	uint64_t bytes = m->unused * GRAIN_SIZE;
	const struct map_run *last = m->n ? &m->runs[m->n - 1] : NULL;

	if (last && last->first + last->count == m->grains)
		bytes -= GRAIN_SIZE - grain_bytes(m->disk_bytes, m->grains - 1);
	return bytes;
}

/* The first run that ends behind GRAIN. */
static size_t find(const struct map *m, uint64_t grain)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->runs[mid].first + m->runs[mid].count > grain)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

void map_next_used(const struct map *m, uint64_t size, uint64_t grain, uint64_t *first,
		   uint64_t *end)
{
	uint64_t grains = grain_count(size);
	size_t i = m ? find(m, grain) : 0;

	*first = min_u64(grain, grains);
	*end = grains;
	if (!m)
		return;
	if (i < m->n && m->runs[i].first <= grain) {
		*first = m->runs[i].first + m->runs[i].count;
		i++;
	}
	if (i < m->n)
		*end = m->runs[i].first;
}

int map_write(const struct io *io, const char *path, const struct map *m,
	      const struct map_origin *origin, struct unrack_error *err)
{
	size_t size = HEADER_SIZE + m->n * RUN_SIZE;
	uint8_t *data = calloc(1, size);
	int r;

	if (!data)
		return error_nomem(err);
	memcpy(data, MAGIC, 8);
	put_le32(data + AT_VERSION, VERSION);
	put_le64(data + AT_BYTES, m->disk_bytes);
	put_le64(data + AT_PASS, origin->pass);
	memcpy(data + AT_STATE, origin->state.b, DIGEST_SIZE);
	put_le64(data + AT_RUNS, m->n);
	for (size_t i = 0; i < m->n; i++) {
		put_le64(data + HEADER_SIZE + i * RUN_SIZE, m->runs[i].first);
		put_le64(data + HEADER_SIZE + i * RUN_SIZE + 8, m->runs[i].count);
	}
	put_le64(data + AT_SUM, checksum64(data, size));
	r = io_replace_file(io, path, data, size, MAP_MODE, err);
	free(data);
	return r;
}

/* The checksum is of the version, too: else a damaged file could look like a newer one. */
static bool is_whole(const struct buf *file)
{
	uint8_t *data = file->data;
	uint64_t sum = get_le64(data + AT_SUM);
	bool whole;

	put_le64(data + AT_SUM, 0);
	whole = sum == checksum64(data, file->len);
	put_le64(data + AT_SUM, sum);
	return whole;
}

static int parse(const struct buf *file, const char *path, uint64_t disk_bytes, struct map **out,
		 struct map_origin *origin, struct unrack_error *err)
{
	const uint8_t *data = file->data;
	struct map *m;
	uint64_t n;
	int r = 0;

	if (file->len < HEADER_SIZE || memcmp(data, MAGIC, 8) != 0)
		return error_set(err, UNRACK_DAMAGED, "%s is not a map of a disk", path);
	if (!is_whole(file))
		return error_set(err, UNRACK_DAMAGED, "%s is damaged; run the copy again, which makes a new one",
				 path);
	if (get_le32(data + AT_VERSION) != VERSION)
		return error_set(err, UNRACK_UNSUPPORTED, "%s was written by a newer unrack; use that", path);
	n = get_le64(data + AT_RUNS);
	if (n > MAP_RUNS_MAX || file->len != HEADER_SIZE + n * RUN_SIZE)
		return error_set(err, UNRACK_DAMAGED, "%s has not as many runs as it says", path);
	if (get_le64(data + AT_BYTES) != disk_bytes)
		return error_set(err, UNRACK_DAMAGED, "%s is the map of another disk, of %llu bytes", path,
				 (unsigned long long)get_le64(data + AT_BYTES));
	m = map_alloc(disk_bytes, (size_t)n, err);
	if (!m)
		return err->code;
	for (uint64_t i = 0; i < n && r == 0; i++) {
		const uint8_t *at = data + HEADER_SIZE + i * RUN_SIZE;
		struct map_run run = { get_le64(at), get_le64(at + 8) };

		r = take_run(m, &run, err);
	}
	if (r < 0) {
		map_free(m);
		return error_prefix(err, "%s", path);
	}
	if (origin) {
		origin->pass = get_le64(data + AT_PASS);
		memcpy(origin->state.b, data + AT_STATE, DIGEST_SIZE);
	}
	*out = m;
	return 0;
}

int map_read(const struct io *io, const char *path, uint64_t disk_bytes, struct map **out,
	     struct map_origin *origin, struct unrack_error *err)
{
	struct buf file = { 0 };
	int r = io_read_file(io, path, FILE_MAX, &file, err);

	if (r == 0)
		r = parse(&file, path, disk_bytes, out, origin, err);
	buf_free(&file);
	return r;
}
