/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays: which legs of mirrors count. */
#include "built.h"
#include "md_image.h"
#include <errno.h>

#define ARRAY_BYTES (DISK_BYTES - 131072)
#define V90 9

static const struct md_image mirror = { .level = 1, .disks = 2, .events = 20, .bytes = ARRAY_BYTES, .start = 64 };

/* Version 0, 1 or 2 of 1.x, or V90. */
static uint8_t *put(unsigned disk, unsigned version, struct md_image m)
{
	memset(w.data[disk], 0, DISK_BYTES);
	if (version == V90)
		return md_image_90(w.data[disk], DISK_BYTES, &m);
	m.start = version ? m.start : 0;
	return md_image_1(w.data[disk], version == 0 ? md_image_end(DISK_BYTES) : version == 1 ? 0 : 8, &m);
}

static struct md_image leg(unsigned slot)
{
	struct md_image m = mirror;

	m.slot = slot;
	return m;
}

static void pair(unsigned version)
{
	put(0, version, leg(0));
	put(1, version, leg(1));
}

static void look_at(unsigned last)
{
	built_begin();
	for (unsigned i = 0; i <= last; i++)
		built_member(i, 0, DISK_BYTES);
	if (used_md(w.sources, &w.members, w.states, &w.out, &w.err) != 0)
		abort();
}

static const char *leg_name(unsigned disk)
{
	static char name[64];

	snprintf(name, sizeof name, "md raid1 of partition %u", disk + 1);
	return name;
}

static const char *why(unsigned disk)
{
	return built_why(leg_name(disk));
}

static bool trouble(unsigned disk)
{
	const struct used_built *b = built_find(leg_name(disk));

	return b && b->trouble;
}

static void versions(void)
{
	static const struct {
		unsigned version;
		const char *name;
	} all[] = { { V90, "md 0.90 has its superblock at the end" }, { 0, "so has md 1.0" }, { 1, "md 1.1 has it at the beginning" },
		    { 2, "md 1.2 behind 4 KiB" } };
	char want[64];

	for (unsigned i = 0; i < 4; i++) {
		unsigned long start = all[i].version == 1 || all[i].version == 2 ? 64 * 512 : 0;

		pair(all[i].version);
		/* What looks like a filesystem at the beginning is that of the leg. */
		if (!start)
			put_le16(w.data[0] + 1080, 0xef53);
		look_at(1);
		is_int(w.out.n, 2, "%s: two legs", all[i].name);
		is_str(why(0), "", "each is looked into");
		is_str(why(1), "", "by itself");
		snprintf(want, sizeof want, "0:%lu+%u", start, ARRAY_BYTES);
		is_str(built_pieces(leg_name(0)), want, "to the array's end, not to the member's");
		is_int(w.out.at[1].bytes, ARRAY_BYTES, "its size");
		is_str(w.out.at[0].kind, "raid1", "its kind");
		ok(*w.out.at[0].mirror && !strcmp(w.out.at[0].mirror, w.out.at[1].mirror), "both are of one mirror");
		ok(w.out.at[0].leg == 0 && w.out.at[1].leg == 1, "each has its number");
	}
}

static void stale(void)
{
	struct md_image m = leg(1);

	for (unsigned version = 0; version <= V90; version += V90) {
		m.events = 18;
		put(0, version, leg(0));
		put(1, version, m);
		look_at(1);
		has_str(why(1), "a stale leg: partition 1 of twin is newer (event 20, this one 18)", "a stale leg, with fewer events, is copied whole");
		ok(trouble(1), "and is trouble: it would boot last year's system");
		is_str(why(0), "", "the newest one is looked into");
		ok(!trouble(0), "and is none");
	}
	m.dirty = true;
	put(1, V90, m);
	look_at(1);
	has_str(why(1), "a stale leg", "stale is worse than in use");
	put(2, V90, leg(1));
	look_at(2);
	is_str(why(2), "", "a third one, as new as the first");
	has_str(why(1), "a stale leg", "leaves the second one stale");
}

static void states(void)
{
	struct digest before, after;
	struct md_image m = leg(0);
	unsigned n;
	static const struct {
		uint32_t features;
		const char *why;
	} odd[] = { { 2, "it was being rebuilt" }, { 4, "being reshaped" }, { 8, "bad blocks" }, { 64, "features that are not known" },
		    { 256, "features that are not known" } };

	pair(2);
	m.dirty = true;
	put(0, 2, m);
	look_at(1);
	has_str(why(0), "not stopped cleanly, or is in use", "an array that was not stopped");
	has_str(why(1), "of partition 1 of twin in its array", "is whole on both legs");
	for (n = 0; n < sizeof odd / sizeof *odd; n++) {
		pair(2);
		m = leg(1);
		m.features = odd[n].features;
		put(1, 2, m);
		look_at(1);
		has_str(why(1), odd[n].why, "%s", odd[n].why);
		has_str(why(0), "of partition 2 of twin in its array", "whole on both legs");
	}
	m = leg(1);
	m.role = 0xffff;
	put(1, 2, m);
	look_at(1);
	has_str(why(1), "a spare", "a spare is copied whole");
	is_str(why(0), "", "the leg beside of it is looked into");
	m.role = 0xfffe;
	put(1, 2, m);
	look_at(1);
	has_str(why(1), "faulty", "so is one that is faulty");
	ok(trouble(1), "which is trouble");
	m.role = 0xfffd;
	put(1, 2, m);
	look_at(1);
	ok(*why(1), "and a journal");
	pair(2);
	look_at(1);
	before = built_state(0);
	m = leg(0);
	m.events = 21;
	put(0, 2, m);
	look_at(1);
	after = built_state(0);
	ok(memcmp(&before, &after, sizeof before) != 0, "each event changes the state");
}

static void contradictions(void)
{
	struct md_image m = leg(1);
	uint8_t *b;

	pair(V90);
	put(2, V90, leg(1));
	look_at(2);
	has_str(why(1), "partition 3 of twin is the same leg: one is a copy of the other", "the same leg twice");
	ok(trouble(1) && trouble(2), "is trouble");
	is_str(why(0), "", "the other one is not touched");

	put(0, V90, leg(0));
	m.bytes -= 65536;
	put(1, V90, m);
	look_at(1);
	has_str(why(0), "do not agree", "legs of different sizes");
	has_str(why(1), "do not agree", "both");
	m = leg(1);
	m.disks = 3;
	put(1, V90, m);
	look_at(1);
	has_str(why(0), "do not agree", "legs of different arrays by the same UUID");

	pair(2);
	b = w.data[0] + 4096;
	put_le16(b + 256 + 2, 0xfffe);
	md_image_seal_1(b);
	look_at(1);
	has_str(why(1), "do not agree", "a leg of which the other says that it is faulty");

	pair(2);
	w.data[1][4096 + 200] ^= 1;
	look_at(1);
	has_str(built_why("md array of partition 2"), "checksum of its md superblock is wrong", "a superblock with a wrong checksum");
	is_str(why(0), "", "is none, for the other");
	m = leg(0);
	m.bytes = 0;
	put(0, 2, m);
	look_at(0);
	has_str(why(0), "no size", "an array without size");
}

static void others(void)
{
	static const struct {
		unsigned level;
		const char *name;
	} levels[] = { { 0, "raid0" }, { 4, "raid4" }, { 5, "raid5" }, { 6, "raid6" }, { 10, "raid10" }, { (unsigned)-1, "linear" },
		       { (unsigned)-4, "md" } };
	struct md_image m = mirror;
	char name[64];

	for (unsigned i = 0; i < sizeof levels / sizeof *levels; i++) {
		m.level = levels[i].level;
		put(0, 2, m);
		look_at(0);
		snprintf(name, sizeof name, "md %s of partition 1", levels[i].name);
		has_str(built_why(name), "arrays are copied as they are", "%s", levels[i].name);
		ok(built_all_whole(), "copied whole");
	}
	put(0, 2, leg(0));
	look_at(0);
	is_str(why(0), "", "a mirror of which only one leg is there is looked into");
	put(0, 2, leg(0));
	put(1, V90, leg(1));
	look_at(1);
	ok(!*why(0) && !*why(1), "arrays of two versions have nothing to do with each other");
	built_begin();
	built_member(0, 0, DISK_BYTES)->whole = true;
	strcpy(w.members.at[0].why, "it is overlapped");
	used_md(w.sources, &w.members, w.states, &w.out, &w.err);
	is_str(built_why("md array of partition 1"), "it is overlapped", "a member that is not trusted stays so");
	built_begin();
	is_int(used_md(w.sources, &w.members, w.states, &w.out, &w.err), 0, "no members");
	is_int(w.out.n, 0, "no arrays");
	built_member(0, 0, DISK_BYTES);
	twin_source_bad(w.twins[0], 4096, 1, EIO, 0);
	is_int(used_md(w.sources, &w.members, w.states, &w.out, &w.err), 0, "a superblock that can't be read");
	has_str(built_why("md array of partition 1"), "can't be read", "is a reason");
	built_begin();
	for (unsigned i = 0; i < 600; i++)
		built_member(0, 0, DISK_BYTES);
	used_md(w.sources, &w.members, w.states, &w.out, &w.err);
	is_int(w.out.n, 600, "very many members");
	ok(built_all_whole(), "are whole");
}

/* A member in pieces, as no partition is. */
static void pieces(void)
{
	struct used_piece parts[2] = { { 0, 0, DISK_BYTES / 2 }, { 2, DISK_BYTES / 2, DISK_BYTES / 2 } };
	struct used_built b = { .name = "two pieces", .pieces = parts, .n = 2, .bytes = DISK_BYTES };
	char want[80];

	put(0, 2, leg(0));
	memset(w.data[2], 0, DISK_BYTES);
	built_begin();
	used_builds_add(&w.members, &b, &w.err);
	used_md(w.sources, &w.members, w.states, &w.out, &w.err);
	snprintf(want, sizeof want, "0:%u+%u 2:%u+%u", 64 * 512, DISK_BYTES / 2 - 64 * 512, DISK_BYTES / 2,
		 ARRAY_BYTES + 64 * 512 - DISK_BYTES / 2);
	is_str(built_pieces("md raid1 of two pieces"), want, "a member in pieces");
}

int main(void)
{
	versions();
	stale();
	states();
	contradictions();
	others();
	pieces();
	built_end();
	return tap_done();
}
