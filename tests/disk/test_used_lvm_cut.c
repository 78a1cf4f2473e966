/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/used_lvm.h"
#include "../support/tap.h"

static struct used_piece places[] = { { 0, 1000, 100 }, { 2, 50, 100 }, { 2, 150, 100 } };
static const struct used_built member = { .name = "partition 1", .pieces = places, .n = 3, .bytes = 300 };
static struct unrack_error e;

/* "0:1000+100 ..." of the bytes OFF... of the member. */
static const char *cut(uint64_t off, uint64_t len)
{
	static char text[200];
	struct used_piece_vec v = { 0 };
	size_t n = 0;

	text[0] = '\0';
	if (used_lvm_cut(&member, off, len, &v, &e) < 0)
		return "error";
	for (size_t i = 0; i < v.len; i++)
		n += (size_t)sprintf(text + n, "%s%u:%d+%d", i ? " " : "", v.at[i].disk, (int)v.at[i].off, (int)v.at[i].len);
	used_piece_vec_free(&v);
	return text;
}

int main(void)
{
	struct ranges *disks[3] = { ranges_new(0), ranges_new(0), ranges_new(0) };
	struct used_builds out = { NULL, 0 };
	struct used_lvm all = { .out = &out };
	const struct range *r;
	size_t n;

	is_str(cut(0, 300), "0:1000+100 2:50+200", "all of a member, joined where pieces touch");
	is_str(cut(10, 20), "0:1010+20", "within a piece");
	is_str(cut(90, 120), "0:1090+10 2:50+110", "over all pieces");
	is_str(cut(100, 1), "2:50+1", "the first byte of a piece");
	is_str(cut(300, 0), "", "nothing");
	is_int(used_lvm_free(&member, 90, 20, disks, &e), 0, "free bytes");
	r = ranges_list(disks[0], &n);
	ok(n == 1 && r[0].off == 1090 && r[0].len == 10, "are free on the first disk");
	r = ranges_list(disks[2], &n);
	ok(n == 1 && r[0].off == 50 && r[0].len == 10, "and on the other one");
	is_int(ranges_bytes(disks[1]), 0, "not on a third one");
	is_int(used_lvm_whole(&all, &member, "LVM2", "of \x1b[2J\xff", true, &e), 0, "a member that is copied whole");
	is_str(out.at[0].name, "LVM2 on partition 1", "its name");
	is_str(out.at[0].why, "of ?[2J?", "its reason, printable");
	ok(out.at[0].whole && out.at[0].trouble && out.at[0].bytes == 300 && out.at[0].n == 3, "its bytes");
	is_int(used_lvm_room(&all), USED_LVM_PIECES_MAX - 3, "its pieces are counted");
	all.pieces = USED_LVM_PIECES_MAX + 1;
	is_int(used_lvm_room(&all), 0, "there is never less than no room");
	ok(used_lvm_is_doubt(UNRACK_DAMAGED) && used_lvm_is_doubt(UNRACK_IO) && !used_lvm_is_doubt(UNRACK_INTERNAL) &&
	   !used_lvm_is_doubt(UNRACK_INTERRUPTED) && !used_lvm_is_doubt(0), "which errors are the volume's");
	for (unsigned i = 0; i < 3; i++)
		ranges_free(disks[i]);
	used_builds_free(&out);
	return tap_done();
}
