/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the writer sends past the page cache, and what it does where that can't be done. The
 * storage here is a twin in memory whose image takes it as exactly as a disk would. */
#include <errno.h>

#include "copy.h"

#define GRAINS 40u
#define SIZE (GRAINS * GRAIN_SIZE + 5000u)
#define ALIGN_NEEDED 4096u

static struct {
	const struct io *inner;
	int image;          /* its descriptor */
	bool on;            /* the image's descriptor writes past the page cache */
	int refuse;         /* errno of the first direct(fd, true) */
	size_t stop_at;     /* a direct write moves at most so many bytes; 0: all */
	size_t needs;       /* direct writes must be aligned so */
	uint64_t asked;     /* how often direct(fd, true) was called */
	uint64_t direct, through, odd; /* bytes of the image; direct writes that were refused */
	uint64_t short_direct;         /* direct writes under 256 KiB */
	pthread_mutex_t lock;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int disk_direct(void *ctx, int fd, bool on)
{
	int r = 0;

	(void)ctx;
	(void)fd;
	pthread_mutex_lock(&disk.lock);
	disk.asked += on;
	if (on && disk.refuse)
		r = -disk.refuse;
	else
		disk.on = on;
	pthread_mutex_unlock(&disk.lock);
	return r;
}

static int disk_open(void *ctx, const char *path, int flags, mode_t mode)
{
	int fd = disk.inner->ops->open(ctx, path, flags, mode);

	if (strstr(path, "-flat.vmdk"))
		disk.image = fd;
	else if (fd == disk.image) /* closed meanwhile */
		disk.image = -1;
	return fd;
}

static ssize_t disk_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	bool image = fd == disk.image, odd;
	size_t part = n;

	pthread_mutex_lock(&disk.lock);
	odd = (uintptr_t)buf % disk.needs || off % disk.needs || n % disk.needs;
	if (image && disk.on && odd) {
		disk.odd++;
		part = 0;
	} else if (image && disk.on) {
		if (disk.stop_at && part > disk.stop_at)
			part = disk.stop_at;
		disk.direct += part;
		disk.short_direct += n < (256u << 10);
	} else if (image) {
		disk.through += n;
	}
	pthread_mutex_unlock(&disk.lock);
	return part ? disk.inner->ops->pwrite(ctx, fd, buf, part, off) : -EINVAL;
}

/* A copy of DATA onto a fresh twin. */
static bool copies(const uint8_t *data, int workers)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct io_ops ops = *twin_io(twin)->ops;
	struct io io = { &ops, twin_io(twin)->ctx };
	struct copy c = { .disks = 1, .io = &io, .dir = "/m", .workers = workers };
	struct unrack_error err;
	bool same;

	ops.open = disk_open;
	ops.direct = disk_direct;
	ops.pwrite = disk_pwrite;
	disk.inner = twin_io(twin);
	disk.on = false;
	disk.asked = disk.direct = disk.through = disk.odd = disk.short_direct = 0;
	if (block_source_open_memory(data, SIZE, "disk", &c.source[0], &err) < 0)
		abort();
	copy_run(&c);
	same = c.sent == 0 && c.received == 0 && copy_image_is(&c, twin, 0, data, SIZE);
	copy_free(&c);
	twin_io_free(twin);
	return same;
}

int main(void)
{
	uint8_t *data = copy_data(SIZE, COPY_TEXT, 1);

	disk.needs = ALIGN_NEEDED;
	ok(copies(data, 2), "a disk whose last grain is not a whole page arrives whole");
	is_int(disk.odd, 0, "no write past the page cache was badly aligned");
	is_int(disk.direct, SIZE / 4096 * 4096, "whole pages went past the page cache");
	is_int(disk.through, SIZE % 4096, "the end of the disk did not");

	memset(data + 2 * GRAIN_SIZE, 0, GRAIN_SIZE);
	memset(data + 5 * GRAIN_SIZE, 0, GRAIN_SIZE);
	ok(copies(data, 2), "so does one with holes");
	is_int(disk.short_direct, 0, "a few grains between holes don't wait for the disk each");
	is_int(disk.through, 4 * GRAIN_SIZE + SIZE % 4096, "they go through the page cache");

	disk.refuse = EINVAL;
	ok(copies(data, -1), "storage that can't do it gets the same image");
	is_int(disk.asked, 1, "and is asked once");
	disk.refuse = 0;

	disk.needs = 1u << 30;
	ok(copies(data, 2), "so does storage that wants more alignment than a page");
	is_int(disk.odd, 1, "which refuses once");
	is_int(disk.direct, 0, "and then gets everything through the page cache");

	disk.needs = ALIGN_NEEDED;
	disk.stop_at = 100001;
	ok(copies(data, 2), "a write that moves an odd number of bytes is continued");
	is_int(disk.odd, 1, "not past the page cache");

	free(data);
	return tap_done();
}
