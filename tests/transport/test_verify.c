/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/block_source.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"

#define GRAINS 70u
#define DISK ((GRAINS - 1) * (uint64_t)GRAIN_SIZE + 1000) /* 24 bytes short of a sector */

static struct unrack_error err;
static struct digest_key key;
static uint8_t disk[GRAINS * GRAIN_SIZE];

static uint64_t image_size(void)
{
	return (DISK + 511) / 512 * 512;
}

/* A disk of which every third grain has data, its image and its table. */
static struct digest_table *make(struct twin_io *w)
{
	struct digest_table *t;

	memset(disk, 0, sizeof disk);
	for (uint64_t g = 0; g < GRAINS; g += 3)
		memset(disk + g * GRAIN_SIZE + 5, (int)g + 1, 900);
	if (digest_table_create(twin_io(w), "f/digests", DISK, &t, &err) < 0)
		exit(1);
	for (uint64_t g = 0; g < GRAINS; g += 3) {
		struct digest d;

		digest_grain(&key, disk + g * GRAIN_SIZE, grain_bytes(DISK, g), GRAIN_SIZE, &d);
		digest_table_write(t, g, &d, 1, &err);
	}
	return t;
}

static int verify(struct twin_io *w, struct digest_table *t, uint64_t size,
		  const struct digest_after_entry *after, uint64_t n, struct verify_result *r)
{
	twin_io_put(w, "f/image", disk, size);
	return verify_image(twin_io(w), "f/image", DISK_FLAT, DISK, t, &key, after, n, 0, NULL, r, &err);
}

static void test_same_and_different(void)
{
	struct twin_io *w = twin_io_new(NULL);
	struct digest_table *t = make(w);
	struct verify_result r;
	struct digest_after_entry after[3] = { { 1, { { 0 } } }, { 3, { { 0 } } }, { 69, { { 0 } } } };

	is_int(verify(w, t, image_size(), NULL, 0, &r), 0, "an image is compared");
	ok(r.checked == GRAINS && r.different == 0, "all grains, none differs");
	disk[4 * GRAIN_SIZE] = 1;
	disk[66 * GRAIN_SIZE] = 1;
	is_int(verify(w, t, image_size(), NULL, 0, &r), 0, "with two changed bytes");
	ok(r.different == 2 && r.first == 4, "two grains differ, the first is told");
	disk[4 * GRAIN_SIZE] = disk[66 * GRAIN_SIZE] = 0;
	memset(disk + 6 * GRAIN_SIZE, 0, GRAIN_SIZE);
	verify(w, t, image_size(), NULL, 0, &r);
	ok(r.different == 1 && r.first == 6, "a grain that was zeroed differs");
	memset(disk + 6 * GRAIN_SIZE + 5, 7, 900);
	disk[DISK] = 1;
	verify(w, t, image_size(), NULL, 0, &r);
	ok(r.different == 1 && r.first == 69, "so do bytes in the padding to a sector");
	disk[DISK] = 0;

	disk[GRAIN_SIZE] = 8;
	memset(disk + 3 * GRAIN_SIZE, 0, GRAIN_SIZE);
	digest_grain(&key, disk + GRAIN_SIZE, GRAIN_SIZE, GRAIN_SIZE, &after[0].digest);
	digest_grain(&key, disk + 69 * GRAIN_SIZE, 1000, GRAIN_SIZE, &after[2].digest);
	verify(w, t, image_size(), after, 3, &r);
	is_int(r.different, 0, "grains that unrack replaced are compared with what it wrote");
	verify(w, t, image_size(), NULL, 0, &r);
	is_int(r.different, 2, "without that list they differ");
	after[0].digest.b[0] ^= 1;
	verify(w, t, image_size(), after, 3, &r);
	ok(r.different == 1 && r.first == 1, "a replaced grain that was changed again differs");
	digest_table_close(t);
	twin_io_free(w);
}

static void test_source(void)
{
	struct twin_io *w = twin_io_new(NULL);
	struct digest_table *t = make(w);
	struct block_source *s;
	struct verify_result r;

	if (block_source_open_memory(disk, DISK, "disk", &s, &err) < 0)
		exit(1);
	is_int(verify_source(s, t, &key, 0, NULL, &r, &err), 0, "a source is compared");
	ok(r.checked == GRAINS && r.different == 0, "all of it");
	disk[40 * GRAIN_SIZE] = 1;
	disk[66 * GRAIN_SIZE] = 1;
	is_int(verify_source(s, t, &key, 0, NULL, &r, &err), 0, "with two changed bytes");
	ok(r.checked == GRAINS && r.different == 2 && r.first == 40, "both are counted");
	is_int(verify_source_until(s, t, &key, 40, 0, NULL, &r, &err), 0, "only what lies before them");
	ok(r.checked == 40 && r.different == 0, "agrees, and is counted");
	is_int(verify_source_until(s, t, &key, 41, 0, NULL, &r, &err), 0, "a grain more");
	ok(r.different == 1 && r.first == 40, "differs");
	verify_source_until(s, t, &key, GRAINS, 0, NULL, &r, &err);
	ok(r.different == 1 && r.first == 40 && r.checked < GRAINS, "more than that is not looked at then");
	disk[40 * GRAIN_SIZE] = disk[66 * GRAIN_SIZE] = 0;
	is_int(verify_source_until(s, t, &key, UINT64_MAX, 0, NULL, &r, &err), 0, "a limit behind the end");
	ok(r.checked == GRAINS && r.different == 0, "is the end");
	is_int(verify_source_until(s, t, &key, 0, 0, NULL, &r, &err), 0, "one of nothing");
	is_int(r.checked, 0, "compares nothing");
	block_source_close(s);
	digest_table_close(t);
	twin_io_free(w);
}

static void test_size(void)
{
	struct twin_io *w = twin_io_new(NULL);
	struct digest_table *t = make(w);
	struct verify_result r;

	is_int(verify(w, t, image_size() - 1, NULL, 0, &r), UNRACK_DAMAGED, "a byte too few");
	is_str(err.text, "f/image should have 4523008 bytes and has fewer", "the sentence");
	is_int(verify(w, t, image_size() + 1, NULL, 0, &r), UNRACK_DAMAGED, "a byte too many");
	has_str(err.text, "has more", "the sentence");
	is_int(verify(w, t, 0, NULL, 0, &r), UNRACK_DAMAGED, "an empty image");
	is_int(verify_image(twin_io(w), "f/none", DISK_FLAT, DISK, t, &key, NULL, 0, 0, NULL, &r, &err), UNRACK_IO,
	       "a missing one");
	is_int(err.sys_errno, ENOENT, "is told as missing");
	twin_io_fault(w, (struct twin_fault){ TWIN_PREAD, "image", 2, false, EIO });
	is_int(verify(w, t, image_size(), NULL, 0, &r), UNRACK_IO, "a read error");
	has_str(err.text, "can't read f/image at byte 2097152: Input/output error", "names the place");
	digest_table_close(t);
	twin_io_free(w);
}

static uint64_t seen_done, seen_total;

static void on_progress(void *ctx, const struct log_progress *p)
{
	(void)ctx;
	if (!strcmp(p->step, "verify") && p->disk == 4) {
		seen_done = p->done;
		seen_total = p->total;
	}
}

static void test_log(void)
{
	static const struct log_ops ops = { .progress = on_progress };
	atomic_bool stop = false;
	struct log log = { &ops, NULL, &stop };
	struct twin_io *w = twin_io_new(NULL);
	struct digest_table *t = make(w);
	struct verify_result r;

	twin_io_put(w, "f/image", disk, image_size());
	is_int(verify_image(twin_io(w), "f/image", DISK_FLAT, DISK, t, &key, NULL, 0, 4, &log, &r, &err), 0,
	       "with a log");
	ok(seen_done == DISK && seen_total == DISK, "progress reaches its end");
	stop = true;
	is_int(verify_image(twin_io(w), "f/image", DISK_FLAT, DISK, t, &key, NULL, 0, 4, &log, &r, &err),
	       UNRACK_INTERRUPTED, "it stops when asked");
	digest_table_close(t);
	twin_io_free(w);
}

/* A real, sparse file: holes are not read, and data in them is found. */
static void test_holes(void)
{
	char dir[] = "/tmp/unrack-verify-XXXXXX", path[64], table[64];
	uint64_t size = (uint64_t)1 << 34;
	struct twin_io *w = twin_io_new(io_posix());
	struct digest_table *t;
	struct verify_result r;
	int fd;

	if (!mkdtemp(dir))
		exit(1);
	twin_io_quiet(w);
	snprintf(path, sizeof path, "%s/image", dir);
	snprintf(table, sizeof table, "%s/digests", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
	    digest_table_create(twin_io(w), table, size, &t, &err) < 0)
		exit(1);
	is_int(verify_image(twin_io(w), path, DISK_FLAT, size, t, &key, NULL, 0, 0, NULL, &r, &err), 0,
	       "a large empty image");
	ok(r.checked == size >> 16 && r.different == 0, "is as the table says");
	ok(twin_io_count(w, TWIN_PREAD) < 200, "its holes are not read (%llu reads)",
	   (unsigned long long)twin_io_count(w, TWIN_PREAD));
	if (pwrite(fd, "x", 1, (off_t)(size - 3 * GRAIN_SIZE)) != 1)
		exit(1);
	verify_image(twin_io(w), path, DISK_FLAT, size, t, &key, NULL, 0, 0, NULL, &r, &err);
	ok(r.different == 1 && r.first == (size >> 16) - 3, "a byte in it is found");
	digest_table_close(t);
	close(fd);
	unlink(path);
	unlink(table);
	rmdir(dir);
	twin_io_free(w);
}

int main(void)
{
	uint8_t seed[DIGEST_SEED_SIZE] = { 42 };

	digest_key_init(&key, seed);
	test_same_and_different();
	test_source();
	test_size();
	test_log();
	test_holes();
	return tap_done();
}
