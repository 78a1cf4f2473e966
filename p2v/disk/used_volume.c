/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume made of pieces of disks. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "used_parts.h"

struct volume {
	struct block_source source;
	char *name;
	struct block_source *const *sources;
	size_t n;
	struct place {
		struct used_piece piece;
		uint64_t at; /* its first byte in the volume */
	} places[];
};

/* The piece that has byte OFF, which is in the volume. */
static const struct place *find(const struct volume *v, uint64_t off)
{
	size_t low = 0, high = v->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (v->places[middle].at <= off)
			low = middle;
		else
			high = middle;
	}
	return &v->places[low];
}

static int volume_read(struct block_source *s, void *buf, size_t n, uint64_t off, struct unrack_error *err)
{
	const struct volume *v = s->ctx;
	uint8_t *to = buf;

	for (const struct place *p = n ? find(v, off) : NULL; n > 0; p++) {
		uint64_t skip = off - p->at;
		size_t part = (size_t)min_u64(n, p->piece.len - skip);
		int r = block_source_read(v->sources[p->piece.disk], to, part, p->piece.off + skip, err);

		if (r < 0)
			return r;
		to += part;
		off += part;
		n -= part;
	}
	return 0;
}

static int volume_next_data(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
			    struct unrack_error *err)
{
	const struct volume *v = s->ctx;
	uint64_t from, to;

	*start = s->size;
	for (const struct place *p = find(v, off); p < v->places + v->n; p++) {
		uint64_t skip = off > p->at ? off - p->at : 0, limit = p->piece.off + p->piece.len;
		int r = block_source_next_data(v->sources[p->piece.disk], p->piece.off + skip, &from, &to, err);

		if (r < 0)
			return r;
		if (from >= limit)
			continue;
		*start = p->at + (from - p->piece.off);
		*end = p->at + (min_u64(to, limit) - p->piece.off);
		return 0;
	}
	return 0;
}

static void volume_close(struct block_source *s)
{
	struct volume *v = s->ctx;

	free(v->name);
	free(v);
}

static const struct block_source_ops volume_ops = { .read = volume_read, .next_data = volume_next_data, .close = volume_close };

/* The place of each piece; the size of all. */
static int add_up(struct volume *v, const struct used_piece *pieces, struct unrack_error *err)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct used_piece *p = &pieces[i];
		uint64_t end;

		if (p->len == 0 || add_overflows(p->off, p->len, &end) || end > v->sources[p->disk]->size)
			return error_set(err, UNRACK_DAMAGED, "%s would lie behind the end of %s", v->name,
					 v->sources[p->disk]->name);
		v->places[i] = (struct place){ *p, v->source.size };
		if (add_overflows(v->source.size, p->len, &v->source.size))
			return error_set(err, UNRACK_DAMAGED, "%s would be larger than any disk", v->name);
	}
	return 0;
}

int used_volume_open(struct block_source *const *sources, const struct used_piece *pieces, size_t n,
		     const char *name, struct block_source **out, struct unrack_error *err)
{
	struct volume *v;
	uint64_t bytes;
	int r;

	if (n == 0)
		return error_set(err, UNRACK_DAMAGED, "%s has no place on any disk", name);
	if (mul_overflows(n, sizeof v->places[0], &bytes) || bytes > SIZE_MAX - sizeof *v)
		return error_nomem(err);
	v = malloc(sizeof *v + (size_t)bytes);
	if (!v)
		return error_nomem(err);
	*v = (struct volume){ .name = strdup(name), .sources = sources, .n = n };
	v->source = (struct block_source){ &volume_ops, 0, v->name, v };
	r = v->name ? add_up(v, pieces, err) : error_nomem(err);
	if (r < 0) {
		volume_close(&v->source);
		return r;
	}
	*out = &v->source;
	return 0;
}

int used_volume_translate(const struct used_piece *pieces, size_t n, struct ranges *unused,
			  struct ranges *const *disks, struct unrack_error *err)
{
	size_t count, k = 0;
	const struct range *list = ranges_list(unused, &count);
	uint64_t at = 0, end;

	/* Both are sorted by the volume's bytes. */
	for (size_t i = 0; i < n; i++, at = end) {
		end = at + pieces[i].len;
		for (; k < count && list[k].off < end; k++) {
			uint64_t from = max_u64(list[k].off, at), to = min_u64(list[k].off + list[k].len, end);
			int r = ranges_add(disks[pieces[i].disk], pieces[i].off + (from - at), to - from, err);

			if (r < 0)
				return r;
			if (list[k].off + list[k].len > end)
				break;
		}
	}
	return 0;
}
