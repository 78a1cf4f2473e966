/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "lvm_image.h"
#include "unrack/grain.h"
#include "unrack/used.h"

#define MIB (1u << 20)
#define DISK (24 * MIB)
#define EXT_AT MIB
#define EXT (12 * MIB)
#define SWAP_AT (13 * MIB)
#define SWAP (4 * MIB)
#define RAW_AT (18 * MIB) /* behind a gap */
#define RAW (6 * MIB)

static uint8_t *made, *disk, *second; /* DISK bytes each, and 700 more */
static struct used *u;

/* Reads what the command makes of the file "i" in a folder of its own. */
static void make(const char *command, uint8_t *to, size_t n)
{
	char dir[] = "/tmp/unrack-used-XXXXXX", cmd[1024];
	FILE *f;

	if (!mkdtemp(dir))
		exit(1);
	snprintf(cmd, sizeof cmd, "cd %s && %s && cat i", dir, command);
	f = popen(cmd, "r");
	if (!f || fread(to, 1, n, f) != n || pclose(f) != 0)
		skip_all("mke2fs or mkswap is not installed");
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	if (system(cmd) != 0)
		exit(1);
}

static void entry(unsigned i, uint8_t type, uint32_t at, uint32_t bytes)
{
	uint8_t *p = disk + 446 + 16 * i;

	p[4] = type;
	put_le32(p + 8, at / 512);
	put_le32(p + 12, bytes / 512);
}

/* A table, an ext2, swap, a gap, and raw data up to the last sector. */
static void reset(void)
{
	memcpy(disk, made, DISK + 700);
}

static void make_disk(void)
{
	make("mke2fs -q -F -t ext2 -b 1024 i 12M >/dev/null", disk + EXT_AT, EXT);
	make("truncate -s 4M i && mkswap -q i", disk + SWAP_AT, SWAP);
	memset(disk, 0x5a, 440);
	memset(disk + SWAP_AT + SWAP, 0x5a, MIB);
	memset(disk + RAW_AT, 0x5a, RAW);
	memset(disk + 440, 0, 70);
	disk[510] = 0x55;
	disk[511] = 0xaa;
	entry(0, 0x83, EXT_AT, EXT);
	entry(1, 0x82, SWAP_AT, SWAP);
	entry(2, 0x83, RAW_AT, RAW);
	memcpy(made, disk, DISK + 700);
}

static int find_in(struct block_source *const *sources, unsigned n)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	int r;

	used_free(u);
	u = NULL;
	r = used_find(sources, n, NULL, &u, &e);
	for (unsigned i = 0; i < n; i++)
		block_source_close(sources[i]);
	if (r < 0)
		printf("# %s\n", e.text);
	return r;
}

static void find(uint64_t bytes)
{
	struct unrack_error e;
	struct block_source *s;

	block_source_open_memory(disk, bytes, "disk", &s, &e);
	if (find_in(&s, 1) < 0)
		exit(1);
}

/* Bytes of the grains in [FROM, TO) that are left out. */
static uint64_t unused(unsigned which, uint64_t from, uint64_t to)
{
	size_t n;
	const struct map_run *runs = map_runs(u->maps[which], &n);
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		for (uint64_t g = runs[i].first; g < runs[i].first + runs[i].count; g++)
			if (g * GRAIN_SIZE >= from && g * GRAIN_SIZE < to)
				sum += GRAIN_SIZE;
	return sum;
}

static const struct used_volume *volume(const char *name)
{
	static const struct used_volume none;

	for (size_t i = 0; i < u->n_volumes; i++)
		if (!strcmp(u->volumes[i].name, name))
			return &u->volumes[i];
	return &none;
}

static void plain(void)
{
	const struct used_volume *v;

	reset();
	find(DISK);
	is_int(u->n_volumes, 3, "three volumes");
	v = volume("partition 1");
	ok(!strcmp(v->kind, "ext2") && v->bytes == EXT && v->used < 2 * MIB && !v->whole, "an ext2 is used in part");
	v = volume("partition 2");
	ok(!strcmp(v->kind, "swap") && v->bytes == SWAP && v->used == 4096 && !v->whole, "of swap its header");
	v = volume("partition 3");
	ok(!*v->kind && v->used == RAW && !v->whole && !*v->why, "raw data as a whole, about which nothing is to be said");
	ok(unused(0, EXT_AT, EXT_AT + EXT) > 8 * MIB, "most of the ext2 is left out");
	is_int(unused(0, SWAP_AT, SWAP_AT + SWAP), SWAP - GRAIN_SIZE, "all of swap but the grain of its header");
	is_int(unused(0, 0, EXT_AT), 0, "the first track and the gap behind it are always used");
	is_int(unused(0, SWAP_AT + SWAP, RAW_AT), 0, "so is the gap between partitions");
	is_int(unused(0, RAW_AT, DISK), 0, "and what is not known, to the last sector");
}

static void states(void)
{
	struct digest before;

	reset();
	find(DISK);
	before = u->states[0];
	find(DISK);
	ok(!memcmp(&before, &u->states[0], sizeof before), "a quiet disk has the same state twice");
	put_le16(disk + EXT_AT + 1024 + 52, 1);
	find(DISK);
	ok(memcmp(&before, &u->states[0], sizeof before) != 0, "a filesystem that was mounted in between changes it");
	reset();
	disk[446] = 0x80;
	find(DISK);
	ok(memcmp(&before, &u->states[0], sizeof before) != 0, "so does a changed table");
	reset();
	disk[SWAP_AT + 1040]++;
	find(DISK);
	ok(memcmp(&before, &u->states[0], sizeof before) != 0, "and a new mkswap");
	reset();
	disk[RAW_AT + 5]++;
	find(DISK);
	ok(memcmp(&before, &u->states[0], sizeof before) != 0, "and the beginning of what is not known");
}

/* Finds on both disks, the second one first if TURNED; their states in their own order. */
static void find_both(bool turned, struct digest states[2])
{
	struct unrack_error e;
	struct block_source *s[2];

	block_source_open_memory(disk, DISK, "disk 0", &s[turned], &e);
	block_source_open_memory(second, DISK, "disk 1", &s[!turned], &e);
	is_int(find_in(s, 2), 0, "two disks");
	states[0] = u->states[turned];
	states[1] = u->states[!turned];
}

static bool same(const struct digest *a, const struct digest *b)
{
	return !memcmp(a, b, sizeof *a);
}

static void several_disks(void)
{
	struct digest before[2], now[2];

	reset();
	memcpy(second, made, DISK);
	memcpy(second + EXT_AT + 1024 + 104, "0123456789abcdef", 16);
	entry(2, 0, 0, 0);
	find_both(false, before);
	ok(u->n_volumes == 5 && u->volumes[1].disk == 0 && u->volumes[2].disk == 1, "have volumes");
	ok(unused(0, 0, DISK) == unused(1, 0, DISK) && unused(0, 0, DISK) > 12 * MIB, "and maps");
	find_both(true, now);
	ok(same(&before[0], &now[0]) && same(&before[1], &now[1]), "and states, in whatever order they are given");
	second[SWAP_AT + 1040]++;
	find_both(false, now);
	ok(same(&before[0], &now[0]) && !same(&before[1], &now[1]), "each its own");
	second[SWAP_AT + 1040]--;
	put_le16(disk + EXT_AT + 1024 + 52, 1);
	find_both(false, now);
	ok(!same(&before[1], &now[1]),
	   "but raw data, which does not tell whether it was in use, may have been when another disk was");
}

/* Whether a change of the byte at AT, of many volumes' superblocks, changes the state of the disk. */
static bool tells(uint64_t at)
{
	struct digest before;

	find(DISK);
	before = u->states[0];
	find(DISK);
	if (!same(&before, &u->states[0]))
		return false;
	disk[at]++;
	find(DISK);
	return !same(&before, &u->states[0]);
}

/* What is copied as a whole is not looked into, but continuing a copy depends on its state too. */
static void states_of_what_is_whole(void)
{
	uint64_t root = EXT_AT + (LVM_IMAGE_START + 32 * LVM_IMAGE_EXTENT) * 512;
	char text[8192];

	reset();
	entry(3, 0x83, RAW_AT + MIB, MIB);
	ok(tells(EXT_AT + 1024 + 52) && u->n_volumes == 1, "a filesystem that was mounted, on a disk whose partitions overlap");
	reset();
	entry(3, 0x83, RAW_AT + MIB, 2 * DISK);
	ok(tells(EXT_AT + 1024 + 52) && u->n_volumes == 1, "on a disk that a partition is larger than");
	reset();
	memcpy(disk + DISK - 1024, "Intel Raid ISM Cfg Sig. ", 24);
	ok(tells(EXT_AT + 1024 + 52) && u->n_volumes == 1, "on a disk of a controller's RAID");
	ok(map_unused_bytes(u->maps[0]) == 0, "of which nothing is left out");

	/* 16 MiB, from 2 MiB of the extents on, with an ext2 that has a snapshot. */
	reset();
	entry(0, 0x8e, EXT_AT, DISK - EXT_AT);
	entry(1, 0, 0, 0);
	entry(2, 0, 0, 0);
	memmove(disk + root, disk + EXT_AT, EXT);
	lvm_image_label(disk + EXT_AT, DISK - EXT_AT, lvm_image_id(0), 1);
	lvm_image_group(text, 1, "", 1, DISK - EXT_AT);
	lvm_image_linear(text, "root", LVM_VISIBLE, 256, 0, 32);
	lvm_image_linear(text, "cow", LVM_VISIBLE, 16, 0, 300);
	lvm_image_lv(text, "snapshot0", LVM_HIDDEN, 256,
		     "type = \"snapshot\"\nchunk_size = 8\norigin = \"root\"\ncow_store = \"cow\"");
	lvm_image_end(text);
	lvm_image_text(disk + EXT_AT, 0, 512, text);
	ok(tells(root + 1024 + 52) && volume("vg0/root")->whole, "on a volume that has a snapshot");
}

static void whole(const char *name, const char *why)
{
	const struct used_volume *v = volume(name);

	ok(v->whole && v->used == v->bytes && v->bytes > 0 && unused(0, EXT_AT, EXT_AT + EXT) == 0, "%s is copied whole", name);
	has_str(v->why, why, "which it says");
}

static void hibernated_swap_means_all(void)
{
	reset();
	memcpy(disk + SWAP_AT + 4086, "S1SUSPEND\0", 10);
	find(DISK);
	whole("partition 2", "a system hibernates in it");
	ok(volume("partition 2")->trouble, "and is trouble");
	whole("partition 1", "the system hibernates, and what it has mounted is not up to date");
	ok(!volume("partition 1")->trouble && !volume("partition 3")->whole, "the raw data is as it was");
	is_int(map_unused_bytes(u->maps[0]), 0, "nothing at all is left out");
}

static void second_signatures(void)
{
	reset();
	memcpy(disk + EXT_AT + 4086, "SWAPSPACE2", 10);
	find(DISK);
	whole("partition 1", "signatures of both ext and swap");
	ok(unused(0, SWAP_AT, SWAP_AT + SWAP) > 0, "another partition is not concerned");
	reset();
	memcpy(disk + EXT_AT + 3, "NTFS    ", 8);
	find(DISK);
	whole("partition 1", "signatures of both NTFS and ext");
	reset();
	memcpy(disk + EXT_AT + 32, "ORCLDISK", 8);
	find(DISK);
	whole("partition 1", "signatures of both Oracle ASM and ext");
	reset();
	memcpy(disk + 512, "EFI PART", 8);
	find(DISK);
	whole("the whole disk", "a partition table and, at byte 512, a signature of a GPT");
	is_int(map_unused_bytes(u->maps[0]), 0, "of a whole disk that something else claims nothing is left out");
	reset();
	memcpy(disk + DISK - 1024, "Intel Raid ISM Cfg Sig. ", 24);
	find(DISK);
	whole("the whole disk", "a signature of Intel RAID");
}

static void filesystem_larger_than_partition(void)
{
	reset();
	entry(0, 0x83, EXT_AT, EXT - MIB);
	find(DISK);
	whole("partition 1", "");
	ok(*volume("partition 1")->why, "with a reason");
	is_int(unused(0, 0, SWAP_AT), 0, "and so is the gap behind it, where its end is");
}

static void tables(void)
{
	reset();
	entry(1, 0x82, SWAP_AT - MIB, SWAP);
	find(DISK);
	whole("the whole disk", "its partitions 1 and 2 overlap");
	is_int(map_unused_bytes(u->maps[0]), 0, "nothing is left out");
	reset();
	memset(disk + 446, 0, 64);
	find(DISK);
	ok(u->n_volumes == 1 && volume("the whole disk")->used == DISK, "without a table the disk is one volume");
}

static void no_table(void)
{
	memset(disk, 0, DISK + 700);
	memcpy(disk, made + EXT_AT, EXT);
	find(EXT);
	ok(volume("the whole disk")->used < 2 * MIB && unused(0, 0, EXT) > 8 * MIB, "a filesystem on a whole disk");
	is_int(unused(0, 0, GRAIN_SIZE), 0, "has a first track, too");
	memset(disk + EXT, 0x5a, 700);
	find(EXT + 700);
	ok(unused(0, 0, EXT) > 8 * MIB && unused(0, EXT, DISK) == 0, "last odd sectors behind it are used");
}

static void unreadable(void)
{
	struct twin_source *twin;
	struct block_source *s;

	reset();
	twin = twin_source_memory(disk, DISK);
	twin_source_bad(twin, EXT_AT + 1024, 512, 5, 0);
	s = twin_source(twin);
	is_int(find_in(&s, 1), 0, "a bad sector is no error");
	whole("partition 1", "can't be read");
	ok(unused(0, SWAP_AT, SWAP_AT + SWAP) > 0, "the others are as they were");
	twin_source_free(twin);
	twin = twin_source_memory(disk, DISK);
	twin_source_bad(twin, 0, DISK, 5, 0);
	s = twin_source(twin);
	is_int(find_in(&s, 1), 0, "nor is a disk that can't be read at all");
	whole("the whole disk", "can't be read");
	twin_source_free(twin);
}

static void ends(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	atomic_bool stop = true;
	struct log log = { .stop = &stop };
	struct block_source *s;
	struct used *none = NULL;

	reset();
	block_source_open_memory(disk, DISK, "disk", &s, &e);
	is_int(used_find(&s, 1, &log, &none, &e), UNRACK_INTERRUPTED, "it can be stopped");
	block_source_close(s);
	is_int(used_find(&s, 0, NULL, &none, &e), UNRACK_INTERNAL, "no disks are a mistake");
	ok(!none, "nothing is returned with an error");
	used_free(NULL);
	block_source_open_memory(disk, 0, "nothing", &s, &e);
	is_int(find_in(&s, 1), 0, "a disk of no size");
	is_int(u->n_volumes, 0, "has no volumes");
}

int main(void)
{
	made = calloc(3, DISK + 700);
	if (!made)
		return 1;
	disk = made + DISK + 700;
	second = disk + DISK + 700;
	make_disk();
	plain();
	states();
	several_disks();
	states_of_what_is_whole();
	hibernated_swap_means_all();
	second_signatures();
	filesystem_larger_than_partition();
	tables();
	no_table();
	unreadable();
	ends();
	used_free(u);
	free(made);
	return tap_done();
}
