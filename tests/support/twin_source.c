/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "twin_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bad_range {
	uint64_t off, len;
	int errnum;
	uint64_t times; /* left; 0: for ever */
	bool spent;
};

struct read_range {
	uint64_t off, len;
};

DEFINE_VEC(bad_vec, struct bad_range);
DEFINE_VEC(read_vec, struct read_range);

struct twin_source {
	struct block_source *source; /* NULL once closed */
	const uint8_t *data;
	struct block_source *inner;
	pthread_mutex_t lock;
	struct bad_vec bad;
	struct read_vec reads;
	uint64_t bytes;
	int (*hook)(void *ctx, uint64_t off, size_t n);
	void *hook_ctx;
};

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* The errno that a read of the range gets. Counts it. */
static int judge(struct twin_source *t, size_t n, uint64_t off)
{
	int e = 0;

	pthread_mutex_lock(&t->lock);
	twin_pushed(read_vec_push(&t->reads, (struct read_range){ off, n }));
	for (size_t i = 0; i < t->bad.len && !e; i++) {
		struct bad_range *b = &t->bad.at[i];

		if (b->spent || !overlap(off, n, b->off, b->len))
			continue;
		e = b->errnum;
		if (b->times && --b->times == 0)
			b->spent = true;
	}
	pthread_mutex_unlock(&t->lock);
	return e;
}

static int twin_read(struct block_source *s, void *buf, size_t n, uint64_t off,
		     struct unrack_error *err)
{
	struct twin_source *t = s->ctx;
	int e = t->hook ? t->hook(t->hook_ctx, off, n) : 0, r = 0;

	if (off > s->size || n > s->size - off) {
		fprintf(stderr, "twins: read of %zu bytes at %llu, beyond the source's end\n", n,
			(unsigned long long)off);
		abort();
	}
	if (!e)
		e = judge(t, n, off);
	if (e)
		return error_errno(err, e, "can't read %s at byte %llu", s->name,
				   (unsigned long long)off);
	if (t->inner)
		r = t->inner->ops->read(t->inner, buf, n, off, err);
	else if (n)
		memcpy(buf, t->data + off, n);
	if (r == 0) {
		pthread_mutex_lock(&t->lock);
		t->bytes += n;
		pthread_mutex_unlock(&t->lock);
	}
	return r;
}

static int twin_next_data(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
			  struct unrack_error *err)
{
	struct twin_source *t = s->ctx;

	return t->inner->ops->next_data(t->inner, off, start, end, err);
}

static void twin_close(struct block_source *s)
{
	struct twin_source *t = s->ctx;

	if (t->inner)
		t->inner->ops->close(t->inner);
	t->inner = NULL;
	t->source = NULL;
	free(s);
}

static const struct block_source_ops memory_ops = { .read = twin_read, .close = twin_close };
static const struct block_source_ops wrap_ops = { .read = twin_read, .next_data = twin_next_data, .close = twin_close };

static struct twin_source *source_new(uint64_t size, const char *name,
				      const struct block_source_ops *ops)
{
	struct twin_source *t = twin_need(calloc(1, sizeof *t));

	t->source = twin_need(calloc(1, sizeof *t->source));
	*t->source = (struct block_source){ ops, size, name, t };
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

struct twin_source *twin_source_memory(const void *data, uint64_t size)
{
	struct twin_source *t = source_new(size, "twin", &memory_ops);

	t->data = data;
	return t;
}

struct twin_source *twin_source_wrap(struct block_source *inner)
{
	struct twin_source *t = source_new(inner->size, inner->name,
					   inner->ops->next_data ? &wrap_ops : &memory_ops);

	t->inner = inner;
	return t;
}

struct block_source *twin_source(struct twin_source *t)
{
	return t->source;
}

void twin_source_free(struct twin_source *t)
{
	if (!t)
		return;
	if (t->source)
		twin_close(t->source);
	bad_vec_free(&t->bad);
	read_vec_free(&t->reads);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void twin_source_bad(struct twin_source *t, uint64_t off, uint64_t len, int errnum, uint64_t times)
{
	pthread_mutex_lock(&t->lock);
	twin_pushed(bad_vec_push(&t->bad, (struct bad_range){ off, len, errnum, times, false }));
	pthread_mutex_unlock(&t->lock);
}

void twin_source_hook(struct twin_source *t, int (*hook)(void *ctx, uint64_t off, size_t n),
		      void *ctx)
{
	t->hook_ctx = ctx;
	t->hook = hook;
}

uint64_t twin_source_reads(struct twin_source *t)
{
	uint64_t n;

	pthread_mutex_lock(&t->lock);
	n = t->reads.len;
	pthread_mutex_unlock(&t->lock);
	return n;
}

uint64_t twin_source_bytes(struct twin_source *t)
{
	uint64_t n;

	pthread_mutex_lock(&t->lock);
	n = t->bytes;
	pthread_mutex_unlock(&t->lock);
	return n;
}

bool twin_source_was_read(struct twin_source *t, uint64_t off, uint64_t len)
{
	bool yes = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->reads.len && !yes; i++)
		yes = overlap(off, len, t->reads.at[i].off, t->reads.at[i].len);
	pthread_mutex_unlock(&t->lock);
	return yes;
}

bool twin_source_closed(struct twin_source *t)
{
	return !t->source;
}
