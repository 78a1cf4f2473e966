/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* No threads and no headers: a position in the stream says which inner channel it is on. What makes them
 * work at the same time is that each takes some bytes ahead of its line. */
#include <stdlib.h>

#include "base/size.h"
#include "unrack/channel.h"

struct striped {
	struct channel channel;
	unsigned n;
	size_t stripe;
	uint64_t read, written; /* bytes so far */
	struct channel *inner[];
};

/* The channel that has the byte at AT, and in *part how many of N bytes from there on. */
static struct channel *find(const struct striped *s, uint64_t at, size_t n, size_t *part)
{
	*part = (size_t)min_u64(n, s->stripe - at % s->stripe);
	return s->inner[at / s->stripe % s->n];
}

static int striped_read(struct channel *c, void *buf, size_t n, struct unrack_error *err)
{
	struct striped *s = c->ctx;
	uint8_t *to = buf;

	while (n > 0) {
		size_t part;
		struct channel *inner = find(s, s->read, n, &part);
		int r;

		inner->silence_ms = c->silence_ms;
		r = channel_read(inner, to, part, err);
		if (r < 0)
			return r;
		s->read += part;
		to += part;
		n -= part;
	}
	return 0;
}

static int striped_write(struct channel *c, const void *buf, size_t n, struct unrack_error *err)
{
	struct striped *s = c->ctx;
	const uint8_t *from = buf;

	while (n > 0) {
		size_t part;
		struct channel *inner = find(s, s->written, n, &part);
		int r = channel_write(inner, from, part, err);

		if (r < 0)
			return r;
		s->written += part;
		from += part;
		n -= part;
	}
	return 0;
}

static void striped_shutdown(struct channel *c)
{
	struct striped *s = c->ctx;

	for (unsigned i = 0; i < s->n; i++)
		channel_shutdown(s->inner[i]);
}

static void striped_stop_reading(struct channel *c)
{
	struct striped *s = c->ctx;

	for (unsigned i = 0; i < s->n; i++)
		channel_stop_reading(s->inner[i]);
}

static void striped_close(struct channel *c)
{
	free(c->ctx);
}

static const struct channel_ops striped_ops = { striped_read, striped_write, striped_shutdown,
						striped_close, striped_stop_reading };

int channel_open_striped(struct channel *const *inner, unsigned n, size_t stripe, struct channel **out,
			 struct unrack_error *err)
{
	struct striped *s;

	if (n == 0 || n > CHANNEL_STRIPES_MAX || stripe == 0)
		return error_set(err, UNRACK_INTERNAL, "%u channels can't be one", n);
	s = calloc(1, sizeof *s + n * sizeof s->inner[0]);
	if (!s)
		return error_nomem(err);
	s->channel = (struct channel){ .ops = &striped_ops, .ctx = s, .silence_ms = inner[0]->silence_ms,
				       .spoken = inner[0]->spoken };
	s->n = n;
	s->stripe = stripe;
	for (unsigned i = 0; i < n; i++)
		s->inner[i] = inner[i];
	*out = &s->channel;
	return 0;
}
