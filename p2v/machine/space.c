/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/size.h"
#include "unrack/machine.h"

/* Journals, manifests and lock files; a filesystem without even that is full. */
#define FLOOR (1u << 20)

/* "12.3 GiB" */
static void size_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	unsigned u = 0;

	for (; v >= 1024 && u + 1 < ARRAY_LEN(units); u++)
		v /= 1024;
	snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

int machine_check_space(const char *folder, uint64_t surely, uint64_t most, const struct log *log,
			struct unrack_error *err)
{
	char room_text[32], most_text[32], surely_text[32];
	struct statvfs fs;
	uint64_t room;

	if (statvfs(folder, &fs) < 0)
		return error_errno(err, errno, "can't find out how much space is free in %s", folder);
	if (mul_overflows(fs.f_bavail, fs.f_frsize, &room))
		return 0;
	size_text(room, room_text);
	size_text(most, most_text);
	size_text(surely, surely_text);
	if (room < surely || (most > 0 && room < FLOOR)) {
		error_set(err, UNRACK_NOSPACE,
			  "%s has %s free, and at least %s are needed; free some space, or choose another "
			  "folder, and run the same command again", folder, room_text,
			  room < surely ? surely_text : "1.0 MiB");
		return err->code;
	}
	if (room < most)
		log_warn(log, "%s has %s free, and up to %s may be needed: it may fit, since zeros take no "
			 "space; if it does not, free some and run the same command again", folder,
			 room_text, most_text);
	return 0;
}
