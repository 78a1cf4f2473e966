/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/tempfile.h"

/* READ_CACHE_FILES: it is not there. */
static size_t find(const struct read_cache *c, const char *path, uint64_t limit)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->at[i].path, path))
			return c->at[i].bytes <= limit ? i : READ_CACHE_FILES;
	return READ_CACHE_FILES;
}

bool read_cache_get(const struct read_cache *c, const char *path, uint64_t limit, struct buf *out)
{
	size_t i = find(c, path, limit);

	buf_clear(out);
	if (i == READ_CACHE_FILES || buf_reserve(out, c->at[i].bytes) < 0)
		return false;
	while (out->len < c->at[i].bytes) {
		ssize_t n = pread(c->at[i].fd, out->data + out->len, c->at[i].bytes - out->len, (off_t)out->len);

		if (n <= 0)
			return false;
		out->len += (size_t)n;
	}
	out->data[out->len] = '\0';
	return true;
}

int read_cache_open(const struct read_cache *c, const char *path, uint64_t limit)
{
	size_t i = find(c, path, limit);

	if (i == READ_CACHE_FILES || lseek(c->at[i].fd, 0, SEEK_SET) < 0)
		return -1;
	return fcntl(c->at[i].fd, F_DUPFD_CLOEXEC, 0);
}

static bool has_room(const struct read_cache *c, uint64_t bytes)
{
	return bytes >= READ_CACHE_LEAST && c->n < READ_CACHE_FILES && bytes <= READ_CACHE_BYTES - c->bytes;
}

void read_cache_put(struct read_cache *c, const char *path, const struct buf *data)
{
	static const char what[] = "a copy of the guest's file";
	struct unrack_error dropped;
	CLEANUP_CLOSE int fd = -1;

	if (has_room(c, data->len) && tempfile_open(what, &fd, &dropped) == 0 &&
	    tempfile_add(fd, what, data->data, data->len, &dropped) == 0)
		read_cache_keep(c, path, fd, data->len);
}

void read_cache_keep(struct read_cache *c, const char *path, int fd, uint64_t bytes)
{
	char *copy;
	int own;

	if (!has_room(c, bytes))
		return;
	copy = strdup(path);
	own = copy ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (own < 0) {
		free(copy);
		return;
	}
	c->at[c->n].path = copy;
	c->at[c->n].fd = own;
	c->at[c->n].bytes = bytes;
	c->bytes += bytes;
	c->n++;
}

void read_cache_drop(struct read_cache *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->at[i].path);
		close(c->at[i].fd);
	}
	memset(c, 0, sizeof *c);
}
