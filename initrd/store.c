/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/size.h"

static int nameless(const char *dir)
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	if (fd >= 0)
		return fd;
	/* NFS and older overlays have no O_TMPFILE. */
	if (snprintf(path, sizeof path, "%s/.unrack-XXXXXX", dir) >= (int)sizeof path)
		return -1;
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

static int begin_file(struct store *s, struct unrack_error *err)
{
	const char *dir;

	for (unsigned k = 0; (dir = folder(k)); k++) {
		s->fd = nameless(dir);
		if (s->fd >= 0) {
			s->in_file = true;
			return 0;
		}
	}
	return error_errno(err, errno, "can't make a temporary file in %s for what an initrd unpacks to; "
			   "name another folder with TMPDIR", folder(0));
}

static int add_to_file(struct store *s, const uint8_t *p, size_t n, struct unrack_error *err)
{
	while (n) {
		ssize_t done = write(s->fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return error_errno(err, errno, "can't write the temporary file for what an initrd "
					   "unpacks to; name a folder with more space with TMPDIR");
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int leave_memory(struct store *s, struct unrack_error *err)
{
	int r = begin_file(s, err);

	if (r == 0)
		r = add_to_file(s, s->mem.data, s->mem.len, err);
	buf_free(&s->mem);
	return r;
}

int store_add(struct store *s, const void *p, size_t n, struct unrack_error *err)
{
	int r = 0;

	if (!s->in_file && n <= s->keep && s->mem.len <= s->keep - n) {
		if (buf_append(&s->mem, p, n) < 0)
			return error_nomem(err);
	} else {
		if (!s->in_file)
			r = leave_memory(s, err);
		if (r == 0)
			r = add_to_file(s, p, n, err);
	}
	if (r == 0)
		s->len += n;
	return r;
}

int store_take(struct store *s, struct buf *b, struct unrack_error *err)
{
	size_t n = b->len;
	int r = 0;

	s->mem = *b;
	*b = (struct buf){ 0 };
	if (n > s->keep)
		r = leave_memory(s, err);
	if (r == 0)
		s->len = n;
	return r;
}

int store_end(struct store *s, struct unrack_error *err)
{
	void *map;

	if (!s->in_file) {
		s->data = (const uint8_t *)buf_str(&s->mem);
		return 0;
	}
	map = mmap(NULL, s->len, PROT_READ, MAP_SHARED, s->fd, 0);
	if (map == MAP_FAILED)
		return error_errno(err, errno, "can't map %zu MiB of a temporary file", s->len >> 20);
	s->data = map;
	s->mapped = true;
	return 0;
}

void store_borrow(struct store *s, const void *p, size_t n)
{
	*s = (struct store){ .data = p, .len = n };
}

void store_forget(const struct store *s, size_t from, size_t to)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	from = (size_t)round_down(from, page);
	/* That it can't be forgotten harms nothing. */
	if (s->mapped && from < to)
		(void)madvise((uint8_t *)s->data + from, to - from, MADV_DONTNEED);
}

size_t store_resident(const struct store *s)
{
	return s->in_file ? 0 : s->len;
}

void store_free(struct store *s)
{
	if (s->mapped)
		munmap((void *)s->data, s->len);
	if (s->in_file)
		close(s->fd);
	buf_free(&s->mem);
	*s = (struct store){ 0 };
}
