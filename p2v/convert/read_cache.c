/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read_cache.h"

#include <stdlib.h>
#include <string.h>

bool read_cache_get(const struct read_cache *c, const char *path, struct buf *out)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->at[i].path, path) != 0)
			continue;
		buf_clear(out);
		return buf_append(out, c->at[i].data.data, c->at[i].data.len) == 0;
	}
	return false;
}

void read_cache_put(struct read_cache *c, const char *path, const struct buf *data)
{
	struct buf *copy;

	if (data->len < READ_CACHE_LEAST || c->n == READ_CACHE_FILES ||
	    data->len > READ_CACHE_BYTES - c->bytes)
		return;
	copy = &c->at[c->n].data;
	c->at[c->n].path = strdup(path);
	memset(copy, 0, sizeof *copy);
	if (!c->at[c->n].path || buf_append(copy, data->data, data->len) < 0) {
		free(c->at[c->n].path);
		buf_free(copy);
		return;
	}
	c->bytes += data->len;
	c->n++;
}

void read_cache_drop(struct read_cache *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->at[i].path);
		buf_free(&c->at[i].data);
	}
	memset(c, 0, sizeof *c);
}
