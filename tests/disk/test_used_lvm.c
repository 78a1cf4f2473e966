/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From physical volumes to groups: which metadata count. */
#include "built.h"
#include "lvm_image.h"
#include <errno.h>

#define EXTENT (LVM_IMAGE_EXTENT * 512u)
#define START (LVM_IMAGE_START * 512u)
#define PV_EXTENTS ((DISK_BYTES - START) / EXTENT)
#define MDA2 (LVM_IMAGE_MDA + LVM_IMAGE_MDA_BYTES)

static char text[16384], other[16384];

/* root: extents 0 and 1 of pv0, home: 0 to 3 of pv1 */
static void write_text(char *t, unsigned seqno, const char *extra)
{
	lvm_image_group(t, seqno, extra, 2, DISK_BYTES);
	lvm_image_linear(t, "root", LVM_VISIBLE, 2, 0, 0);
	lvm_image_linear(t, "home", LVM_VISIBLE, 4, 1, 0);
	lvm_image_end(t);
}

/* The group on disks 0 and 1, with two metadata areas each. */
static void make(void)
{
	write_text(text, 7, "");
	for (unsigned i = 0; i < 2; i++) {
		lvm_image_label(w.data[i], DISK_BYTES, lvm_image_id(i), 2);
		lvm_image_text(w.data[i], 0, 512, text);
		lvm_image_text(w.data[i], 1, 1024, text);
	}
}

static int find(void)
{
	used_builds_free(&w.out);
	return used_lvm(w.sources, &w.members, w.free, w.states, &w.out, &w.err);
}

/* Disks FIRST and up to LAST. */
static void look_at(unsigned first, unsigned last)
{
	built_begin();
	for (unsigned i = first; i <= last; i++)
		built_member(i, 0, DISK_BYTES);
	if (find() != 0)
		abort();
}

static void look(void)
{
	look_at(0, 1);
}

static const char *why(unsigned disk)
{
	char name[64];

	snprintf(name, sizeof name, "LVM2 on partition %u", disk + 1);
	return built_why(name);
}

static void plain(void)
{
	char want[64];

	make();
	look();
	is_int(w.out.n, 2, "a group over two disks");
	is_str(built_why("vg0/root"), "", "a volume is looked into");
	snprintf(want, sizeof want, "0:%u+%u", START, 2 * EXTENT);
	is_str(built_pieces("vg0/root"), want, "where its extents are");
	snprintf(want, sizeof want, "1:%u+%u", START, 4 * EXTENT);
	is_str(built_pieces("vg0/home"), want, "the other one on the other disk");
	is_str(built_find("vg0/root")->kind, "linear", "its kind");
	is_int(built_find("vg0/home")->bytes, 4 * EXTENT, "its size");
	snprintf(want, sizeof want, "%u+%u", START + 2 * EXTENT, (PV_EXTENTS - 2) * EXTENT);
	is_str(built_free(0), want, "extents that no volume has are free");
	snprintf(want, sizeof want, "%u+%u", START + 4 * EXTENT, (PV_EXTENTS - 4) * EXTENT);
	is_str(built_free(1), want, "on both");

	built_begin();
	memmove(w.data[2] + 4096, w.data[0], DISK_BYTES - 8192);
	built_member(1, 0, DISK_BYTES);
	built_member(2, 4096, DISK_BYTES - 4096);
	find();
	has_str(why(2), "smaller than its metadata say", "a volume that was cut is copied whole");
	ok(built_all_whole(), "and its group with it");
}

static void areas(void)
{
	make();
	lvm_image_text(w.data[0], 0, LVM_IMAGE_MDA_BYTES - 700, text);
	look();
	is_str(built_why("vg0/root"), "", "metadata in a circular buffer that wraps are read");
	w.data[0][LVM_IMAGE_MDA + 512 + 40] ^= 1;
	look();
	has_str(why(0), "the checksum of its metadata is wrong", "also its second part is checked");
	ok(built_all_whole(), "and nothing counts then");

	make();
	w.data[1][MDA2 + 1024 + 99] ^= 1;
	look();
	has_str(why(1), "the checksum of its metadata is wrong", "of two metadata areas both have to be right");
	has_str(why(0), "of partition 2 of twin in its group: the checksum", "for the whole group");
	ok(built_all_whole(), "which is copied whole");

	make();
	write_text(other, 6, "");
	lvm_image_text(w.data[1], 1, 512, other);
	look();
	has_str(why(0), "of different changes (6 to 7)", "sequence numbers that differ between areas of a PV");
	ok(built_all_whole(), "make all of it whole");

	make();
	for (unsigned i = 0; i < 2; i++)
		lvm_image_text(w.data[0], i, 512, other);
	look();
	has_str(why(0), "metadata of its group vg0 are of different changes (6 to 7)", "sequence numbers that differ between PVs");
	has_str(why(1), "of different changes", "on each");
	ok(built_all_whole(), "make all of it whole");

	make();
	write_text(other, 7, "");
	strstr(other, "creation_time")[16] ^= 1;
	lvm_image_text(w.data[1], 0, 512, other);
	look();
	has_str(why(0), "contradict each other", "different texts of one number");
	ok(built_all_whole(), "count neither");

	make();
	lvm_image_text(w.data[1], 1, 512, NULL);
	look();
	has_str(why(1), "one of its metadata areas is empty", "an area without a text");
	ok(built_all_whole(), "is no proof that it agrees");

	make();
	lvm_image_label(w.data[1], DISK_BYTES, lvm_image_id(1), 0);
	look();
	is_str(built_why("vg0/home"), "", "a volume without metadata is known by the others");

	make();
	lvm_image_text(w.data[1], 1, 512, other);
	put_le32(w.data[1] + MDA2 + 60, 1);
	lvm_image_seal_area(w.data[1], 1);
	look();
	is_str(built_why("vg0/home"), "", "an area that LVM ignores is not asked");

	make();
	put_le64(w.data[1] + LVM_IMAGE_MDA + 64, 4096);
	put_le64(w.data[1] + LVM_IMAGE_MDA + 72, 1000);
	lvm_image_seal_area(w.data[1], 0);
	look();
	has_str(why(1), "a change of its group was begun", "precommitted metadata");
	ok(built_all_whole(), "leave it open what holds");
}

static void missing(void)
{
	make();
	look_at(0, 0);
	has_str(why(0), "a physical volume of its group vg0 is not there", "a group of which a disk is missing");
	ok(built_all_whole(), "is copied whole");

	make();
	memcpy(w.data[2], w.data[1], DISK_BYTES);
	look_at(0, 2);
	has_str(why(1), "partition 2 of twin and partition 3 of twin have the same UUID", "the same physical volume twice");
	ok(built_find("LVM2 on partition 1")->trouble && built_find("LVM2 on partition 3")->trouble, "is trouble");
	ok(built_all_whole(), "and all of it whole");

	make();
	lvm_image_label(w.data[2], DISK_BYTES, lvm_image_id(5), 1);
	lvm_image_text(w.data[2], 0, 512, NULL);
	look_at(0, 2);
	is_str(why(2), "it belongs to no volume group that is there", "a physical volume without group");
	is_str(built_free(2), "", "is not free");
	is_str(built_why("vg0/root"), "", "and bothers no other");

	make();
	lvm_image_label(w.data[2], DISK_BYTES, lvm_image_id(5), 1);
	lvm_image_text(w.data[2], 0, 512, text);
	look_at(0, 2);
	has_str(why(0), "do not belong together", "one that claims to be of a group that does not know it");
	ok(built_all_whole(), "makes it whole");

	make();
	memset(w.data[3], 0, DISK_BYTES);
	look_at(0, 3);
	has_str(why(3), "it has no label", "what is no physical volume");
	built_begin();
	built_member(0, 0, DISK_BYTES);
	built_member(1, 0, 1024);
	find();
	has_str(why(1), "smaller than its label", "or too small");
	built_begin();
	find();
	is_int(w.out.n, 0, "no members, no volumes");
}

/* The group with pv0 on a mirror of disks 0 and 2. */
static void legs(void)
{
	char want[64];

	make();
	memcpy(w.data[2], w.data[0], DISK_BYTES);
	built_begin();
	for (unsigned i = 0; i < 3; i++)
		built_member(i, 0, DISK_BYTES);
	strcpy(w.members.at[0].mirror, "md/1");
	strcpy(w.members.at[2].mirror, "md/1");
	w.members.at[0].leg = 1;
	find();
	snprintf(want, sizeof want, "2:%u+%u", START, 2 * EXTENT);
	is_str(built_pieces("vg0/root (leg 1)"), want, "a physical volume on a mirror: its volumes on the first leg");
	snprintf(want, sizeof want, "0:%u+%u", START, 2 * EXTENT);
	is_str(built_pieces("vg0/root (leg 2)"), want, "and on the second one");
	is_str(built_find("vg0/root (leg 1)")->mirror, built_find("vg0/root (leg 2)")->mirror, "which are legs of one volume");
	ok(built_find("vg0/root (leg 1)")->leg != built_find("vg0/root (leg 2)")->leg, "and different ones");
	ok(built_find("vg0/home") && built_why("vg0/root (leg 1)")[0] == '\0', "what is not on it is there once");
	snprintf(want, sizeof want, "%u+%u", START + 2 * EXTENT, (PV_EXTENTS - 2) * EXTENT);
	is_str(built_free(0), want, "free extents are free on one leg");
	is_str(built_free(2), want, "and on the other one");

	w.members.at[2].leg = 1;
	find();
	has_str(why(0), "have the same UUID", "the same leg twice is a copy");
	strcpy(w.members.at[2].mirror, "md/2");
	w.members.at[2].leg = 0;
	built_begin();
	for (unsigned i = 0; i < 3; i++) {
		struct used_built *m = built_member(i, 0, DISK_BYTES);

		snprintf(m->mirror, sizeof m->mirror, "md/%u", i);
		m->leg = i;
	}
	find();
	has_str(why(0), "have the same UUID", "so are legs of two mirrors");
	ok(built_all_whole(), "all is whole then");

	make();
	memcpy(w.data[2], w.data[0], DISK_BYTES);
	write_text(other, 8, "");
	lvm_image_text(w.data[2], 0, 512, other);
	lvm_image_text(w.data[2], 1, 512, other);
	built_begin();
	for (unsigned i = 0; i < 3; i++) {
		struct used_built *m = built_member(i, 0, DISK_BYTES);

		strcpy(m->mirror, i == 1 ? "" : "md/1");
		m->leg = i;
	}
	find();
	ok(built_all_whole(), "legs with different metadata are whole");

	make();
	memcpy(w.data[2], w.data[0], DISK_BYTES);
	put_le64(w.data[2] + 512 + 72, START + 512);
	lvm_image_seal_label(w.data[2]);
	built_begin();
	for (unsigned i = 0; i < 3; i++) {
		struct used_built *m = built_member(i, 0, DISK_BYTES);

		strcpy(m->mirror, i == 1 ? "" : "md/1");
		m->leg = i;
	}
	find();
	has_str(why(0), "have different labels", "legs with different labels");
	ok(built_all_whole(), "are whole");
	built_begin();
	built_member(0, 0, DISK_BYTES)->whole = true;
	strcpy(w.members.at[0].why, "a stale leg");
	built_member(1, 0, DISK_BYTES);
	find();
	is_str(why(0), "a stale leg", "a member that is not trusted");
	ok(built_all_whole(), "leaves its group incomplete");
}

/* Of the group or its volumes: not for us to judge. */
static void flags(void)
{
	static const struct {
		const char *lines, *why;
	} odd[] = {
		{ "status = [\"EXPORTED\", \"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\n", "its group is EXPORTED" },
		{ "status = [\"RESIZEABLE\", \"READ\", \"WRITE\", \"CLUSTERED\"]\nflags = []\n", "its group is CLUSTERED" },
		{ "status = [\"RESIZEABLE\", \"READ\", \"PVMOVE\"]\nflags = []\n", "its group is PVMOVE" },
		{ "status = [\"RESIZEABLE\", \"READ\"]\nflags = [\"PARTIAL\"]\n", "its group is PARTIAL" },
		{ "status = [\"READ\"]\nsystem_id = \"node2\"\n", "its group is only for the host node2" },
		{ "status = [\"READ\"]\nlock_type = \"sanlock\"\nlock_args = \"1.0.0:lvmlock\"\n", "shared by sanlock" },
		{ "status = [\"READ\"]\nformat = \"lvm1\"\n", "its group is of the format lvm1" },
	};
	char *at;

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		make();
		write_text(text, 7, odd[i].lines);
		for (unsigned k = 0; k < 4; k++)
			lvm_image_text(w.data[k / 2], k % 2, 512, text);
		look();
		has_str(why(0), odd[i].why, "%s", odd[i].why);
		ok(built_all_whole(), "copied whole");
	}
	make();
	at = strstr(text, "flags = []\ndev_size");
	memmove(at + 18, at + 10, strlen(at + 10) + 1);
	memcpy(at, "flags=[\"MISSING\"] ", 18);
	for (unsigned k = 0; k < 4; k++)
		lvm_image_text(w.data[k / 2], k % 2, 512, text);
	look();
	has_str(why(0), "is MISSING", "a physical volume that LVM misses");
	ok(built_all_whole(), "copied whole");
}

/* Whatever byte of label, headers or text is another one, nothing of it counts. */
static void every_byte(void)
{
	static const struct {
		uint64_t off, len;
	} spans[] = { { 512, 512 }, { LVM_IMAGE_MDA, 512 }, { MDA2, 512 }, { MDA2 + 1024, 200 } };
	unsigned n = 0, wrong = 0;

	make();
	for (unsigned s = 0; s < sizeof spans / sizeof *spans; s++)
		for (uint64_t i = spans[s].off; i < spans[s].off + spans[s].len; i++) {
			w.data[0][i] ^= 0x10;
			look();
			wrong += !built_all_whole();
			n++;
			w.data[0][i] ^= 0x10;
		}
	is_int(wrong, 0, "each of %u bytes of label and metadata, changed: all is copied whole", n);
	look();
	ok(!built_all_whole(), "unchanged, it is not");
}

static void unreadable(void)
{
	static const uint64_t at[] = { 512, LVM_IMAGE_MDA, LVM_IMAGE_MDA + 600, MDA2 };

	make();
	for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
		built_begin();
		built_member(0, 0, DISK_BYTES);
		built_member(1, 0, DISK_BYTES);
		twin_source_bad(w.twins[1], at[i], 1, EIO, 0);
		is_int(find(), 0, "byte %llu can't be read", (unsigned long long)at[i]);
		has_str(why(1), "can't be read", "which is the reason");
		ok(built_all_whole(), "why all is whole");
	}
}

static void states(void)
{
	struct digest before, after;

	make();
	look();
	before = built_state(0);
	look();
	after = built_state(0);
	ok(!memcmp(&before, &after, sizeof before), "the state stays as it is while nothing changes");
	write_text(text, 8, "");
	for (unsigned k = 0; k < 4; k++)
		lvm_image_text(w.data[k / 2], k % 2, 512, text);
	look();
	after = built_state(0);
	ok(memcmp(&before, &after, sizeof before) != 0, "a change of the group changes it");
}

int main(void)
{
	plain();
	areas();
	missing();
	legs();
	flags();
	every_byte();
	unreadable();
	states();
	built_end();
	return tap_done();
}
