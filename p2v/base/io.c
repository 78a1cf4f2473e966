/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"

/* As error_errno, but the table may know better than strerror what ERRNUM means here. */
__attribute__((format(printf, 4, 5)))
static int failed(const struct io *io, int errnum, struct unrack_error *err, const char *fmt, ...)
{
	char what[640], why[384];
	enum unrack_code code;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	code = io->ops->explain ? io->ops->explain(io->ctx, errnum, why, sizeof why) : 0;
	if (code == 0)
		return error_errno(err, errnum, "%s", what);
	error_set(err, code, "%s: %s", what, why);
	err->sys_errno = errnum;
	return code;
}

int io_open(const struct io *io, const char *path, int flags, mode_t mode, int *fd,
	    struct unrack_error *err)
{
	int r;

	do {
		r = io->ops->open(io->ctx, path, flags, mode);
	} while (r == -EINTR);
	if (r < 0)
		return failed(io, -r, err, "can't %s %s", flags & O_CREAT ? "create" : "open", path);
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
			return failed(io, (int)-r, err, "can't read %s at byte %llu", path,
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
			return failed(io, (int)-r, err, "can't write %s at byte %llu", path,
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
		return failed(io, -r, err, "can't bring %s to stable storage", path);
	return 0;
}

bool io_direct(const struct io *io, int fd, bool on)
{
	return io->ops->direct && io->ops->direct(io->ctx, fd, on) == 0;
}

int io_truncate(const struct io *io, int fd, const char *path, uint64_t size,
		struct unrack_error *err)
{
	int r;

	do {
		r = io->ops->truncate(io->ctx, fd, size);
	} while (r == -EINTR);
	if (r < 0)
		return failed(io, -r, err, "can't set the size of %s to %llu bytes", path,
				   (unsigned long long)size);
	return 0;
}

int io_size(const struct io *io, int fd, const char *path, uint64_t *bytes, struct unrack_error *err)
{
	int r = io->ops->size(io->ctx, fd, bytes);

	return r < 0 ? failed(io, -r, err, "can't find out the size of %s", path) : 0;
}

bool io_next_data(const struct io *io, int fd, uint64_t off, uint64_t *at)
{
	return io->ops->next_data && io->ops->next_data(io->ctx, fd, off, at) == 0;
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
		return failed(io, -r, err, "can't clear %s at byte %llu", path,
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
		return failed(io, -r, err, "can't finish writing %s", path);
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
		return failed(io, -r, err, "can't bring the folder %s to stable storage", dir);
	return 0;
}

int io_rename(const struct io *io, const char *from, const char *to, struct unrack_error *err)
{
	int r = io->ops->rename(io->ctx, from, to);

	if (r < 0)
		return failed(io, -r, err, "can't rename %s to %s", from, to);
	return io_fsync_parent(io, to, err);
}

int io_unlink(const struct io *io, const char *path, struct unrack_error *err)
{
	int r = io->ops->unlink(io->ctx, path);

	if (r < 0 && r != -ENOENT)
		return failed(io, -r, err, "can't remove %s", path);
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
		return failed(io, -r, err, "can't make the folder %s", path);
	fd = io->ops->open(io->ctx, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOTDIR)
		return error_set(err, UNRACK_USAGE, "%s exists and is not a folder", path);
	if (fd < 0)
		return failed(io, -fd, err, "can't open the folder %s", path);
	io->ops->close(io->ctx, fd);
	return 0;
}

int io_stat(const struct io *io, const char *path, struct stat *st, struct unrack_error *err)
{
	int fd = io->ops->open(io->ctx, path, O_PATH, 0), e;

	if (fd < 0)
		return failed(io, -fd, err, "can't look at %s", path);
	e = fstat(fd, st) < 0 ? errno : 0;
	io->ops->close(io->ctx, fd);
	return e ? error_errno(err, e, "can't look at %s", path) : 0;
}

DIR *io_opendir(const struct io *io, const char *path, struct unrack_error *err)
{
	int fd = io->ops->open(io->ctx, path, O_RDONLY | O_DIRECTORY, 0), own, e;
	DIR *dir;

	if (fd < 0) {
		failed(io, -fd, err, "can't read the folder %s", path);
		return NULL;
	}
	/* One of its own, since closedir closes it past the table. */
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	dir = own < 0 ? NULL : fdopendir(own);
	e = errno;
	io->ops->close(io->ctx, fd);
	if (!dir) {
		if (own >= 0)
			close(own);
		error_errno(err, e, "can't read the folder %s", path);
	}
	return dir;
}

int io_room(const struct io *io, const char *path, uint64_t *bytes, struct unrack_error *err)
{
	int r = io->ops->room(io->ctx, path, bytes);

	return r < 0 ? failed(io, -r, err, "can't find out how much space is free in %s", path) : 0;
}
