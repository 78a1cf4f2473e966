/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "base/vec.h"

#define MEASURE_EVERY (64u << 20)
#define RESERVE (1u << 20)
#define SMALL_WRITE 4096u
#define FILE_COST 4096u
/* Machine folders are one or two deep. */
#define DEPTH_MAX 32u
/* Files with several names that are told apart; beyond these each name counts. */
#define LINKED_MAX 65536u

struct quota {
	struct io io;
	const struct io *inner;
	char *folder;
	uint64_t limit;
	pthread_mutex_t lock; /* what follows */
	uint64_t used;        /* as measured */
	uint64_t written;     /* since then */
	bool freed;           /* something was given back since then */
	bool short_of;        /* it was this quota that left too little room */
};

/* --- Measuring -------------------------------------------------------------------------- */

struct linked {
	dev_t dev;
	ino_t ino;
	uint64_t bytes;
};
DEFINE_VEC(linked_vec, struct linked);

struct walk {
	uint64_t used;
	struct linked_vec linked;
};

static uint64_t cost(const struct stat *st)
{
	return max_u64((uint64_t)st->st_blocks * 512, FILE_COST);
}

static int count(struct walk *w, const struct stat *st, struct unrack_error *err)
{
	struct linked one = { st->st_dev, st->st_ino, cost(st) };

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2 || w->linked.len >= LINKED_MAX)
		w->used += one.bytes;
	else if (linked_vec_push(&w->linked, one) < 0)
		return error_nomem(err);
	return 0;
}

static int walk_folder(struct walk *w, int fd, const char *name, unsigned depth, struct unrack_error *err);

static int walk_entry(struct walk *w, int dir, const char *name, unsigned depth, struct unrack_error *err)
{
	struct stat st;
	int fd, r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "can't look at %s", name);
	r = count(w, &st, err);
	if (r < 0 || !S_ISDIR(st.st_mode))
		return r;
	if (depth == DEPTH_MAX)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "folders lie more than %u deep in each other, down to one called %s; a quota "
				 "can't be kept there", DEPTH_MAX, name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Gone, or something else by now: then it has no files. Or another user's (lost+found). */
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES ? 0 :
			       error_errno(err, errno, "can't read the folder %s", name);
	return walk_folder(w, fd, name, depth + 1, err);
}

/* FD becomes ours. */
static int walk_folder(struct walk *w, int fd, const char *name, unsigned depth, struct unrack_error *err)
{
	DIR *dir CLEANUP_CLOSEDIR = fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir) {
		close(fd);
		return error_errno(err, errno, "can't read the folder %s", name);
	}
	while (r == 0 && (errno = 0, e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = walk_entry(w, fd, e->d_name, depth, err);
	if (r == 0 && errno)
		r = error_errno(err, errno, "can't read the folder %s", name);
	return r;
}

static int compare_linked(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static uint64_t linked_bytes(struct linked_vec *v)
{
	uint64_t bytes = 0;

	if (v->len)
		qsort(v->at, v->len, sizeof *v->at, compare_linked);
	for (size_t i = 0; i < v->len; i++)
		if (i == 0 || compare_linked(&v->at[i - 1], &v->at[i]) != 0)
			bytes += v->at[i].bytes;
	return bytes;
}

/* With the lock held, or before there are threads. */
static int measure(struct quota *q, struct unrack_error *err)
{
	struct walk w = { .used = 0 };
	int fd = -1, own, r = io_open(q->inner, q->folder, O_RDONLY | O_DIRECTORY, 0, &fd, err);

	if (r < 0)
		return r;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	r = own < 0 ? error_errno(err, errno, "can't read the folder %s", q->folder)
		    : walk_folder(&w, own, q->folder, 0, err);
	q->inner->ops->close(q->inner->ctx, fd);
	if (r == 0) {
		q->used = w.used + linked_bytes(&w.linked);
		q->written = 0;
		q->freed = false;
	}
	linked_vec_free(&w.linked);
	return r;
}

/* --- The table -------------------------------------------------------------------------- */

static bool fits(const struct quota *q, uint64_t more, uint64_t limit)
{
	uint64_t sum;

	return !add_overflows(q->used + q->written, more, &sum) && sum <= limit;
}

/* MORE bytes are about to be written. 0, or -EDQUOT. */
static int charge(struct quota *q, uint64_t more)
{
	uint64_t limit = q->limit;
	struct unrack_error dropped;
	bool yes;

	if (more <= SMALL_WRITE && add_overflows(limit, RESERVE, &limit))
		limit = UINT64_MAX;
	pthread_mutex_lock(&q->lock);
	/* What was written over is counted twice until it is measured. If it can't be, what we
	 * know is enough to be strict. */
	if (q->written >= MEASURE_EVERY || ((q->written > 0 || q->freed) && !fits(q, more, limit)))
		measure(q, &dropped);
	yes = fits(q, more, limit);
	if (yes)
		q->written += more;
	else
		q->short_of = true;
	pthread_mutex_unlock(&q->lock);
	return yes ? 0 : -EDQUOT;
}

/* R is the result of what gives space back. How much is found out when it matters. */
static int freed(struct quota *q, int r)
{
	pthread_mutex_lock(&q->lock);
	q->freed |= r == 0;
	pthread_mutex_unlock(&q->lock);
	return r;
}

static int quota_ops_open(void *ctx, const char *path, int flags, mode_t mode)
{
	struct quota *q = ctx;
	const struct io *io = q->inner;
	int r;

	if (!(flags & O_CREAT))
		return io->ops->open(io->ctx, path, flags, mode);
	/* Only a new file costs something. */
	if (!(flags & O_EXCL)) {
		r = io->ops->open(io->ctx, path, flags & ~O_CREAT, mode);
		if (r != -ENOENT)
			return r;
	}
	r = charge(q, FILE_COST);
	return r < 0 ? r : io->ops->open(io->ctx, path, flags, mode);
}

static ssize_t quota_ops_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	struct quota *q = ctx;

	return q->inner->ops->pread(q->inner->ctx, fd, buf, n, off);
}

static ssize_t quota_ops_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	struct quota *q = ctx;
	int r = charge(q, n);

	return r < 0 ? r : q->inner->ops->pwrite(q->inner->ctx, fd, buf, n, off);
}

static int quota_ops_fdatasync(void *ctx, int fd)
{
	struct quota *q = ctx;

	return q->inner->ops->fdatasync(q->inner->ctx, fd);
}

static int quota_ops_truncate(void *ctx, int fd, uint64_t size)
{
	struct quota *q = ctx;

	return freed(q, q->inner->ops->truncate(q->inner->ctx, fd, size));
}

static int quota_ops_punch(void *ctx, int fd, uint64_t off, uint64_t len)
{
	struct quota *q = ctx;

	return freed(q, q->inner->ops->punch(q->inner->ctx, fd, off, len));
}

static int quota_ops_close(void *ctx, int fd)
{
	struct quota *q = ctx;

	return q->inner->ops->close(q->inner->ctx, fd);
}

static int quota_ops_rename(void *ctx, const char *from, const char *to)
{
	struct quota *q = ctx;

	return freed(q, q->inner->ops->rename(q->inner->ctx, from, to));
}

static int quota_ops_unlink(void *ctx, const char *path)
{
	struct quota *q = ctx;

	return freed(q, q->inner->ops->unlink(q->inner->ctx, path));
}

static int quota_ops_fsyncdir(void *ctx, const char *path)
{
	struct quota *q = ctx;

	return q->inner->ops->fsyncdir(q->inner->ctx, path);
}

static int quota_ops_mkdir(void *ctx, const char *path, mode_t mode)
{
	struct quota *q = ctx;
	const struct io *io = q->inner;
	int r = io->ops->open(io->ctx, path, O_PATH, 0);

	if (r >= 0)
		io->ops->close(io->ctx, r);
	if (r != -ENOENT)
		return r < 0 ? r : -EEXIST;
	r = charge(q, FILE_COST);
	return r < 0 ? r : io->ops->mkdir(io->ctx, path, mode);
}

static int quota_ops_link(void *ctx, const char *from, const char *to)
{
	struct quota *q = ctx;

	return q->inner->ops->link(q->inner->ctx, from, to);
}

static int quota_ops_room(void *ctx, const char *path, uint64_t *bytes)
{
	struct quota *q = ctx;
	int r = q->inner->ops->room(q->inner->ctx, path, bytes);
	uint64_t left = quota_left(q);

	if (r < 0 || *bytes <= left)
		return r;
	*bytes = left;
	pthread_mutex_lock(&q->lock);
	q->short_of = true;
	pthread_mutex_unlock(&q->lock);
	return 0;
}

static enum unrack_code quota_ops_explain(void *ctx, int errnum, char *text, size_t size)
{
	struct quota *q = ctx;
	uint64_t used;
	bool ours;

	pthread_mutex_lock(&q->lock);
	ours = errnum == EDQUOT && q->short_of;
	used = q->used + q->written;
	pthread_mutex_unlock(&q->lock);
	if (!ours)
		return q->inner->ops->explain ? q->inner->ops->explain(q->inner->ctx, errnum, text, size) : 0;
	snprintf(text, size,
		 "the quota is %.1f MiB, of which %.1f MiB are taken: have it raised, or what is no longer "
		 "needed removed", (double)q->limit / 1048576, (double)used / 1048576);
	return UNRACK_NOSPACE;
}

static int quota_ops_direct(void *ctx, int fd, bool on)
{
	struct quota *q = ctx;

	return io_direct(q->inner, fd, on) ? 0 : -EINVAL;
}

static int quota_ops_size(void *ctx, int fd, uint64_t *bytes)
{
	struct quota *q = ctx;

	return q->inner->ops->size(q->inner->ctx, fd, bytes);
}

static int quota_ops_next_data(void *ctx, int fd, uint64_t off, uint64_t *at)
{
	struct quota *q = ctx;

	return io_next_data(q->inner, fd, off, at) ? 0 : -EOPNOTSUPP;
}

static const struct io_ops quota_ops = {
	.open = quota_ops_open,
	.pread = quota_ops_pread,
	.pwrite = quota_ops_pwrite,
	.fdatasync = quota_ops_fdatasync,
	.truncate = quota_ops_truncate,
	.punch = quota_ops_punch,
	.close = quota_ops_close,
	.rename = quota_ops_rename,
	.unlink = quota_ops_unlink,
	.fsyncdir = quota_ops_fsyncdir,
	.mkdir = quota_ops_mkdir,
	.link = quota_ops_link,
	.room = quota_ops_room,
	.explain = quota_ops_explain,
	.direct = quota_ops_direct,
	.size = quota_ops_size,
	.next_data = quota_ops_next_data,
};

/* --- Life ------------------------------------------------------------------------------- */

int quota_open(const struct io *inner, const char *folder, uint64_t limit, struct quota **out,
	       struct unrack_error *err)
{
	struct quota *q = calloc(1, sizeof *q);
	int r;

	if (q)
		q->folder = strdup(folder);
	if (!q || !q->folder) {
		free(q);
		return error_nomem(err);
	}
	q->io = (struct io){ &quota_ops, q };
	q->inner = inner;
	q->limit = limit;
	pthread_mutex_init(&q->lock, NULL);
	r = measure(q, err);
	if (r < 0) {
		quota_close(q);
		return error_prefix(err, "can't keep to the quota");
	}
	*out = q;
	return 0;
}

const struct io *quota_io(struct quota *q)
{
	return &q->io;
}

uint64_t quota_left(struct quota *q)
{
	uint64_t used;

	pthread_mutex_lock(&q->lock);
	used = q->used + q->written;
	pthread_mutex_unlock(&q->lock);
	return used < q->limit ? q->limit - used : 0;
}

void quota_close(struct quota *q)
{
	if (!q)
		return;
	pthread_mutex_destroy(&q->lock);
	free(q->folder);
	free(q);
}
