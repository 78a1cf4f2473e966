/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "unrack/digest_table.h"

#define PATH "f/disk0.after"

static struct unrack_error err;

static const struct digest_after_entry list[] = {
	{ 0, { { 1, 2, 3 } } },
	{ 7, { { 0 } } },
	{ UINT64_MAX, { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9 } } },
};

static int read_bytes(const uint8_t *data, size_t n)
{
	struct twin_io *t = twin_io_new(NULL);
	struct digest_after_entry *e;
	uint64_t count;
	int r;

	twin_io_put(t, PATH, data, n);
	r = digest_after_read(twin_io(t), PATH, &e, &count, &err);
	free(e);
	twin_io_free(t);
	return r;
}

static void test_round_trip(void)
{
	struct twin_io *t = twin_io_new(NULL);
	const struct io *io = twin_io(t);
	struct digest_after_entry *e;
	uint64_t n;
	uint8_t *data;
	size_t size;

	is_int(digest_after_read(io, PATH, &e, &n, &err), 0, "a missing file");
	ok(n == 0 && !e, "is an empty list");
	is_int(digest_after_write(io, PATH, list, 3, &err), 0, "a list is written");
	is_int(digest_after_read(io, PATH, &e, &n, &err), 0, "and read");
	ok(n == 3 && !memcmp(e, list, sizeof list), "the same");
	free(e);
	data = twin_io_get(t, PATH, &size);
	is_int(size, 24 + 3 * 24 + 8, "24 bytes each between header and checksum");
	ok(!memcmp(data, "UNRKAFTR", 8) && get_le32(data + 8) == 1 && get_le64(data + 16) == 3,
	   "magic, version, count");
	ok(get_le64(data + 24 + 24) == 7 && get_le64(data + 96) == checksum64(data, 96),
	   "grain, checksum");
	free(data);
	is_int(digest_after_write(io, PATH, NULL, 0, &err), 0, "an empty list replaces it");
	is_int(digest_after_read(io, PATH, &e, &n, &err), 0, "and is read");
	is_int(n, 0, "as empty");
	free(e);
	is_int(digest_after_write(io, PATH, (struct digest_after_entry[]){ { 2, { { 0 } } }, { 2, { { 0 } } } },
				  2, &err), UNRACK_INTERNAL, "a grain twice is refused");
	is_int(digest_after_write(io, PATH, list, (1 << 20) + 1, &err), UNRACK_UNSUPPORTED,
	       "so are too many");
	twin_io_free(t);
}

static void test_replace(void)
{
	struct twin_io *t = twin_io_new(NULL);
	bool whole = true;

	digest_after_write(twin_io(t), PATH, list, 1, &err);
	for (size_t from = twin_io_records(t), calls; from; from = 0) {
		digest_after_write(twin_io(t), PATH, list, 3, &err);
		for (calls = from; calls <= twin_io_records(t); calls++) {
			struct twin_io *c = twin_io_crash(t, calls, TWIN_TORN, (uint32_t)calls);
			struct digest_after_entry *e;
			uint64_t n;

			whole &= digest_after_read(twin_io(c), PATH, &e, &n, &err) == 0 &&
				 (n == 1 || n == 3);
			free(e);
			twin_io_free(c);
		}
	}
	ok(whole, "a power failure leaves the old list or the new one");
	twin_io_fault(t, (struct twin_fault){ TWIN_FDATASYNC, NULL, 1, false, EIO });
	is_int(digest_after_write(twin_io(t), PATH, list, 2, &err), UNRACK_IO, "a failed sync is told");
	twin_io_free(t);
}

static void test_hostile(void)
{
	struct twin_io *t = twin_io_new(NULL);
	uint8_t *data;
	size_t n;
	bool cut = true, flipped = true;

	digest_after_write(twin_io(t), PATH, list, 3, &err);
	data = twin_io_get(t, PATH, &n);
	for (size_t i = 0; i < n; i++) {
		cut &= read_bytes(data, i) == UNRACK_DAMAGED;
		data[i] ^= 16;
		flipped &= read_bytes(data, n) == UNRACK_DAMAGED;
		data[i] ^= 16;
	}
	ok(cut, "cut anywhere it is damaged");
	ok(flipped, "so it is with a flipped bit anywhere");
	put_le64(data + 16, UINT64_MAX / 24 + 2);
	put_le64(data + n - 8, checksum64(data, n - 8));
	is_int(read_bytes(data, n), UNRACK_DAMAGED, "a count that would wrap");
	has_str(err.text, "does not have its", "why");
	put_le64(data + 16, 3);
	put_le64(data + 24 + 24, 0);
	put_le64(data + n - 8, checksum64(data, n - 8));
	is_int(read_bytes(data, n), UNRACK_DAMAGED, "grains out of order");
	has_str(err.text, "not in order", "why");
	put_le32(data + 8, 2);
	put_le64(data + n - 8, checksum64(data, n - 8));
	is_int(read_bytes(data, n), UNRACK_UNSUPPORTED, "a newer version");
	has_str(err.text, "format version 2, this unrack knows version 1", "why");
	free(data);
	twin_io_free(t);
}

int main(void)
{
	test_round_trip();
	test_replace();
	test_hostile();
	return tap_done();
}
