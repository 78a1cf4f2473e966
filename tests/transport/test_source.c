/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checked wrappers: ranges, and sources that give strange answers. */
#include "../support/tap.h"
#include "unrack/block_source.h"

static struct unrack_error err;
static uint64_t start, end;
static unsigned reads;

static int strange_read(struct block_source *s, void *buf, size_t n, uint64_t off,
			struct unrack_error *e)
{
	(void)s;
	(void)off;
	(void)e;
	memset(buf, 'r', n);
	reads++;
	return 0;
}

static int strange_next(struct block_source *s, uint64_t off, uint64_t *from, uint64_t *to,
			struct unrack_error *e)
{
	const uint64_t *answer = s->ctx;

	(void)off;
	if (answer[0] == 99)
		return error_set(e, UNRACK_IO, "no");
	*from = answer[0];
	*to = answer[1];
	return 0;
}

static void strange_close(struct block_source *s)
{
	(void)s;
}

int main(void)
{
	static const struct block_source_ops plain = { .read = strange_read, .close = strange_close };
	static const struct block_source_ops sparse = { .read = strange_read, .next_data = strange_next, .close = strange_close };
	uint64_t answer[2];
	struct block_source s = { &plain, 1000, "disk", answer };
	char buf[16];

	is_int(block_source_read(&s, buf, 10, 990, &err), 0, "the last bytes can be read");
	is_int(block_source_read(&s, buf, 11, 990, &err), UNRACK_DAMAGED, "one more can't");
	is_str(err.text, "disk: 11 bytes at byte 990 are wanted, but it ends at byte 1000",
	       "with the reason");
	is_int(block_source_read(&s, buf, 10, UINT64_MAX - 5, &err), UNRACK_DAMAGED,
	       "a range that wraps is refused");
	is_int(block_source_read(&s, buf, 0, 1000, &err), 0, "nothing can be read at the end");
	is_int(reads, 1, "only good requests reach the source");

	is_int(block_source_next_data(&s, 100, &start, &end, &err), 0, "without knowledge of holes");
	ok(start == 100 && end == 1000, "everything is data");
	s.ops = &sparse;
	answer[0] = 200;
	answer[1] = 300;
	block_source_next_data(&s, 100, &start, &end, &err);
	ok(start == 200 && end == 300, "with it, the next range");
	block_source_next_data(&s, 1000, &start, &end, &err);
	is_int(start, 1000, "at the end there is none, and nobody is asked");
	answer[0] = 50;
	answer[1] = 60;
	block_source_next_data(&s, 100, &start, &end, &err);
	ok(start == 100 && end == 1000, "an answer from before the question skips nothing");
	answer[0] = 2000;
	answer[1] = 3000;
	block_source_next_data(&s, 100, &start, &end, &err);
	ok(start == 1000 && end == 1000, "a range behind the end is none");
	answer[0] = 200;
	answer[1] = 200;
	block_source_next_data(&s, 100, &start, &end, &err);
	ok(start == 200 && end == 1000, "an empty range does not stop the caller's progress");
	answer[0] = 99;
	is_int(block_source_next_data(&s, 0, &start, &end, &err), UNRACK_IO, "errors are passed on");
	block_source_close(&s);
	block_source_close(NULL);
	return tap_done();
}
