/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/size.h"
#include "base/tempfile.h"

#define WHAT "what an initrd unpacks to"
#define PIECE_MAX (2u << 20)

static int leave_memory(struct store *s, struct unrack_error *err)
{
	int r = tempfile_open(WHAT, &s->fd, err);

	s->in_file = r == 0;
	if (r == 0)
		r = tempfile_add(s->fd, WHAT, s->mem.data, s->mem.len, err);
	buf_free(&s->mem);
	return r;
}

int store_add(struct store *s, const void *p, size_t n, struct unrack_error *err)
{
	int r = 0;

	if (!s->in_file && n <= s->keep && s->mem.len <= s->keep - n) {
		if (buf_append(&s->mem, p, n) < 0)
			return error_nomem(err);
	} else {
		if (!s->in_file)
			r = leave_memory(s, err);
		if (r == 0)
			r = tempfile_add(s->fd, WHAT, p, n, err);
	}
	if (r == 0)
		s->len += n;
	return r;
}

int store_take(struct store *s, struct buf *b, struct unrack_error *err)
{
	size_t n = b->len;
	int r = 0;

	s->mem = *b;
	*b = (struct buf){ 0 };
	if (n > s->keep)
		r = leave_memory(s, err);
	if (r == 0)
		s->len = n;
	return r;
}

int store_end(struct store *s, struct unrack_error *err)
{
	void *map;

	if (!s->in_file) {
		s->data = (const uint8_t *)buf_str(&s->mem);
		return 0;
	}
	map = mmap(NULL, s->len, PROT_READ, MAP_SHARED, s->fd, 0);
	if (map == MAP_FAILED)
		return error_errno(err, errno, "can't map %zu MiB of a temporary file", s->len >> 20);
	s->data = map;
	s->mapped = true;
	return 0;
}

void store_borrow(struct store *s, const void *p, size_t n)
{
	*s = (struct store){ .data = p, .len = n };
}

/* A page that is read brings others into memory, too: up to all that are one piece in the kernel's cache. */
void store_forget(const struct store *s, size_t from, size_t to)
{
	if (!s->mapped || from >= to)
		return;
	from = (size_t)round_down(from, PIECE_MAX);
	to = (size_t)min_u64(round_up(to, PIECE_MAX), s->len);
	/* That it can't be forgotten harms nothing. */
	(void)madvise((uint8_t *)s->data + from, to - from, MADV_DONTNEED);
}

size_t store_resident(const struct store *s)
{
	return s->in_file ? 0 : s->len;
}

void store_free(struct store *s)
{
	if (s->mapped)
		munmap((void *)s->data, s->len);
	if (s->in_file)
		close(s->fd);
	buf_free(&s->mem);
	*s = (struct store){ 0 };
}
