/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places of a disk with a DOS table, a logical partition, an ext2 with a marked file, swap, and a gap. */
#include <errno.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "unrack/used.h"

#define MIB (1u << 20)
#define DISK (12 * MIB)
#define EXT_AT MIB
#define EXT (4 * MIB)
#define SWAP_AT (5 * MIB)
#define SWAP MIB
#define BOX_AT (7 * MIB) /* the extended partition; its table is its first sector */
#define LOGICAL_AT (8 * MIB)
#define LOGICAL MIB

static uint8_t disk[DISK];
static struct unrack_error err;
static char what[256];
static bool vital;

static void entry(uint8_t *table, unsigned i, uint8_t type, uint32_t at, uint32_t bytes)
{
	uint8_t *p = table + 446 + 16 * i;

	p[4] = type;
	put_le32(p + 8, at / 512);
	put_le32(p + 12, bytes / 512);
	table[510] = 0x55;
	table[511] = 0xaa;
}

static void make_disk(void)
{
	FILE *f = popen("d=$(mktemp -d) && cd $d && mkdir -p f/var/log && yes 'unrack marks this' | head -c 5000 >f/var/log/messages &&"
			"mke2fs -q -F -t ext2 -b 1024 -d f i 4M >/dev/null && cat i; rm -r $d", "r");

	if (!f || fread(disk + EXT_AT, 1, EXT, f) != EXT || pclose(f) != 0)
		skip_all("mke2fs is not installed");
	memcpy(disk + SWAP_AT + 4086, "SWAPSPACE2", 10);
	put_le32(disk + SWAP_AT + 1024, 1);
	put_le32(disk + SWAP_AT + 1028, SWAP / 4096 - 1);
	entry(disk, 0, 0x83, EXT_AT, EXT);
	entry(disk, 1, 0x82, SWAP_AT, SWAP);
	entry(disk, 2, 0x05, BOX_AT, 3 * MIB);
	entry(disk + BOX_AT, 0, 0x83, LOGICAL_AT - BOX_AT, LOGICAL);
	memset(disk + LOGICAL_AT, 0x5a, LOGICAL);
}

static void ask(const struct used *u, struct block_source *s, uint64_t off, const char *want, bool want_vital)
{
	is_int(used_what(u, &s, 0, off, 512, NULL, what, sizeof what, &vital, &err), 0, "byte %llu",
	       (unsigned long long)off);
	is_str(what, want, "is told");
	is_int(vital, want_vital, "%s", want_vital ? "and nobody can do without" : "which is no end");
}

static uint64_t find_mark(void)
{
	for (uint64_t at = EXT_AT; at < EXT_AT + EXT; at += 1024)
		if (!memcmp(disk + at, "unrack marks this", 17))
			return at;
	return 0;
}

/* What can't be read may have been what says what all of it is. */
static void unsure(void)
{
	static const struct {
		uint64_t bad, at;
		const char *want;
		bool vital;
	} cases[] = {
		{ EXT_AT + 2048, EXT_AT + 2048, "superblock and group descriptors on partition 1", true },
		{ EXT_AT + 1024, EXT_AT + 300 * 1024, "partition 1, whose beginning or end can't be read", true },
		{ SWAP_AT + 100, SWAP_AT + 65536, "swap on partition 2, whose beginning or end can't be read", false },
		{ LOGICAL_AT + 300 * 1024, LOGICAL_AT + 300 * 1024, "partition 5, whose beginning or end can't be read", true },
		{ 512, EXT_AT + 1024, "superblock and group descriptors on partition 1", true },
		{ DISK - 512, DISK - 512, "between partitions", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct twin_source *t = twin_source_memory(disk, DISK);
		struct block_source *s = twin_source(t);
		struct used *u = NULL;

		twin_source_bad(t, cases[i].bad, 512, EIO, 0);
		is_int(used_find(&s, 1, NULL, &u, &err), 0, "byte %llu can't be read", (unsigned long long)cases[i].bad);
		ask(u, s, cases[i].at, cases[i].want, cases[i].vital);
		used_free(u);
		block_source_close(s);
		twin_source_free(t);
	}
}

int main(void)
{
	struct twin_source *t = twin_source_memory(disk, DISK);
	struct block_source *s = twin_source(t);
	struct used *u = NULL;

	make_disk();
	is_int(used_find(&s, 1, NULL, &u, &err), 0, "looked at");
	ask(u, s, 0, "the partition table", true);
	ask(u, s, 512, "the boot loader's track", false);
	ask(u, s, 700 * 1024, "between partitions", false);
	ask(u, s, EXT_AT + 1024, "superblock and group descriptors on partition 1", true);
	ask(u, s, find_mark(), "/var/log/messages on partition 1", false);
	ask(u, s, find_mark() + 512, "/var/log/messages on partition 1", false);
	ask(u, s, EXT_AT + EXT - 1024, "free space on partition 1", false);
	ask(u, s, SWAP_AT, "swap on partition 2", true);
	ask(u, s, SWAP_AT + 65536, "swap on partition 2", false);
	ask(u, s, LOGICAL_AT + 8192, "partition 5", false);
	ask(u, s, DISK - 512, "between partitions", false);
	used_free(u);

	twin_source_bad(t, BOX_AT, 512, EIO, 0);
	is_int(used_find(&s, 1, NULL, &u, &err), 0, "a table that can't be read to its end");
	ask(u, s, BOX_AT, "the partition table", true);
	ask(u, s, LOGICAL_AT, "a disk whose partitions are not known", false);
	used_free(u);
	block_source_close(s);
	twin_source_free(t);

	t = twin_source_memory(disk, DISK);
	s = twin_source(t);
	twin_source_bad(t, EXT_AT + 8 * 1024, 512, EIO, 0);
	is_int(used_find(&s, 1, NULL, &u, &err), 0, "a volume whose beginning can't be read");
	ok(u->volumes[0].whole && strstr(u->volumes[0].why, "its beginning or its end can't be read"), "is copied whole");
	ask(u, s, find_mark(), "/var/log/messages on partition 1", false);
	used_free(u);
	twin_source_bad(t, 20 * 512, 512, EIO, 0);
	is_int(used_find(&s, 1, NULL, &u, &err), 0, "a disk whose beginning can't be read");
	ok(u->volumes[1].whole && strstr(u->volumes[1].why, "what claims the whole disk is not known"), "is, too");
	is_int(map_unused_bytes(u->maps[0]), 0, "nothing of it is left out");
	ask(u, s, find_mark(), "/var/log/messages on partition 1", false);
	ask(u, s, 20 * 512, "the boot loader's track", false);
	used_free(u);
	block_source_close(s);
	twin_source_free(t);
	unsure();
	return tap_done();
}
