/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/digest_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "unrack/grain.h"

/* Header: a page of its own, so that the digests lie aligned. The checksum is of all that
 * precedes it; magic, version and checksum keep their places in all versions. */
#define MAGIC "UNRKDGST"
#define VERSION 1u
#define HEADER_SIZE 4096u
#define AT_VERSION 8
#define AT_GRAIN 12
#define AT_BYTES 16
#define AT_SUM (HEADER_SIZE - 8)

/* What is held of the table: PAGE_DIGESTS digests, for 256 MiB of disk. */
#define PAGE_DIGESTS 4096u
#define PAGE_BYTES (PAGE_DIGESTS * DIGEST_SIZE)
#define BLOCK_BYTES 4096u
#define PAGE_BLOCKS (PAGE_BYTES / BLOCK_BYTES)
#define ALL_BLOCKS ((uint16_t)((1u << PAGE_BLOCKS) - 1))
#define NO_PAGE UINT64_MAX

struct digest_table {
	const struct io *io;
	char *path;
	int fd;
	bool read_only;
	uint64_t grains;
	uint64_t page;   /* index of the page in DATA, or NO_PAGE */
	bool dirty;      /* DATA differs from the file */
	bool was_zero;   /* the page was zeros, perhaps a hole, in the file */
	uint16_t *blocks; /* of each page, a bit for each block that is no hole in the file; NULL: not known */
	uint8_t data[PAGE_BYTES];
};

static uint64_t digest_offset(uint64_t grain)
{
	return HEADER_SIZE + grain * DIGEST_SIZE;
}

/* How many bytes of page INDEX the table has. */
static size_t page_size(const struct digest_table *t, uint64_t index)
{
	return (size_t)(min_u64(t->grains - index * PAGE_DIGESTS, PAGE_DIGESTS) * DIGEST_SIZE);
}

/* NULL: see ERR. */
static struct digest_table *table_new(const struct io *io, const char *path, uint64_t disk_bytes,
				      struct unrack_error *err)
{
	struct digest_table *t;

	/* Also keeps all offsets below far from wrapping. */
	if (disk_bytes > INT64_MAX) {
		error_set(err, UNRACK_UNSUPPORTED, "%s: no disk has %llu bytes", path,
			  (unsigned long long)disk_bytes);
		return NULL;
	}
	t = calloc(1, sizeof *t);
	if (t)
		t->path = strdup(path);
	if (!t || !t->path) {
		free(t);
		error_nomem(err);
		return NULL;
	}
	t->io = io;
	t->fd = -1;
	t->grains = grain_count(disk_bytes);
	t->page = NO_PAGE;
	return t;
}

void digest_table_close(struct digest_table *t)
{
	if (!t)
		return;
	if (t->fd >= 0) /* what was not synced was not promised */
		t->io->ops->close(t->io->ctx, t->fd);
	free(t->path);
	free(t->blocks);
	free(t);
}

static int all_holes(struct digest_table *t)
{
	t->blocks = calloc((size_t)div_round_up(t->grains, PAGE_DIGESTS) + 1, sizeof *t->blocks);
	return t->blocks ? 0 : -1;
}

/* Which pages of an older table are. A file that is too short has none: that must show when it is read. */
static int find_holes(struct digest_table *t, struct unrack_error *err)
{
	uint64_t pages = div_round_up(t->grains, PAGE_DIGESTS), bytes, at;
	int r = io_size(t->io, t->fd, t->path, &bytes, err);

	if (r < 0)
		return r;
	if (bytes != digest_offset(t->grains))
		return 0;
	if (all_holes(t) < 0)
		return error_nomem(err);
	for (uint64_t page = 0; page < pages; page++) {
		if (!io_next_data(t->io, t->fd, digest_offset(page * PAGE_DIGESTS), &at)) {
			free(t->blocks);
			t->blocks = NULL;
			return 0;
		}
		if (at >= bytes)
			return 0;
		page = (at - HEADER_SIZE) / PAGE_BYTES;
		t->blocks[page] = ALL_BLOCKS;
	}
	return 0;
}

int digest_table_create(const struct io *io, const char *path, uint64_t disk_bytes,
			struct digest_table **out, struct unrack_error *err)
{
	uint8_t header[HEADER_SIZE] = MAGIC;
	struct digest_table *t = table_new(io, path, disk_bytes, err);
	int r;

	if (!t)
		return err->code;
	if (all_holes(t) < 0) {
		digest_table_close(t);
		return error_nomem(err);
	}
	put_le32(header + AT_VERSION, VERSION);
	put_le32(header + AT_GRAIN, GRAIN_SIZE);
	put_le64(header + AT_BYTES, disk_bytes);
	put_le64(header + AT_SUM, checksum64(header, AT_SUM));
	r = io_open(io, path, O_RDWR | O_CREAT | O_TRUNC, 0600, &t->fd, err);
	if (r == 0)
		r = io_pwrite_all(io, t->fd, path, header, sizeof header, 0, err);
	if (r == 0)
		r = io_truncate(io, t->fd, path, digest_offset(t->grains), err);
	if (r == 0)
		r = io_fdatasync(io, t->fd, path, err);
	if (r == 0)
		r = io_fsync_parent(io, path, err);
	if (r < 0) {
		digest_table_close(t);
		return r;
	}
	*out = t;
	return 0;
}

static int check_header(struct digest_table *t, uint64_t disk_bytes, struct unrack_error *err)
{
	uint8_t header[HEADER_SIZE];
	int r = io_pread_all(t->io, t->fd, t->path, header, sizeof header, 0, err);

	if (r < 0)
		return r;
	if (memcmp(header, MAGIC, 8) != 0)
		return error_set(err, UNRACK_DAMAGED, "%s is not a digest table of unrack", t->path);
	if (get_le64(header + AT_SUM) != checksum64(header, AT_SUM))
		return error_set(err, UNRACK_DAMAGED,
				 "%s is damaged: the checksum of its header is wrong", t->path);
	if (get_le32(header + AT_VERSION) != VERSION)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s has format version %u, this unrack knows version %u; use the newer one",
				 t->path, get_le32(header + AT_VERSION), VERSION);
	if (get_le32(header + AT_GRAIN) != GRAIN_SIZE)
		return error_set(err, UNRACK_UNSUPPORTED, "%s has grains of %u bytes, not %u", t->path,
				 get_le32(header + AT_GRAIN), GRAIN_SIZE);
	if (get_le64(header + AT_BYTES) != disk_bytes)
		return error_set(err, UNRACK_DAMAGED, "%s is for a disk of %llu bytes, not of %llu",
				 t->path, (unsigned long long)get_le64(header + AT_BYTES),
				 (unsigned long long)disk_bytes);
	return 0;
}

int digest_table_open(const struct io *io, const char *path, uint64_t disk_bytes, bool read_only,
		      struct digest_table **out, struct unrack_error *err)
{
	struct digest_table *t = table_new(io, path, disk_bytes, err);
	int r;

	if (!t)
		return err->code;
	t->read_only = read_only;
	r = io_open(io, path, read_only ? O_RDONLY : O_RDWR, 0, &t->fd, err);
	if (r == 0)
		r = check_header(t, disk_bytes, err);
	if (r == UNRACK_DAMAGED)
		error_suffix(err, "; nothing was written: put a good copy of it back, or copy the disk into another folder");
	if (r == 0)
		r = find_holes(t, err);
	if (r < 0) {
		digest_table_close(t);
		return r;
	}
	*out = t;
	return 0;
}

static bool is_hole(const struct digest_table *t, uint64_t page)
{
	return t->blocks && !t->blocks[page];
}

/* Of a page that was a hole, what need not stay one: of [*FROM, *FROM + *N) the blocks of zeros at both ends
 * are left out. On a large disk with little on it, data lie far from each other. */
static void trim(const uint8_t *data, size_t *from, size_t *n)
{
	while (*n > BLOCK_BYTES && is_zero(data + *from, BLOCK_BYTES)) {
		*from += BLOCK_BYTES;
		*n -= BLOCK_BYTES;
	}
	while (*n > BLOCK_BYTES && is_zero(data + *from + *n - BLOCK_BYTES, BLOCK_BYTES))
		*n -= BLOCK_BYTES;
}

/* Writes the page that is held, if it was changed. A page of zeros that was zeros before
 * is left alone, and stays the hole that it probably is. */
static int flush(struct digest_table *t, struct unrack_error *err)
{
	size_t n, from = 0;
	uint64_t off;
	int r;

	if (!t->dirty)
		return 0;
	n = page_size(t, t->page);
	off = digest_offset(t->page * PAGE_DIGESTS);
	if (!is_zero(t->data, n)) {
		if (t->was_zero)
			trim(t->data, &from, &n);
		for (size_t at = from; t->blocks && at < from + n; at += BLOCK_BYTES)
			t->blocks[t->page] |= (uint16_t)(1u << at / BLOCK_BYTES);
		r = io_pwrite_all(t->io, t->fd, t->path, t->data + from, n, off + from, err);
		t->was_zero = false;
	} else if (!t->was_zero) {
		r = io_zero(t->io, t->fd, t->path, off, n, err);
		t->was_zero = true;
	} else {
		r = 0;
	}
	if (r < 0) {
		t->page = NO_PAGE;
		t->dirty = false;
		return r;
	}
	t->dirty = false;
	return 0;
}

/* Page INDEX, of N bytes, but for its holes: in sparse tables they are most of it. */
static int read_page(struct digest_table *t, uint64_t index, size_t n, struct unrack_error *err)
{
	uint16_t there = t->blocks ? t->blocks[index] : ALL_BLOCKS;
	int r = 0;

	for (size_t at = 0, end; r == 0 && at < n; at = end) {
		bool data = there >> at / BLOCK_BYTES & 1;

		for (end = at + BLOCK_BYTES; end < n && (there >> end / BLOCK_BYTES & 1) == data;)
			end += BLOCK_BYTES;
		end = min_u64(end, n);
		if (data)
			r = io_pread_all(t->io, t->fd, t->path, t->data + at, end - at,
					 digest_offset(index * PAGE_DIGESTS) + at, err);
		else
			memset(t->data + at, 0, end - at);
	}
	return r;
}

/* Makes page INDEX the one that is held. */
static int load(struct digest_table *t, uint64_t index, struct unrack_error *err)
{
	size_t n = page_size(t, index);
	int r;

	if (t->page == index)
		return 0;
	r = flush(t, err);
	if (r < 0)
		return r;
	t->page = NO_PAGE;
	r = read_page(t, index, n, err);
	if (r < 0)
		return r;
	t->page = index;
	t->was_zero = is_zero(t->data, n);
	return 0;
}

static int check_range(const struct digest_table *t, uint64_t first, uint64_t n,
		       struct unrack_error *err)
{
	if (first > t->grains || n > t->grains - first)
		return error_set(err, UNRACK_INTERNAL, "%s has %llu grains: %llu more from %llu is too far",
				 t->path, (unsigned long long)t->grains, (unsigned long long)n,
				 (unsigned long long)first);
	return 0;
}

int digest_table_write(struct digest_table *t, uint64_t first, const struct digest *d, uint64_t n,
		       struct unrack_error *err)
{
	int r = check_range(t, first, n, err);

	if (r < 0)
		return r;
	if (t->read_only)
		return error_set(err, UNRACK_INTERNAL, "%s was opened for reading only", t->path);
	while (n > 0) {
		uint64_t at = first % PAGE_DIGESTS, part = min_u64(n, PAGE_DIGESTS - at);

		r = load(t, first / PAGE_DIGESTS, err);
		if (r < 0)
			return r;
		memcpy(t->data + at * DIGEST_SIZE, d, (size_t)(part * DIGEST_SIZE));
		t->dirty = true;
		first += part;
		d += part;
		n -= part;
	}
	return 0;
}

int digest_table_read(struct digest_table *t, uint64_t first, struct digest *d, uint64_t n,
		      struct unrack_error *err)
{
	int r = check_range(t, first, n, err);

	while (r == 0 && n > 0) {
		uint64_t at = first % PAGE_DIGESTS, part = min_u64(n, PAGE_DIGESTS - at);

		r = load(t, first / PAGE_DIGESTS, err);
		if (r < 0)
			return r;
		memcpy(d, t->data + at * DIGEST_SIZE, (size_t)(part * DIGEST_SIZE));
		first += part;
		d += part;
		n -= part;
	}
	return r;
}

int digest_table_truncate(struct digest_table *t, uint64_t grain, struct unrack_error *err)
{
	int r = check_range(t, grain, 0, err);

	if (r == 0)
		r = flush(t, err);
	if (r < 0)
		return r;
	t->page = NO_PAGE;
	/* Shorter and longer again: everything behind becomes a hole. */
	r = io_truncate(t->io, t->fd, t->path, digest_offset(grain), err);
	if (r == 0)
		r = io_truncate(t->io, t->fd, t->path, digest_offset(t->grains), err);
	/* Grains of zeros are not written from here on, and so would never be synced. */
	return r < 0 ? r : io_fdatasync(t->io, t->fd, t->path, err);
}

int digest_table_next(struct digest_table *t, uint64_t first, uint64_t end, uint64_t *grain,
		      struct unrack_error *err)
{
	int r = check_range(t, first, end - first, err);

	for (*grain = first; r == 0 && *grain < end;) {
		uint64_t page = *grain / PAGE_DIGESTS, stop = min_u64(end, (page + 1) * PAGE_DIGESTS);
		const uint8_t *at = t->data + *grain % PAGE_DIGESTS * DIGEST_SIZE;

		/* The page that is held may have more than the file. */
		if (is_hole(t, page) && t->page != page) {
			*grain = stop;
			continue;
		}
		r = load(t, page, err);
		if (r == 0 && is_zero(at, (size_t)(stop - *grain) * DIGEST_SIZE)) {
			*grain = stop;
			continue;
		}
		while (r == 0 && is_zero(at, DIGEST_SIZE)) {
			at += DIGEST_SIZE;
			++*grain;
		}
		break;
	}
	return r;
}

int digest_table_sync(struct digest_table *t, struct unrack_error *err)
{
	int r = flush(t, err);

	return r < 0 ? r : io_fdatasync(t->io, t->fd, t->path, err);
}

/* Where data is sparse, so are the digests: zeros are passed over by so many. */
#define SKIP 64u

int digest_table_whole(struct digest_table *t, const struct digest_key *key, uint64_t disk_bytes,
		       uint64_t end, struct digest *whole, uint64_t *data_grains,
		       struct unrack_error *err)
{
	struct digest_stream *s;
	uint64_t count = 0;
	int r = check_range(t, 0, end, err);

	if (r < 0)
		return r;
	s = digest_stream_new(key);
	if (!s)
		return error_nomem(err);
	digest_whole_begin(s, disk_bytes);
	for (uint64_t at = 0; r == 0 && at < end; at += PAGE_DIGESTS) {
		uint64_t n = min_u64(end - at, PAGE_DIGESTS);

		/* The page that is held may have more than the file. */
		if (is_hole(t, at / PAGE_DIGESTS) && t->page != at / PAGE_DIGESTS)
			continue;
		r = load(t, at / PAGE_DIGESTS, err);
		if (r == 0 && is_zero(t->data, n * DIGEST_SIZE))
			continue;
		for (uint64_t i = 0; r == 0 && i < n; i++) {
			struct digest d;

			if (i % SKIP == 0 && n - i >= SKIP && is_zero(t->data + i * DIGEST_SIZE, SKIP * DIGEST_SIZE)) {
				i += SKIP - 1;
				continue;
			}
			memcpy(&d, t->data + i * DIGEST_SIZE, sizeof d);
			if (digest_is_zero(&d))
				continue;
			digest_whole_add(s, at + i, &d);
			count++;
		}
	}
	if (r == 0) {
		digest_stream_end(s, whole);
		*data_grains = count;
	}
	digest_stream_free(s);
	return r;
}
