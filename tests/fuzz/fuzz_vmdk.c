/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VMDK in one file: 0:1 what is done with it (0: read, what it is being found out; 1: read as a sparse
 * one; 2, 3: the copy into it, a stream or a sparse image, is continued), 1:4 the first grain that is not
 * durable, then the file as a disk in sparse.h. */
#include "sparse.h"
#include "../../transport/image.h"
#include "unrack/grain.h"
#include "unrack/vmdk.h"

#define FILE_SECTORS_MAX 131072u
#define FD 5

static int file_open(void *ctx, const char *path, int flags, mode_t mode)
{
	(void)ctx;
	(void)path;
	(void)flags;
	(void)mode;
	return FD;
}

static ssize_t file_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	struct sparse *d = ctx;
	struct unrack_error err;

	fuzz_check(fd == FD);
	if (off >= d->source.size)
		return 0;
	n = (size_t)min_u64(n, d->source.size - off);
	sparse_read(&d->source, buf, n, off, &err);
	return (ssize_t)n;
}

/* Where it is changed, what comes of that is not looked at. */
static ssize_t file_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	(void)ctx;
	(void)fd;
	(void)buf;
	(void)off;
	return (ssize_t)n;
}

static int file_size(void *ctx, int fd, uint64_t *bytes)
{
	struct sparse *d = ctx;

	fuzz_check(fd == FD);
	*bytes = d->source.size;
	return 0;
}

static int file_truncate(void *ctx, int fd, uint64_t bytes)
{
	(void)ctx;
	(void)fd;
	(void)bytes;
	return 0;
}

static int file_done(void *ctx, int fd)
{
	(void)ctx;
	fuzz_check(fd == FD);
	return 0;
}

static const struct io_ops file_ops = { .open = file_open, .pread = file_pread, .pwrite = file_pwrite,
					.fdatasync = file_done, .truncate = file_truncate, .close = file_done,
					.size = file_size };

/* What one read gives, another one does. */
static void check_reads(struct block_source *s, uint64_t off)
{
	static uint8_t a[3 * GRAIN_SIZE], b[GRAIN_SIZE];
	struct unrack_error err = UNRACK_ERROR_INIT;
	size_t n = (size_t)min_u64(sizeof a, s->size - off), part = (size_t)min_u64(n, 5000);
	int r = block_source_read(s, a, n, off, &err);

	fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
	if (r < 0)
		return;
	fuzz_check(block_source_read(s, b, part, off + n - part, &err) == 0);
	fuzz_check(memcmp(a + n - part, b, part) == 0);
}

static void read_all(struct block_source *s)
{
	static uint8_t hole[GRAIN_SIZE];
	struct unrack_error err = UNRACK_ERROR_INIT;
	uint64_t at = 0, start, end;

	for (unsigned i = 0; i < 20 && at < s->size; i++) {
		if (block_source_next_data(s, at, &start, &end, &err) < 0) {
			fuzz_check(err.text[0]);
			break;
		}
		fuzz_check(start >= at && start <= s->size && (start == s->size || end > start) && end <= s->size);
		if (start > at) {
			size_t n = (size_t)min_u64(sizeof hole, start - at);

			fuzz_check(block_source_read(s, hole, n, start - n, &err) == 0 && is_zero(hole, n));
		}
		if (start < s->size)
			check_reads(s, start);
		at = end;
	}
	check_reads(s, s->size - min_u64(s->size, GRAIN_SIZE + 1));
}

static void go_on(const struct io *io, struct sparse *d, enum disk_format format, uint64_t next)
{
	struct image_place p = { .io = io, .format = format, .path = "x.vmdk", .extent = "x.vmdk",
				 .journal = "x.journal", .disk_bytes = 5 * GRAIN_SIZE + 1000 };
	struct journal_point at = { .next_grain = next % 7, .data_grains = next % 3, .pass = 1,
				    .image_length = d->source.size };
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct image *im = NULL;
	int r = image_resume(&p, &at, next & 64, &im, &err);

	fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
	if (r == 0)
		fuzz_check(image_length(im) % SECTOR_SIZE == 0 && image_sync(im, &err) == 0);
	image_close(im);
	r = image_check(&p, false, &err);
	fuzz_check(r == 0 || err.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned what = (unsigned)fuzz_take(&in, 1) % 4;
	uint64_t next = fuzz_take(&in, 4);
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct block_source *s = NULL;
	static struct sparse d;
	struct io io = { &file_ops, &d };
	int r;

	sparse_open(&d, &in);
	d.source.size %= FILE_SECTORS_MAX * SECTOR_SIZE;
	if (what > 1) {
		go_on(&io, &d, what == 2 ? DISK_STREAM : DISK_SPARSE, next);
		return 0;
	}
	/* The extent of a descriptor is this file again. */
	r = vmdk_open_source(&io, "x.vmdk", what ? DISK_SPARSE : 0, &s, &err);
	fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
	if (r == 0 && s->size > 0)
		read_all(s);
	block_source_close(s);
	return 0;
}
