/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Storage that can't be left: every path is resolved by the kernel, beneath one folder, in
 * the call that uses it, so that there is no moment between looking and using. What is done
 * to a name (rename, unlink, mkdir, link) is done in its folder, held by a descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/io.h"

/* The kernel says EAGAIN when something was renamed while it went through "..", or when
 * another host has to give a file back first. */
#define TRIES 100u
#define TRY_NS 1000000

/* Errnos of our own checks, which no call here returns for anything else. */
#define HAS_SECOND_NAME ENOTUNIQ
#define NEITHER_FILE_NOR_FOLDER ENXIO

struct beneath {
	struct io io;
	struct io_ops ops;
	int root;
};

static int resolve(const struct beneath *b, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode & 07777 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	for (unsigned i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, b->root, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
		nanosleep(&(struct timespec){ 0, TRY_NS }, NULL);
	}
	return fd < 0 ? -errno : (int)fd;
}

/* What was opened, and not what had that name before. */
static int check_opened(int fd, int flags)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode))
		return -NEITHER_FILE_NOR_FOLDER;
	if (!(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY && st.st_nlink > 1)
		return -HAS_SECOND_NAME;
	return 0;
}

static int beneath_open(void *ctx, const char *path, int flags, mode_t mode)
{
	int extra = flags & O_PATH ? 0 : O_NONBLOCK | O_NOCTTY; /* nobody's pipe stops us */
	int fd, r;

	/* Truncating waits until it is known what that would be. */
	fd = resolve(ctx, path, (flags & ~O_TRUNC) | extra, mode);
	if (fd < 0)
		return fd;
	r = check_opened(fd, flags);
	if (r == 0 && flags & O_TRUNC && ftruncate(fd, 0) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* The folder that the last part of PATH is in, and that part. */
static int open_parent(const struct beneath *b, const char *path, char name[NAME_MAX + 1])
{
	char parent[PATH_MAX];
	size_t n = strlen(path), at;

	while (n > 0 && path[n - 1] == '/')
		n--;
	for (at = n; at > 0 && path[at - 1] != '/'; at--)
		;
	if (n >= sizeof parent || n - at > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, path + at, n - at);
	name[n - at] = '\0';
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return *path == '/' ? -EXDEV : -EINVAL;
	memcpy(parent, path, at);
	parent[at] = '\0';
	return resolve(b, at > 0 ? parent : ".", O_PATH | O_DIRECTORY, 0);
}

static int beneath_rename(void *ctx, const char *from, const char *to)
{
	char old_name[NAME_MAX + 1], new_name[NAME_MAX + 1];
	int old_dir CLEANUP_CLOSE = open_parent(ctx, from, old_name);
	int new_dir CLEANUP_CLOSE = old_dir < 0 ? old_dir : open_parent(ctx, to, new_name);

	if (new_dir < 0)
		return new_dir;
	return renameat(old_dir, old_name, new_dir, new_name) < 0 ? -errno : 0;
}

static int beneath_link(void *ctx, const char *from, const char *to)
{
	char old_name[NAME_MAX + 1], new_name[NAME_MAX + 1];
	int old_dir CLEANUP_CLOSE = open_parent(ctx, from, old_name);
	int new_dir CLEANUP_CLOSE = old_dir < 0 ? old_dir : open_parent(ctx, to, new_name);

	if (new_dir < 0)
		return new_dir;
	return linkat(old_dir, old_name, new_dir, new_name, 0) < 0 ? -errno : 0;
}

static int beneath_unlink(void *ctx, const char *path)
{
	char name[NAME_MAX + 1];
	int dir CLEANUP_CLOSE = open_parent(ctx, path, name);

	if (dir < 0)
		return dir;
	return unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

static int beneath_mkdir(void *ctx, const char *path, mode_t mode)
{
	char name[NAME_MAX + 1];
	int dir CLEANUP_CLOSE = open_parent(ctx, path, name);

	if (dir < 0)
		return dir;
	return mkdirat(dir, name, mode) < 0 ? -errno : 0;
}

static int beneath_fsyncdir(void *ctx, const char *path)
{
	int fd CLEANUP_CLOSE = resolve(ctx, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	/* Some network filesystems can't sync a directory; they have done it already. */
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int beneath_room(void *ctx, const char *path, uint64_t *bytes)
{
	int fd CLEANUP_CLOSE = resolve(ctx, path, O_PATH, 0);
	struct statvfs fs;

	if (fd < 0)
		return fd;
	if (fstatvfs(fd, &fs) < 0)
		return -errno;
	if (mul_overflows(fs.f_bavail, fs.f_frsize, bytes))
		*bytes = UINT64_MAX;
	return 0;
}

static enum unrack_code beneath_explain(void *ctx, int errnum, char *text, size_t size)
{
	const char *why = NULL;

	(void)ctx;
	if (errnum == ELOOP)
		why = "a symbolic link is in the way, and none is followed here";
	else if (errnum == EXDEV)
		why = "the path leaves the folder that it has to stay in";
	else if (errnum == HAS_SECOND_NAME)
		why = "the file has a second name (a hard link), so writing it may change somebody else's file";
	else if (errnum == NEITHER_FILE_NOR_FOLDER)
		why = "it is neither a file nor a folder";
	if (!why)
		return 0;
	snprintf(text, size, "%s", why);
	return UNRACK_UNSAFE;
}

int io_open_beneath(const char *root, struct io **out, struct unrack_error *err)
{
	struct beneath *b = calloc(1, sizeof *b);
	int fd;

	if (!b)
		return error_nomem(err);
	b->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->root < 0) {
		error_errno(err, errno, "can't open the folder %s", root);
		free(b);
		return err->code;
	}
	/* What concerns descriptors only is the real table's. */
	b->ops = *io_posix()->ops;
	b->ops.open = beneath_open;
	b->ops.rename = beneath_rename;
	b->ops.unlink = beneath_unlink;
	b->ops.fsyncdir = beneath_fsyncdir;
	b->ops.mkdir = beneath_mkdir;
	b->ops.link = beneath_link;
	b->ops.room = beneath_room;
	b->ops.explain = beneath_explain;
	b->io = (struct io){ &b->ops, b };
	fd = resolve(b, ".", O_PATH | O_DIRECTORY, 0);
	if (fd < 0) {
		if (fd == -ENOSYS || fd == -EPERM) /* EPERM: a container's filter that does not know it */
			error_set(err, UNRACK_MISSING,
				  "can't keep to the folder %s: this kernel, or the container it runs, has no "
				  "openat2(2); Linux 5.6 or later is needed", root);
		else
			error_errno(err, -fd, "can't open the folder %s", root);
		io_close_beneath(&b->io);
		return err->code;
	}
	close(fd);
	*out = &b->io;
	return 0;
}

void io_close_beneath(struct io *io)
{
	struct beneath *b;

	if (!io)
		return;
	b = io->ctx;
	close(b->root);
	free(b);
}
