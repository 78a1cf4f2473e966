/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../p2v/convert/read_cache.h"
#include "../support/tap.h"

int main(void)
{
	struct read_cache c = { 0 };
	struct buf big = { 0 }, small = { 0 }, out = { 0 };
	char name[16];
	size_t kept = 0;
	int fd, first = open("/dev/null", O_RDONLY);

	close(first);
	buf_zeros(&big, READ_CACHE_LEAST);
	big.data[7] = 'x';
	buf_zeros(&small, READ_CACHE_LEAST - 1);
	read_cache_put(&c, "/boot/a", &big);
	read_cache_put(&c, "/boot/b", &small);
	ok(read_cache_get(&c, "/boot/a", UINT64_MAX, &out) && out.len == big.len && out.data[7] == 'x', "a large file is kept");
	ok(!read_cache_get(&c, "/boot/b", UINT64_MAX, &out), "a small one is not");
	ok(!read_cache_get(&c, "/boot", UINT64_MAX, &out), "nor one that was not read");
	big.data[7] = 'y';
	ok(read_cache_get(&c, "/boot/a", UINT64_MAX, &out) && out.data[7] == 'x', "it is a copy");
	ok(!read_cache_get(&c, "/boot/a", READ_CACHE_LEAST - 1, &out) && read_cache_open(&c, "/boot/a", READ_CACHE_LEAST - 1) < 0,
	   "nobody gets more than is wanted");
	for (int i = 0; i < 2; i++) {
		char text[8] = "";

		fd = read_cache_open(&c, "/boot/a", READ_CACHE_LEAST);
		ok(read(fd, text, 8) == 8 && text[7] == 'x', "a descriptor of it stands at its start");
		ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "and is nobody else's");
		close(fd);
	}
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	read_cache_keep(&c, "/boot/c", fd, READ_CACHE_LEAST);
	close(fd);
	fd = read_cache_open(&c, "/boot/c", UINT64_MAX);
	ok(fd >= 0, "a file that is given is kept by a descriptor of its own");
	close(fd);
	ok(!read_cache_get(&c, "/boot/c", UINT64_MAX, &out), "one that has become shorter is not taken");
	read_cache_drop(&c);
	is_int(open("/dev/null", O_RDONLY), first, "its descriptors are closed");
	close(first);
	ok(!read_cache_get(&c, "/boot/a", UINT64_MAX, &out), "and goes when the guest changes");
	for (int i = 0; i < 2 * READ_CACHE_FILES; i++) {
		snprintf(name, sizeof name, "/%d", i);
		read_cache_put(&c, name, &big);
		kept += read_cache_get(&c, name, UINT64_MAX, &out);
	}
	is_int(kept, READ_CACHE_FILES, "so many files are kept");
	is_int(c.bytes, READ_CACHE_FILES * (size_t)READ_CACHE_LEAST, "their bytes are counted");
	read_cache_drop(&c);
	c.bytes = READ_CACHE_BYTES - big.len + 1;
	read_cache_put(&c, "/x", &big);
	ok(!read_cache_get(&c, "/x", UINT64_MAX, &out), "without room nothing is kept");
	read_cache_drop(&c);
	buf_free(&big);
	buf_free(&small);
	buf_free(&out);
	return tap_done();
}
