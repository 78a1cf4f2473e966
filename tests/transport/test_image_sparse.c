/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "../../transport/image.h"
#include "../../transport/vmdk_format.h"
#include "crash.h"

#define GRAINS 1200u

static uint8_t grain[16 * GRAIN_SIZE] __attribute__((aligned(4096)));

static struct image_place place_in(struct twin_io *twin)
{
	return (struct image_place){ .io = twin_io(twin), .format = DISK_SPARSE, .path = "/m/x.vmdk",
				     .extent = "x.vmdk", .journal = "/m/x.journal", .disk_bytes = GRAINS * GRAIN_SIZE };
}

/* N grains of FILL from FIRST on; 0: they become zeros. */
static int put(struct image *im, uint64_t first, unsigned n, char fill, struct unrack_error *e)
{
	struct message_grains m = { .first = first, .span = (uint16_t)n, .count = (uint16_t)n };

	for (unsigned i = 0; i < n; i++)
		m.grain[i] = (struct message_grain){ .place = (uint16_t)i, .size = fill ? 1 : 0 };
	memset(grain, fill, (size_t)n * GRAIN_SIZE);
	return image_write(im, &m, grain, e);
}

static bool grains_are(struct twin_io *twin, uint64_t first, unsigned n, char fill)
{
	uint8_t *is = malloc((size_t)n * GRAIN_SIZE);
	struct block_source *s;
	struct unrack_error e;
	bool same = vmdk_open_source(twin_io(twin), "/m/x.vmdk", 0, &s, &e) == 0;

	if (!same || !is)
		abort();
	same = block_source_read(s, is, (size_t)n * GRAIN_SIZE, first * GRAIN_SIZE, &e) == 0;
	for (size_t i = 0; i < (size_t)n * GRAIN_SIZE && same; i++)
		same = is[i] == (uint8_t)fill;
	block_source_close(s);
	free(is);
	return same;
}

static size_t length(struct twin_io *twin)
{
	size_t n;

	free(twin_io_get(twin, "/m/x.vmdk", &n));
	return n;
}

static void finish(struct image *im)
{
	struct unrack_error e;

	if (image_sync(im, &e) < 0 || image_finish(im, &e) < 0)
		abort();
	image_close(im);
}

/* Storage that takes nothing unaligned past its page cache. */
static const struct io *inner;
static bool direct;

static int exact_direct(void *ctx, int fd, bool on)
{
	(void)ctx;
	(void)fd;
	direct = on;
	return 0;
}

static bool is_odd(const void *buf, size_t n, uint64_t off)
{
	return direct && ((uintptr_t)buf % 4096 || n % 4096 || off % 4096);
}

static ssize_t exact_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	return is_odd(buf, n, off) ? -EINVAL : inner->ops->pread(ctx, fd, buf, n, off);
}

static ssize_t exact_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	return is_odd(buf, n, off) ? -EINVAL : inner->ops->pwrite(ctx, fd, buf, n, off);
}

/* In a pass that changes grains in their places, tables are only read: between writes past the page cache. */
static void test_direct(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct image_place p = place_in(twin);
	struct io_ops ops = *twin_io(twin)->ops;
	struct io io = { &ops, twin_io(twin)->ctx };
	struct journal_point at = { .pass = 2 };
	struct unrack_error e;
	struct image *im = NULL;

	inner = twin_io(twin);
	ops.direct = exact_direct;
	ops.pread = exact_pread;
	ops.pwrite = exact_pwrite;
	p.io = &io;
	for (uint64_t g = 0; g < 1200; g += 400)
		if ((!im && image_create(&p, &im, &e) < 0) || put(im, g, 16, 'a', &e) < 0)
			abort();
	finish(im);
	direct = false;
	is_int(image_resume(&p, &at, true, &im, &e), 0, "another pass past the page cache");
	for (uint64_t g = 0; g < 1200; g += 400)
		is_int(put(im, g, 16, 'b', &e), 0, "changes a piece");
	ok(direct, "(past it)");
	finish(im);
	direct = false;
	for (uint64_t g = 0; g < 1200; g += 400)
		ok(grains_are(twin, g, 16, 'b'), "which is there");
	twin_io_free(twin);
}

/* A pass over what is there changes it in its place. */
static void test_in_place(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct image_place p = place_in(twin);
	struct journal_point at = { .next_grain = GRAINS, .data_grains = 20, .pass = 2 };
	struct unrack_error e;
	struct image *im = NULL;
	size_t before;

	ok(image_create(&p, &im, &e) == 0 && put(im, 3, 16, 'a', &e) == 0 && put(im, 600, 4, 'b', &e) == 0,
	   "an image with two pieces");
	finish(im);
	before = length(twin);
	ok(grains_are(twin, 3, 16, 'a') && grains_are(twin, 600, 4, 'b') && grains_are(twin, 0, 3, 0) &&
	   grains_are(twin, 604, 10, 0), "has them");
	at.next_grain = 0;
	is_int(image_resume(&p, &at, true, &im, &e), 0, "another pass");
	ok(put(im, 4, 2, 'c', &e) == 0 && put(im, 6, 1, 0, &e) == 0 && image_zero(im, 8, 4, &e) == 0 &&
	   put(im, 200, 2, 0, &e) == 0 && image_zero(im, 300, 200, &e) == 0, "changes grains, and takes some away");
	is_int(put(im, 602, 3, 'd', &e), 0, "and adds one");
	finish(im);
	ok(grains_are(twin, 3, 1, 'a') && grains_are(twin, 4, 2, 'c') && grains_are(twin, 6, 1, 0) &&
	   grains_are(twin, 7, 1, 'a') && grains_are(twin, 8, 4, 0) && grains_are(twin, 12, 7, 'a') &&
	   grains_are(twin, 600, 2, 'b') && grains_are(twin, 602, 3, 'd') && grains_are(twin, 605, 100, 0),
	   "as it shall be");
	is_int(length(twin), before + GRAIN_SIZE, "the file has grown by that one grain");
	twin_io_free(twin);
}

/* Both copies of the tables are the same, for those who read the other one. */
static void test_copies(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct image_place p = place_in(twin);
	struct vmdk_layout l;
	struct unrack_error e;
	struct image *im = NULL;
	uint8_t *file;
	size_t n;
	bool same = true;

	image_create(&p, &im, &e);
	put(im, 3, 16, 'a', &e);
	put(im, 511, 2, 'b', &e);
	put(im, GRAINS - 1, 1, 'b', &e);
	finish(im);
	file = twin_io_get(twin, "/m/x.vmdk", &n);
	vmdk_layout(GRAINS * VMDK_GRAIN_SECTORS, &l);
	is_int(l.tables, 3, "three tables");
	for (uint64_t t = 0; t < l.tables; t++) {
		uint32_t a = get_le32(file + l.rgd * SECTOR_SIZE + 4 * t), b = get_le32(file + l.gd * SECTOR_SIZE + 4 * t);

		same &= a != b && memcmp(file + (size_t)a * SECTOR_SIZE, file + (size_t)b * SECTOR_SIZE, VMDK_GT_BYTES) == 0;
	}
	ok(same, "the redundant ones are as the others");
	is_int(get_le32(file + (size_t)get_le32(file + l.gd * SECTOR_SIZE) * SECTOR_SIZE + 4 * 511) % VMDK_GRAIN_SECTORS, 0,
	       "a grain begins at a whole grain");
	free(file);
	twin_io_free(twin);
}

static void test_damage(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct image_place p = place_in(twin);
	struct journal_point at = { .next_grain = 100, .data_grains = 16, .pass = 1 };
	struct unrack_error e;
	struct image *im = NULL;
	uint8_t *file;
	size_t n;

	image_create(&p, &im, &e);
	put(im, 3, 16, 'a', &e);
	at.image_length = image_length(im);
	finish(im);
	file = twin_io_get(twin, "/m/x.vmdk", &n);
	is_int(at.image_length, n, "what the journal notes is the file's length");
	twin_io_put(twin, "/m/x.vmdk", file, n - 1);
	is_int(image_resume(&p, &at, false, &im, &e), UNRACK_DAMAGED, "a file that was cut");
	has_str(e.text, "is shorter than the", "is told so");
	is_int(image_check(&p, false, &e), 0, "its header alone would be good");
	file[12] ^= 1;
	twin_io_put(twin, "/m/x.vmdk", file, n);
	is_int(image_resume(&p, &at, false, &im, &e), UNRACK_DAMAGED, "a file of another disk");
	has_str(e.text, "a header that is not that of this disk", "is told so");
	is_int(image_check(&p, false, &e), UNRACK_DAMAGED, "also when it is complete");
	free(file);
	twin_io_free(twin);
}

/* --- 2 TiB, of which nothing is really there ---------------------------------------------------- */

static uint64_t big_length;
static uint8_t head[SECTOR_SIZE];

static int big_size(void *ctx, int fd, uint64_t *bytes)
{
	(void)ctx;
	(void)fd;
	*bytes = big_length;
	return 0;
}

static ssize_t big_pread(void *ctx, int fd, void *buf, size_t n, uint64_t off)
{
	(void)ctx;
	(void)fd;
	memset(buf, 0, n);
	if (off == 0)
		memcpy(buf, head, min_u64(n, sizeof head));
	return (ssize_t)n;
}

static ssize_t big_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	(void)ctx;
	(void)fd;
	if (off == 0)
		memcpy(head, buf, sizeof head);
	return (ssize_t)n;
}

static int big_truncate(void *ctx, int fd, uint64_t bytes)
{
	(void)ctx;
	(void)fd;
	(void)bytes;
	return 0;
}

static void test_limit(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct io_ops ops = *twin_io(twin)->ops;
	struct io io = { &ops, twin_io(twin)->ctx };
	struct image_place p = place_in(twin);
	struct journal_point at = { .next_grain = 100, .pass = 1 };
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct image *im = NULL;

	ops.size = big_size;
	ops.pread = big_pread;
	ops.pwrite = big_pwrite;
	ops.truncate = big_truncate;
	p.io = &io;
	p.disk_bytes = (2ull << 40) - SECTOR_SIZE;
	is_int(image_create(&p, &im, &e), 0, "the largest disk that there can be");
	image_close(im);
	big_length = at.image_length = round_down(VMDK_FILE_MAX, GRAIN_SIZE) - GRAIN_SIZE;
	is_int(image_resume(&p, &at, false, &im, &e), 0, "with almost 2 TiB of data");
	is_int(put(im, 200, 1, 'a', &e), 0, "a grain for which there is room");
	is_int(put(im, 201, 1, 'a', &e), UNRACK_UNSUPPORTED, "one for which there is none is refused while it is written");
	has_str(e.text, "/m/x.vmdk would grow beyond 2 TiB", "with the reason");
	image_close(im);
	p.disk_bytes = 2ull << 40;
	is_int(image_create(&p, &im, &e), UNRACK_UNSUPPORTED, "a disk of 2 TiB");
	has_str(e.text, "a disk of 2199023255552 bytes can't be a monolithicSparse VMDK", "is told so");
	twin_io_free(twin);
}

int main(void)
{
	make_data();
	crash_image(DISK_SPARSE, "d0.vmdk");
	test_in_place();
	test_direct();
	test_copies();
	test_damage();
	test_limit();
	free_data();
	return tap_done();
}
