/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "unrack/block_source.h"

struct memory {
	struct block_source source;
	const uint8_t *data;
};

static int memory_read(struct block_source *s, void *buf, size_t n, uint64_t off,
		       struct unrack_error *err)
{
	const struct memory *m = s->ctx;

	(void)err;
	memcpy(buf, m->data + off, n);
	return 0;
}

static void memory_close(struct block_source *s)
{
	free((char *)(uintptr_t)s->name);
	free(s->ctx);
}

static const struct block_source_ops memory_ops = { .read = memory_read, .close = memory_close };

int block_source_open_memory(const void *data, uint64_t size, const char *name,
			     struct block_source **out, struct unrack_error *err)
{
	struct memory *m = calloc(1, sizeof *m);
	char *copy = strdup(name);

	if (!m || !copy) {
		free(m);
		free(copy);
		return error_nomem(err);
	}
	m->data = data;
	m->source.ops = &memory_ops;
	m->source.size = size;
	m->source.name = copy;
	m->source.ctx = m;
	*out = &m->source;
	return 0;
}
