/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../transport/image.h"
#include "crash.h"

#define GRAINS 64u
#define BLOCK  4096u

static uint8_t grains[4 * GRAIN_SIZE] __attribute__((aligned(4096)));
static uint8_t disk[GRAINS * GRAIN_SIZE - 1000]; /* what the image has to be */

static const struct io *inner;
static uint64_t written;
static unsigned writes;

static ssize_t counting_pwrite(void *ctx, int fd, const void *buf, size_t n, uint64_t off)
{
	writes++;
	written += n;
	return inner->ops->pwrite(ctx, fd, buf, n, off);
}

/* N grains of GRAINS from FIRST on. */
static int put(struct image *im, uint64_t first, unsigned n, struct unrack_error *e)
{
	struct message_grains m = { .first = first, .span = (uint16_t)n, .count = (uint16_t)n };
	size_t at = (size_t)first * GRAIN_SIZE, len = n * GRAIN_SIZE;

	for (unsigned i = 0; i < n; i++)
		m.grain[i] = (struct message_grain){ .place = (uint16_t)i, .size = 1 };
	memcpy(disk + at, grains, at + len > sizeof disk ? sizeof disk - at : len);
	written = writes = 0;
	return image_write(im, &m, grains, e);
}

static bool is_disk(struct twin_io *twin)
{
	size_t n;
	uint8_t *is = twin_io_get(twin, "/m/x-flat.vmdk", &n);
	bool same = n == round_up(sizeof disk, 512) && !memcmp(is, disk, sizeof disk);

	free(is);
	return same;
}

/* Blocks of a grain, as "4 at 3": the rest are zeros. */
static void blocks(size_t at, size_t n)
{
	memset(grains, 0, sizeof grains);
	memset(grains + at * BLOCK, 'x', n * BLOCK);
}

static void test_holes(struct image *im, struct twin_io *twin)
{
	struct unrack_error e;

	blocks(3, 1);
	is_int(put(im, 0, 1, &e), 0, "a grain with one block of data");
	ok(written <= 8 * BLOCK && writes == 1, "is written without most of its zeros (%llu bytes)",
	   (unsigned long long)written);
	blocks(0, 16);
	is_int(put(im, 1, 1, &e), 0, "a full grain");
	ok(written == GRAIN_SIZE && writes == 1, "is written whole");
	blocks(14, 4);
	is_int(put(im, 2, 2, &e), 0, "data across two grains");
	ok(written == 4 * BLOCK && writes == 1, "is one write");
	blocks(10, 1);
	memset(grains + 60 * BLOCK, 'y', BLOCK);
	is_int(put(im, 4, 4, &e), 0, "data at both ends of four grains");
	ok(written == 5 * BLOCK && writes == 2, "are two");
	for (size_t k = 0; k < 16; k += 2)
		memset(grains + k * BLOCK, 'z', BLOCK);
	is_int(put(im, 10, 1, &e), 0, "data in every second block");
	ok(written == GRAIN_SIZE && writes == 1, "is one write, not eight");
	blocks(0, 0);
	is_int(put(im, GRAINS - 1, 1, &e), 0, "the last grain, of which nothing has data");
	is_int(writes, 0, "is not written");
	ok(is_disk(twin), "the image has what came");
}

int main(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct io_ops ops = *twin_io(twin)->ops;
	struct io io = { &ops, twin_io(twin)->ctx };
	struct image_place p = { .io = &io, .format = DISK_FLAT, .path = "/m/x-flat.vmdk",
				 .descriptor = "/m/x.vmdk", .extent = "x-flat.vmdk",
				 .journal = "/m/x.journal", .disk_bytes = sizeof disk };
	struct journal_point at = { .next_grain = 8, .pass = 1 };
	struct unrack_error e;
	struct image *im;

	inner = twin_io(twin);
	ops.pwrite = counting_pwrite;
	if (image_create(&p, &im, &e) < 0)
		abort();
	test_holes(im, twin);
	image_close(im);

	is_int(image_resume(&p, &at, false, &im, &e), 0, "the same copy, continued");
	memset(disk + 8 * GRAIN_SIZE, 0, sizeof disk - 8 * GRAIN_SIZE);
	blocks(5, 1);
	is_int(put(im, 10, 1, &e), 0, "comes to a grain that was written before, with less data now");
	ok(written == 6 * BLOCK && is_disk(twin), "of which nothing is left behind its zeros");
	image_close(im);

	/* The source has changed: all that was continued is gone over again, from the first grain on. */
	at.next_grain = 12;
	is_int(image_resume(&p, &at, false, &im, &e), 0, "continued again");
	memset(disk + 12 * GRAIN_SIZE, 0, sizeof disk - 12 * GRAIN_SIZE);
	blocks(2, 1);
	is_int(put(im, 1, 1, &e), 0, "below where it stood, a grain that has less data now");
	ok(written == GRAIN_SIZE && is_disk(twin), "is written with its zeros");
	is_int(put(im, 20, 1, &e), 0, "one behind");
	ok(written <= 8 * BLOCK && is_disk(twin), "without them");
	image_close(im);

	at = (struct journal_point){ .next_grain = 0, .pass = 2 };
	is_int(image_resume(&p, &at, true, &im, &e), 0, "another pass");
	blocks(0, 1);
	is_int(put(im, 1, 1, &e), 0, "puts zeros where data was");
	ok(written == GRAIN_SIZE && is_disk(twin), "and writes them");
	image_close(im);
	twin_io_free(twin);
	return tap_done();
}
