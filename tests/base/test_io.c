/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/io.h"

static char dir[64], path[128];

/* A table over the real one whose writes are short, and that can be told to fail. */
static int fail_sync, fail_write, no_punch;

static int t_open(void *c, const char *p, int f, mode_t m)
{
	return io_posix()->ops->open(c, p, f, m);
}
static ssize_t t_pread(void *c, int fd, void *b, size_t n, uint64_t off)
{
	return io_posix()->ops->pread(c, fd, b, n > 7 ? 7 : n, off);
}
static ssize_t t_pwrite(void *c, int fd, const void *b, size_t n, uint64_t off)
{
	if (fail_write)
		return -fail_write;
	return io_posix()->ops->pwrite(c, fd, b, n > 5 ? 5 : n, off);
}
static int t_sync(void *c, int fd)
{
	return fail_sync ? -fail_sync : io_posix()->ops->fdatasync(c, fd);
}
static int t_trunc(void *c, int fd, uint64_t s)
{
	return io_posix()->ops->truncate(c, fd, s);
}
static int t_punch(void *c, int fd, uint64_t off, uint64_t len)
{
	return no_punch ? -EOPNOTSUPP : io_posix()->ops->punch(c, fd, off, len);
}
static int t_close(void *c, int fd)
{
	return io_posix()->ops->close(c, fd);
}
static int t_rename(void *c, const char *a, const char *b)
{
	return io_posix()->ops->rename(c, a, b);
}
static int t_unlink(void *c, const char *p)
{
	return io_posix()->ops->unlink(c, p);
}
static int t_fsyncdir(void *c, const char *p)
{
	return io_posix()->ops->fsyncdir(c, p);
}
static int t_mkdir(void *c, const char *p, mode_t mode)
{
	return io_posix()->ops->mkdir(c, p, mode);
}
static int t_link(void *c, const char *a, const char *b)
{
	return io_posix()->ops->link(c, a, b);
}
static int t_room(void *c, const char *p, uint64_t *n)
{
	return io_posix()->ops->room(c, p, n);
}
static enum unrack_code t_explain(void *c, int e, char *text, size_t size)
{
	(void)c;
	if (e != ENOTUNIQ)
		return 0;
	snprintf(text, size, "somebody else's");
	return UNRACK_UNSAFE;
}
static int t_size(void *c, int fd, uint64_t *n)
{
	return io_posix()->ops->size(c, fd, n);
}
static const struct io_ops short_ops = { t_open,   t_pread,  t_pwrite,   t_sync,  t_trunc, t_punch, t_close,
					 t_rename, t_unlink, t_fsyncdir, t_mkdir, t_link,  t_room,  t_explain,
					 NULL, t_size, NULL };
static const struct io short_io = { &short_ops, NULL };

static void replace(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct buf b = { 0 };
	struct stat st;
	char tmp[160];

	is_int(io_replace_file(&short_io, path, "hello, world", 12, 0600, &e), 0, "a file is made");
	is_int(io_read_file(&short_io, path, 100, &b, &e), 0, "and read");
	is_str(buf_str(&b), "hello, world", "whole, over short writes and reads");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "with its mode");
	fail_sync = EIO;
	is_int(io_replace_file(&short_io, path, "other", 5, 0600, &e), UNRACK_IO, "a failed sync is an error");
	has_str(e.text, "to stable storage: Input/output error", "that says so");
	fail_sync = 0;
	fail_write = ENOSPC;
	is_int(io_replace_file(&short_io, path, "other", 5, 0600, &e), UNRACK_NOSPACE, "so is a full disk");
	fail_write = 0;
	io_read_file(io_posix(), path, 100, &b, &e);
	is_str(buf_str(&b), "hello, world", "the old content is still there, whole");
	snprintf(tmp, sizeof tmp, "%s.new", path);
	ok(access(tmp, F_OK) != 0, "and no temporary file is left");
	is_int(io_read_file(io_posix(), path, 11, &b, &e), UNRACK_DAMAGED, "a file over its limit is refused");
	has_str(e.text, "larger than the 11 bytes", "with the limit");
	is_int(io_read_file(io_posix(), "/nonexistent/x", 9, &b, &e), UNRACK_IO, "a missing file");
	is_int(e.sys_errno, ENOENT, "is told by errno");
	buf_free(&b);
}

static void zero_ranges(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	uint8_t data[100], back[100];
	uint64_t bytes = 0;
	int fd = -1;

	memset(data, 'x', sizeof data);
	for (no_punch = 0; no_punch < 2; no_punch++) {
		is_int(io_open(&short_io, path, O_RDWR | O_CREAT, 0600, &fd, &e), 0, "open");
		io_pwrite_all(&short_io, fd, path, data, sizeof data, 0, &e);
		io_truncate(&short_io, fd, path, 100, &e);
		is_int(io_zero(&short_io, fd, path, 10, 20, &e), 0, "a range is cleared (%s)",
		       no_punch ? "written" : "punched");
		is_int(io_pread_all(&short_io, fd, path, back, sizeof back, 0, &e), 0, "read back");
		ok(back[9] == 'x' && back[10] == 0 && back[29] == 0 && back[30] == 'x', "only that range");
		is_int(io_pread_all(&short_io, fd, path, back, 10, 95, &e), UNRACK_DAMAGED, "reading past the end");
		has_str(e.text, "ends at byte 100, 5 bytes too early", "says where it ends");
		is_int(io_size(&short_io, fd, path, &bytes, &e), 0, "the size is known");
		is_int(bytes, 100, "and stays");
		is_int(io_close(&short_io, &fd, path, &e), 0, "close");
		is_int(fd, -1, "forgets the descriptor");
	}
	no_punch = 0;
	is_int(io_size(&short_io, -1, path, &bytes, &e), UNRACK_IO, "without a descriptor it is not");
	has_str(e.text, "can't find out the size of", "which is said");
}

static void holes(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	uint64_t at = 0;
	int fd = -1;

	ok(!io_next_data(&short_io, -1, 0, &at), "a table may know nothing of holes");
	ok(!io_next_data(io_posix(), -1, 0, &at), "nor does who has no file");
	io_open(io_posix(), path, O_RDWR | O_CREAT | O_TRUNC, 0600, &fd, &e);
	io_truncate(io_posix(), fd, path, 3 << 20, &e);
	io_pwrite_all(io_posix(), fd, path, "x", 1, (1 << 20) + 5, &e);
	if (io_next_data(io_posix(), fd, 100, &at)) {
		ok(at <= (1 << 20) + 5, "data is not passed by");
		is_int(io_next_data(io_posix(), fd, (1 << 20) + 5, &at), 1, "from its middle");
		is_int(at, (1 << 20) + 5, "it is told");
		is_int(io_next_data(io_posix(), fd, 4 << 20, &at), 1, "behind the end");
		is_int((int64_t)at, (int64_t)UINT64_MAX, "there is none");
	}
	io_close(io_posix(), &fd, path, &e);
}

/* What the table says about an errno becomes the sentence and the code. */
static void explained(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	int fd = -1;

	io_replace_file(io_posix(), path, "x", 1, 0600, &e);
	io_open(&short_io, path, O_RDWR, 0, &fd, &e);
	fail_write = ENOTUNIQ;
	is_int(io_pwrite_all(&short_io, fd, path, "y", 1, 0, &e), UNRACK_UNSAFE, "the table's own code");
	has_str(e.text, "at byte 0: somebody else's", "and its own words");
	is_int(e.sys_errno, ENOTUNIQ, "errno is told too");
	fail_write = EIO;
	is_int(io_pwrite_all(&short_io, fd, path, "y", 1, 0, &e), UNRACK_IO, "else the usual code");
	has_str(e.text, "at byte 0: Input/output error", "and words");
	fail_write = 0;
	io_close(&short_io, &fd, path, &e);
}

static void looking(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct dirent *entry;
	unsigned found = 0;
	struct stat st;
	uint64_t room = 0;
	DIR *d = io_opendir(io_posix(), dir, &e);

	while (d && (entry = readdir(d)))
		found += !strcmp(entry->d_name, "file");
	is_int(found, 1, "a folder is listed");
	closedir(d);
	ok(!io_opendir(io_posix(), path, &e) && e.sys_errno == ENOTDIR, "a file is no folder");
	ok(!io_opendir(io_posix(), "/nonexistent", &e) && e.sys_errno == ENOENT, "nor is what is missing");
	ok(io_stat(io_posix(), path, &st, &e) == 0 && st.st_size == 1, "stat");
	ok(chmod(path, 0) == 0 && io_stat(io_posix(), path, &st, &e) == 0, "needs no right to read");
	is_int(io_stat(io_posix(), "/nonexistent", &st, &e), UNRACK_IO, "of a missing file");
	is_int(e.sys_errno, ENOENT, "is told by errno");
	ok(io_room(io_posix(), dir, &room, &e) == 0 && room > 0, "there is room");
	is_int(io_room(io_posix(), "/nonexistent", &room, &e), UNRACK_IO, "nowhere there is none");
	has_str(e.text, "can't find out how much space is free in /nonexistent", "the sentence");
}

int main(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char sub[128];

	strcpy(dir, "/tmp/unrack-io-XXXXXX");
	if (!mkdtemp(dir))
		skip_all("no temporary folder");
	snprintf(path, sizeof path, "%s/file", dir);
	snprintf(sub, sizeof sub, "%s/sub", dir);
	replace();
	zero_ranges();
	holes();
	explained();
	looking();
	is_int(io_mkdir(io_posix(), sub, &e), 0, "a folder is made");
	is_int(io_mkdir(io_posix(), sub, &e), 0, "an existing one is fine");
	is_int(io_mkdir(io_posix(), path, &e), UNRACK_USAGE, "a file in its place is not");
	is_int(io_unlink(io_posix(), path, &e), 0, "unlink");
	is_int(io_unlink(io_posix(), path, &e), 0, "of a missing file is fine");
	rmdir(sub);
	rmdir(dir);
	return tap_done();
}
