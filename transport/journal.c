/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "journal_format.h"

/* A journal with more records is compacted when it is opened. */
#define COMPACT_AT 1024u

struct journal {
	const struct io *io;
	char *path;
	int fd;
	struct journal_content c;
	bool dead;
};

void journal_info_free(struct journal_info *info)
{
	identity_free(&info->id);
}

const struct journal_info *journal_get_info(const struct journal *j)
{
	return &j->c.info;
}

const struct journal_point *journal_last(const struct journal *j)
{
	return &j->c.last;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0) /* nothing that matters is unsynced */
		j->io->ops->close(j->io->ctx, j->fd);
	journal_info_free(&j->c.info);
	free(j->path);
	free(j);
}

/* NULL: no memory. */
static struct journal *journal_new(const struct io *io, const char *path)
{
	struct journal *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->io = io;
	j->fd = -1;
	j->path = strdup(path);
	if (!j->path) {
		free(j);
		return NULL;
	}
	return j;
}

/* Puts a header and, if there is one, the last record in the file's place. */
static int write_anew(struct journal *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	uint8_t rec[JOURNAL_RECORD_SIZE];
	struct unrack_error dropped;
	int r;

	r = journal_format_header(&j->c.info, &b, &j->c.header_sum, err);
	if (r < 0)
		return r;
	j->c.header_size = (uint32_t)b.len;
	j->c.records = 0;
	if (j->c.seq > 0) {
		journal_format_record(&j->c.last, j->c.seq, j->c.header_sum, rec);
		if (buf_append(&b, rec, sizeof rec) < 0)
			return error_nomem(err);
		j->c.records = 1;
	}
	j->c.end = b.len;
	io_close(j->io, &j->fd, j->path, &dropped);
	r = io_replace_file(j->io, j->path, b.data, b.len, 0600, err);
	if (r == 0)
		r = io_open(j->io, j->path, O_RDWR, 0, &j->fd, err);
	return r;
}

int journal_create(const struct io *io, const char *path, const struct journal_info *info,
		   struct journal **out, struct unrack_error *err)
{
	struct journal *j;
	int r, fd = -1;

	r = io_open(io, path, O_RDONLY, 0, &fd, err);
	if (r == 0) {
		io->ops->close(io->ctx, fd);
		return error_set(err, UNRACK_UNSAFE, "%s exists already", path);
	}
	if (err->sys_errno != ENOENT)
		return r;
	j = journal_new(io, path);
	if (!j)
		return error_nomem(err);
	j->c.info.format = info->format;
	memcpy(j->c.info.seed, info->seed, sizeof info->seed);
	r = identity_copy(&j->c.info.id, &info->id, err);
	if (r == 0)
		r = write_anew(j, err);
	if (r < 0) {
		journal_close(j);
		return r;
	}
	*out = j;
	return 0;
}

static int read_content(const struct io *io, const char *path, struct journal_content *c,
			uint64_t *file_size, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	int r = io_read_file(io, path, JOURNAL_FILE_MAX, &b, err);

	if (r < 0)
		return r;
	*file_size = b.len;
	r = journal_format_parse(b.data, b.len, path, c, err);
	if (r == UNRACK_DAMAGED)
		error_suffix(err, "; nothing was written: put a good copy of it back, or copy the disk into another folder");
	return r;
}

/* Cuts a torn tail, and makes the last record durable: its writer may have been killed
 * before its sync, or have seen it fail, after which only writing it again helps. */
static int repair(struct journal *j, uint64_t size, struct unrack_error *err)
{
	uint8_t rec[JOURNAL_RECORD_SIZE];
	int r = 0;

	if (size > j->c.end)
		r = io_truncate(j->io, j->fd, j->path, j->c.end, err);
	if (r == 0 && j->c.records > 0) {
		journal_format_record(&j->c.last, j->c.seq, j->c.header_sum, rec);
		r = io_pwrite_all(j->io, j->fd, j->path, rec, sizeof rec, j->c.end - sizeof rec, err);
	}
	return r < 0 ? r : io_fdatasync(j->io, j->fd, j->path, err);
}

int journal_open(const struct io *io, const char *path, struct journal **out,
		 struct unrack_error *err)
{
	struct journal *j = journal_new(io, path);
	uint64_t size;
	int r;

	if (!j)
		return error_nomem(err);
	r = read_content(io, path, &j->c, &size, err);
	if (r == 0 && j->c.records > COMPACT_AT) {
		r = write_anew(j, err);
	} else if (r == 0) {
		r = io_open(io, path, O_RDWR, 0, &j->fd, err);
		if (r == 0)
			r = repair(j, size, err);
	}
	if (r < 0) {
		journal_close(j);
		return r;
	}
	*out = j;
	return 0;
}

int journal_read(const struct io *io, const char *path, struct journal_info *info,
		 struct journal_point *point, struct unrack_error *err)
{
	struct journal_content c;
	uint64_t size;
	int r = read_content(io, path, &c, &size, err);

	if (r < 0)
		return r;
	*point = c.last;
	if (info)
		*info = c.info;
	else
		journal_info_free(&c.info);
	return 0;
}

static int append(struct journal *j, const struct journal_point *p, struct unrack_error *err)
{
	uint8_t rec[JOURNAL_RECORD_SIZE];
	int r;

	journal_format_record(p, j->c.seq + 1, j->c.header_sum, rec);
	r = io_pwrite_all(j->io, j->fd, j->path, rec, sizeof rec, j->c.end, err);
	if (r == 0)
		r = io_fdatasync(j->io, j->fd, j->path, err);
	if (r < 0)
		return r;
	j->c.end += sizeof rec;
	j->c.records++;
	j->c.seq++;
	j->c.last = *p;
	return 0;
}

int journal_append(struct journal *j, const struct journal_point *p, struct unrack_error *err)
{
	const char *why = journal_format_check(p, j->c.info.id.bytes);
	int r = 0;

	if (why)
		return error_set(err, UNRACK_INTERNAL, "%s: refused to write a record: %s", j->path, why);
	if (j->dead)
		return error_set(err, UNRACK_IO,
				 "%s could not be written before; run the same command again", j->path);
	if (j->c.records >= JOURNAL_RECORDS_MAX)
		r = write_anew(j, err);
	if (r == 0)
		r = append(j, p, err);
	if (r < 0)
		j->dead = true;
	return r;
}
