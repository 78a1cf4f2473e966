/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting files into a twin in memory, and getting them out. */
#include "twin_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"

void twin_put(struct twin_io *t, const char *path, const struct twin_content *c)
{
	struct twin_entry e = { .r = { .op = TWIN_OPEN, .path = twin_need(strdup(path)) },
				.existed = true };

	pthread_mutex_lock(&t->lock);
	e.file = twin_file_new(t);
	twin_content_copy(t->files.at[e.file], c);
	twin_name_set(&t->names, path, e.file);
	e.initial = twin_need(calloc(1, sizeof *e.initial));
	twin_content_copy(e.initial, c);
	twin_pushed(twin_entry_vec_push(&t->log, e));
	pthread_mutex_unlock(&t->lock);
}

void twin_io_put(struct twin_io *t, const char *path, const void *data, size_t n)
{
	struct twin_content *c = twin_need(calloc(1, sizeof *c));

	twin_content_write(c, data, n, 0);
	twin_put(t, path, c);
	twin_content_free(c);
}

uint8_t *twin_io_get(struct twin_io *t, const char *path, size_t *n)
{
	uint8_t *data = NULL;
	size_t file;

	pthread_mutex_lock(&t->lock);
	file = twin_name_find(&t->names, path);
	if (file != TWIN_NONE) {
		struct twin_content *c = t->files.at[file];

		data = twin_need(malloc((size_t)c->size + 1));
		twin_content_read(c, data, (size_t)c->size, 0);
		data[c->size] = 0;
		if (n)
			*n = (size_t)c->size;
	}
	pthread_mutex_unlock(&t->lock);
	return data;
}

bool twin_io_exists(struct twin_io *t, const char *path)
{
	bool yes;

	pthread_mutex_lock(&t->lock);
	yes = twin_name_find(&t->names, path) != TWIN_NONE;
	pthread_mutex_unlock(&t->lock);
	return yes;
}

static void die(const char *path)
{
	fprintf(stderr, "twins: can't write %s: %s\n", path, strerror(errno));
	abort();
}

static void make_folders(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0777) < 0 && errno != EEXIST)
			die(path);
		*p = '/';
	}
}

static void dump_file(const struct twin_content *c, char *path)
{
	uint8_t buf[65536];
	size_t n;
	int fd;

	make_folders(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		die(path);
	for (uint64_t at = 0; (n = twin_content_read(c, buf, sizeof buf, at)) > 0; at += n)
		if (!is_zero(buf, n) && pwrite(fd, buf, n, (off_t)at) != (ssize_t)n)
			die(path);
	if (ftruncate(fd, (off_t)c->size) < 0 || close(fd) < 0)
		die(path);
}

void twin_io_dump(struct twin_io *t, const char *from, const char *to)
{
	size_t n = strlen(from);
	char path[4096];

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->names.len; i++) {
		const char *name = t->names.at[i].path;

		if (strncmp(name, from, n) != 0 || name[n] != '/')
			continue;
		if (snprintf(path, sizeof path, "%s%s", to, name + n) >= (int)sizeof path)
			die(name);
		dump_file(t->files.at[t->names.at[i].file], path);
	}
	pthread_mutex_unlock(&t->lock);
}
