/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "twin_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* Descriptors of files in memory: numbers that no real descriptor has. */
#define MEMORY_FD 0x40000000

static char *copy_string(const char *s)
{
	return twin_need(strdup(s));
}

static size_t name_index(const struct twin_name_vec *v, const char *path)
{
	size_t i = 0;

	while (i < v->len && strcmp(v->at[i].path, path) != 0)
		i++;
	return i;
}

size_t twin_name_find(const struct twin_name_vec *v, const char *path)
{
	size_t i = name_index(v, path);

	return i < v->len ? v->at[i].file : TWIN_NONE;
}

void twin_name_remove(struct twin_name_vec *v, const char *path)
{
	size_t i = name_index(v, path);

	if (i == v->len)
		return;
	free(v->at[i].path);
	v->at[i] = v->at[--v->len];
}

void twin_name_set(struct twin_name_vec *v, const char *path, size_t file)
{
	struct twin_name n = { copy_string(path), file };

	twin_name_remove(v, path);
	twin_pushed(twin_name_vec_push(v, n));
}

void twin_names_free(struct twin_name_vec *v)
{
	for (size_t i = 0; i < v->len; i++)
		free(v->at[i].path);
	twin_name_vec_free(v);
}

size_t twin_file_new(struct twin_io *t)
{
	twin_pushed(twin_file_vec_push(&t->files, twin_need(calloc(1, sizeof(struct twin_content)))));
	return t->files.len - 1;
}

static size_t fd_slot(const struct twin_io *t, int fd)
{
	return (size_t)(t->real ? fd : fd - MEMORY_FD);
}

/* What FD is, or an unused one with an empty path. With the lock held. */
static struct twin_fd fd_get(struct twin_io *t, int fd)
{
	size_t i = fd_slot(t, fd);

	if (i < t->fds.len && t->fds.at[i].used)
		return t->fds.at[i];
	return (struct twin_fd){ .file = TWIN_NONE, .path = (char *)(uintptr_t)"" };
}

static bool fault_hits(struct twin_fault_state *s, enum twin_op op, const char *path)
{
	size_t n = strlen(path), m = s->f.suffix ? strlen(s->f.suffix) : 0;

	if (s->f.op != TWIN_OPS && s->f.op != op)
		return false;
	if (m > n || (m && strcmp(path + n - m, s->f.suffix) != 0))
		return false;
	s->seen++;
	return s->f.onwards ? s->seen >= s->f.nth : s->seen == s->f.nth;
}

/* Before each call: hook and faults. Takes the lock, and returns with it held: 0, or the
 * negative errno to fail with. */
static int begin(struct twin_io *t, enum twin_op op, const char *path)
{
	int e = t->hook ? t->hook(t->hook_ctx, op, path) : 0;

	pthread_mutex_lock(&t->lock);
	t->count[op]++;
	for (size_t i = 0; i < t->faults.len; i++)
		if (fault_hits(&t->faults.at[i], op, path) && !e)
			e = t->faults.at[i].f.errnum;
	return -e;
}

/* The same for a call on a descriptor, which *o tells. */
static int begin_fd(struct twin_io *t, enum twin_op op, int fd, struct twin_fd *o)
{
	int r;

	pthread_mutex_lock(&t->lock);
	*o = fd_get(t, fd);
	pthread_mutex_unlock(&t->lock);
	r = begin(t, op, o->path);
	return r == 0 && !o->used ? -EBADF : r;
}

/* After each call: E, whose strings and data are copied, goes into the record, and the
 * lock is given back. Returns the call's result. */
static int64_t end(struct twin_io *t, struct twin_entry e)
{
	int64_t result = e.r.result;

	if (!t->quiet) {
		e.r.path = copy_string(e.r.path);
		e.r.to = e.r.to ? copy_string(e.r.to) : NULL;
		if (e.r.data && result > 0)
			e.r.data = memcpy(twin_need(malloc((size_t)result)), e.r.data, (size_t)result);
		else
			e.r.data = NULL;
		twin_pushed(twin_entry_vec_push(&t->log, e));
	} else {
		twin_content_free(e.initial);
	}
	pthread_mutex_unlock(&t->lock);
	return result;
}

/* The content of a real file, NULL when it does not exist (or can't be read). */
static struct twin_content *read_real(const struct io *real, const char *path)
{
	int fd = real->ops->open(real->ctx, path, O_RDONLY, 0);
	struct twin_content *c;
	uint8_t *buf;
	ssize_t n;

	if (fd < 0)
		return NULL;
	c = twin_need(calloc(1, sizeof *c));
	buf = twin_need(malloc(1 << 20));
	while ((n = real->ops->pread(real->ctx, fd, buf, 1 << 20, c->size)) > 0) {
		if (is_zero(buf, (size_t)n))
			twin_content_resize(c, c->size + (uint64_t)n);
		else
			twin_content_write(c, buf, (uint64_t)n, c->size);
	}
	real->ops->close(real->ctx, fd);
	free(buf);
	return c;
}

static int open_memory(struct twin_io *t, size_t file, int flags)
{
	size_t i = 0;

	if (file == TWIN_NONE && !(flags & O_CREAT))
		return -ENOENT;
	if (file != TWIN_NONE && (flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (file != TWIN_NONE && (flags & O_TRUNC))
		twin_content_resize(t->files.at[file], 0);
	while (i < t->fds.len && t->fds.at[i].used)
		i++;
	return MEMORY_FD + (int)i;
}

static void fd_set_up(struct twin_io *t, int fd, struct twin_fd o)
{
	size_t i = fd_slot(t, fd);

	while (t->fds.len <= i)
		twin_pushed(twin_fd_vec_push(&t->fds, (struct twin_fd){ 0 }));
	free(t->fds.at[i].path);
	t->fds.at[i] = o;
}

static int op_open(void *ctx, const char *path, int flags, mode_t mode)
{
	struct twin_io *t = ctx;
	int r = begin(t, TWIN_OPEN, path);
	struct twin_entry e = { .r = { .op = TWIN_OPEN, .path = path }, .flags = flags };

	e.file = twin_name_find(&t->names, path);
	e.existed = e.file != TWIN_NONE;
	if (r == 0 && t->real) {
		if (!e.existed && !t->quiet)
			e.initial = read_real(t->real, path);
		r = t->real->ops->open(t->real->ctx, path, flags, mode);
	} else if (r == 0) {
		r = open_memory(t, e.file, flags);
	}
	if (r >= 0) {
		if (!e.existed) {
			e.file = twin_file_new(t);
			twin_name_set(&t->names, path, e.file);
		}
		e.existed |= e.initial != NULL;
		fd_set_up(t, r, (struct twin_fd){ true, e.file, flags, copy_string(path) });
	} else {
		twin_content_free(e.initial);
		e.initial = NULL;
	}
	e.r.result = r;
	return (int)end(t, e);
}

static ssize_t op_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	struct twin_io *t = ctx;
	struct twin_fd o;
	ssize_t r = begin_fd(t, TWIN_PREAD, fd, &o);

	if (t->max)
		n = (size_t)min_u64(n, t->max);
	if (r == 0 && (o.flags & O_ACCMODE) == O_WRONLY)
		r = -EBADF;
	if (r == 0)
		r = t->real ? t->real->ops->pread(t->real->ctx, fd, buf, n, off)
			    : (ssize_t)twin_content_read(t->files.at[o.file], buf, n, off);
	return end(t, (struct twin_entry){ .r = { TWIN_PREAD, r, o.path, NULL, off, n, NULL },
					   .file = o.file });
}

static ssize_t op_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	struct twin_io *t = ctx;
	struct twin_fd o;
	ssize_t r = begin_fd(t, TWIN_PWRITE, fd, &o);
	size_t part = n;

	if (t->max)
		part = (size_t)min_u64(part, t->max);
	if (t->limited)
		part = (size_t)min_u64(part, t->space);
	if (r == 0 && (o.flags & O_ACCMODE) == O_RDONLY)
		r = -EBADF;
	if (r == 0 && n > 0 && part == 0)
		r = -ENOSPC;
	if (r == 0 && t->real) {
		r = t->real->ops->pwrite(t->real->ctx, fd, buf, part, off);
	} else if (r == 0) {
		twin_content_write(t->files.at[o.file], buf, part, off);
		r = (ssize_t)part;
	}
	if (r > 0 && t->limited)
		t->space -= (uint64_t)r;
	return end(t, (struct twin_entry){ .r = { TWIN_PWRITE, r, o.path, NULL, off, n, buf },
					   .file = o.file });
}

/* The real sync runs outside the lock, beside writes; it covers what came before it. */
static int op_fdatasync(void *ctx, int fd)
{
	struct twin_io *t = ctx;
	struct twin_fd o;
	int r = begin_fd(t, TWIN_FDATASYNC, fd, &o);
	size_t mark = t->log.len;

	if (r == 0 && t->real) {
		pthread_mutex_unlock(&t->lock);
		r = t->real->ops->fdatasync(t->real->ctx, fd);
		pthread_mutex_lock(&t->lock);
	}
	return (int)end(t, (struct twin_entry){ .r = { .op = TWIN_FDATASYNC, .result = r, .path = o.path },
						.file = o.file, .mark = mark });
}

static int op_truncate(void *ctx, int fd, uint64_t size)
{
	struct twin_io *t = ctx;
	struct twin_fd o;
	int r = begin_fd(t, TWIN_TRUNCATE, fd, &o);

	if (r == 0 && (o.flags & O_ACCMODE) == O_RDONLY)
		r = -EINVAL;
	if (r == 0 && t->real)
		r = t->real->ops->truncate(t->real->ctx, fd, size);
	else if (r == 0)
		twin_content_resize(t->files.at[o.file], size);
	return (int)end(t, (struct twin_entry){ .r = { TWIN_TRUNCATE, r, o.path, NULL, 0, size, NULL },
						.file = o.file });
}

static int op_punch(void *ctx, int fd, uint64_t off, uint64_t len)
{
	struct twin_io *t = ctx;
	struct twin_fd o;
	int r = begin_fd(t, TWIN_PUNCH, fd, &o);

	if (r == 0 && t->real)
		r = t->real->ops->punch(t->real->ctx, fd, off, len);
	else if (r == 0)
		twin_content_punch(t->files.at[o.file], off, len);
	return (int)end(t, (struct twin_entry){ .r = { TWIN_PUNCH, r, o.path, NULL, off, len, NULL },
						.file = o.file });
}

/* A close that fails closes nevertheless, as on Linux. */
static int op_close(void *ctx, int fd)
{
	struct twin_io *t = ctx;
	struct twin_fd o;
	int r = begin_fd(t, TWIN_CLOSE, fd, &o), real = 0;

	if (o.used && t->real)
		real = t->real->ops->close(t->real->ctx, fd);
	if (o.used)
		t->fds.at[fd_slot(t, fd)].used = false;
	return (int)end(t, (struct twin_entry){
				   .r = { .op = TWIN_CLOSE, .result = r ? r : real, .path = o.path },
				   .file = o.file });
}

static int op_rename(void *ctx, const char *from, const char *to)
{
	struct twin_io *t = ctx;
	int r = begin(t, TWIN_RENAME, from);
	size_t file = twin_name_find(&t->names, from);

	if (r == 0 && t->real)
		r = t->real->ops->rename(t->real->ctx, from, to);
	else if (r == 0 && file == TWIN_NONE)
		r = -ENOENT;
	if (r == 0 && file != TWIN_NONE) {
		twin_name_set(&t->names, to, file);
		twin_name_remove(&t->names, from);
	}
	return (int)end(t, (struct twin_entry){ .r = { .op = TWIN_RENAME, .result = r, .path = from, .to = to },
						.file = file });
}

static int op_unlink(void *ctx, const char *path)
{
	struct twin_io *t = ctx;
	int r = begin(t, TWIN_UNLINK, path);
	size_t file = twin_name_find(&t->names, path);

	if (r == 0 && t->real)
		r = t->real->ops->unlink(t->real->ctx, path);
	else if (r == 0 && file == TWIN_NONE)
		r = -ENOENT;
	if (r == 0)
		twin_name_remove(&t->names, path);
	return (int)end(t, (struct twin_entry){ .r = { .op = TWIN_UNLINK, .result = r, .path = path },
						.file = file });
}

static int op_fsyncdir(void *ctx, const char *path)
{
	struct twin_io *t = ctx;
	int r = begin(t, TWIN_FSYNCDIR, path);
	size_t mark = t->log.len;

	if (r == 0 && t->real)
		r = t->real->ops->fsyncdir(t->real->ctx, path);
	return (int)end(t, (struct twin_entry){ .r = { .op = TWIN_FSYNCDIR, .result = r, .path = path },
						.file = TWIN_NONE, .mark = mark });
}

/* Folders and second names are not recorded: no content depends on them. */
static int op_mkdir(void *ctx, const char *path, mode_t mode)
{
	struct twin_io *t = ctx;

	return t->real ? t->real->ops->mkdir(t->real->ctx, path, mode) : 0;
}

static int op_link(void *ctx, const char *from, const char *to)
{
	struct twin_io *t = ctx;

	return t->real ? t->real->ops->link(t->real->ctx, from, to) : -EPERM;
}

static int op_room(void *ctx, const char *path, uint64_t *bytes)
{
	struct twin_io *t = ctx;

	return t->real ? t->real->ops->room(t->real->ctx, path, bytes) : -ENOSYS;
}

static enum unrack_code op_explain(void *ctx, int errnum, char *text, size_t size)
{
	struct twin_io *t = ctx;

	return t->real && t->real->ops->explain ? t->real->ops->explain(t->real->ctx, errnum, text, size) : 0;
}

/* Not recorded either: it is another way for the same bytes. */
static int op_direct(void *ctx, int fd, bool on)
{
	struct twin_io *t = ctx;

	return t->real && t->real->ops->direct ? t->real->ops->direct(t->real->ctx, fd, on) : -EINVAL;
}

/* No call that can fail, or that a crash depends on: not in the record. */
static int op_size(void *ctx, int fd, uint64_t *bytes)
{
	struct twin_io *t = ctx;
	struct twin_fd o;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	o = fd_get(t, fd);
	if (!o.used)
		r = -EBADF;
	else if (t->real)
		r = t->real->ops->size(t->real->ctx, fd, bytes);
	else
		*bytes = t->files.at[o.file]->size;
	pthread_mutex_unlock(&t->lock);
	return r;
}

static int op_next_data(void *ctx, int fd, uint64_t off, uint64_t *at)
{
	struct twin_io *t = ctx;
	struct twin_fd o;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	o = fd_get(t, fd);
	if (!o.used)
		r = -EBADF;
	else if (t->real)
		r = io_next_data(t->real, fd, off, at) ? 0 : -EOPNOTSUPP;
	else
		*at = twin_content_next_data(t->files.at[o.file], off);
	pthread_mutex_unlock(&t->lock);
	return r;
}

static const struct io_ops twin_ops = {
	op_open, op_pread, op_pwrite, op_fdatasync, op_truncate, op_punch, op_close,
	op_rename, op_unlink, op_fsyncdir, op_mkdir, op_link, op_room, op_explain, op_direct, op_size,
	op_next_data,
};

struct twin_io *twin_io_new(const struct io *real)
{
	struct twin_io *t = twin_need(calloc(1, sizeof *t));

	t->io = (struct io){ &twin_ops, t };
	t->real = real;
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void twin_io_free(struct twin_io *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->log.len; i++) {
		twin_content_free(t->log.at[i].initial);
		free((void *)(uintptr_t)t->log.at[i].r.path);
		free((void *)(uintptr_t)t->log.at[i].r.to);
		free((void *)(uintptr_t)t->log.at[i].r.data);
	}
	for (size_t i = 0; i < t->files.len; i++)
		twin_content_free(t->files.at[i]);
	for (size_t i = 0; i < t->fds.len; i++)
		free(t->fds.at[i].path);
	twin_names_free(&t->names);
	twin_file_vec_free(&t->files);
	twin_fd_vec_free(&t->fds);
	twin_entry_vec_free(&t->log);
	twin_fault_vec_free(&t->faults);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

const struct io *twin_io(struct twin_io *t)
{
	return &t->io;
}

void twin_io_fault(struct twin_io *t, struct twin_fault f)
{
	pthread_mutex_lock(&t->lock);
	twin_pushed(twin_fault_vec_push(&t->faults, (struct twin_fault_state){ f, 0 }));
	pthread_mutex_unlock(&t->lock);
}

void twin_io_heal(struct twin_io *t)
{
	pthread_mutex_lock(&t->lock);
	t->faults.len = 0;
	t->limited = false;
	t->max = 0;
	pthread_mutex_unlock(&t->lock);
}

void twin_io_space(struct twin_io *t, uint64_t bytes)
{
	pthread_mutex_lock(&t->lock);
	t->limited = true;
	t->space = bytes;
	pthread_mutex_unlock(&t->lock);
}

void twin_io_short(struct twin_io *t, size_t max)
{
	pthread_mutex_lock(&t->lock);
	t->max = max;
	pthread_mutex_unlock(&t->lock);
}

void twin_io_hook(struct twin_io *t, int (*hook)(void *ctx, enum twin_op op, const char *path),
		  void *ctx)
{
	t->hook_ctx = ctx;
	t->hook = hook;
}

void twin_io_quiet(struct twin_io *t)
{
	pthread_mutex_lock(&t->lock);
	t->quiet = true;
	pthread_mutex_unlock(&t->lock);
}

size_t twin_io_records(struct twin_io *t)
{
	size_t n;

	pthread_mutex_lock(&t->lock);
	n = t->log.len;
	pthread_mutex_unlock(&t->lock);
	return n;
}

struct twin_record twin_io_record(struct twin_io *t, size_t i)
{
	struct twin_record r;

	pthread_mutex_lock(&t->lock);
	r = t->log.at[i].r;
	pthread_mutex_unlock(&t->lock);
	return r;
}

uint64_t twin_io_count(struct twin_io *t, enum twin_op op)
{
	uint64_t n;

	pthread_mutex_lock(&t->lock);
	n = t->count[op];
	pthread_mutex_unlock(&t->lock);
	return n;
}
