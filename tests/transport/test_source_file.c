/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real files: sizes, holes, reading past the page cache, and what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"

#define SIZE (2 * 1024 * 1024 + 777u)

static struct unrack_error err;
static char dir[] = "/tmp/unrack-test-XXXXXX", path[64];

static void put(const char *name, const void *data, size_t n, off_t off, off_t size)
{
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || pwrite(fd, data, n, off) != (ssize_t)n || (size && ftruncate(fd, size) < 0) ||
	    fsync(fd) < 0)
		abort();
	close(fd);
}

static void test_reads(const struct block_source_file_options *opt, const char *what)
{
	static const struct {
		size_t n;
		uint64_t off;
	} range[] = {
		{ 1, 0 }, { 4096, 4096 }, { 1 << 20, 1 << 20 }, { SIZE, 0 }, { 1, SIZE - 1 },
		{ 777, SIZE - 777 }, { 778, SIZE - 778 }, { 5000, 4095 }, { 300000, 513 },
		{ 8192, SIZE - 8192 }, { SIZE - 1, 1 },
	};
	uint8_t *data = copy_data(SIZE, COPY_NOISE, 3), *buf;
	struct block_source *s;
	unsigned wrong = 0;

	put("disk", data, SIZE, 0, 0);
	if (posix_memalign((void **)&buf, 4096, SIZE + 4096) != 0)
		abort();
	if (block_source_open_file(path, opt, &s, &err) == UNRACK_UNSUPPORTED) {
		has_str(err.text, "no O_DIRECT", "%s: not on this filesystem", what);
	} else {
		is_int(s->size, SIZE, "%s: the size is exact", what);
		is_str(s->name, path, "%s: the name is the path", what);
		for (unsigned i = 0; i < ARRAY_LEN(range); i++)
			for (unsigned shift = 0; shift < 2; shift++) {
				memset(buf, 0, SIZE + 4096);
				if (block_source_read(s, buf + shift, range[i].n, range[i].off, &err) ||
				    memcmp(buf + shift, data + range[i].off, range[i].n) ||
				    buf[shift + range[i].n])
					wrong++;
			}
		is_int(wrong, 0, "%s: every range is read exactly", what);
		block_source_close(s);
	}
	free(buf);
	free(data);
	unlink(path);
}

static void test_holes(void)
{
	struct block_source *s;
	uint64_t start, end;

	put("sparse", "data", 4, 1 << 20, 4 << 20);
	is_int(block_source_open_file(path, NULL, &s, &err), 0, "a sparse file opens");
	is_int(block_source_next_data(s, 0, &start, &end, &err), 0, "its data is found");
	if (start == 0 && end == 4 << 20) {
		ok(true, "or all is data, where the filesystem does not know");
	} else {
		ok(start <= 1 << 20 && end > 1 << 20 && end < 4 << 20, "where it was written");
		is_int(block_source_next_data(s, end, &start, &end, &err), 0, "and behind it");
		is_int(start, 4 << 20, "there is none");
	}
	block_source_close(s);
	unlink(path);
}

/* Pages of the file that are in memory. */
static size_t cached(void)
{
	unsigned char in[SIZE / 4096 + 1];
	int fd = open(path, O_RDONLY);
	void *p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	size_t n = 0;

	if (fd < 0 || p == MAP_FAILED || mincore(p, SIZE, in) < 0)
		abort();
	for (size_t i = 0; i < sizeof in; i++)
		n += in[i] & 1;
	munmap(p, SIZE);
	close(fd);
	return n;
}

/* The source is somebody's server at work, whose own files are to stay in memory. */
static void test_leaves_no_cache(void)
{
	static const struct block_source_file_options drop = { .drop_cache = true };
	uint8_t *data = copy_data(SIZE, COPY_NOISE, 3);
	struct block_source *s;
	size_t all;

	put("disk", data, SIZE, 0, 0);
	if (block_source_open_file(path, &drop, &s, &err) < 0)
		abort();
	all = cached();
	for (size_t at = 0; at < SIZE; at += GRAIN_SIZE)
		block_source_read(s, data, min_u64(GRAIN_SIZE, SIZE - at), at, &err);
	block_source_close(s);
	/* A page that is shared by two reads may stay. */
	if (all < SIZE / 4096 || cached() == all)
		ok(true, "trap: what was read # SKIP no page cache that can be dropped here");
	else
		ok(cached() < all / 4, "trap: what was read is dropped from the page cache (%zu of %zu pages stay)", cached(), all);
	free(data);
	unlink(path);
}

static void test_shrinks(void)
{
	struct block_source *s;
	char buf[512];

	put("disk", "x", 1, 0, 8192);
	block_source_open_file(path, NULL, &s, &err);
	if (truncate(path, 4096) < 0)
		abort();
	is_int(block_source_read(s, buf, 512, 4000, &err), UNRACK_IO,
	       "a file that shrinks is an error");
	has_str(err.text, "ends at byte 4096, although it had 8192 bytes", "with both sizes");
	block_source_close(s);
	unlink(path);
}

static void refused(const char *p, int code, const char *why)
{
	struct block_source *s;

	is_int(block_source_open_file(p, NULL, &s, &err), code, "%s is refused", p);
	has_str(err.text, why, "with the reason");
	has_str(err.text, p, "and its name");
}

int main(void)
{
	static const struct block_source_file_options direct = { .direct = true },
						      drop = { .drop_cache = true };

	if (!mkdtemp(dir))
		return 1;
	test_reads(NULL, "through the cache");
	test_reads(&drop, "dropping the cache");
	test_reads(&direct, "past the cache");
	test_leaves_no_cache();
	test_holes();
	test_shrinks();
	refused(dir, UNRACK_USAGE, "is a folder");
	refused("/dev/zero", UNRACK_USAGE, "is a character device");
	snprintf(path, sizeof path, "%s/fifo", dir);
	if (mkfifo(path, 0600) == 0)
		refused(path, UNRACK_USAGE, "neither a file nor a block device");
	unlink(path);
	refused(path, UNRACK_IO, "No such file");
	rmdir(dir);
	return tap_done();
}
