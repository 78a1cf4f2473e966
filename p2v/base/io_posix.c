/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real storage table: system calls, errors as negative errno. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/size.h"
#include "unrack/io.h"

static int posix_open(void *ctx, const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags | O_CLOEXEC, mode);

	(void)ctx;
	return fd < 0 ? -errno : fd;
}

static ssize_t posix_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	ssize_t r = pread(fd, buf, n, (off_t)off);

	(void)ctx;
	return r < 0 ? -errno : r;
}

static ssize_t posix_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	ssize_t r = pwrite(fd, buf, n, (off_t)off);

	(void)ctx;
	return r < 0 ? -errno : r;
}

static int posix_fdatasync(void *ctx, int fd)
{
	(void)ctx;
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int posix_truncate(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int posix_punch(void *ctx, int fd, uint64_t off, uint64_t len)
{
	(void)ctx;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) < 0
		       ? -errno
		       : 0;
}

static int posix_close(void *ctx, int fd)
{
	(void)ctx;
	return close(fd) < 0 ? -errno : 0;
}

static int posix_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return rename(from, to) < 0 ? -errno : 0;
}

static int posix_unlink(void *ctx, const char *path)
{
	(void)ctx;
	return unlink(path) < 0 ? -errno : 0;
}

static int posix_fsyncdir(void *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	(void)ctx;
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	/* Some network filesystems can't sync a directory; they have done it already. */
	return r == -EINVAL ? 0 : r;
}

static int posix_mkdir(void *ctx, const char *path, mode_t mode)
{
	(void)ctx;
	return mkdir(path, mode) < 0 ? -errno : 0;
}

static int posix_link(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return link(from, to) < 0 ? -errno : 0;
}

static int posix_room(void *ctx, const char *path, uint64_t *bytes)
{
	struct statvfs fs;

	(void)ctx;
	if (statvfs(path, &fs) < 0)
		return -errno;
	if (mul_overflows(fs.f_bavail, fs.f_frsize, bytes))
		*bytes = UINT64_MAX;
	return 0;
}

/* Where each write would wait for a server, the page cache is the better way. Numbers of
 * statfs(2) that linux/magic.h has under other names, or not at all. */
static bool is_remote(const struct statfs *fs)
{
	switch ((uint32_t)fs->f_type) {
	case 0x6969:     /* nfs */
	case 0xff534d42: /* cifs */
	case 0xfe534d42: /* smb2 */
	case 0x00c36400: /* ceph */
	case 0x01021997: /* 9p */
	case 0x65735546: /* fuse */
		return true;
	default:
		return false;
	}
}

static int posix_direct(void *ctx, int fd, bool on)
{
	struct statfs fs;
	int flags = fcntl(fd, F_GETFL);

	(void)ctx;
	if (flags < 0 || (on && fstatfs(fd, &fs) < 0))
		return -errno;
	if (on && is_remote(&fs))
		return -EINVAL;
	return fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) < 0 ? -errno : 0;
}

static int posix_size(void *ctx, int fd, uint64_t *bytes)
{
	struct stat st;
	off_t end;

	(void)ctx;
	if (fstat(fd, &st) < 0)
		return -errno;
	end = S_ISBLK(st.st_mode) ? lseek(fd, 0, SEEK_END) : st.st_size;
	if (end < 0)
		return -errno;
	*bytes = (uint64_t)end;
	return 0;
}

/* Moves the descriptor's position, which nobody uses. */
static int posix_next_data(void *ctx, int fd, uint64_t off, uint64_t *at)
{
	off_t data = lseek(fd, (off_t)off, SEEK_DATA);

	(void)ctx;
	if (data < 0 && errno != ENXIO)
		return -EOPNOTSUPP;
	*at = data < 0 ? UINT64_MAX : (uint64_t)data;
	return 0;
}

static const struct io_ops posix_ops = {
	.open = posix_open,
	.pread = posix_pread,
	.pwrite = posix_pwrite,
	.fdatasync = posix_fdatasync,
	.truncate = posix_truncate,
	.punch = posix_punch,
	.close = posix_close,
	.rename = posix_rename,
	.unlink = posix_unlink,
	.fsyncdir = posix_fsyncdir,
	.mkdir = posix_mkdir,
	.link = posix_link,
	.room = posix_room,
	.direct = posix_direct,
	.size = posix_size,
	.next_data = posix_next_data,
};

const struct io *io_posix(void)
{
	static const struct io io = { &posix_ops, NULL };

	return &io;
}
