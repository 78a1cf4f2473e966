/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps as large as they may be: of the pass before, and of this one. */
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_PLAIN_MALLOC /* memory is measured as the program has it */
#include "receiver_rig.h"

#define MANY_BYTES (2ull * MAP_RUNS_MAX * GRAIN_SIZE)
#define LIMIT_KIB (64 << 10)

/* Every second grain, from FIRST on. */
static void send_many(struct rig *r, uint64_t first)
{
	static struct map_run runs[MESSAGE_MAP_RUNS];

	for (uint32_t n = 0; n < MAP_RUNS_MAX; n += MESSAGE_MAP_RUNS) {
		for (uint32_t i = 0; i < MESSAGE_MAP_RUNS; i++)
			runs[i] = (struct map_run){ first + 2ull * (n + i), 1 };
		send_map(r, runs, MESSAGE_MAP_RUNS, n + MESSAGE_MAP_RUNS < MAP_RUNS_MAX);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* The most memory that this process has had, in KiB. */
static long peak(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void test_large(void)
{
	char dir[] = "/tmp/unrack-maps-XXXXXX", unrack[64];
	struct map *kept = NULL;
	struct rig r;
	uint32_t n;
	size_t runs = 0;

	if (!mkdtemp(dir))
		abort();
	snprintf(unrack, sizeof unrack, "%s/unrack", dir);
	mkdir(unrack, 0700);
	rig_open(&r);
	r.c.io = io_posix();
	r.c.dir = dir;
	r.c.again = RECEIVER_ALWAYS;
	r.no_map = true;
	copy_paths(&r.c);
	for (unsigned pass = 0; pass < 2; pass++) {
		rig_start(&r);
		hello(&r, 1);
		if (open_disk(&r, 0, MANY_BYTES, "mbr=1\n") != MESSAGE_ACCEPT)
			abort();
		send_many(&r, pass);
		send_zero(&r, 0, 2 * MAP_RUNS_MAX);
		send_end(&r, 0);
		while (hear(&r, &n) == MESSAGE_ACK)
			;
		tell(&r, MESSAGE_BYE, 0, 0);
		rig_end(&r, UNRACK_OK, "", pass ? "another pass with another one" : "a disk with the largest map");
	}
	if (map_read(io_posix(), r.c.path[0][COPY_MAP], MANY_BYTES, &kept, NULL, &err) == 0)
		map_runs(kept, &runs);
	ok(runs == MAP_RUNS_MAX && map_unused_bytes(kept) == MAP_RUNS_MAX * (uint64_t)GRAIN_SIZE, "which is kept");
	map_free(kept);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	ok(peak() > 0, "memory # SKIP sanitizers take more");
#else
	ok(peak() < LIMIT_KIB, "it takes less than 64 MiB (%ld KiB)", peak());
#endif
	rig_close(&r);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	test_large();
	return tap_done();
}
