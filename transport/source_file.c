/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "unrack/block_source.h"

/* What O_DIRECT wants of offset, length and address: the logical sector is enough for most,
 * the page for all. */
#define ALIGN 4096u
/* The page cache has its pages in pieces of up to this size (x86's huge pages), and drops only whole ones. */
#define CACHE_UNIT (2u << 20)
/* A read that is not aligned goes through a buffer of this size. */
#define BOUNCE (256u << 10)

struct file {
	struct block_source source;
	char *path;
	int fd;        /* through the page cache */
	int direct_fd; /* past it, or -1 */
	bool drop_cache;
};

static int read_all(struct file *f, int fd, uint8_t *buf, size_t n, uint64_t off,
		    struct unrack_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, buf + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return error_errno(err, errno, "can't read %s at byte %llu (sector %llu)",
					   f->path, (unsigned long long)off + done,
					   ((unsigned long long)off + done) / SECTOR_SIZE);
		if (r == 0)
			return error_set(err, UNRACK_IO,
					 "%s ends at byte %llu, although it had %llu bytes when it was "
					 "opened: it became smaller while it was read", f->path,
					 (unsigned long long)off + done,
					 (unsigned long long)f->source.size);
		done += (size_t)r;
	}
	return 0;
}

static int read_cached(struct file *f, uint8_t *buf, size_t n, uint64_t off,
		       struct unrack_error *err)
{
	int r = read_all(f, f->fd, buf, n, off, err);

	if (f->drop_cache) {
		uint64_t from = round_down(off, CACHE_UNIT);

		posix_fadvise(f->fd, (off_t)from, (off_t)(off + n - from), POSIX_FADV_DONTNEED);
	}
	return r;
}

/* OFF and N are any within [.., LIMIT), which is a multiple of ALIGN. */
static int read_bounced(struct file *f, uint8_t *buf, size_t n, uint64_t off, uint64_t limit,
			struct unrack_error *err)
{
	uint8_t *bounce;
	int r = 0;

	if (posix_memalign((void **)&bounce, ALIGN, BOUNCE) != 0)
		return error_nomem(err);
	while (n > 0 && r == 0) {
		uint64_t from = round_down(off, ALIGN);
		size_t skip = (size_t)(off - from);
		size_t all = (size_t)min_u64(round_up(skip + n, ALIGN), min_u64(BOUNCE, limit - from));
		size_t part = (size_t)min_u64(all - skip, n);

		r = read_all(f, f->direct_fd, bounce, all, from, err);
		if (r == 0)
			memcpy(buf, bounce + skip, part);
		buf += part;
		off += part;
		n -= part;
	}
	free(bounce);
	return r;
}

static int read_direct(struct file *f, uint8_t *buf, size_t n, uint64_t off,
		       struct unrack_error *err)
{
	uint64_t limit = round_down(f->source.size, ALIGN); /* behind it, the page cache must do */
	size_t head = off < limit ? (size_t)min_u64(n, limit - off) : 0;
	int r = 0;

	if (head > 0 && (uintptr_t)buf % ALIGN == 0 && off % ALIGN == 0 && head % ALIGN == 0)
		r = read_all(f, f->direct_fd, buf, head, off, err);
	else if (head > 0)
		r = read_bounced(f, buf, head, off, limit, err);
	if (r < 0 || head == n)
		return r;
	/* The tail may be in the page cache from earlier, and stale. */
	posix_fadvise(f->fd, (off_t)limit, 0, POSIX_FADV_DONTNEED);
	return read_all(f, f->fd, buf + head, n - head, off + head, err);
}

static int file_read(struct block_source *s, void *buf, size_t n, uint64_t off,
		     struct unrack_error *err)
{
	struct file *f = s->ctx;

	return f->direct_fd >= 0 ? read_direct(f, buf, n, off, err)
				 : read_cached(f, buf, n, off, err);
}

static int file_next_data(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
			  struct unrack_error *err)
{
	struct file *f = s->ctx;
	off_t at = lseek(f->fd, (off_t)off, SEEK_DATA);

	if (at < 0 && errno == ENXIO) {
		*start = s->size;
		return 0;
	}
	/* Block devices and some filesystems don't know: then it is all data. */
	if (at < 0 && (errno == EINVAL || errno == EOPNOTSUPP))
		return 0;
	if (at < 0)
		return error_errno(err, errno, "can't find the data of %s behind byte %llu", f->path,
				   (unsigned long long)off);
	*start = (uint64_t)at;
	at = lseek(f->fd, at, SEEK_HOLE);
	if (at >= 0)
		*end = (uint64_t)at;
	return 0;
}

static void file_close(struct block_source *s)
{
	struct file *f = s->ctx;

	if (f->fd >= 0)
		close(f->fd);
	if (f->direct_fd >= 0)
		close(f->direct_fd);
	free(f->path);
	free(f);
}

/* Without O_DIRECT the kernel reads pages, and a page fails as a whole. */
static int reread_direct(struct file *f, void *buf, size_t n, uint64_t off, struct unrack_error *err)
{
	uint8_t *sectors;
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
	int r;

	if (fd < 0)
		return error_errno(err, errno, "can't open %s past the page cache", f->path);
	if (posix_memalign((void **)&sectors, ALIGN, n) != 0) {
		close(fd);
		return error_nomem(err);
	}
	r = read_all(f, fd, sectors, n, off, err);
	if (r == 0)
		memcpy(buf, sectors, n);
	free(sectors);
	close(fd);
	return r;
}

static int file_reread(struct block_source *s, void *buf, size_t n, uint64_t off,
		       struct unrack_error *err)
{
	struct file *f = s->ctx;
	int r;

	if (off % SECTOR_SIZE == 0 && n % SECTOR_SIZE == 0) {
		r = reread_direct(f, buf, n, off, err);
		/* No O_DIRECT here, or only of larger pieces. */
		if (r == 0 || err->sys_errno != EINVAL)
			return r;
	}
	posix_fadvise(f->fd, (off_t)off, (off_t)n, POSIX_FADV_DONTNEED);
	return read_all(f, f->fd, buf, n, off, err);
}

static const struct block_source_ops file_ops = {
	.read = file_read, .next_data = file_next_data, .close = file_close, .reread = file_reread,
};

static int check_kind(const char *path, const struct stat *st, struct unrack_error *err)
{
	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	return error_set(err, UNRACK_USAGE, "%s is %s; a disk or an image of one is needed", path,
			 S_ISDIR(st->st_mode)   ? "a folder"
			 : S_ISCHR(st->st_mode) ? "a character device"
						: "neither a file nor a block device");
}

static int device_size(struct file *f, struct unrack_error *err)
{
	int sector;

	if (ioctl(f->fd, BLKGETSIZE64, &f->source.size) < 0)
		return error_errno(err, errno, "can't find out the size of %s", f->path);
	if (ioctl(f->fd, BLKSSZGET, &sector) < 0)
		return error_errno(err, errno, "can't find out the sector size of %s", f->path);
	if (sector != SECTOR_SIZE)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s has logical sectors of %d bytes; its partition table counts in "
				 "them, and VMware's virtual disks have only 512-byte sectors, so the "
				 "copy could not be read", f->path, sector);
	return 0;
}

static int open_direct(struct file *f, struct unrack_error *err)
{
	f->direct_fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
	if (f->direct_fd < 0 && errno == EINVAL)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s can't be read past the page cache (its filesystem has no "
				 "O_DIRECT)", f->path);
	if (f->direct_fd < 0)
		return error_errno(err, errno, "can't open %s past the page cache", f->path);
	return 0;
}

static int open_file(struct file *f, const struct block_source_file_options *opt,
		     struct unrack_error *err)
{
	struct stat st;
	int r;

	/* Before opening: that alone can move a tape or wait for a pipe's other end. */
	if (stat(f->path, &st) < 0)
		return error_errno(err, errno, "can't open %s", f->path);
	r = check_kind(f->path, &st, err);
	if (r < 0)
		return r;
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		return error_errno(err, errno, "can't open %s", f->path);
	if (fstat(f->fd, &st) < 0)
		return error_errno(err, errno, "can't open %s", f->path);
	r = check_kind(f->path, &st, err);
	if (r < 0)
		return r;
	f->source.size = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode)) {
		r = device_size(f, err);
		if (r < 0)
			return r;
	}
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (opt->direct)
		return open_direct(f, err);
	/* Only root may empty the cache; others read past it. */
	if (opt->fresh && S_ISBLK(st.st_mode) && ioctl(f->fd, BLKFLSBUF, 0) < 0)
		return open_direct(f, err);
	return 0;
}

int block_source_open_file(const char *path, const struct block_source_file_options *opt,
			   struct block_source **out, struct unrack_error *err)
{
	static const struct block_source_file_options plain = { .direct = false };
	struct file *f = calloc(1, sizeof *f);
	int r;

	if (!f)
		return error_nomem(err);
	f->fd = f->direct_fd = -1;
	f->path = strdup(path);
	if (!opt)
		opt = &plain;
	f->drop_cache = opt->drop_cache;
	f->source.ops = &file_ops;
	f->source.name = f->path;
	f->source.ctx = f;
	r = f->path ? open_file(f, opt, err) : error_nomem(err);
	if (r < 0) {
		file_close(&f->source);
		return r;
	}
	*out = &f->source;
	return 0;
}
