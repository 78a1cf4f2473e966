/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/grain.h"
#include "unrack/map.h"

#define G ((size_t)GRAIN_SIZE)
#define SIZE (10 * G + 500)

static struct unrack_error err;
static uint8_t disk[SIZE], want[SIZE], got[SIZE];

int main(void)
{
	const struct map_run runs[] = { { 0, 1 }, { 3, 2 }, { 9, 2 } };
	struct twin_source *t = twin_source_memory(disk, SIZE);
	struct block_source *inner = twin_source(t), *s, *other;
	uint64_t at = 0, start, end;
	struct map *map, *wrong;
	char found[256] = "";

	for (size_t i = 0; i < SIZE; i++)
		disk[i] = (uint8_t)(i % 251 + 1);
	memcpy(want, disk, SIZE);
	memset(want, 0, G);
	memset(want + 3 * G, 0, 2 * G);
	memset(want + 9 * G, 0, G + 500);
	map_from_runs(SIZE, runs, 3, &map, &err);
	map_new(SIZE + 1, NULL, &wrong, &err);
	is_int(block_source_open_mapped(inner, wrong, &other, &err), UNRACK_DAMAGED, "a map of another disk is refused");
	is_int(block_source_open_mapped(inner, map, &s, &err), 0, "opened");
	is_int(block_source_read(s, got, SIZE, 0, &err), 0, "all of it is read");
	ok(!memcmp(got, want, SIZE), "what the map leaves out is zeros");
	ok(!twin_source_was_read(t, 0, G) && !twin_source_was_read(t, 3 * G, 2 * G) &&
	   !twin_source_was_read(t, 9 * G, G + 500), "and was not read");
	is_int(block_source_read(s, got, 3 * G, 2 * G + 17, &err), 0, "a part, at an odd place");
	ok(!memcmp(got, want + 2 * G + 17, 3 * G), "is right");
	is_int(block_source_read(s, got, 100, SIZE - 100, &err), 0, "the end");
	ok(!memcmp(got, want + SIZE - 100, 100), "is right");
	while (at < SIZE && block_source_next_data(s, at, &start, &end, &err) == 0 && start < SIZE) {
		snprintf(found + strlen(found), sizeof found - strlen(found), "%zu-%zu ", (size_t)start / G,
			 (size_t)end / G);
		at = end;
	}
	is_str(found, "1-3 5-9 ", "the rest is data");
	is_int(block_source_next_data(s, 3 * G + 5, &start, &end, &err), 0, "from within a hole");
	ok(start == 5 * G && end == 9 * G, "the next data");
	is_int(block_source_next_data(s, 5 * G + 5, &start, &end, &err), 0, "from within data");
	ok(start == 5 * G + 5 && end == 9 * G, "the rest of it");
	block_source_close(s);
	ok(!twin_source_closed(t), "the inner source stays open");
	twin_source_free(t);
	map_free(map);
	map_free(wrong);
	return tap_done();
}
