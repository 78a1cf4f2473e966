/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether something was written to a device between two looks, as its system counts that.
 * Source: Linux Documentation/block/stat.rst; partitions before 2.6.25 have four numbers of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/bytes.h"
#include "base/size.h"
#include "sysfs.h"
#include "unrack/digest.h"
#include "unrack/disk.h"

#define BOOT_ID_DIR "/proc/sys/kernel/random"
#define NUMBERS_MAX 17

bool sysfs_writes(const char *dir, const char *boot_dir, uint64_t *stamp)
{
	static const unsigned whole[] = { 4, 6, 11, 13 }, partition[] = { 2, 3 }; /* writes, sectors; discards, sectors */
	char text[512], *p = text, *end;
	struct {
		char boot[64];
		uint8_t counts[ARRAY_LEN(whole)][8];
	} what = { 0 };
	uint64_t numbers[NUMBERS_MAX] = { 0 };
	unsigned n = 0, used;
	const unsigned *at;

	if (!sysfs_value(boot_dir, "boot_id", what.boot, sizeof what.boot) ||
	    !sysfs_value(dir, "stat", text, sizeof text))
		return false;
	for (; n < NUMBERS_MAX; n++, p = end) {
		numbers[n] = strtoull(p, &end, 10);
		if (end == p)
			break;
	}
	if (n != 4 && n < 11)
		return false;
	at = n == 4 ? partition : whole;
	used = n == 4 ? ARRAY_LEN(partition) : ARRAY_LEN(whole);
	for (unsigned i = 0; i < used; i++)
		put_le64(what.counts[i], numbers[at[i]]);
	*stamp = checksum64(&what, sizeof what);
	return true;
}

bool disk_writes(const char *path, uint64_t *stamp)
{
	char dir[64];
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return false;
	snprintf(dir, sizeof dir, "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return sysfs_writes(dir, BOOT_ID_DIR, stamp);
}
