/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of arrays: 0:1 flags (1: the sums of all superblocks are put right), 1:2 bytes of the first disk's part of
 * what follows; two disks as in sparse.h. */
#include "built.h"
#include "sparse.h"

/* Version 0.90 in little-endian bytes, or version 1. */
static void put_super_right(struct sparse *d, uint64_t sector)
{
	uint8_t *b = sparse_at(d, sector), all[4096];
	struct unrack_error e;
	bool one = b && get_le32(b + 4) == 1;
	uint64_t sum = 0, n = one ? 256 + 2ull * get_le32(b + 220) : sizeof all;

	if (!b || n > sizeof all)
		return;
	put_le32(b + (one ? 216 : 152), 0);
	sparse_read(&d->source, all, sizeof all, sector * SECTOR_SIZE, &e);
	for (size_t i = 0; i + 4 <= n; i += 4)
		sum += get_le32(all + i);
	if (n % 4)
		sum += get_le16(all + n - 2);
	put_le32(b + (one ? 216 : 152), (uint32_t)(sum + (sum >> 32)));
}

static void open_part(struct sparse *d, struct fuzz_in *in, size_t n, bool right)
{
	struct fuzz_in part = { in->p, n < in->n ? n : in->n };
	uint64_t sectors;

	in->p += part.n;
	in->n -= part.n;
	sparse_open(d, &part);
	sectors = d->source.size / SECTOR_SIZE;
	if (!right)
		return;
	put_super_right(d, 0);
	put_super_right(d, 8);
	put_super_right(d, (sectors - 16) & ~7ull);
	put_super_right(d, (sectors & ~127ull) - 128);
}

static void find(struct built *b, struct block_source *const *sources)
{
	struct unrack_error e = UNRACK_ERROR_INIT;

	built_begin(b, sources);
	fuzz_check(used_md(b->sources, &b->members, b->states, &b->out, &e) == 0);
	built_check(b);
	fuzz_check(b->out.n == BUILT_DISKS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	size_t first = (size_t)fuzz_take(&in, 2);
	static struct sparse disks[BUILT_DISKS];
	struct block_source *sources[BUILT_DISKS] = { &disks[0].source, &disks[1].source };
	struct built a, b;

	open_part(&disks[0], &in, first, flags & 1);
	open_part(&disks[1], &in, in.n, flags & 1);
	find(&a, sources);
	find(&b, sources);
	built_check_same(&a, &b);
	built_end(&a);
	built_end(&b);
	return 0;
}
