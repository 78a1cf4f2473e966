/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk with bad spots, for a program that is started with this in LD_PRELOAD: reads of the file named by BAD_FILE
 * that touch one of the ranges in BAD_RANGES ("OFFSET+LENGTH,..." in bytes) fail with BAD_ERRNO (EIO when
 * it is not given). With BAD_TIMES only so many reads in all do; with BAD_CACHED those do which go through the page
 * cache, as if that remembered an error that the disk does not have any more. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_bad_file(int fd)
{
	const char *name = getenv("BAD_FILE");
	struct stat want, is;

	return name && stat(name, &want) == 0 && fstat(fd, &is) == 0 && want.st_dev == is.st_dev &&
	       want.st_ino == is.st_ino;
}

static bool fails(int fd, size_t n, off_t off)
{
	static atomic_long count;
	const char *p = getenv("BAD_RANGES"), *times = getenv("BAD_TIMES");
	bool hit = false;

	if (!p || !is_bad_file(fd))
		return false;
	if (getenv("BAD_CACHED") && fcntl(fd, F_GETFL) & O_DIRECT)
		return false;
	while (*p && !hit) {
		char *end;
		off_t at = (off_t)strtoll(p, &end, 0), len = *end == '+' ? (off_t)strtoll(end + 1, &end, 0) : 0;

		hit = off < at + len && at < off + (off_t)n;
		p = end + (*end == ',');
	}
	return hit && (!times || atomic_fetch_add(&count, 1) < atol(times));
}

static ssize_t reading(const char *name, int fd, void *buf, size_t n, off_t off)
{
	ssize_t (*real)(int, void *, size_t, off_t) = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, name);
	const char *e = getenv("BAD_ERRNO");

	if (fails(fd, n, off)) {
		errno = e ? atoi(e) : EIO;
		return -1;
	}
	return real(fd, buf, n, off);
}

ssize_t pread(int fd, void *buf, size_t n, off_t off)
{
	return reading("pread", fd, buf, n, off);
}

ssize_t pread64(int fd, void *buf, size_t n, off_t off)
{
	return reading("pread64", fd, buf, n, off);
}

/* libblkid reads from where it is. */
ssize_t read(int fd, void *buf, size_t n)
{
	ssize_t (*real)(int, void *, size_t) = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	off_t off = is_bad_file(fd) ? lseek(fd, 0, SEEK_CUR) : -1;
	const char *e = getenv("BAD_ERRNO");

	if (off >= 0 && fails(fd, n, off)) {
		errno = e ? atoi(e) : EIO;
		return -1;
	}
	return real(fd, buf, n);
}
