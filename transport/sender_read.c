/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pass over a disk: everything from the accepted position on, but for holes and what nothing
 * uses. */
#include <string.h>

#include "base/size.h"
#include "sender_parts.h"

/* How often we look up from waiting, to see whether we should stop. */
#define LOOK_MS 200

/* A free item. Once a stop was asked for, only those FOR_THE_END get one. */
static int take(struct sender_pass *p, bool for_the_end, struct sender_item **item,
		struct unrack_error *err)
{
	int64_t waited = 0;

	for (;;) {
		*item = pool_take(p->pool, LOOK_MS);
		if (*item)
			return 0;
		if (pool_stopped(p->pool) || sender_replies_failed(p->replies))
			return error_set(err, UNRACK_IO, "the copy has stopped");
		if (!log_stop_asked(p->log))
			continue;
		waited += LOOK_MS;
		if (!for_the_end || waited > SENDER_STOP_MS)
			return error_set(err, UNRACK_INTERRUPTED,
					 "stopped; the receiver takes no data, the same command will "
					 "find out how much is safe and continue");
	}
}

static int submit_range(struct sender_pass *p, enum sender_kind kind, uint64_t count,
			struct unrack_error *err)
{
	struct sender_item *item;
	int r = take(p, kind != SENDER_ZERO, &item, err);

	if (r < 0)
		return r;
	item->kind = kind;
	item->first = p->position;
	item->count = count;
	pool_submit(p->pool);
	p->position += count;
	return 0;
}

int sender_read_mark(struct sender_pass *p, enum sender_kind kind, struct unrack_error *err)
{
	return submit_range(p, kind, 0, err);
}

/* The first range at or after OFF, which never falls, that may hold anything but zeros. */
static int next_data(struct sender_pass *p, uint64_t off, uint64_t *start, uint64_t *end,
		     struct unrack_error *err)
{
	if (off >= p->data_end) {
		int r = block_source_next_data(p->source, off, &p->data_start, &p->data_end, err);

		p->source_failed = r < 0;
		if (r < 0)
			return r;
		if (p->data_start >= p->source->size)
			p->data_end = p->source->size;
	}
	*start = max_u64(off, p->data_start);
	*end = p->data_end;
	return 0;
}

/* The same of what is also used. */
static int next_wanted(struct sender_pass *p, uint64_t off, uint64_t *start, uint64_t *end,
		       struct unrack_error *err)
{
	uint64_t size = p->source->size, first, last;

	for (;;) {
		int r;

		map_next_used(p->map, size, off / GRAIN_SIZE, &first, &last);
		off = min_u64(max_u64(off, first * GRAIN_SIZE), size);
		r = next_data(p, off, start, end, err);
		if (r < 0)
			return r;
		last = min_u64(last * GRAIN_SIZE, size);
		*end = min_u64(*end, last);
		if (*start < last || *start >= size)
			return 0;
		off = *start;
	}
}

/* Where the piece that begins at the position ends. It may span small holes (they are
 * read, as zeros) and unused grains (which are not), but does not reach into what fills the
 * rest of the piece. *data_end: of the wanted range that we know of; updated. */
static int piece_end(struct sender_pass *p, uint64_t *data_end, uint64_t *end,
		     struct unrack_error *err)
{
	uint64_t grains = grain_count(p->source->size);
	uint64_t last = min_u64(round_down(p->position, MESSAGE_GRAINS_MAX) + MESSAGE_GRAINS_MAX,
				grains);

	while (*data_end < p->source->size && *data_end < last * GRAIN_SIZE) {
		uint64_t start, next;
		int r = next_wanted(p, *data_end, &start, &next, err);

		if (r < 0)
			return r;
		if (start >= last * GRAIN_SIZE || start >= p->source->size) {
			last = div_round_up(*data_end, GRAIN_SIZE);
			break;
		}
		*data_end = next;
	}
	*end = last;
	return 0;
}

/* What is used of the grains from the position to END, and zeros. */
static int read_used(struct sender_pass *p, uint8_t *data, uint64_t end, struct unrack_error *err)
{
	uint64_t at = p->position, size = p->source->size, first, last;

	while (at < end) {
		uint8_t *to = data + (size_t)(at - p->position) * GRAIN_SIZE;
		size_t n;

		map_next_used(p->map, size, at, &first, &last);
		first = min_u64(first, end);
		last = min_u64(last, end);
		memset(to, 0, (size_t)(first - at) * GRAIN_SIZE);
		to += (size_t)(first - at) * GRAIN_SIZE;
		n = (size_t)(min_u64(last * GRAIN_SIZE, size) - min_u64(first * GRAIN_SIZE, size));
		if (n > 0 && block_source_read(p->source, to, n, first * GRAIN_SIZE, err) < 0) {
			p->source_failed = true;
			return err->code;
		}
		memset(to + n, 0, (size_t)(last - first) * GRAIN_SIZE - n);
		p->read_bytes += n;
		at = last;
	}
	return 0;
}

static int read_piece(struct sender_pass *p, uint64_t end, struct unrack_error *err)
{
	uint64_t count = end - p->position;
	struct sender_item *item;
	int r = take(p, false, &item, err);

	if (r == 0 && p->delta)
		r = sender_digests_get(p->replies, p->position, count, item->have, err);
	if (r == 0)
		r = read_used(p, item->data, end, err);
	if (r < 0)
		return r;
	item->kind = SENDER_DATA;
	item->first = p->position;
	item->count = count;
	pool_submit(p->pool);
	p->position = end;
	return 0;
}

int sender_read(struct sender_pass *p, struct unrack_error *err)
{
	uint64_t grains = grain_count(p->source->size);
	uint64_t data_end = 0; /* below it, from the position on, is what is wanted */
	int r = 0;

	while (r == 0 && p->position < grains) {
		uint64_t off = p->position * GRAIN_SIZE, start, end;

		if (log_stop_asked(p->log))
			return error_set(err, UNRACK_INTERRUPTED, "stopped");
		if (off >= data_end) {
			r = next_wanted(p, off, &start, &data_end, err);
			if (r < 0)
				break;
			end = start < p->source->size ? start / GRAIN_SIZE : grains;
			if (end > p->position)
				r = submit_range(p, SENDER_ZERO, end - p->position, err);
			continue;
		}
		r = piece_end(p, &data_end, &end, err);
		if (r == 0)
			r = read_piece(p, end, err);
	}
	return r;
}
