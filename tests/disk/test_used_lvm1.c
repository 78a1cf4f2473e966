/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volume groups of kernels 2.4, written from the layout in LVM2's lib/format1/disk-rep.h. */
#include "built.h"
#include <errno.h>

#define EXTENT 65536u
#define START 0x30000u /* of the first extent */
#define EXTENTS 12u
#define VG_AT 4096u
#define UUIDS_AT 8192u
#define LVS_AT 12288u
#define LVS 256u
#define LV_BYTES 328u
#define TABLE_AT 0x19000u

static void set_place(uint8_t *pv, unsigned at, uint32_t base, uint32_t size)
{
	put_le32(pv + at, base);
	put_le32(pv + at + 4, size);
}

/* Extent E of the disk is extent LE of the volume LV, counted from 1. */
static void give(unsigned disk, unsigned e, unsigned lv, unsigned le)
{
	uint8_t *table = w.data[disk] + TABLE_AT;

	put_le16(table + 4 * e, (uint16_t)lv);
	put_le16(table + 4 * e + 2, (uint16_t)le);
	put_le32(w.data[disk] + 460, get_le32(w.data[disk] + 460) + 1);
}

static void add_lv(uint8_t *pv, unsigned slot, const char *name, unsigned extents)
{
	uint8_t *lv = pv + LVS_AT + slot * LV_BYTES;

	strcpy((char *)lv, name);
	strcpy((char *)lv + 128, "vg0");
	put_le32(lv + 256, 3);
	put_le32(lv + 260, 1);
	put_le32(lv + 272, slot);
	put_le32(lv + 288, extents * EXTENT / 512);
	put_le32(lv + 300, extents);
	put_le32(lv + 304, 1);
	put_le32(pv + VG_AT + 144, get_le32(pv + VG_AT + 144) + 1);
}

/* vg0 on disks 0 and 1: root has extents 0 and 1 of disk 0 and 5 of disk 1, home, in slot 2, 9 and 8 of disk 1. */
static void make(unsigned version)
{
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *pv = w.data[i], *vg = pv + VG_AT;

		memset(pv, 0, DISK_BYTES);
		memcpy(pv, "HM", 2);
		put_le16(pv + 2, (uint16_t)version);
		set_place(pv, 4, 0, 1024);
		set_place(pv, 12, VG_AT, 4096);
		set_place(pv, 20, UUIDS_AT, 4096);
		set_place(pv, 28, LVS_AT, LVS * LV_BYTES);
		set_place(pv, 36, TABLE_AT, version == 1 ? START - TABLE_AT : 4 * EXTENTS);
		memset(pv + 44, 'a' + (int)i, 32);
		strcpy((char *)pv + 172, "vg0");
		strcpy((char *)pv + 300, "rhel3");
		put_le32(pv + 432, i + 1);
		put_le32(pv + 436, 1);
		put_le32(pv + 440, 2);
		put_le32(pv + 444, DISK_BYTES / 512);
		put_le32(pv + 448, 2);
		put_le32(pv + 452, EXTENT / 512);
		put_le32(pv + 456, EXTENTS);
		put_le32(pv + 464, version == 1 ? 0 : START / 512);
		memset(vg, 'g', 32);
		put_le32(vg + 132, 3);
		put_le32(vg + 136, 5);
		put_le32(vg + 140, 256);
		put_le32(vg + 152, 256);
		put_le32(vg + 156, 2);
		put_le32(vg + 160, 2);
		put_le32(vg + 172, EXTENT / 512);
		put_le32(vg + 176, 2 * EXTENTS);
		put_le32(vg + 180, 5);
		for (unsigned k = 0; k < 2; k++)
			memset(pv + UUIDS_AT + 128 * k, 'a' + (int)k, 32);
		add_lv(pv, 0, "/dev/vg0/root", 3);
		add_lv(pv, 2, "/dev/vg0/home", 2);
	}
	give(0, 0, 1, 0);
	give(0, 1, 1, 1);
	give(1, 5, 1, 2);
	give(1, 9, 3, 0);
	give(1, 8, 3, 1);
}

static int find(void)
{
	used_builds_free(&w.out);
	return used_lvm(w.sources, &w.members, w.free, w.states, &w.out, &w.err);
}

static void look_at(unsigned last)
{
	built_begin();
	for (unsigned i = 0; i <= last; i++)
		built_member(i, 0, DISK_BYTES);
	if (find() != 0)
		abort();
}

static const char *why(void)
{
	const char *text = built_why("LVM1 on partition 1");

	return text ? text : "";
}

static void plain(unsigned version)
{
	char want[128];

	make(version);
	look_at(1);
	is_int(w.out.n, 2, "LVM1 as RHEL 3 has it: two volumes (version %u)", version);
	is_str(built_why("vg0/root"), "", "are looked into");
	snprintf(want, sizeof want, "0:%u+%u 1:%u+%u", START, 2 * EXTENT, START + 5 * EXTENT, EXTENT);
	is_str(built_pieces("vg0/root"), want, "over two disks");
	snprintf(want, sizeof want, "1:%u+%u 1:%u+%u", START + 9 * EXTENT, EXTENT, START + 8 * EXTENT, EXTENT);
	is_str(built_pieces("vg0/home"), want, "in the order of the volume");
	snprintf(want, sizeof want, "%u+%u", START + 2 * EXTENT, 10 * EXTENT);
	is_str(built_free(0), want, "other extents are free");
	snprintf(want, sizeof want, "%u+%u %u+%u %u+%u", START, 5 * EXTENT, START + 6 * EXTENT, 2 * EXTENT, START + 10 * EXTENT, 2 * EXTENT);
	is_str(built_free(1), want, "on each disk");
}

/* A change of 32 bits on disk 1, or on both. */
static void odd(void)
{
	static const struct {
		uint32_t at, value;
		bool both;
		const char *why;
	} bad[] = {
		{ 436, 3, false, "exported" },
		{ 444, DISK_BYTES / 512 + 1, false, "smaller than its metadata" },
		{ 444, 1000, false, "smaller than its metadata" },
		{ 452, 0, false, "contradict themselves" },
		{ 456, 0, false, "contradict themselves" },
		{ 456, 65536, false, "contradict themselves" },
		{ 456, EXTENTS + 1, false, "where its metadata are" },
		{ 460, 4, false, "another number of extents in use" },
		{ 464, 1, false, "where its metadata are" },
		{ 36, START, false, "where its metadata are" },
		{ 40, 4, false, "where its metadata are" },
		{ 12, 0xfffffff0, false, "contradict themselves" },
		{ 12, 0, false, "contradict themselves" },
		{ 16, 10, false, "contradict themselves" },
		{ 20, START, false, "contradict themselves" },
		{ 28, START - 100, false, "contradict themselves" },
		{ 32, 0, false, "the metadata of its group contradict each other" },
		{ VG_AT + 148, 1, false, "the metadata of its group contradict each other" },
		{ LVS_AT + 256, 1, false, "the metadata of its group contradict each other" },
		{ VG_AT + 136, 3, true, "exported or shared" },
		{ VG_AT + 132, 7, true, "exported or shared" },
		{ VG_AT + 156, 3, true, "2 of 3 physical volumes of its group are there" },
		{ VG_AT + 172, 64, true, "contradict each other" },
		{ VG_AT + 176, 25, true, "another number of extents" },
		{ VG_AT + 144, 3, true, "lack logical volumes" },
		{ LVS_AT + 272, 1, true, "a logical volume that contradicts itself" },
		{ LVS_AT + 288, 1, true, "a logical volume that contradicts itself" },
		{ LVS_AT + 300, 0, true, "a logical volume that contradicts itself" },
		{ LVS_AT + 300, 60000, true, "a logical volume that contradicts itself" },
		{ UUIDS_AT + 128, 0x41414141, true, "name other volumes of its group" },
		{ TABLE_AT + 20, 0x00010001, false, "its extents are of volumes that are not there" },
		{ TABLE_AT + 20, 0x00030001, false, "its extents are of volumes that are not there" },
		{ TABLE_AT + 20, 0x00000002, false, "its extents are of volumes that are not there" },
		{ TABLE_AT + 20, 0x00000fff, false, "its extents are of volumes that are not there" },
		{ TABLE_AT + 20, 0, false, "another number of extents in use" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		make(2);
		put_le32(w.data[1] + bad[i].at, bad[i].value);
		if (bad[i].both)
			put_le32(w.data[0] + bad[i].at, bad[i].value);
		look_at(1);
		has_str(why(), bad[i].why, "field %u is %u: %s", bad[i].at, bad[i].value, bad[i].why);
		ok(built_all_whole(), "all is whole");
	}
	make(2);
	put_le32(w.data[1] + TABLE_AT + 20, 0);
	put_le32(w.data[1] + 460, 2);
	look_at(1);
	has_str(why(), "lacks extents", "a volume without one of its extents");
	make(2);
	for (unsigned k = 0; k < 2; k++) {
		put_le32(w.data[k] + LVS_AT + 300, 60000);
		put_le32(w.data[k] + LVS_AT + 288, 60000 * (EXTENT / 512));
	}
	look_at(1);
	has_str(why(), "a logical volume that contradicts itself", "a volume larger than its group");
	make(2);
	strcpy((char *)w.data[1] + 172, "vg0PV_EXP");
	look_at(1);
	ok(built_all_whole(), "an exported volume is whole");
}

/* Volumes that are not linear; their group is fine. */
static void kinds(void)
{
	static const struct {
		uint32_t at, value;
		const char *what;
	} odd_lv[] = { { 304, 2, "striped" }, { 276, 1, "mirrored" }, { 256, 7, "a snapshot" }, { 256, 11, "with a snapshot" } };

	for (size_t i = 0; i < sizeof odd_lv / sizeof *odd_lv; i++) {
		make(2);
		for (unsigned k = 0; k < 2; k++)
			put_le32(w.data[k] + LVS_AT + odd_lv[i].at, odd_lv[i].value);
		look_at(1);
		has_str(built_why("vg0/root"), "striped, mirrored, a snapshot", "a volume that is %s is copied whole", odd_lv[i].what);
		is_str(built_why("vg0/home"), "", "the other one is looked into");
	}
}

static void members(void)
{
	make(2);
	look_at(0);
	has_str(why(), "1 of 2 physical volumes", "a disk is missing");
	ok(built_all_whole(), "all is whole");
	make(2);
	memcpy(w.data[2], w.data[1], DISK_BYTES);
	look_at(2);
	has_str(why(), "3 of 2 physical volumes", "a disk is there twice");
	ok(built_all_whole(), "all is whole");
	make(2);
	memset(w.data[1] + 172, 0, 128);
	look_at(1);
	has_str(built_why("LVM1 on partition 2"), "belongs to no volume group", "one without group");
	make(2);
	memset(w.data[1] + 44, 'a', 32);
	look_at(1);
	has_str(why(), "have the same UUID", "two with one UUID");
	make(2);
	memset(w.data[0], 0, 2);
	look_at(1);
	has_str(built_why("LVM2 on partition 1"), "no label", "one without its mark");
	make(3);
	look_at(1);
	has_str(built_why("LVM2 on partition 1"), "no label", "or of a version that is not known");
	make(2);
	built_begin();
	built_member(0, 0, DISK_BYTES);
	built_member(1, 0, DISK_BYTES);
	twin_source_bad(w.twins[1], TABLE_AT, 1, EIO, 0);
	is_int(find(), 0, "a table that can't be read");
	has_str(built_why("LVM1 on partition 2"), "its metadata can't be read", "is the reason");
	has_str(why(), "of partition 2 of twin in its group", "also for the others");
	ok(built_all_whole(), "why all is whole");
}

int main(void)
{
	struct digest before, after;

	plain(1);
	plain(2);
	odd();
	kinds();
	members();
	make(2);
	look_at(1);
	before = built_state(1);
	put_le32(w.data[1] + TABLE_AT + 44, 0x00020001);
	look_at(1);
	after = built_state(1);
	ok(memcmp(&before, &after, sizeof before) != 0, "a change of the table changes the state");
	built_end();
	return tap_done();
}
