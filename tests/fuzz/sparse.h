/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk of any size in few bytes: zeros, but for the sectors of the input. In it: 0:4 sectors of the disk,
 * 4:2 bytes behind the last one, modulo 512; then, each, 4 number of a sector, 512 its bytes, of which the
 * last ones may be missing. A later one replaces an earlier one. */
#ifndef TESTS_FUZZ_SPARSE_H
#define TESTS_FUZZ_SPARSE_H

#include "fuzz.h"
#include "unrack/block_source.h"

#define SPARSE_MAX 64u

struct sparse {
	struct block_source source;
	unsigned n;
	struct {
		uint32_t at;
		uint8_t b[SECTOR_SIZE];
	} sectors[SPARSE_MAX];
};

/* The sector's bytes, to be changed; NULL: it is one of zeros. */
static inline uint8_t *sparse_at(struct sparse *d, uint64_t sector)
{
	for (unsigned i = d->n; i-- > 0;)
		if (d->sectors[i].at == sector)
			return d->sectors[i].b;
	return NULL;
}

static inline int sparse_read(struct block_source *s, void *buf, size_t n, uint64_t off, struct unrack_error *err)
{
	struct sparse *d = s->ctx;
	uint8_t *to = buf;

	(void)err;
	memset(buf, 0, n);
	for (unsigned i = 0; i < d->n; i++) {
		uint64_t first = (uint64_t)d->sectors[i].at * SECTOR_SIZE;
		uint64_t from = max_u64(first, off), end = min_u64(first + SECTOR_SIZE, off + n);

		if (from < end)
			memcpy(to + (from - off), d->sectors[i].b + (from - first), end - from);
	}
	return 0;
}

static inline void sparse_open(struct sparse *d, struct fuzz_in *in)
{
	static const struct block_source_ops ops = { .read = sparse_read };

	memset(d, 0, sizeof *d);
	d->source = (struct block_source){ &ops, fuzz_take(in, 4) * SECTOR_SIZE, "disk", d };
	d->source.size += fuzz_take(in, 2) % SECTOR_SIZE;
	while (in->n && d->n < SPARSE_MAX) {
		size_t n;

		d->sectors[d->n].at = (uint32_t)fuzz_take(in, 4);
		n = (size_t)min_u64(in->n, SECTOR_SIZE);
		memcpy(d->sectors[d->n++].b, in->p, n);
		in->p += n;
		in->n -= n;
	}
}

#endif
