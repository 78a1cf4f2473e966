/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tempfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/size.h"

int tempfile_in(const char *dir)
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	if (fd >= 0)
		return fd;
	/* NFS and older overlays have no O_TMPFILE. */
	if (snprintf(path, sizeof path, "%s/.unrack-XXXXXX", dir) >= (int)sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* /tmp comes last: it often is memory. */
static const char *folder(unsigned k)
{
	static const char *const others[] = { "/var/tmp", "/tmp" };
	const char *wanted = secure_getenv("TMPDIR");

	if (wanted && *wanted)
		return k ? NULL : wanted;
	return k < ARRAY_LEN(others) ? others[k] : NULL;
}

const char *tempfile_folder(void)
{
	return folder(0);
}

int tempfile_open(const char *what, int *fd, struct unrack_error *err)
{
	const char *dir;

	for (unsigned k = 0; (dir = folder(k)); k++) {
		*fd = tempfile_in(dir);
		if (*fd >= 0)
			return 0;
	}
	return error_errno(err, errno, "can't make a temporary file in %s for %s; name another folder with TMPDIR",
			   tempfile_folder(), what);
}

int tempfile_add(int fd, const char *what, const void *p, size_t n, struct unrack_error *err)
{
	const uint8_t *from = p;

	while (n) {
		ssize_t done = write(fd, from, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return error_errno(err, errno, "can't write the temporary file for %s; name a folder with more space "
					   "with TMPDIR", what);
		from += done;
		n -= (size_t)done;
	}
	return 0;
}
