/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the beginning of a disk tells of it. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "parts.h"
#include "unrack/buf.h"
#include "unrack/disk.h"
#include "unrack/io.h"

/* A file that is the disk with nothing but zeros behind its head. It takes no more space. */
static int make_file(const void *head, size_t n, const char *name, uint64_t bytes, int *fd,
		     struct unrack_error *err)
{
	*fd = memfd_create("head", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)bytes) < 0)
		return error_errno(err, errno, "can't look at the head of %s as a disk of %llu bytes", name,
				   (unsigned long long)bytes);
	return io_pwrite_all(io_posix(), *fd, name, head, n, 0, err);
}

static int check_raw(const void *head, size_t n, const char *name, struct unrack_error *err)
{
	struct block_source *s;
	int r = block_source_open_memory(head, n, name, &s, err);

	if (r < 0)
		return r;
	r = disk_check_raw(s, err);
	block_source_close(s);
	return r;
}

static int add_mark(struct identity *id, struct unrack_error *err)
{
	struct buf strict CLEANUP_BUF = { 0 };
	struct identity whole = *id;
	int r;

	if (buf_printf(&strict, "%s%s=head\n", whole.strict, IDENTITY_PARTIAL) < 0)
		r = error_nomem(err);
	else
		r = identity_init(id, whole.bytes, buf_str(&strict), whole.advisory, err);
	identity_free(&whole);
	return r;
}

int disk_identify_head(const void *head, size_t n, const char *name, uint64_t bytes,
		       struct identity *id, struct unrack_error *err)
{
	struct parts *p CLEANUP_FREE = NULL;
	int fd CLEANUP_CLOSE = -1;
	char path[32];
	int r = check_raw(head, n, name, err);

	if (r == 0)
		r = make_file(head, n, name, bytes, &fd, err);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	r = parts_read(path, bytes, &p, err);
	if (r < 0)
		return r;
	if (*p->id)
		p->n = 0;
	r = identify_parts(path, bytes, p, id, err);
	return r < 0 ? r : add_mark(id, err);
}
