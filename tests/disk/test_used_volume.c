/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/used_parts.h"
#include "../support/tap.h"
#include "../support/twins.h"

#define DISK 4096u

static uint8_t disks[2][DISK];
static struct block_source *sources[2];
static struct unrack_error e;

static const struct used_piece pieces[] = { { 1, 1000, 500 }, { 0, 0, 100 }, { 0, 3000, 1096 }, { 1, 0, 1 } };
#define BYTES (500 + 100 + 1096 + 1)

static uint8_t want_byte(uint64_t at)
{
	for (unsigned i = 0;; i++) {
		if (at < pieces[i].len)
			return disks[pieces[i].disk][pieces[i].off + at];
		at -= pieces[i].len;
	}
}

static void reads(void)
{
	struct block_source *v;
	uint8_t buf[BYTES];
	unsigned wrong = 0;

	is_int(used_volume_open(sources, pieces, 4, "vg0/root", &v, &e), 0, "a volume of four pieces on two disks");
	ok(v->size == BYTES && !strcmp(v->name, "vg0/root"), "its size and name");
	for (uint64_t off = 0; off < BYTES; off += 7)
		for (uint64_t n = 1; n <= BYTES - off; n += 97) {
			memset(buf, 0, n);
			wrong += block_source_read(v, buf, n, off, &e) != 0;
			for (uint64_t i = 0; i < n; i++)
				wrong += buf[i] != want_byte(off + i);
		}
	is_int(wrong, 0, "any range of it is what its pieces have");
	is_int(block_source_read(v, buf, 2, BYTES - 1, &e), UNRACK_DAMAGED, "nothing behind its end");
	block_source_close(v);
}

static void errors(void)
{
	static const struct used_piece behind = { 0, 4000, 97 }, far = { 1, UINT64_MAX, 2 }, empty = { 0, 5, 0 };
	struct block_source *v;

	is_int(used_volume_open(sources, &behind, 1, "x", &v, &e), UNRACK_DAMAGED, "a piece behind the disk's end");
	has_str(e.text, "x would lie behind the end of disk 0", "says of which");
	is_int(used_volume_open(sources, &far, 1, "x", &v, &e), UNRACK_DAMAGED, "a piece whose end overflows");
	is_int(used_volume_open(sources, &empty, 1, "x", &v, &e), UNRACK_DAMAGED, "an empty piece");
	is_int(used_volume_open(sources, pieces, 0, "x", &v, &e), UNRACK_DAMAGED, "no pieces");
}

static void read_error(void)
{
	struct twin_source *twin = twin_source_memory(disks[1], DISK);
	struct block_source *both[2] = { sources[0], twin_source(twin) }, *v;
	uint8_t buf[600];

	twin_source_bad(twin, 1400, 1, 5, 0);
	used_volume_open(both, pieces, 4, "v", &v, &e);
	is_int(block_source_read(v, buf, 600, 0, &e), UNRACK_IO, "a piece that can't be read");
	is_int(block_source_read(v, buf, 100, 500, &e), 0, "another one can");
	block_source_close(v);
	block_source_close(both[1]);
	twin_source_free(twin);
}

/* Data in [100, 200) and [3000, 3010) of disk 0; all of disk 1. */
static int next_data(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end, struct unrack_error *err)
{
	(void)err;
	*start = off < 100 ? 100 : off < 200 ? off : off < 3000 ? 3000 : off < 3010 ? off : s->size;
	*end = off < 200 ? 200 : 3010;
	return 0;
}

static void holes(void)
{
	static const struct block_source_ops ops = { .next_data = next_data };
	struct block_source sparse = { &ops, DISK, "sparse", NULL }, *both[2] = { &sparse, sources[1] }, *v;
	uint64_t start, end;

	used_volume_open(both, pieces, 4, "v", &v, &e);
	ok(block_source_next_data(v, 100, &start, &end, &e) == 0 && start == 100 && end == 500, "data to the end of a piece");
	ok(block_source_next_data(v, 500, &start, &end, &e) == 0 && start == 600 && end == 610, "holes of a piece are the volume's");
	ok(block_source_next_data(v, 610, &start, &end, &e) == 0 && start == BYTES - 1 && end == BYTES, "to the last byte");
	block_source_close(v);
	used_volume_open(both, pieces + 1, 1, "v", &v, &e);
	ok(block_source_next_data(v, 0, &start, &end, &e) == 0 && start == 100, "nothing but holes, although there is data behind the piece");
	block_source_close(v);
}

static void translate(void)
{
	struct ranges *unused = ranges_new(0), *out[2] = { ranges_new(0), ranges_new(0) };
	static const struct range want0[] = { { 0, 100 }, { 3000, 50 }, { 4090, 6 } }, want1[] = { { 1010, 5 }, { 1450, 50 } };
	const struct range *list;
	size_t n;

	ranges_add(unused, 10, 5, &e);
	ranges_add(unused, 450, 200, &e); /* over three pieces */
	ranges_add(unused, BYTES - 7, 6, &e);
	ranges_add(unused, BYTES + 5, 100, &e); /* behind the volume */
	is_int(used_volume_translate(pieces, 4, unused, out, &e), 0, "the volume's ranges as the disks'");
	list = ranges_list(out[0], &n);
	ok(n == 3 && !memcmp(list, want0, sizeof want0), "those of the first disk");
	list = ranges_list(out[1], &n);
	ok(n == 2 && !memcmp(list, want1, sizeof want1), "those of the second, and nothing behind the volume's end");
	ranges_free(unused);
	ranges_free(out[0]);
	ranges_free(out[1]);
}

int main(void)
{
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < DISK; k++)
			disks[i][k] = (uint8_t)(k * 31 + k / 256 + i * 101);
		block_source_open_memory(disks[i], DISK, i ? "disk 1" : "disk 0", &sources[i], &e);
	}
	reads();
	errors();
	read_error();
	holes();
	translate();
	block_source_close(sources[0]);
	block_source_close(sources[1]);
	return tap_done();
}
