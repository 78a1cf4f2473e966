/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The storage seam: everything that unrack does to files it must not lose goes through
 * a table of functions, so that tests can record every write and sync, make any of them
 * fail, and replay a crash at any point.
 *
 * The table's functions return >= 0 or a negative errno, and follow the system calls of
 * their names. io_posix() is the real one. Threads: calls on different descriptors, and
 * positioned calls on one, may run at once. */
#ifndef UNRACK_IO_H
#define UNRACK_IO_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "unrack/buf.h"
#include "unrack/error.h"

struct io_ops {
	int (*open)(void *ctx, const char *path, int flags, mode_t mode); /* O_CLOEXEC is added */
	ssize_t (*pread)(void *ctx, int fd, void *buf, size_t n, uint64_t off);
	ssize_t (*pwrite)(void *ctx, int fd, const void *buf, size_t n, uint64_t off);
	int (*fdatasync)(void *ctx, int fd);
	int (*truncate)(void *ctx, int fd, uint64_t size);
	int (*punch)(void *ctx, int fd, uint64_t off, uint64_t len); /* -EOPNOTSUPP: not here */
	int (*close)(void *ctx, int fd);
	int (*rename)(void *ctx, const char *from, const char *to);
	int (*unlink)(void *ctx, const char *path);
	int (*fsyncdir)(void *ctx, const char *path);
	int (*mkdir)(void *ctx, const char *path, mode_t mode);
	int (*link)(void *ctx, const char *from, const char *to);
	/* Bytes that may still be written where PATH lies. */
	int (*room)(void *ctx, const char *path, uint64_t *bytes);
	/* What ERRNUM means that a function of this table returned: the code, and a piece of a
	 * sentence into TEXT. 0: no more than strerror(3) says. May be NULL. */
	enum unrack_code (*explain)(void *ctx, int errnum, char *text, size_t size);
	/* From now on FD writes past the page cache (offset, length and address then being
	 * multiples of IO_DIRECT_ALIGN), or no longer. -EINVAL: not here, or of no use here.
	 * What it writes is as durable as before: not until fdatasync. May be NULL. */
	int (*direct)(void *ctx, int fd, bool on);
	/* Of the file or block device FD. */
	int (*size)(void *ctx, int fd, uint64_t *bytes);
	/* The first byte at or after OFF that lies in no hole; UINT64_MAX when there is none. A hint that saves
	 * reading: what can't tell returns -EOPNOTSUPP. May be NULL. */
	int (*next_data)(void *ctx, int fd, uint64_t off, uint64_t *at);
};
#define IO_DIRECT_ALIGN 4096u

struct io {
	const struct io_ops *ops;
	void *ctx;
};

/* The real table; static, never freed. */
const struct io *io_posix(void);

/* A table whose paths are relative to the folder ROOT and can't leave it: each is resolved
 * beneath it at every call, and a symbolic link anywhere in it is refused (openat2(2),
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), however others rename things meanwhile. So are
 * absolute paths. Of the last part of a path: open refuses a symbolic link and whatever is
 * neither a regular file nor a folder, and for writing also a file that has a second name
 * (hard link), since that may be somebody else's; rename, unlink and link act on the name
 * itself and follow nothing. ROOT itself may be named by any path.
 * UNRACK_MISSING: this kernel has no openat2. Refusals are UNRACK_UNSAFE. */
int io_open_beneath(const char *root, struct io **out, struct unrack_error *err);
void io_close_beneath(struct io *io); /* NULL is fine */

/* Wrappers that loop over short counts and name PATH in their error. */
int io_open(const struct io *io, const char *path, int flags, mode_t mode, int *fd,
	    struct unrack_error *err);
/* Reads exactly N bytes; end of file before that is UNRACK_DAMAGED. */
int io_pread_all(const struct io *io, int fd, const char *path, void *buf, size_t n,
		 uint64_t off, struct unrack_error *err);
/* Reads up to N bytes, fewer only at the end of the file; *got says how many. */
int io_pread_some(const struct io *io, int fd, const char *path, void *buf, size_t n,
		  uint64_t off, size_t *got, struct unrack_error *err);
int io_pwrite_all(const struct io *io, int fd, const char *path, const void *buf, size_t n,
		  uint64_t off, struct unrack_error *err);
int io_fdatasync(const struct io *io, int fd, const char *path, struct unrack_error *err);
bool io_direct(const struct io *io, int fd, bool on); /* false: nothing has changed */
int io_truncate(const struct io *io, int fd, const char *path, uint64_t size,
		struct unrack_error *err);
int io_size(const struct io *io, int fd, const char *path, uint64_t *bytes, struct unrack_error *err);
bool io_next_data(const struct io *io, int fd, uint64_t off, uint64_t *at); /* false: it can't be told */
/* Makes the range read as zeros: a hole where the filesystem can, else written zeros. */
int io_zero(const struct io *io, int fd, const char *path, uint64_t off, uint64_t len,
	    struct unrack_error *err);
/* Closes and sets *fd to -1; an error is reported (NFS tells a full disk here). */
int io_close(const struct io *io, int *fd, const char *path, struct unrack_error *err);
/* rename + fsync of the directory that holds TO. */
int io_rename(const struct io *io, const char *from, const char *to, struct unrack_error *err);
int io_unlink(const struct io *io, const char *path, struct unrack_error *err);
int io_fsync_parent(const struct io *io, const char *path, struct unrack_error *err);

/* A whole small file, at most LIMIT bytes (more is UNRACK_DAMAGED). A missing file is
 * UNRACK_IO with err->sys_errno == ENOENT. OUT is replaced. */
int io_read_file(const struct io *io, const char *path, size_t limit, struct buf *out,
		 struct unrack_error *err);
/* PATH.new + fdatasync + rename + fsync of the directory: after a crash the file is the
 * old one or the new one, whole. */
int io_replace_file(const struct io *io, const char *path, const void *data, size_t n,
		    mode_t mode, struct unrack_error *err);

/* mkdir, an existing directory is fine; the parent is synced. */
int io_mkdir(const struct io *io, const char *path, struct unrack_error *err);

/* Of what PATH is, now. Missing: err->sys_errno == ENOENT. The io must have real descriptors. */
int io_stat(const struct io *io, const char *path, struct stat *st, struct unrack_error *err);
/* NULL: see ERR, sys_errno ENOENT when it is missing. The caller's, for closedir. */
DIR *io_opendir(const struct io *io, const char *path, struct unrack_error *err);
/* How many bytes may still be written where PATH lies. */
int io_room(const struct io *io, const char *path, uint64_t *bytes, struct unrack_error *err);

#endif
