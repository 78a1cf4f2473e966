/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "image.h"
#include "unrack/diff.h"

#define READ_AROUND (1u << 20) /* what comes into memory with the page that is read */

/* Names come from outside: what a terminal would obey is shown as '?'. */
static int put_name(struct buf *out, const char *name)
{
	for (; *name; name++) {
		char c = (unsigned char)*name < ' ' || *name == 127 ? '?' : *name;

		if (buf_append(out, &c, 1) < 0)
			return -1;
	}
	return 0;
}

static int put(struct buf *out, const char *what, const char *name)
{
	return buf_puts(out, what) < 0 || put_name(out, name) < 0 ? -1 : 0;
}

static bool same_meta(const struct initrd_member *a, const struct initrd_member *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor;
}

static int put_one(struct buf *out, const char *what, const struct initrd_member *m)
{
	return put(out, what, m->name) < 0 ? -1 : buf_printf(out, ", %zu bytes\n", m->size);
}

/* Contents that were compared; any number of names may share one. */
struct compared {
	const uint8_t *a, *b;
	bool same;
};

struct contents {
	const struct initrd *old, *new;
	struct compared *seen; /* by what is compared; there is always a free one */
	size_t mask;
	size_t read; /* since the last time that it was forgotten */
};

static bool compare_pieces(struct contents *c, const uint8_t *a, const uint8_t *b, size_t size)
{
	bool same = true;

	for (size_t at = 0, n; same && at < size; at += n) {
		n = (size_t)min_u64(size - at, IMAGE_READ_AHEAD);
		same = !memcmp(a + at, b + at, n);
		c->read += n + READ_AROUND;
		if (c->read < IMAGE_READ_AHEAD)
			continue;
		initrd_forget(c->old);
		initrd_forget(c->new);
		c->read = 0;
	}
	return same;
}

static int begin_contents(struct contents *c, const struct initrd *old, const struct initrd *new)
{
	size_t n = 2;

	while (n < 2 * (size_t)min_u64(initrd_len(old), initrd_len(new)) + 2)
		n *= 2;
	*c = (struct contents){ .old = old, .new = new, .mask = n - 1, .seen = calloc(n, sizeof *c->seen) };
	return c->seen ? 0 : -1;
}

/* The place of A and B, or the one for them. */
static struct compared *find_compared(const struct contents *c, const uint8_t *a, const uint8_t *b)
{
	size_t k = (size_t)(((uintptr_t)a * 31 + (uintptr_t)b) * 0x9e3779b97f4a7c15u >> 32) & c->mask;

	while (c->seen[k].a && (c->seen[k].a != a || c->seen[k].b != b))
		k = (k + 1) & c->mask;
	return &c->seen[k];
}

static bool same_content(struct contents *c, const struct initrd_member *a, const struct initrd_member *b)
{
	struct compared *seen;

	if (a->size != b->size || a->data == b->data)
		return a->size == b->size;
	if (!a->size)
		return true;
	seen = find_compared(c, a->data, b->data);
	if (!seen->a)
		*seen = (struct compared){ a->data, b->data, compare_pieces(c, a->data, b->data, a->size) };
	return seen->same;
}

static int compare_members(struct contents *c, int (*each)(void *ctx, const struct initrd_difference *d), void *ctx)
{
	size_t ka = 0, kb = 0;
	const struct initrd_member *a = image_next(c->old, &ka), *b = image_next(c->new, &kb);

	while (a || b) {
		int by = !a ? 1 : !b ? -1 : strcmp(a->name, b->name), r;
		struct initrd_difference d = { .old = by <= 0 ? a : NULL, .new = by >= 0 ? b : NULL };

		if (by == 0) {
			d.meta = !same_meta(a, b);
			d.content = !same_content(c, a, b);
			d.time = a->mtime != b->mtime;
		}
		if (by || d.meta || d.content || d.time) {
			r = each(ctx, &d);
			if (r)
				return r;
		}
		if (by <= 0)
			a = image_next(c->old, &ka);
		if (by >= 0)
			b = image_next(c->new, &kb);
	}
	return 0;
}

int initrd_compare(const struct initrd *old, const struct initrd *new,
		   int (*each)(void *ctx, const struct initrd_difference *d), void *ctx)
{
	struct contents c;
	int r = begin_contents(&c, old, new);

	if (r == 0)
		r = compare_members(&c, each, ctx);
	free(c.seen);
	return r;
}

struct comparison {
	const char *script;
	struct buf *out;
};

static int show(void *ctx, const struct initrd_difference *d)
{
	const struct initrd_member *old = d->old, *new = d->new;
	const struct comparison *c = ctx;
	int r = 0;

	if (!new)
		return put_one(c->out, "removed ", old);
	if (!old)
		return put_one(c->out, "added   ", new);
	if (d->meta)
		r = put(c->out, "changed ", old->name) < 0 ? -1
		    : buf_printf(c->out, ", mode %o to %o, owner %u:%u to %u:%u\n", old->mode, new->mode,
				 old->uid, old->gid, new->uid, new->gid);
	if (r < 0 || !d->content)
		return r;
	if (put(c->out, "changed ", old->name) < 0 ||
	    buf_printf(c->out, ", %zu to %zu bytes\n", old->size, new->size) < 0)
		return -1;
	if (strcmp(old->name, c->script) != 0)
		return 0;
	return diff_unified(c->script, c->script, old->data, old->size, new->data, new->size, c->out);
}

int image_compare(const struct initrd *old, const struct initrd *new, const char *script,
		  struct buf *out)
{
	struct comparison c = { script, out };

	return initrd_compare(old, new, show, &c);
}
