/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "twin_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

#define PAGE 4096u

void *twin_need(void *p)
{
	if (!p) {
		fputs("twins: no memory\n", stderr);
		abort();
	}
	return p;
}

void twin_pushed(int r)
{
	if (r < 0)
		twin_need(NULL);
}

/* The page that holds byte OFF, made when MAKE; NULL: a hole. */
static uint8_t *page_at(struct twin_content *c, uint64_t off, bool make)
{
	size_t i = (size_t)(off / PAGE);

	if (i >= c->pages && make) {
		size_t n = (size_t)max_u64(i + 1, c->pages * 2);

		c->page = twin_need(realloc(c->page, n * sizeof *c->page));
		memset(c->page + c->pages, 0, (n - c->pages) * sizeof *c->page);
		c->pages = n;
	}
	if (i < c->pages && !c->page[i] && make)
		c->page[i] = twin_need(calloc(1, PAGE));
	return i < c->pages ? c->page[i] : NULL;
}

void twin_content_write(struct twin_content *c, const void *data, uint64_t n, uint64_t off)
{
	const uint8_t *p = data;

	while (n > 0) {
		size_t at = (size_t)(off % PAGE), part = (size_t)min_u64(n, PAGE - at);

		memcpy(page_at(c, off, true) + at, p, part);
		p += part;
		off += part;
		n -= part;
		c->size = max_u64(c->size, off);
	}
}

uint64_t twin_content_next_data(const struct twin_content *c, uint64_t off)
{
	for (uint64_t i = off / PAGE; off < c->size && i < c->pages; i++, off = i * PAGE)
		if (c->page[i])
			return off;
	return UINT64_MAX;
}

/* Zeros up to the size, which stays. */
void twin_content_punch(struct twin_content *c, uint64_t off, uint64_t len)
{
	len = off < c->size ? min_u64(len, c->size - off) : 0;
	while (len > 0) {
		size_t at = (size_t)(off % PAGE), part = (size_t)min_u64(len, PAGE - at);
		uint8_t *page = page_at(c, off, false);

		if (page)
			memset(page + at, 0, part);
		off += part;
		len -= part;
	}
}

size_t twin_content_read(const struct twin_content *c, void *buf, size_t n, uint64_t off)
{
	size_t done = 0;

	if (off >= c->size)
		return 0;
	n = (size_t)min_u64(n, c->size - off);
	while (done < n) {
		size_t i = (size_t)((off + done) / PAGE), at = (size_t)((off + done) % PAGE);
		size_t part = (size_t)min_u64(n - done, PAGE - at);

		if (i < c->pages && c->page[i])
			memcpy((uint8_t *)buf + done, c->page[i] + at, part);
		else
			memset((uint8_t *)buf + done, 0, part);
		done += part;
	}
	return n;
}

void twin_content_resize(struct twin_content *c, uint64_t size)
{
	uint8_t *last;

	if (size < c->size) {
		for (size_t i = (size_t)div_round_up(size, PAGE); i < c->pages; i++) {
			free(c->page[i]);
			c->page[i] = NULL;
		}
		last = size % PAGE ? page_at(c, size, false) : NULL;
		if (last)
			memset(last + size % PAGE, 0, PAGE - size % PAGE);
	}
	c->size = size;
}

void twin_content_copy(struct twin_content *to, const struct twin_content *from)
{
	twin_content_resize(to, 0);
	for (size_t i = 0; i < from->pages; i++)
		if (from->page[i])
			twin_content_write(to, from->page[i], PAGE, (uint64_t)i * PAGE);
	twin_content_resize(to, from->size);
}

void twin_content_free(struct twin_content *c)
{
	if (!c)
		return;
	twin_content_resize(c, 0);
	free(c->page);
	free(c);
}
