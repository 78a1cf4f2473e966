/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "../../p2v/convert/undo.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "unrack/digest.h"

#define DISK (4u << 20)
#define PIECE 4096u /* of data, and of holes between them */
#define TAIL (3u << 20)
#define PATH "/fix/undo-disk0"

static uint8_t disk[DISK];
static struct unrack_error err;

/* Every odd piece is a hole. */
static int next_data(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
		     struct unrack_error *e)
{
	(void)e;
	*start = off / PIECE % 2 ? (off / PIECE + 1) * PIECE : off;
	*end = (*start / PIECE + 1) * PIECE;
	if (*start >= s->size)
		*start = *end = s->size;
	return 0;
}

static int read_disk(struct block_source *s, void *buf, size_t n, uint64_t off, struct unrack_error *e)
{
	(void)s;
	(void)e;
	memcpy(buf, disk + off, n);
	return 0;
}

static void close_disk(struct block_source *s)
{
	(void)s;
}

static const struct block_source_ops disk_ops = { .read = read_disk, .next_data = next_data, .close = close_disk };
static struct block_source base = { .ops = &disk_ops, .size = DISK, .name = "web01-flat.vmdk" };

static struct overlay_ranges ranges_of(size_t n, const uint64_t (*at)[2])
{
	struct overlay_ranges r = { 0 };

	for (size_t i = 0; i < n; i++)
		if (overlay_ranges_push(&r, (struct overlay_range){ at[i][0], at[i][1] }) < 0)
			exit(99);
	return r;
}

static const uint64_t some[][2] = { { 0, PIECE }, { 2 * PIECE, 5 * PIECE }, { TAIL, 16 * PIECE } };

static void fill(void)
{
	uint32_t x = 12345;

	for (uint32_t i = 0; i < DISK; i++) {
		x = x * 1664525 + 1013904223;
		disk[i] = i / PIECE % 2 ? 0 : (uint8_t)(x >> 24);
	}
}

static struct twin_io *saved(void)
{
	struct twin_io *t = twin_io_new(NULL);
	struct overlay_ranges r = ranges_of(3, some);

	if (undo_save(twin_io(t), PATH, 0, 1, &base, &r, NULL, NULL, &err) < 0)
		exit(98);
	overlay_ranges_free(&r);
	return t;
}

static void test_round_trip(void)
{
	struct overlay_ranges r = ranges_of(3, some);
	struct twin_io *t = twin_io_new(NULL);
	struct undo *u = NULL;
	uint8_t *image = malloc(DISK), *got;
	uint64_t bytes;
	size_t n;
	int fd;

	is_int(undo_save(twin_io(t), PATH, 0, 1, &base, &r, NULL, &bytes, &err), 0, "ranges are saved");
	is_int((long long)bytes, PIECE * (1 + 3 + 8), "of them, only data takes space");
	ok(!twin_io_exists(t, PATH ".new"), "under the final name");
	is_int(undo_open(twin_io(t), PATH, 0, 1, DISK, &u, &err), 0, "the file opens");
	is_int((long long)undo_count(u), 1 + 5 + 16, "data and holes are pieces of their own");
	ok(undo_at(u, 0)->kind == UNDO_DATA && undo_at(u, 2)->kind == UNDO_HOLE, "in order, with their kind");
	is_int(undo_verify(u, NULL, &err), 0, "its data is as it was written");

	/* The disk is changed in these ranges, then given back. */
	memcpy(image, disk, DISK);
	for (int i = 0; i < 3; i++)
		memset(image + some[i][0], 0xee, some[i][1]);
	twin_io_put(t, "/image", image, DISK);
	fd = twin_io(t)->ops->open(twin_io(t)->ctx, "/image", O_RDWR, 0);
	is_int(undo_restore(u, fd, "/image", NULL, &err), 0, "and is written back");
	got = twin_io_get(t, "/image", &n);
	ok(n == DISK && !memcmp(got, disk, DISK), "bit for bit");
	ok(twin_io_count(t, TWIN_PUNCH) > 0, "holes as holes");
	free(got);
	undo_close(u);
	undo_close(NULL);
	overlay_ranges_free(&r);
	twin_io_free(t);
	free(image);
}

static void test_refused(void)
{
	struct twin_io *t = saved();
	struct undo *u;

	is_int(undo_open(twin_io(t), "/fix/none", 0, 1, DISK, &u, &err), UNRACK_IO, "a missing file is an error");
	is_int(err.sys_errno, ENOENT, "ENOENT");
	is_int(undo_open(twin_io(t), PATH, 1, 1, DISK, &u, &err), UNRACK_DAMAGED, "another disk's file is refused");
	has_str(err.text, "belongs to another disk", "with the reason");
	is_int(undo_open(twin_io(t), PATH, 0, 2, DISK, &u, &err), UNRACK_DAMAGED, "so is another generation's");
	is_int(undo_open(twin_io(t), PATH, 0, 1, DISK * 2, &u, &err), UNRACK_DAMAGED, "and another size");
	twin_io_free(t);
}

/* Every byte of header and table counts, and every byte of data. */
static void test_damage(void)
{
	struct twin_io *t = saved();
	unsigned opened = 0, verified = 0, cut_opened = 0;
	struct undo *u;
	size_t n;
	uint8_t *good = twin_io_get(t, PATH, &n), *bad = malloc(n);

	for (size_t at = 0; at < 128 + 22 * 40; at++) {
		memcpy(bad, good, n);
		bad[at] ^= 0x40;
		twin_io_put(t, PATH, bad, n);
		if (undo_open(twin_io(t), PATH, 0, 1, DISK, &u, &err) == 0) {
			opened++;
			undo_close(u);
		}
	}
	is_int(opened, 0, "no flipped bit of header or table goes unnoticed");
	for (size_t at = 4096; at < n; at += 331) {
		memcpy(bad, good, n);
		bad[at] ^= 1;
		twin_io_put(t, PATH, bad, n);
		if (undo_open(twin_io(t), PATH, 0, 1, DISK, &u, &err) < 0)
			continue;
		if (undo_verify(u, NULL, &err) == 0)
			verified++;
		undo_close(u);
	}
	is_int(verified, 0, "no flipped bit of the data does");
	has_str(err.text, "its data has changed since it was written", "and the sentence says what happened");
	for (size_t len = 0; len < n; len += len < 1200 ? 1 : 3001) {
		twin_io_put(t, PATH, good, len);
		if (undo_open(twin_io(t), PATH, 0, 1, DISK, &u, &err) < 0)
			continue;
		if (undo_verify(u, NULL, &err) == 0)
			cut_opened++;
		undo_close(u);
	}
	is_int(cut_opened, 0, "no cut file is taken for whole");
	memcpy(bad, good, n);
	put_le32(bad + 8, 2);
	put_le64(bad + 120, checksum64(bad, 120));
	twin_io_put(t, PATH, bad, n);
	is_int(undo_open(twin_io(t), PATH, 0, 1, DISK, &u, &err), UNRACK_UNSUPPORTED, "a newer version is refused");
	has_str(err.text, "newer unrack (version 2)", "and named");
	free(good);
	free(bad);
	twin_io_free(t);
}

/* Valid checksums around contents that make no sense. */
static void test_hostile(void)
{
	static const struct {
		uint64_t start, length;
		uint32_t kind;
		const char *what;
	} bad[] = {
		{ DISK, 1, 1, "a piece behind the end" },
		{ 0, UINT64_MAX, 2, "a length that wraps" },
		{ 65536, UINT64_MAX - 65535, 2, "an end that wraps to zero" },
		{ 0, 2 << 20, 1, "a piece larger than the buffer" },
		{ 0, 0, 1, "an empty piece" },
		{ 0, 512, 7, "an unknown kind" },
	};
	struct twin_io *t = saved();
	struct undo *u;
	size_t n;
	uint8_t *good = twin_io_get(t, PATH, &n);

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t *f = malloc(n);

		memcpy(f, good, n);
		put_le64(f + 128, bad[i].start);
		put_le64(f + 136, bad[i].length);
		put_le32(f + 144, bad[i].kind);
		put_le64(f + 56, checksum64(f + 128, 22 * 40));
		put_le64(f + 120, checksum64(f, 120));
		twin_io_put(t, PATH, f, n);
		is_int(undo_open(twin_io(t), PATH, 0, 1, DISK, &u, &err), UNRACK_DAMAGED, "%s is refused", bad[i].what);
		free(f);
	}
	put_le64(good + 32, UINT64_MAX / 40);
	put_le64(good + 120, checksum64(good, 120));
	twin_io_put(t, PATH, good, n);
	is_int(undo_open(twin_io(t), PATH, 0, 1, DISK, &u, &err), UNRACK_DAMAGED, "a huge count takes no memory");
	free(good);
	twin_io_free(t);
}

static void test_faults(void)
{
	static const enum twin_op ops[] = { TWIN_OPEN, TWIN_PWRITE, TWIN_FDATASYNC, TWIN_TRUNCATE, TWIN_RENAME,
					    TWIN_FSYNCDIR, TWIN_CLOSE };
	struct overlay_ranges r = ranges_of(3, some);

	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
		struct twin_io *t = twin_io_new(NULL);

		twin_io_fault(t, (struct twin_fault){ .op = ops[i], .nth = 1, .errnum = EIO });
		is_int(undo_save(twin_io(t), PATH, 0, 1, &base, &r, NULL, NULL, &err), UNRACK_IO,
		       "failing operation %d is reported", ops[i]);
		ok(ops[i] == TWIN_FSYNCDIR || !twin_io_exists(t, PATH), "and leaves no file that looks whole");
		twin_io_free(t);
	}
	struct twin_io *t = twin_io_new(NULL);

	twin_io_space(t, 20000);
	is_int(undo_save(twin_io(t), PATH, 0, 1, &base, &r, NULL, NULL, &err), UNRACK_NOSPACE, "a full disk is told");
	ok(!twin_io_exists(t, PATH) && !twin_io_exists(t, PATH ".new"), "and what was begun is removed");
	twin_io_free(t);
	overlay_ranges_free(&r);
}

/* After a power failure at any moment the file is whole or not there. */
static void test_crash(void)
{
	struct twin_io *t = saved();
	unsigned half = 0, whole = 0;

	for (size_t i = 0; i <= twin_io_records(t); i++)
		for (uint32_t seed = 0; seed < 3; seed++) {
			struct twin_io *after = twin_io_crash(t, i, TWIN_TORN, seed);
			struct undo *u;

			if (twin_io_exists(after, PATH)) {
				if (undo_open(twin_io(after), PATH, 0, 1, DISK, &u, &err) < 0) {
					half++;
				} else {
					if (undo_verify(u, NULL, &err) < 0)
						half++;
					whole++;
					undo_close(u);
				}
			}
			twin_io_free(after);
		}
	ok(half == 0 && whole > 0, "a power failure never leaves half a file under the final name");
	twin_io_free(t);
}

static void test_subtract(void)
{
	static const uint64_t wanted[][2] = { { 0, 2 * PIECE }, { 3 * PIECE, PIECE }, { 6 * PIECE, 16 * PIECE },
					      { TAIL - 512, 1024 }, { TAIL + 16 * PIECE - 512, 512 } };
	static const uint64_t left[][2] = { { PIECE, PIECE }, { 7 * PIECE, 15 * PIECE }, { TAIL - 512, 512 } };
	struct overlay_ranges r = ranges_of(5, wanted), none = { 0 };
	struct twin_io *t = saved();
	struct undo *u;
	bool same;

	if (undo_open(twin_io(t), PATH, 0, 1, DISK, &u, &err) < 0)
		exit(97);
	is_int(undo_subtract(u, &r, &err), 0, "subtract");
	same = r.len == 3;
	for (size_t i = 0; same && i < 3; i++)
		same = r.at[i].start == left[i][0] && r.at[i].length == left[i][1];
	ok(same, "leaves what is not saved yet");
	is_int(undo_subtract(u, &none, &err), 0, "of nothing");
	is_int((long long)none.len, 0, "nothing is left");
	overlay_ranges_free(&r);
	undo_close(u);
	is_int(undo_save(twin_io(t), PATH ".2", 0, 2, &base, &none, NULL, NULL, &err), 0, "nothing can be saved");
	is_int(undo_open(twin_io(t), PATH ".2", 0, 2, DISK, &u, &err), 0, "and opened");
	is_int((long long)undo_count(u), 0, "as nothing");
	undo_close(u);
	twin_io_free(t);
}

int main(void)
{
	fill();
	test_round_trip();
	test_refused();
	test_damage();
	test_hostile();
	test_faults();
	test_crash();
	test_subtract();
	return tap_done();
}
