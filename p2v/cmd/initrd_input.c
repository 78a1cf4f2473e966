/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/tempfile.h"

#define PIECE (1u << 20)
#define WHAT  "what comes through a pipe"

static int refuse_large(const struct initrd_input *f, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSUPPORTED, "%s has more than %u MiB, which no initrd has", f->name,
			 INITRD_FILE_MAX >> 20);
}

/* --- What is no file ---------------------------------------------------------------------- */

static int copy_all(const struct initrd_input *f, int to, struct unrack_error *err)
{
	uint8_t *piece CLEANUP_FREE = malloc(PIECE);
	uint64_t total = 0;
	int r = piece ? 0 : error_nomem(err);

	while (r == 0) {
		ssize_t n = read(f->fd, piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "can't read %s at byte %llu", f->name, (unsigned long long)total);
		if (n == 0)
			return 0;
		total += (uint64_t)n;
		r = total > INITRD_FILE_MAX ? refuse_large(f, err) : tempfile_add(to, WHAT, piece, (size_t)n, err);
	}
	return r;
}

/* A pipe or a device becomes a file, so that it can be read more than once. */
static int copy(struct initrd_input *f, struct unrack_error *err)
{
	int to, r = tempfile_open(WHAT, &to, err);

	if (r < 0)
		return r;
	r = copy_all(f, to, err);
	close(f->fd);
	f->fd = to;
	if (r == 0 && (fstat(to, &f->st) < 0 || lseek(to, 0, SEEK_SET) < 0))
		r = error_errno(err, errno, "can't look at a copy of %s", f->name);
	return r;
}

/* --- Files -------------------------------------------------------------------------------- */

static int lock(const struct initrd_input *f, struct unrack_error *err)
{
	if (!f->path || flock(f->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(err, UNRACK_UNSAFE, "%s is being changed by another program; wait until that is done",
				 f->name);
	return error_errno(err, errno, "can't lock %s", f->name);
}

int initrd_input_take(const char *name, bool change, struct initrd_input *out, struct unrack_error *err)
{
	*out = (struct initrd_input){ .name = name, .fd = open(name, O_RDONLY | O_CLOEXEC) };
	if (out->fd < 0)
		return error_errno(err, errno, "can't open %s", name);
	if (fstat(out->fd, &out->st) < 0)
		return error_errno(err, errno, "can't look at %s", name);
	if (S_ISDIR(out->st.st_mode))
		return error_set(err, UNRACK_USAGE, "%s is a folder; name an initrd, such as a file initrd-* or initramfs-* "
				 "in /boot", name);
	if (!S_ISREG(out->st.st_mode))
		return copy(out, err);
	if (out->st.st_size > INITRD_FILE_MAX)
		return refuse_large(out, err);
	/* NULL also of a file that /dev/stdin leads to, and that has no name any more. */
	out->path = realpath(name, NULL);
	if (!out->path && errno == ENOMEM)
		return error_nomem(err);
	return change ? lock(out, err) : 0;
}

int initrd_input_open(const char *name, bool change, struct initrd_input *out, struct unrack_error *err)
{
	int r = initrd_input_take(name, change, out, err);

	return r < 0 ? r : initrd_read(out->fd, name, &out->image, err);
}

void initrd_input_close(struct initrd_input *f)
{
	if (f->fd >= 0)
		close(f->fd);
	initrd_close(f->image);
	free(f->path);
	*f = (struct initrd_input){ .fd = -1 };
}
