/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/used_parts.h"
#include "../support/tap.h"

static void whole(void)
{
	struct used_look look = { .verdict = USED_PARTLY };

	is_int(used_whole(&look, "sector %d is %s", 7, "bad"), 0, "readers can end with it");
	ok(look.verdict == USED_WHOLE && !strcmp(look.why, "sector 7 is bad"), "it is whole, and why");
	used_whole(&look, "%0400d", 1);
	is_int(strlen(look.why), sizeof look.why - 1, "a long reason is cut");
}

static void names(void)
{
	char far[] = "/dev/disk/by-id/scsi-3600508b1001c1f4b9a3f7d6c2e8b5a01-part-of-a-very-long-name";
	struct block_source disks[] = { { .name = "/dev/sda" }, { .name = far } };
	struct block_source *const sources[] = { &disks[0], &disks[1] };
	struct used_piece piece = { 0, 0, 1 };
	struct used_built b = { .pieces = &piece, .n = 1, .name = "partition 1" };
	struct used_builds all = { NULL, 0 };
	struct unrack_error e;
	char name[USED_NAME];

	used_builds_add(&all, &b, &e);
	used_builds_add(&all, &b, &e);
	is_str(used_builds_name(&all, &all.at[1], sources, name), "partition 1", "on one disk, a name is enough");
	piece.disk = 1;
	used_builds_add(&all, &b, &e);
	is_str(used_builds_name(&all, &all.at[0], sources, name), "partition 1 of /dev/sda", "on several, the disk's with it");
	is_str(used_builds_name(&all, &all.at[2], sources, name),
	       "partition 1 of ...1f4b9a3f7d6c2e8b5a01-part-of-a-very-long-name", "of a long one the end");
	memset(all.at[2].name, 'x', sizeof all.at[2].name - 1);
	ok(strlen(used_builds_name(&all, &all.at[2], sources, name)) < USED_NAME - 1, "there is room for both");
	b.n = 0;
	used_builds_add(&all, &b, &e);
	is_str(used_builds_name(&all, &all.at[3], sources, name), "partition 1", "what lies nowhere has no disk");
	used_builds_free(&all);
}

int main(void)
{
	struct used_piece pieces[2] = { { 0, 1, 2 }, { 3, 4, 5 } };
	struct used_built b = { .pieces = pieces, .n = 2, .bytes = 7, .name = "vg0/root" };
	struct used_builds all = { NULL, 0 };
	struct unrack_error e;
	unsigned wrong = 0;

	whole();
	names();
	for (unsigned i = 0; i < 100; i++) {
		pieces[0].off = b.bytes = i;
		wrong += used_builds_add(&all, &b, &e) != 0;
	}
	b.n = 0;
	b.pieces = NULL;
	wrong += used_builds_add(&all, &b, &e) != 0;
	for (unsigned i = 0; i < 100; i++)
		wrong += all.at[i].bytes != i || all.at[i].pieces[0].off != i || all.at[i].pieces[1].off != 4 || all.at[i].n != 2;
	ok(wrong == 0 && all.n == 101 && all.at[100].n == 0, "copies of what was added, with its pieces");
	is_str(all.at[99].name, "vg0/root", "and its name");
	used_builds_free(&all);
	ok(all.n == 0 && !all.at, "and nothing is left");
	used_builds_free(&all);
	return tap_done();
}
