/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "../support/tap.h"
#include "base/bytes.h"
#include "unrack/grain.h"
#include "unrack/map.h"

#define G ((uint64_t)GRAIN_SIZE)

static struct unrack_error err;

static const char *shown(const struct map *m)
{
	static char text[256];
	size_t n, len = 0;
	const struct map_run *at = map_runs(m, &n);

	text[0] = '\0';
	for (size_t i = 0; i < n && len < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%llu+%llu", i ? " " : "",
					(unsigned long long)at[i].first, (unsigned long long)at[i].count);
	return text;
}

static struct map *from_ranges(uint64_t disk, const struct range *at, size_t n)
{
	struct ranges *r = ranges_new(0);
	struct map *m = NULL;

	for (size_t i = 0; i < n; i++)
		ranges_add(r, at[i].off, at[i].len, &err);
	is_int(map_new(disk, r, &m, &err), 0, "a map of %zu ranges", n);
	ranges_free(r);
	return m;
}

static void rounding(void)
{
	struct range some[] = { { 1, G }, { 2 * G, G }, { 4 * G + 1, 3 * G }, { 9 * G, G + 5000 } };
	struct map *m = from_ranges(10 * G + 5000, some, 4);

	is_str(shown(m), "2+1 5+2 9+2", "only whole grains, the disk's short last one among them");
	is_int(map_unused_bytes(m), 4 * G + 5000, "its bytes count as they are");
	is_int(map_disk_bytes(m), 10 * G + 5000, "of this disk");
	map_free(m);
	m = from_ranges(10 * G + 5000, &(struct range){ 9 * G, G + 4999 }, 1);
	is_str(shown(m), "9+1", "a last grain with a used byte is used");
	map_free(m);
	m = from_ranges(2 * G, &(struct range){ G, 100 * G }, 1);
	is_str(shown(m), "1+1", "behind the disk is nothing");
	map_free(m);
	is_int(map_new(5 * G, NULL, &m, &err), 0, "no ranges at all");
	is_str(shown(m), "", "all is used");
	map_free(m);
	map_free(NULL);
}

static void walking(void)
{
	struct range some[] = { { 0, 2 * G }, { 5 * G, G }, { 8 * G, 2 * G } };
	struct map *m = from_ranges(10 * G, some, 3);
	uint64_t first, end;
	const struct { uint64_t at, first, end; } cases[] = {
		{ 0, 2, 5 }, { 1, 2, 5 }, { 2, 2, 5 }, { 4, 4, 5 }, { 5, 6, 8 }, { 7, 7, 8 },
		{ 8, 10, 10 }, { 9, 10, 10 }, { 10, 10, 10 },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		map_next_used(m, 10 * G, cases[i].at, &first, &end);
		ok(first == cases[i].first && end == cases[i].end, "from grain %llu on: %llu to %llu",
		   (unsigned long long)cases[i].at, (unsigned long long)first, (unsigned long long)end);
	}
	map_next_used(NULL, 10 * G, 3, &first, &end);
	ok(first == 3 && end == 10, "without a map all is used");
	map_free(m);
}

static void joining(void)
{
	struct range one[] = { { 0, 4 * G }, { 6 * G, G } }, two[] = { { 2 * G, 4 * G }, { 8 * G, G } };
	struct map *a = from_ranges(10 * G, one, 2), *b = from_ranges(10 * G, two, 2), *m;

	is_int(map_splice(a, b, 3, &m, &err), 0, "joined at grain 3");
	is_str(shown(m), "0+6 8+1", "runs that meet are one");
	map_free(m);
	map_splice(a, b, 0, &m, &err);
	is_str(shown(m), "2+4 8+1", "at the beginning: the second alone");
	map_free(m);
	map_splice(a, b, 10, &m, &err);
	is_str(shown(m), "0+4 6+1", "at the end: the first alone");
	map_free(m);
	map_free(b);
	map_new(9 * G, NULL, &b, &err);
	is_int(map_splice(a, b, 3, &m, &err), UNRACK_INTERNAL, "not of different disks");
	map_free(a);
	map_free(b);
}

static void runs_from_outside(void)
{
	const struct { struct map_run at[2]; const char *what; } bad[] = {
		{ { { 3, 2 }, { 1, 1 } }, "out of order" },
		{ { { 3, 2 }, { 4, 2 } }, "overlapping" },
		{ { { 3, 2 }, { 5, 2 } }, "touching" },
		{ { { 3, 2 }, { 10, 1 } }, "behind the disk" },
		{ { { 3, 2 }, { 9, 2 } }, "beyond the disk" },
		{ { { 3, 2 }, { 6, UINT64_MAX } }, "a count that wraps" },
		{ { { 3, 2 }, { 6, 0 } }, "empty" },
	};
	struct map *m;

	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		is_int(map_from_runs(10 * G, bad[i].at, 2, &m, &err), UNRACK_DAMAGED, "refused: %s", bad[i].what);
	has_str(err.text, "run 1 of a map is not within the disk, or not in order", "and said");
	is_int(map_from_runs(10 * G, (struct map_run[]){ { 3, 2 }, { 6, 4 } }, 2, &m, &err), 0, "good ones");
	is_str(shown(m), "3+2 6+4", "are taken");
	map_free(m);
}

static void change(const char *path, long at)
{
	FILE *f = fopen(path, "r+");
	int c;

	fseek(f, at, SEEK_SET);
	c = fgetc(f);
	fseek(f, at, SEEK_SET);
	fputc(c ^ 1, f);
	fclose(f);
}

/* Another number in the 4 bytes at AT, with the checksum that belongs to it. */
static void write_signed(const char *path, size_t at, uint32_t value)
{
	uint8_t b[96];
	FILE *f = fopen(path, "r+");

	ok(fread(b, 1, sizeof b, f) == sizeof b, "(%zu)", at);
	put_le32(b + at, value);
	put_le64(b + 16, 0);
	put_le64(b + 16, checksum64(b, sizeof b));
	rewind(f);
	fwrite(b, 1, sizeof b, f);
	fclose(f);
}

static void in_a_file(void)
{
	struct range some[] = { { 0, 4 * G }, { 6 * G, G } };
	struct map *m = from_ranges(10 * G, some, 2), *back;
	struct map_origin origin = { .pass = 3, .state = { .b = "0123456789abcde" } }, was;
	char path[] = "map.XXXXXX";
	int fd = mkstemp(path);

	close(fd);
	is_int(map_write(io_posix(), path, m, &origin, &err), 0, "written");
	is_int(map_read(io_posix(), path, 10 * G, &back, &was, &err), 0, "read");
	is_str(shown(back), "0+4 6+1", "the same");
	ok(was.pass == 3 && memcmp(&was.state, &origin.state, sizeof was.state) == 0, "of the same pass and state");
	map_free(back);
	is_int(map_read(io_posix(), path, 11 * G, &back, NULL, &err), UNRACK_DAMAGED, "not for another disk");
	for (long at = 0; at < 96; at += 4) {
		change(path, at);
		is_int(map_read(io_posix(), path, 10 * G, &back, &was, &err), UNRACK_DAMAGED, "byte %ld changed", at);
		change(path, at);
	}
	write_signed(path, 8, 2);
	is_int(map_read(io_posix(), path, 10 * G, &back, &was, &err), UNRACK_UNSUPPORTED, "another version");
	write_signed(path, 8, 1);
	write_signed(path, 56, 3);
	is_int(map_read(io_posix(), path, 10 * G, &back, &was, &err), UNRACK_DAMAGED, "more runs than there are");
	write_signed(path, 56, 2);
	is_int(map_read(io_posix(), path, 10 * G, &back, &was, &err), 0, "(read again)");
	map_free(back);
	ok(truncate(path, 95) == 0, "cut off");
	is_int(map_read(io_posix(), path, 10 * G, &back, &was, &err), UNRACK_DAMAGED, "what is cut is damaged");
	unlink(path);
	is_int(map_read(io_posix(), path, 10 * G, &back, &was, &err), UNRACK_IO, "none there");
	is_int(err.sys_errno, ENOENT, "said as such");
	map_free(m);
}

int main(void)
{
	char folder[] = "/tmp/map.XXXXXX";

	if (!mkdtemp(folder) || chdir(folder) < 0)
		return 1;
	rounding();
	walking();
	joining();
	runs_from_outside();
	in_a_file();
	if (chdir("/") < 0 || rmdir(folder) < 0)
		return 1;
	return tap_done();
}
