/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/scan_groups.h"
#include "../support/tap.h"

static struct scan_group group_of(const char *where, const char *pv, const char *name, const char *id, uint64_t seqno,
				  const char *a, const char *b)
{
	struct scan_group g = { .where = strdup(where), .lvm = calloc(1, sizeof *g.lvm) };

	snprintf(g.pv, sizeof g.pv, "%s", pv);
	snprintf(g.lvm->group, sizeof g.lvm->group, "%s", name);
	snprintf(g.lvm->id, sizeof g.lvm->id, "%s", id);
	g.lvm->seqno = seqno;
	snprintf(g.lvm->pvs[g.lvm->n_pvs++], LVM_ID + 1, "%s", a);
	if (b)
		snprintf(g.lvm->pvs[g.lvm->n_pvs++], LVM_ID + 1, "%s", b);
	return g;
}

static struct scan_group leg(const char *where, const char *uuid, int level, unsigned disks, uint64_t events)
{
	struct scan_group g = { .where = strdup(where), .md = calloc(1, sizeof *g.md) };

	snprintf(g.md->uuid, sizeof g.md->uuid, "%s", uuid);
	g.md->level = level;
	g.md->disks = disks;
	g.md->events = events;
	return g;
}

/* The warnings of groups, which are freed, as lines. */
static const char *say(struct scan_group *g, size_t n, bool hidden)
{
	static char out[4096];
	struct json *w = json_new_array();

	scan_groups_warn(g, n, hidden, w);
	out[0] = '\0';
	for (size_t i = 0; i < json_len(w); i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s\n", json_at_str(w, i, ""));
	json_free(w);
	for (size_t i = 0; i < n; i++)
		scan_group_free(&g[i]);
	return out;
}
#define SAY(g, hidden) say(g, sizeof(g) / sizeof *(g), hidden)

static void volumes(void)
{
	{
		struct scan_group g[] = { group_of("/dev/sda2", "a-a", "vg0", "1", 3, "aa", "bb"),
					  group_of("/dev/sdb1", "bb", "vg0", "1", 3, "aa", "bb") };
		is_str(SAY(g, false), "", "a group that is all there");
	}
	{
		struct scan_group g[] = { group_of("/dev/sda2", "aa", "vg0", "1", 3, "aa", "bb") };
		const char *text = SAY(g, false);

		has_str(text, "volume group vg0 spans 2 physical volumes, and 1 of them is not found (only /dev/sda2)", "one that is not");
		has_str(text, "does not find its filesystems", "and what follows");
	}
	{
		struct scan_group g[] = { group_of("/dev/sda2", "a", "vg0", "1", 3, "aa", "aabb") };
		const char *text = SAY(g, true);

		has_str(text, "2 of them are not found, unless inside a RAID", "part of an id is not the id; a RAID may hide it");
	}
	{
		struct scan_group g[] = { group_of("/dev/sda2", "aa", "vg0", "1", 3, "aa", NULL),
					  group_of("/dev/sdb2", "bb", "vg0", "1", 4, "bb", NULL) };
		const char *text = SAY(g, false);

		has_str(text, "(/dev/sda2 and /dev/sdb2) do not have the same state", "members that do not agree");
		ok(!strstr(text, "spans"), "the newest one knows who belongs to it");
	}
	{
		struct scan_group g[] = { group_of("/dev/sda2", "aa", "vg0", "1", 3, "aa", NULL),
					  group_of("/dev/sdb2", "bb", "vg0", "2", 3, "bb", NULL) };
		is_str(SAY(g, false), "/dev/sda2 and /dev/sdb2 are of two different volume groups that are both called vg0: they "
		       "can't be used in one machine; copy the disks of one group at a time\n", "two groups of one name");
	}
	{
		struct scan_group g[] = { { .where = strdup("/dev/sdc1"), .pv = "b-b" },
					  group_of("/dev/sda2", "aa", "vg0", "1", 3, "aa", "bb") };
		is_str(SAY(g, false), "", "a volume that has no metadata of its own is found by its id");
	}
	{
		struct scan_group g[] = { group_of("/dev/sda2", "aa", "vg0", "1", 3, "aa", NULL) };

		g[0].lvm->n_pvs = UINT32_MAX;
		has_str(SAY(g, false), "spans 4294967295 physical", "an absurd number of volumes does no harm");
	}
}

static void arrays(void)
{
	{
		struct scan_group g[] = { leg("/dev/sda1", "u", 1, 2, 7), leg("/dev/sdb1", "u", 1, 2, 7),
					  leg("/dev/sdc1", "v", 0, 1, 1) };
		is_str(SAY(g, false), "", "arrays that are complete");
	}
	{
		struct scan_group g[] = { leg("/dev/sda1", "u", 1, 2, 7), leg("/dev/sdb1", "u", 1, 2, 9) };
		const char *text = SAY(g, false);

		has_str(text, "/dev/sda1 is a stale member of its array (raid1)", "a stale leg");
		ok(!strstr(text, "/dev/sdb1 is"), "which the other is not");
	}
	{
		struct scan_group g[] = { leg("/dev/sda1", "u", 1, 2, 7) };
		has_str(SAY(g, false), "the array of /dev/sda1 (raid1 of 2) is not complete: 1 found; its copy runs degraded", "half of a mirror");
	}
	{
		struct scan_group g[] = { leg("/dev/sda1", "u", 5, 4, 7), leg("/dev/sdb1", "u", 5, 4, 7), leg("/dev/sdc1", "u", 5, 4, 7) };
		has_str(SAY(g, false), "/dev/sda1, /dev/sdb1 and /dev/sdc1 (raid5 of 4) is not complete: 3 found; all of its disks",
			"an array with a disk missing");
	}
}

int main(void)
{
	volumes();
	arrays();
	return tap_done();
}
