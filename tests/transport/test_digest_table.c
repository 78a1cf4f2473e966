/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "base/size.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"

#define PATH "f/disk0.digests"
#define DISK(grains) ((uint64_t)(grains) * GRAIN_SIZE)

static struct unrack_error err;

static struct digest number(uint64_t v)
{
	struct digest d = { 0 };

	put_le64(d.b, v);
	return d;
}

static struct digest_table *create(const struct io *io, uint64_t disk)
{
	struct digest_table *t = NULL;

	ok(digest_table_create(io, PATH, disk, &t, &err) == 0, "a table is created");
	return t;
}

static struct digest_table *open_table(const struct io *io, uint64_t disk, bool read_only)
{
	struct digest_table *t = NULL;

	ok(digest_table_open(io, PATH, disk, read_only, &t, &err) == 0, "a table is opened");
	return t;
}

static bool range_is(struct digest_table *t, uint64_t first, uint64_t n, uint64_t base)
{
	bool same = true;

	for (uint64_t i = 0; i < n && same; i++) {
		struct digest d, want = base ? number(base + i) : (struct digest){ 0 };

		same = digest_table_read(t, first + i, &d, 1, &err) == 0 && !memcmp(&d, &want, 16);
	}
	return same;
}

static int put_range(struct digest_table *t, uint64_t first, uint64_t n, uint64_t base)
{
	struct digest *d = calloc(n, sizeof *d);
	int r;

	for (uint64_t i = 0; i < n && base; i++)
		d[i] = number(base + i);
	r = digest_table_write(t, first, d, n, &err);
	free(d);
	return r;
}

static void test_life(void)
{
	struct twin_io *w = twin_io_new(NULL);
	const struct io *io = twin_io(w);
	struct digest_table *t = create(io, DISK(10000) - 5);
	struct digest d[2];
	uint8_t *data;
	size_t n;

	ok(range_is(t, 0, 10000, 0), "at first all grains are zeros");
	is_int(put_range(t, 4000, 5000, 77), 0, "digests are written, over a page's edge");
	ok(range_is(t, 4000, 5000, 77) && range_is(t, 3999, 1, 0) && range_is(t, 9000, 1000, 0),
	   "they are there, and no others");
	is_int(put_range(t, 9999, 1, 5), 0, "the last grain, a short one, has a digest too");
	is_int(put_range(t, 9999, 2, 5), UNRACK_INTERNAL, "there is none behind it");
	is_int(digest_table_read(t, UINT64_MAX, d, 2, &err), UNRACK_INTERNAL, "nor anywhere");
	is_int(digest_table_sync(t, &err), 0, "synced");
	digest_table_close(t);
	digest_table_close(NULL);

	t = open_table(io, DISK(10000) - 5, true);
	ok(range_is(t, 4000, 5000, 77) && range_is(t, 9999, 1, 5), "they are there the next time");
	is_int(put_range(t, 0, 1, 1), UNRACK_INTERNAL, "a table for reading is not written to");
	digest_table_close(t);

	data = twin_io_get(w, PATH, &n);
	is_int(n, 4096 + 10000 * 16, "size of the file: header and digests");
	ok(!memcmp(data, "UNRKDGST", 8) && get_le32(data + 8) == 1 && get_le32(data + 12) == 65536,
	   "magic, version, grain");
	ok(get_le64(data + 16) == DISK(10000) - 5 && get_le64(data + 4088) == checksum64(data, 4088),
	   "size of the disk and checksum");
	is_int(get_le64(data + 4096 + 16 * 4000), 77, "digests lie at header + index * 16");
	free(data);
	is_int(digest_table_open(io, PATH, DISK(10000), true, &t, &err), UNRACK_DAMAGED,
	       "for another disk it is refused");
	has_str(err.text, "is for a disk of 655359995 bytes, not of 655360000", "with both sizes");
	twin_io_free(w);
}

static void test_truncate(void)
{
	struct twin_io *w = twin_io_new(NULL), *c;
	struct digest_table *t = create(twin_io(w), DISK(9000));
	uint8_t *data;
	size_t n;

	put_range(t, 0, 9000, 1);
	is_int(digest_table_truncate(t, 4100, &err), 0, "everything from a grain on is forgotten");
	ok(range_is(t, 0, 4100, 1) && range_is(t, 4100, 4900, 0), "and nothing before it");
	put_range(t, 5000, 10, 9);
	digest_table_sync(t, &err);
	is_int(digest_table_truncate(t, 0, &err), 0, "all of it");
	ok(range_is(t, 0, 9000, 0), "is forgotten");
	is_int(digest_table_truncate(t, 9000, &err), 0, "none of it");
	put_range(t, 7000, 10, 9);
	digest_table_sync(t, &err);
	is_int(digest_table_truncate(t, 4000, &err), 0, "once more");
	c = twin_io_crash(w, twin_io_records(w), TWIN_DROP, 0);
	data = twin_io_get(c, PATH, &n);
	ok(n == 4096 + 9000 * 16 && data[4096 + 7000 * 16] == 0, "it is forgotten after a power failure too");
	free(data);
	twin_io_free(c);
	is_int(digest_table_truncate(t, 9001, &err), UNRACK_INTERNAL, "beyond the end");
	digest_table_close(t);
	twin_io_free(w);
}

/* Zero grains stay holes, also after having been something else. */
static void test_holes(void)
{
	char dir[] = "/tmp/unrack-digests-XXXXXX", path[64];
	struct digest_table *t = NULL;
	struct stat st;

	if (!mkdtemp(dir))
		exit(1);
	snprintf(path, sizeof path, "%s/d", dir);
	is_int(digest_table_create(io_posix(), path, (uint64_t)8 << 40, &t, &err), 0, "8 TiB of disk");
	for (uint64_t at = 0; at < (uint64_t)8 << 40 >> 16; at += 1 << 20)
		put_range(t, at, 100, 0);
	is_int(digest_table_sync(t, &err), 0, "zeros all over it");
	stat(path, &st);
	is_int(st.st_size, 4096 + ((int64_t)8 << 40 >> 16) * 16, "make a large file");
	ok(st.st_blocks * 512 <= 65536, "of no size (%lld bytes)", (long long)st.st_blocks * 512);
	put_range(t, 70000, 1, 6);
	put_range(t, 0, 1, 6);
	put_range(t, 70000, 1, 0);
	is_int(digest_table_sync(t, &err), 0, "a grain that was data and is zeros again");
	ok(range_is(t, 70000, 1, 0), "has no digest");
	is_int(digest_table_create(io_posix(), path, UINT64_MAX, &t, &err), UNRACK_UNSUPPORTED,
	       "no disk has 16 EiB");
	digest_table_close(t);
	unlink(path);
	rmdir(dir);
}

/* Of a page (65536 bytes of the file) that was a hole, blocks at both ends stay one. */
static void test_scattered(void)
{
	struct twin_io *w = twin_io_new(NULL);
	struct digest_table *t = create(twin_io(w), DISK(3 * 4096));
	static const struct {
		uint64_t grain, n, off, len;
	} puts[] = { { 4096 + 1000, 1, 4096 + 65536 + 12288, 4096 }, { 0, 1, 4096, 4096 }, { 3 * 4096 - 1, 1, 3 * 65536, 4096 } };

	for (size_t i = 0; i < 3; i++) {
		size_t last;

		put_range(t, puts[i].grain, puts[i].n, 7);
		is_int(digest_table_sync(t, &err), 0, "one digest far from all others");
		last = twin_io_records(w) - 2;
		ok(twin_io_record(w, last).op == TWIN_PWRITE && twin_io_record(w, last).off == puts[i].off &&
		   twin_io_record(w, last).len == puts[i].len, "is written with its block alone");
	}
	put_range(t, 2 * 4096, 1, 9);
	digest_table_sync(t, &err);
	ok(range_is(t, 3 * 4096 - 1, 1, 7) && range_is(t, 2 * 4096, 1, 9), "a second one in the same page leaves the first");
	digest_table_close(t);
	t = open_table(twin_io(w), DISK(3 * 4096), true);
	ok(range_is(t, 0, 1, 7) && range_is(t, 1, 5095, 0) && range_is(t, 5096, 1, 7) && range_is(t, 5097, 3095, 0) &&
	   range_is(t, 8192, 1, 9) && range_is(t, 8193, 4094, 0) && range_is(t, 12287, 1, 7), "all is as it was put");
	digest_table_close(t);
	twin_io_free(w);
}

static void test_whole(void)
{
	struct twin_io *w = twin_io_new(NULL);
	uint64_t disk = DISK(5000) - 9;
	struct digest_table *t = create(twin_io(w), disk);
	uint8_t seed[DIGEST_SEED_SIZE] = { 1 }, bytes[8 + 3 * 24];
	struct digest_key key;
	struct digest whole, want, d;
	uint64_t n;
	struct digest_stream *s;

	digest_key_init(&key, seed);
	put_range(t, 3, 1, 100);
	put_range(t, 4095, 2, 200);
	is_int(digest_table_whole(t, &key, disk, 5000, &whole, &n, &err), 0, "the whole disk's digest");
	is_int(n, 3, "three grains have data");
	/* The same by hand, as unrack-journal(5) has it. */
	put_le64(bytes, disk);
	put_le64(bytes + 8, 3);
	d = number(100);
	memcpy(bytes + 16, &d, 16);
	put_le64(bytes + 32, 4095);
	d = number(200);
	memcpy(bytes + 40, &d, 16);
	put_le64(bytes + 56, 4096);
	d = number(201);
	memcpy(bytes + 64, &d, 16);
	s = digest_stream_new(&key);
	digest_stream_add(s, bytes, sizeof bytes);
	digest_stream_end(s, &want);
	digest_stream_free(s);
	ok(!memcmp(&whole, &want, 16), "is over size, index and digest");
	is_int(digest_table_whole(t, &key, disk, 4096, &whole, &n, &err), 0, "up to a grain");
	is_int(n, 2, "fewer grains count");
	ok(memcmp(&whole, &want, 16) != 0, "and it is another digest");
	is_int(digest_table_whole(t, &key, disk, 5001, &whole, &n, &err), UNRACK_INTERNAL,
	       "not beyond the end");
	digest_table_close(t);
	twin_io_free(w);
}

static void test_hostile(void)
{
	struct twin_io *w = twin_io_new(NULL), *c;
	struct digest_table *t = create(twin_io(w), DISK(10));
	uint8_t *data;
	size_t n;
	bool all = true;
	static const struct {
		size_t at;
		uint32_t value;
		int code;
		const char *why;
	} cases[] = {
		{ 8, 2, UNRACK_UNSUPPORTED, "format version 2, this unrack knows version 1" },
		{ 12, 4096, UNRACK_UNSUPPORTED, "grains of 4096 bytes" },
		{ 20, 0x80000000, UNRACK_DAMAGED, "is for a disk of" },
		{ 0, 0, UNRACK_DAMAGED, "is not a digest table" },
	};

	digest_table_close(t);
	data = twin_io_get(w, PATH, &n);
	for (size_t i = 0; i < 4096; i++) {
		data[i] ^= 4;
		c = twin_io_new(NULL);
		twin_io_put(c, PATH, data, n);
		all &= digest_table_open(twin_io(c), PATH, DISK(10), true, &t, &err) == UNRACK_DAMAGED;
		twin_io_free(c);
		data[i] ^= 4;
	}
	ok(all, "any flipped bit in the header is damage");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t *copy = memcpy(malloc(n), data, n);

		put_le32(copy + cases[i].at, cases[i].value);
		put_le64(copy + 4088, checksum64(copy, 4088));
		c = twin_io_new(NULL);
		twin_io_put(c, PATH, copy, n);
		is_int(digest_table_open(twin_io(c), PATH, DISK(10), true, &t, &err), cases[i].code,
		       "a signed header, %u at %zu", cases[i].value, cases[i].at);
		has_str(err.text, cases[i].why, "why");
		twin_io_free(c);
		free(copy);
	}
	c = twin_io_new(NULL);
	twin_io_put(c, PATH, data, n - 1);
	is_int(digest_table_open(twin_io(c), PATH, DISK(10), true, &t, &err), 0, "a table that is cut");
	is_int(digest_table_read(t, 0, &(struct digest){ 0 }, 1, &err), UNRACK_DAMAGED, "is found when read");
	has_str(err.text, "1 bytes too early", "why");
	digest_table_close(t);
	twin_io_free(c);
	c = twin_io_new(NULL);
	is_int(digest_table_open(twin_io(c), PATH, DISK(10), true, &t, &err), UNRACK_IO, "a missing one");
	is_int(err.sys_errno, ENOENT, "is told as missing");
	twin_io_free(c);
	free(data);
	twin_io_free(w);
}

static void test_faults(void)
{
	struct twin_io *w = twin_io_new(NULL);
	const struct io *io = twin_io(w);
	struct digest_table *t = create(io, DISK(9000));

	twin_io_fault(w, (struct twin_fault){ TWIN_PWRITE, NULL, 1, false, ENOSPC });
	put_range(t, 0, 10, 1);
	is_int(digest_table_sync(t, &err), UNRACK_NOSPACE, "a failed write is told by the sync");
	put_range(t, 0, 10, 1);
	is_int(put_range(t, 8000, 10, 1), 0, "or by moving on");
	twin_io_fault(w, (struct twin_fault){ TWIN_FDATASYNC, NULL, 1, false, EIO });
	is_int(digest_table_sync(t, &err), UNRACK_IO, "a failed sync too");
	is_str(err.text, "can't bring " PATH " to stable storage: Input/output error", "the sentence");
	digest_table_close(t);
	for (enum twin_op op = 0; op < TWIN_OPS; op++) {
		int r;

		if (op != TWIN_OPEN && op != TWIN_PWRITE && op != TWIN_TRUNCATE && op != TWIN_FDATASYNC &&
		    op != TWIN_FSYNCDIR)
			continue;
		twin_io_heal(w);
		twin_io_fault(w, (struct twin_fault){ op, NULL, 1, false, EIO });
		r = digest_table_create(io, PATH, DISK(10), &t, &err);
		is_int(r, UNRACK_IO, "creation fails if call %d does", op);
	}
	twin_io_free(w);
}

/* Where digests are, and where not, in a table that is made and in one that is opened; with and without
 * a filesystem that tells of its holes. */
static void test_next(void)
{
	uint64_t grains = 50000, at = 0, wrong = 0;
	static const uint64_t have[] = { 3, 4, 4095, 9000, 40960, 49999 };
	struct twin_io *twin = twin_io_new(NULL);
	struct digest d = { { 9 } };
	struct digest_table *t = NULL;

	digest_table_create(twin_io(twin), "/m/t", grains * GRAIN_SIZE, &t, &err);
	for (int opened = 0; opened < 2; opened++) {
		is_int(digest_table_next(t, 0, grains, &at, &err), 0, "a table is looked through");
		is_int((int64_t)at, opened ? 3 : (int64_t)grains, "to its first digest, or its end");
		for (unsigned i = 0; i < ARRAY_LEN(have); i++)
			if (!opened)
				digest_table_write(t, have[i], &d, 1, &err);
		for (unsigned i = 0; i < ARRAY_LEN(have); i++) {
			uint64_t from = i ? have[i - 1] + 1 : 0;

			wrong += digest_table_next(t, from, grains, &at, &err) < 0 || at != have[i];
			wrong += digest_table_next(t, from, have[i], &at, &err) < 0 || at != have[i];
			wrong += digest_table_next(t, have[i], grains, &at, &err) < 0 || at != have[i];
		}
		is_int(wrong, 0, "each is found, also what is not in the file yet");
		digest_table_sync(t, &err);
		digest_table_close(t);
		digest_table_open(twin_io(twin), "/m/t", grains * GRAIN_SIZE, true, &t, &err);
	}
	is_int(digest_table_next(t, 10, grains + 1, &at, &err), UNRACK_INTERNAL, "not behind the end");
	is_int(digest_table_read(t, 20000, &d, 1, &err), 0, "a hole is read");
	ok(digest_is_zero(&d), "as what it is");
	digest_table_close(t);
	twin_io_free(twin);
}

/* A table that was cut has no holes at its end. */
static void test_cut(void)
{
	uint64_t grains = 50000;
	struct twin_io *twin = twin_io_new(NULL);
	struct digest_table *t = NULL;
	struct digest d = { { 9 } };
	uint8_t *file;
	size_t n;

	digest_table_create(twin_io(twin), "/m/t", grains * GRAIN_SIZE, &t, &err);
	digest_table_write(t, 5, &d, 1, &err);
	digest_table_sync(t, &err);
	digest_table_close(t);
	file = twin_io_get(twin, "/m/t", &n);
	twin_io_put(twin, "/m/t", file, n / 2);
	free(file);
	is_int(digest_table_open(twin_io(twin), "/m/t", grains * GRAIN_SIZE, true, &t, &err), 0, "a cut table is opened");
	is_int(digest_table_read(t, 45000, &d, 1, &err), UNRACK_DAMAGED, "and what is missing is not taken for zeros");
	digest_table_close(t);
	twin_io_free(twin);
}

int main(void)
{
	test_next();
	test_cut();
	test_life();
	test_truncate();
	test_holes();
	test_scattered();
	test_whole();
	test_hostile();
	test_faults();
	return tap_done();
}
