/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stand-in for a volume with bad sectors, for those who give up at the first of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "parts.h"
#include "unrack/io.h"

#define HEAD_BYTES (4u << 20) /* the highest mark from the beginning is VMFS', behind 2 MiB */
#define TAIL_BYTES (2u << 20) /* the lowest from the end Promise's, 3087 sectors before it */
#define PIECE_BYTES 65536u
/* Of an end, until the rest of it is given up: each may take its time. */
#define SECTORS_BAD 16u

static bool read_all(int fd, uint8_t *buf, size_t n, uint64_t off)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = pread(fd, buf + done, n - done, (off_t)(off + done));

		if (r == 0 || (r < 0 && errno != EINTR))
			return false;
		done += r > 0 ? (size_t)r : 0;
	}
	return true;
}

/* The N bytes at OFF into BUF; zeros for those that can't be read. */
static void read_piece(int fd, uint8_t *buf, size_t n, uint64_t off, unsigned *bad)
{
	if (*bad < SECTORS_BAD && read_all(fd, buf, n, off))
		return;
	for (size_t at = 0; at < n; at += SECTOR_SIZE) {
		size_t part = (size_t)min_u64(SECTOR_SIZE, n - at);

		if (*bad >= SECTORS_BAD || !read_all(fd, buf + at, part, off + at)) {
			memset(buf + at, 0, part);
			++*bad;
		}
	}
}

/* Bytes FROM to END of the volume, which begins at OFF of FD. */
static int copy(int fd, uint64_t off, int to, uint64_t from, uint64_t end, struct unrack_error *err)
{
	uint8_t *buf CLEANUP_FREE = malloc(PIECE_BYTES);
	unsigned bad = 0;
	int r = buf ? 0 : error_nomem(err);

	while (r == 0 && from < end) {
		size_t n = (size_t)min_u64(PIECE_BYTES, end - from);

		read_piece(fd, buf, n, off + from, &bad);
		r = io_pwrite_all(io_posix(), to, "the ends of a volume", buf, n, from, err);
		from += n;
	}
	return r;
}

int ends_open(int fd, uint64_t off, uint64_t len)
{
	uint64_t head = min_u64(len, HEAD_BYTES), tail = max_u64(head, len - min_u64(len, TAIL_BYTES));
	int to = memfd_create("ends", MFD_CLOEXEC);
	struct unrack_error dropped;

	if (to >= 0 && ftruncate(to, (off_t)len) == 0 && copy(fd, off, to, 0, head, &dropped) == 0 &&
	    copy(fd, off, to, tail, len, &dropped) == 0)
		return to;
	if (to >= 0)
		close(to);
	return -1;
}
