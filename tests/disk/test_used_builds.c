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

int main(void)
{
	struct used_piece pieces[2] = { { 0, 1, 2 }, { 3, 4, 5 } };
	struct used_built b = { .pieces = pieces, .n = 2, .bytes = 7, .name = "vg0/root" };
	struct used_builds all = { NULL, 0 };
	struct unrack_error e;
	unsigned wrong = 0;

	whole();
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
