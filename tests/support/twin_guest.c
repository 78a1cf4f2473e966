/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "twin_guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPS (TWIN_G_FINISH + 1)

struct twin_guest {
	struct guest g;
	struct guest *inner;
	unsigned count[OPS];
	char path[OPS][256];
	enum twin_guest_op op;
	unsigned nth; /* 0: none fails */
	int errnum;
	bool fired;
	unsigned changes_after;
};

static bool changes(enum twin_guest_op op)
{
	return op == TWIN_G_WRITE || op == TWIN_G_APPEND || op == TWIN_G_RENAME || op == TWIN_G_UNLINK || op == TWIN_G_SYMLINK;
}

/* Notes the operation. The error it has to fail with, or 0. The text is made here and not by
 * error_errno, so that the twin links without any layer. */
static int note(struct guest *g, enum twin_guest_op op, const char *path, struct unrack_error *err)
{
	struct twin_guest *t = g->ctx;

	snprintf(t->path[op], sizeof t->path[op], "%s", path);
	t->count[op]++;
	if (t->fired)
		t->changes_after += changes(op);
	if (op != t->op || t->count[op] != t->nth)
		return 0;
	t->fired = true;
	err->code = t->errnum == ENOSPC ? UNRACK_NOSPACE : UNRACK_IO;
	err->sys_errno = t->errnum;
	snprintf(err->text, sizeof err->text, "%s: injected: %s", path, strerror(t->errnum));
	return err->code;
}

static struct guest *inner(struct guest *g)
{
	return ((struct twin_guest *)g->ctx)->inner;
}

static int t_lstat(struct guest *g, const char *path, struct guest_stat *st, struct unrack_error *err)
{
	int r = note(g, TWIN_G_LSTAT, path, err);

	return r < 0 ? r : inner(g)->ops->lstat(inner(g), path, st, err);
}

static int t_stat(struct guest *g, const char *path, struct guest_stat *st, struct unrack_error *err)
{
	int r = note(g, TWIN_G_STAT, path, err);

	return r < 0 ? r : inner(g)->ops->stat(inner(g), path, st, err);
}

static int t_readlink(struct guest *g, const char *path, struct buf *target, struct unrack_error *err)
{
	int r = note(g, TWIN_G_READLINK, path, err);

	return r < 0 ? r : inner(g)->ops->readlink(inner(g), path, target, err);
}

static int t_read(struct guest *g, const char *path, uint64_t limit, struct buf *out,
		  struct unrack_error *err)
{
	int r = note(g, TWIN_G_READ, path, err);

	return r < 0 ? r : inner(g)->ops->read(inner(g), path, limit, out, err);
}

static int t_open(struct guest *g, const char *path, uint64_t limit, int *fd, struct unrack_error *err)
{
	int r = note(g, TWIN_G_OPEN, path, err);

	return r < 0 ? r : inner(g)->ops->open(inner(g), path, limit, fd, err);
}

static int t_list(struct guest *g, const char *path, struct buf *names, struct unrack_error *err)
{
	int r = note(g, TWIN_G_LIST, path, err);

	return r < 0 ? r : inner(g)->ops->list(inner(g), path, names, err);
}

static int t_find(struct guest *g, const char *path, struct buf *names, struct unrack_error *err)
{
	int r = note(g, TWIN_G_FIND, path, err);

	return r < 0 ? r : inner(g)->ops->find(inner(g), path, names, err);
}

static int t_write(struct guest *g, const char *path, const void *data, size_t n, uint32_t mode,
		   uint32_t uid, uint32_t gid, const char *label_from, struct unrack_error *err)
{
	int r = note(g, TWIN_G_WRITE, path, err);

	return r < 0 ? r : inner(g)->ops->write(inner(g), path, data, n, mode, uid, gid, label_from, err);
}

static int t_append(struct guest *g, const char *path, const void *data, size_t n, struct unrack_error *err)
{
	int r = note(g, TWIN_G_APPEND, path, err);

	return r < 0 ? r : inner(g)->ops->append(inner(g), path, data, n, err);
}

static int t_rename(struct guest *g, const char *from, const char *to, struct unrack_error *err)
{
	int r = note(g, TWIN_G_RENAME, from, err);

	return r < 0 ? r : inner(g)->ops->rename(inner(g), from, to, err);
}

static int t_unlink(struct guest *g, const char *path, struct unrack_error *err)
{
	int r = note(g, TWIN_G_UNLINK, path, err);

	return r < 0 ? r : inner(g)->ops->unlink(inner(g), path, err);
}

static int t_symlink(struct guest *g, const char *target, const char *path, struct unrack_error *err)
{
	int r = note(g, TWIN_G_SYMLINK, path, err);

	return r < 0 ? r : inner(g)->ops->symlink(inner(g), target, path, err);
}

static int t_getxattr(struct guest *g, const char *path, const char *name, struct buf *value,
		      struct unrack_error *err)
{
	int r = note(g, TWIN_G_GETXATTR, path, err);

	return r < 0 ? r : inner(g)->ops->getxattr(inner(g), path, name, value, err);
}

static int t_sync(struct guest *g, struct unrack_error *err)
{
	int r = note(g, TWIN_G_SYNC, "", err);

	return r < 0 ? r : inner(g)->ops->sync(inner(g), err);
}

static int t_finish(struct guest *g, struct unrack_error *err)
{
	int r = note(g, TWIN_G_FINISH, "", err);

	return r < 0 ? r : inner(g)->ops->finish(inner(g), err);
}

static void t_close(struct guest *g)
{
	(void)g;
}

static const struct guest_ops ops = {
	.lstat = t_lstat, .stat = t_stat, .readlink = t_readlink, .read = t_read, .open = t_open,
	.list = t_list, .find = t_find, .write = t_write, .append = t_append, .rename = t_rename, .unlink = t_unlink, .symlink = t_symlink,
	.getxattr = t_getxattr, .sync = t_sync, .finish = t_finish, .close = t_close,
};

struct twin_guest *twin_guest_new(struct guest *in)
{
	struct twin_guest *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	t->inner = in;
	t->g = *in;
	t->g.ops = &ops;
	t->g.ctx = t;
	return t;
}

struct guest *twin_guest(struct twin_guest *t)
{
	return &t->g;
}

void twin_guest_free(struct twin_guest *t)
{
	free(t);
}

void twin_guest_fault(struct twin_guest *t, enum twin_guest_op op, unsigned nth, int errnum)
{
	t->op = op;
	t->nth = nth;
	t->errnum = errnum;
	t->fired = false;
	t->changes_after = 0;
}

unsigned twin_guest_count(const struct twin_guest *t, enum twin_guest_op op)
{
	return t->count[op];
}

const char *twin_guest_path(const struct twin_guest *t, enum twin_guest_op op)
{
	return t->path[op];
}

unsigned twin_guest_changes_after_fault(const struct twin_guest *t)
{
	return t->changes_after;
}
