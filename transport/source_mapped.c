/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "unrack/block_source.h"
#include "unrack/grain.h"
#include "unrack/map.h"

struct mapped {
	struct block_source source, *inner;
	const struct map *map;
};

/* The first used range at or after OFF, in bytes. */
static void next_used(const struct mapped *m, uint64_t off, uint64_t *start, uint64_t *end)
{
	uint64_t first, last;

	map_next_used(m->map, m->source.size, off / GRAIN_SIZE, &first, &last);
	*start = min_u64(max_u64(first * GRAIN_SIZE, off), m->source.size);
	*end = min_u64(last * GRAIN_SIZE, m->source.size);
}

static int mapped_read(struct block_source *s, void *buf, size_t n, uint64_t off,
		       struct unrack_error *err)
{
	struct mapped *m = s->ctx;
	uint64_t end = off + n, at = off;
	int r = 0;

	while (at < end && r == 0) {
		uint64_t start, stop;

		next_used(m, at, &start, &stop);
		start = min_u64(start, end);
		stop = min_u64(stop, end);
		memset((uint8_t *)buf + (at - off), 0, (size_t)(start - at));
		if (start < stop)
			r = block_source_read(m->inner, (uint8_t *)buf + (start - off), (size_t)(stop - start),
					      start, err);
		at = max_u64(start, stop);
	}
	return r;
}

static int mapped_next_data(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
			    struct unrack_error *err)
{
	struct mapped *m = s->ctx;

	for (;;) {
		uint64_t stop;
		int r;

		next_used(m, off, &off, &stop);
		*start = off;
		*end = stop;
		if (off >= s->size)
			return 0;
		r = block_source_next_data(m->inner, off, start, end, err);
		if (r < 0)
			return r;
		if (*start < stop) {
			*end = min_u64(*end, stop);
			return 0;
		}
		off = *start;
	}
}


static void mapped_close(struct block_source *s)
{
	free(s->ctx);
}

static const struct block_source_ops mapped_ops = {
	.read = mapped_read, .next_data = mapped_next_data, .close = mapped_close,
};

int block_source_open_mapped(struct block_source *inner, const struct map *map, struct block_source **out,
			     struct unrack_error *err)
{
	struct mapped *m;

	if (map_disk_bytes(map) != inner->size)
		return error_set(err, UNRACK_DAMAGED, "the map is of a disk of %llu bytes, but %s has %llu",
				 (unsigned long long)map_disk_bytes(map), inner->name,
				 (unsigned long long)inner->size);
	m = calloc(1, sizeof *m);
	if (!m)
		return error_nomem(err);
	m->source = (struct block_source){ &mapped_ops, inner->size, inner->name, m };
	m->inner = inner;
	m->map = map;
	*out = &m->source;
	return 0;
}
