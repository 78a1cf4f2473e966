/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "../../p2v/convert/read_cache.h"
#include "../support/tap.h"

int main(void)
{
	struct read_cache c = { 0 };
	struct buf big = { 0 }, small = { 0 }, out = { 0 };
	char name[16];
	size_t kept = 0;

	buf_zeros(&big, READ_CACHE_LEAST);
	big.data[7] = 'x';
	buf_zeros(&small, READ_CACHE_LEAST - 1);
	read_cache_put(&c, "/boot/a", &big);
	read_cache_put(&c, "/boot/b", &small);
	ok(read_cache_get(&c, "/boot/a", &out) && out.len == big.len && out.data[7] == 'x', "a large file is kept");
	ok(!read_cache_get(&c, "/boot/b", &out), "a small one is not");
	ok(!read_cache_get(&c, "/boot", &out), "nor one that was not read");
	big.data[7] = 'y';
	ok(read_cache_get(&c, "/boot/a", &out) && out.data[7] == 'x', "it is a copy");
	read_cache_drop(&c);
	ok(!read_cache_get(&c, "/boot/a", &out), "and goes when the guest changes");
	for (int i = 0; i < 2 * READ_CACHE_FILES; i++) {
		snprintf(name, sizeof name, "/%d", i);
		read_cache_put(&c, name, &big);
		kept += read_cache_get(&c, name, &out);
	}
	is_int(kept, READ_CACHE_FILES, "so many files are kept");
	is_int(c.bytes, READ_CACHE_FILES * (size_t)READ_CACHE_LEAST, "their bytes are counted");
	read_cache_drop(&c);
	c.bytes = READ_CACHE_BYTES - big.len + 1;
	read_cache_put(&c, "/x", &big);
	ok(!read_cache_get(&c, "/x", &out), "without room nothing is kept");
	read_cache_drop(&c);
	buf_free(&big);
	buf_free(&small);
	buf_free(&out);
	return tap_done();
}
