/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"

int io_open(const struct io *io, const char *path, int flags, mode_t mode, int *fd,
	    struct unrack_error *err)
{
	int r;

	do {
		r = io->ops->open(io->ctx, path, flags, mode);
	} while (r == -EINTR);
	if (r < 0)
		return error_errno(err, -r, "can't %s %s", flags & O_CREAT ? "create" : "open", path);
	*fd = r;
	return 0;
}

int io_pread_some(const struct io *io, int fd, const char *path, void *buf, size_t n,
		  uint64_t off, size_t *got, struct unrack_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = io->ops->pread(io->ctx, fd, (uint8_t *)buf + done, n - done, off + done);

		if (r == -EINTR)
			continue;
		if (r < 0)
			return error_errno(err, (int)-r, "can't read %s at byte %llu", path,
					   (unsigned long long)(off + done));
		if (r == 0)
			break;
		done += (size_t)r;
	}
	*got = done;
	return 0;
}

int io_pread_all(const struct io *io, int fd, const char *path, void *buf, size_t n,
		 uint64_t off, struct unrack_error *err)
{
	size_t got;
	int r = io_pread_some(io, fd, path, buf, n, off, &got, err);

	if (r < 0)
		return r;
	if (got < n)
		return error_set(err, UNRACK_DAMAGED, "%s ends at byte %llu, %zu bytes too early",
				 path, (unsigned long long)(off + got), n - got);
	return 0;
}

int io_pwrite_all(const struct io *io, int fd, const char *path, const void *buf, size_t n,
		  uint64_t off, struct unrack_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = io->ops->pwrite(io->ctx, fd, (const uint8_t *)buf + done, n - done,
					    off + done);

		if (r == -EINTR)
			continue;
		if (r == 0)
			r = -ENOSPC;
		if (r < 0)
			return error_errno(err, (int)-r, "can't write %s at byte %llu", path,
					   (unsigned long long)(off + done));
		done += (size_t)r;
	}
	return 0;
}

int io_fdatasync(const struct io *io, int fd, const char *path, struct unrack_error *err)
{
	/* Not repeated on EINTR: an error may be reported only once. */
	int r = io->ops->fdatasync(io->ctx, fd);

	if (r < 0)
		return error_errno(err, -r, "can't bring %s to stable storage", path);
	return 0;
}

int io_truncate(const struct io *io, int fd, const char *path, uint64_t size,
		struct unrack_error *err)
{
	int r;

	do {
		r = io->ops->truncate(io->ctx, fd, size);
	} while (r == -EINTR);
	if (r < 0)
		return error_errno(err, -r, "can't set the size of %s to %llu bytes", path,
				   (unsigned long long)size);
	return 0;
}

int io_zero(const struct io *io, int fd, const char *path, uint64_t off, uint64_t len,
	    struct unrack_error *err)
{
	static const uint8_t zeros[65536];
	int r;

	if (len == 0)
		return 0;
	do {
		r = io->ops->punch(io->ctx, fd, off, len);
	} while (r == -EINTR);
	if (r == 0)
		return 0;
	if (r != -EOPNOTSUPP && r != -ENOSYS)
		return error_errno(err, -r, "can't clear %s at byte %llu", path,
				   (unsigned long long)off);
	while (len > 0) {
		size_t n = (size_t)min_u64(len, sizeof zeros);

		r = io_pwrite_all(io, fd, path, zeros, n, off, err);
		if (r < 0)
			return r;
		off += n;
		len -= n;
	}
	return 0;
}

int io_close(const struct io *io, int *fd, const char *path, struct unrack_error *err)
{
	int r;

	if (*fd < 0)
		return 0;
	r = io->ops->close(io->ctx, *fd);
	*fd = -1;
	if (r < 0 && r != -EINTR)
		return error_errno(err, -r, "can't finish writing %s", path);
	return 0;
}

int io_fsync_parent(const struct io *io, const char *path, struct unrack_error *err)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	int r;

	if (!slash)
		strcpy(dir, ".");
	else if (slash == path)
		strcpy(dir, "/");
	else if ((size_t)(slash - path) < sizeof dir) {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
	} else {
		return error_set(err, UNRACK_USAGE, "the path %.64s... is too long", path);
	}
	r = io->ops->fsyncdir(io->ctx, dir);
	if (r < 0)
		return error_errno(err, -r, "can't bring the folder %s to stable storage", dir);
	return 0;
}

int io_rename(const struct io *io, const char *from, const char *to, struct unrack_error *err)
{
	int r = io->ops->rename(io->ctx, from, to);

	if (r < 0)
		return error_errno(err, -r, "can't rename %s to %s", from, to);
	return io_fsync_parent(io, to, err);
}

int io_unlink(const struct io *io, const char *path, struct unrack_error *err)
{
	int r = io->ops->unlink(io->ctx, path);

	if (r < 0 && r != -ENOENT)
		return error_errno(err, -r, "can't remove %s", path);
	return 0;
}

int io_read_file(const struct io *io, const char *path, size_t limit, struct buf *out,
		 struct unrack_error *err)
{
	size_t got = 0;
	int fd = -1, r;

	buf_clear(out);
	r = io_open(io, path, O_RDONLY, 0, &fd, err);
	if (r < 0)
		return r;
	do {
		if (buf_reserve(out, 65536) < 0) {
			r = error_nomem(err);
			break;
		}
		r = io_pread_some(io, fd, path, out->data + out->len, 65536, out->len, &got, err);
		if (r < 0)
			break;
		out->len += got;
		out->data[out->len] = '\0';
		if (out->len > limit) {
			r = error_set(err, UNRACK_DAMAGED, "%s is larger than the %zu bytes it may have",
				      path, limit);
			break;
		}
	} while (got == 65536);
	io->ops->close(io->ctx, fd);
	return r;
}

int io_replace_file(const struct io *io, const char *path, const void *data, size_t n,
		    mode_t mode, struct unrack_error *err)
{
	char tmp[4096];
	struct unrack_error dropped;
	int fd = -1, r;

	if (snprintf(tmp, sizeof tmp, "%s.new", path) >= (int)sizeof tmp)
		return error_set(err, UNRACK_USAGE, "the path %.64s... is too long", path);
	r = io_open(io, tmp, O_WRONLY | O_CREAT | O_TRUNC, mode, &fd, err);
	if (r < 0)
		return r;
	r = io_pwrite_all(io, fd, tmp, data, n, 0, err);
	if (r == 0)
		r = io_fdatasync(io, fd, tmp, err);
	if (r < 0)
		io_close(io, &fd, tmp, &dropped);
	else
		r = io_close(io, &fd, tmp, err);
	if (r < 0) {
		io_unlink(io, tmp, &dropped);
		return r;
	}
	return io_rename(io, tmp, path, err);
}

int io_mkdir(const struct io *io, const char *path, struct unrack_error *err)
{
	int r = io->ops->mkdir(io->ctx, path, 0777), fd;

	if (r == 0)
		return io_fsync_parent(io, path, err);
	if (r != -EEXIST)
		return error_errno(err, -r, "can't make the folder %s", path);
	fd = io->ops->open(io->ctx, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return error_set(err, UNRACK_USAGE, "%s exists and is not a folder", path);
	io->ops->close(io->ctx, fd);
	return 0;
}
