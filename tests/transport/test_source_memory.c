/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/block_source.h"

int main(void)
{
	char name[] = "memory";
	struct block_source *s;
	struct unrack_error err;
	uint64_t start, end;
	char buf[4] = "";

	is_int(block_source_open_memory("abcdef", 6, name, &s, &err), 0, "memory opens");
	name[0] = 'x';
	is_str(s->name, "memory", "its name is its own");
	is_int(s->size, 6, "it has its size");
	is_int(block_source_read(s, buf, 3, 2, &err), 0, "it can be read");
	is_str(buf, "cde", "from anywhere");
	is_int(block_source_read(s, buf, 3, 4, &err), UNRACK_DAMAGED, "but not behind its end");
	block_source_next_data(s, 1, &start, &end, &err);
	ok(start == 1 && end == 6, "it is all data");
	block_source_close(s);
	return tap_done();
}
