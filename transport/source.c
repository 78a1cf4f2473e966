/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/size.h"
#include "unrack/block_source.h"

static int check_range(const struct block_source *s, size_t n, uint64_t off, struct unrack_error *err)
{
	uint64_t end;

	if (add_overflows(off, n, &end) || end > s->size)
		return error_set(err, UNRACK_DAMAGED,
				 "%s: %zu bytes at byte %llu are wanted, but it ends at byte %llu",
				 s->name, n, (unsigned long long)off, (unsigned long long)s->size);
	return 0;
}

int block_source_read(struct block_source *s, void *buf, size_t n, uint64_t off,
		      struct unrack_error *err)
{
	int r = check_range(s, n, off, err);

	return r < 0 || n == 0 ? r : s->ops->read(s, buf, n, off, err);
}

int block_source_reread(struct block_source *s, void *buf, size_t n, uint64_t off,
			struct unrack_error *err)
{
	int r = check_range(s, n, off, err);

	if (r < 0 || n == 0)
		return r;
	return (s->ops->reread ? s->ops->reread : s->ops->read)(s, buf, n, off, err);
}

int block_source_next_data(struct block_source *s, uint64_t off, uint64_t *start,
			   uint64_t *end, struct unrack_error *err)
{
	int r;

	*start = off;
	*end = s->size;
	if (off >= s->size) {
		*start = s->size;
		return 0;
	}
	if (!s->ops->next_data)
		return 0;
	r = s->ops->next_data(s, off, start, end, err);
	if (r < 0)
		return r;
	/* A source that changes under us may give anything; data is never skipped for it,
	 * and a caller that goes on at *end always gets further. */
	if (*start < off)
		*start = off;
	if (*start > s->size)
		*start = s->size;
	if (*end > s->size || *end <= *start)
		*end = s->size;
	return 0;
}

void block_source_close(struct block_source *s)
{
	if (s)
		s->ops->close(s);
}
