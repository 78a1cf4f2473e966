/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "../../p2v/disk/sysfs.h"
#include "../support/tap.h"
#include "unrack/disk.h"

static char dir[] = "/tmp/unrack-writes-XXXXXX";

/* The stamp of a device with these counts; 0: there is none. */
static uint64_t stamp(const char *boot, const char *counts)
{
	char cmd[512];
	uint64_t s;

	snprintf(cmd, sizeof cmd, "cd %s && echo '%s' >boot_id && echo '%s' >stat", dir, boot, counts);
	if (system(cmd) != 0)
		abort();
	return sysfs_writes(dir, dir, &s) ? s : 0;
}

int main(void)
{
	uint64_t first, s;
	char cmd[64];

	if (!mkdtemp(dir))
		skip_all("no temporary folder");
	first = stamp("b1", "  10  1  80  5  20  3  160  9  0  4  14");
	ok(first != 0, "a disk of an old kernel, with eleven counts");
	ok(stamp("b1", "99 9 999 99 20 4 160 99 1 44 144") == first, "what was read, and waited for, does not count");
	ok(stamp("b1", "10 1 80 5 21 3 160 9 0 4 14") != first, "a write does");
	ok(stamp("b1", "10 1 80 5 20 3 161 9 0 4 14") != first, "so do its sectors");
	ok(stamp("b2", "10 1 80 5 20 3 160 9 0 4 14") != first, "and a new start of the system");
	first = stamp("b1", "10 1 80 5 20 3 160 9 0 4 14 0 0 0 0 7 7");
	ok(stamp("b1", "10 1 80 5 20 3 160 9 0 4 14 0 0 0 0 8 8") == first, "flushes change nothing");
	ok(stamp("b1", "10 1 80 5 20 3 160 9 0 4 14 1 0 64 0 7 7") != first, "discards do");
	first = stamp("b1", "10 80 20 160");
	ok(first != 0, "a partition of an old kernel, with four");
	ok(stamp("b1", "11 88 20 160") == first, "what was read does not count");
	ok(stamp("b1", "10 80 21 160") != first, "a write does");
	ok(!stamp("b1", "10 80 20 160 5"), "other counts are not understood");
	ok(!stamp("b1", ""), "nor are none");
	ok(!stamp("", "10 80 20 160"), "without the start's name there is no stamp");
	ok(!disk_writes(dir, &s) && !disk_writes("/dev/null", &s) && !disk_writes("/missing", &s),
	   "only block devices have one");
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	return system(cmd) == 0 ? tap_done() : 1;
}
