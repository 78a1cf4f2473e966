/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "unrack/machine.h"

#define FOLDER_MAX 512u

/* Some filesystems don't tell upper case from lower. */
#define RESERVED "unrack"

static int check_part(const char *part, struct unrack_error *err)
{
	if (!machine_name_ok(part) || part[0] == '.')
		return error_set(err, UNRACK_UNSAFE,
				 "\"%.64s\" can't be the name of a folder here: use 1 to %u letters, digits, dots, "
				 "underscores and dashes, and no dot at the beginning", part, MACHINE_NAME_MAX);
	if (!strcasecmp(part, RESERVED))
		return error_set(err, UNRACK_UNSAFE, "\"%s\" can't be the name of a folder here: it is unrack's own",
				 part);
	return 0;
}

/* Is the folder that the first N bytes of PATH name, which is above the asked one, one of a
 * machine? */
static int check_parent(const struct io *io, const char *path, size_t n, struct unrack_error *err)
{
	char own[FOLDER_MAX + sizeof RESERVED];
	struct stat st;
	int r;

	snprintf(own, sizeof own, "%.*s" RESERVED, (int)n, path);
	r = io_stat(io, own, &st, err);
	if (r == 0)
		return error_set(err, UNRACK_UNSAFE,
				 "%.*s is the folder of a machine, and no other one can be made in it; choose another "
				 "folder", n ? (int)n - 1 : 8, n ? path : "the root");
	/* A parent that is missing is told by whoever makes the folder. */
	return err->sys_errno == ENOENT ? 0 : r;
}

int gate_check_folder(const struct io *io, const char *folder, struct unrack_error *err)
{
	const char *part = folder + strspn(folder, "/");
	int r = 0;

	if (*folder == '/')
		return error_set(err, UNRACK_UNSAFE, "%.64s is an absolute path, and none is taken here", folder);
	if (strlen(folder) > FOLDER_MAX)
		return error_set(err, UNRACK_UNSAFE, "the path %.64s... is too long; %u characters are enough", folder,
				 FOLDER_MAX);
	if (!*part)
		return error_set(err, UNRACK_UNSAFE, "no machine folder is named");
	while (r == 0 && *part) {
		char name[MACHINE_NAME_MAX + 2]; /* one that is longer stays too long */
		size_t n = strcspn(part, "/");

		snprintf(name, sizeof name, "%.*s", (int)min_u64(n, sizeof name), part);
		r = check_part(name, err);
		if (r == 0)
			r = check_parent(io, folder, (size_t)(part - folder), err);
		part += n;
		part += strspn(part, "/");
	}
	return r;
}
