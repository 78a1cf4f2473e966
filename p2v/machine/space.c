/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

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

int machine_check_space(const struct io *io, const char *folder, uint64_t surely, uint64_t most,
			const struct log *log, struct unrack_error *err)
{
	char room_text[32], most_text[32], surely_text[32];
	char why[384];
	enum unrack_code code;
	uint64_t room;

	if (io_room(io, folder, &room, err) < 0)
		return err->code;
	size_text(room, room_text);
	size_text(most, most_text);
	size_text(surely, surely_text);
	if (room < surely || (most > 0 && room < FLOOR)) {
		/* Not the disk may be full, but a quota. */
		code = io->ops->explain ? io->ops->explain(io->ctx, EDQUOT, why, sizeof why) : 0;
		return error_set(err, UNRACK_NOSPACE,
				 "%s has %s free, and at least %s are needed%s%s; free some space, or choose another "
				 "folder, and run the same command again", folder, room_text,
				 room < surely ? surely_text : "1.0 MiB", code ? ": " : "", code ? why : "");
	}
	if (room < most)
		log_warn(log, "%s has %s free, and up to %s may be needed: it may fit, since zeros take no "
			 "space; if it does not, free some and run the same command again", folder,
			 room_text, most_text);
	return 0;
}
