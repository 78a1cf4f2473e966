/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images as sources: which kind a file is, and the one that has the disk's bytes as they are. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "source_sparse.h"
#include "unrack/vmdk.h"

struct flat {
	struct block_source source;
	const struct io *io;
	int fd;
	char *path;
};

static int flat_read(struct block_source *s, void *buf, size_t n, uint64_t off, struct unrack_error *err)
{
	const struct flat *f = s->ctx;

	return io_pread_all(f->io, f->fd, f->path, buf, n, off, err);
}

/* A mere hint that saves reading holes, so it goes past struct io; whatever is no real
 * file, or can't tell, is all data. */
static int flat_next_data(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
			  struct unrack_error *err)
{
	const struct flat *f = s->ctx;
	off_t at = lseek(f->fd, (off_t)off, SEEK_DATA), hole;

	(void)err;
	*end = s->size;
	if (at < 0) {
		*start = errno == ENXIO ? s->size : off;
		return 0;
	}
	*start = (uint64_t)at;
	hole = lseek(f->fd, at, SEEK_HOLE);
	if (hole > at)
		*end = min_u64((uint64_t)hole, s->size);
	return 0;
}

static void flat_close(struct block_source *s)
{
	struct flat *f = s->ctx;

	f->io->ops->close(f->io->ctx, f->fd);
	free(f->path);
	free(f);
}

static const struct block_source_ops flat_ops = { .read = flat_read, .next_data = flat_next_data,
						  .close = flat_close };

/* FD becomes the source's, also when this fails. */
static int open_flat(const struct io *io, int fd, const char *path, struct block_source **out,
		     struct unrack_error *err)
{
	struct flat *f = calloc(1, sizeof *f);
	int r;

	if (!f) {
		io->ops->close(io->ctx, fd);
		return error_nomem(err);
	}
	f->io = io;
	f->fd = fd;
	f->path = strdup(path);
	f->source = (struct block_source){ .ops = &flat_ops, .name = f->path, .ctx = f };
	r = f->path ? io_size(io, fd, path, &f->source.size, err) : error_nomem(err);
	if (r < 0) {
		flat_close(&f->source);
		return r;
	}
	*out = &f->source;
	return 0;
}

int vmdk_find_extent(const struct io *io, const char *path, char **out, uint64_t *bytes,
		     struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct vmdk_descriptor d;
	const char *slash = strrchr(path, '/');
	int r = io_read_file(io, path, VMDK_DESCRIPTOR_MAX, &text, err);

	if (r == 0)
		r = vmdk_descriptor_parse(buf_str(&text), text.len, path, &d, err);
	if (r < 0)
		return r;
	if ((strcmp(d.create_type, "vmfs") && strcmp(d.create_type, "monolithicFlat")) || d.extents != 1 ||
	    d.parent_cid != UINT32_MAX || !*d.extent || strchr(d.extent, '/'))
		return error_set(err, UNRACK_UNSUPPORTED, "%s describes a disk of type %s with %u extents; make a raw "
				 "image of it first, with qemu-img convert -O raw", path, d.create_type, d.extents);
	if (asprintf(out, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, d.extent) < 0)
		return error_nomem(err);
	*bytes = d.sectors * SECTOR_SIZE;
	return 0;
}

static int open_extent(const struct io *io, const char *path, struct block_source **out,
		       struct unrack_error *err)
{
	CLEANUP_FREE char *extent = NULL;
	struct block_source *s = NULL;
	uint64_t bytes;
	int fd, r = vmdk_find_extent(io, path, &extent, &bytes, err);

	if (r == 0)
		r = io_open(io, extent, O_RDONLY, 0, &fd, err);
	if (r == 0)
		r = open_flat(io, fd, extent, &s, err);
	if (r < 0)
		return r;
	if (s->size != bytes) {
		error_set(err, UNRACK_DAMAGED, "%s has %llu bytes, but %s says %llu", extent,
			  (unsigned long long)s->size, path, (unsigned long long)bytes);
		block_source_close(s);
		return err->code;
	}
	*out = s;
	return 0;
}

int vmdk_probe(const struct io *io, int fd, const char *path, enum vmdk_kind *kind, struct unrack_error *err)
{
	static const char text[] = "# Disk DescriptorFile";
	uint8_t head[sizeof text - 1];
	size_t got = 0;
	int r = io_pread_some(io, fd, path, head, sizeof head, 0, &got, err);

	*kind = VMDK_RAW;
	if (r == 0 && got >= 4 && !memcmp(head, "KDMV", 4))
		*kind = VMDK_SPARSE;
	else if (r == 0 && got == sizeof head && !memcmp(head, text, sizeof head))
		*kind = VMDK_TEXT;
	return r;
}

int vmdk_open_source(const struct io *io, const char *path, enum disk_format format,
		     struct block_source **out, struct unrack_error *err)
{
	enum vmdk_kind kind = format == DISK_FLAT ? VMDK_RAW : VMDK_SPARSE;
	int fd, r = io_open(io, path, O_RDONLY, 0, &fd, err);

	if (r < 0)
		return r;
	if (!format && (r = vmdk_probe(io, fd, path, &kind, err)) < 0) {
		io->ops->close(io->ctx, fd);
		return r;
	}
	if (kind == VMDK_SPARSE)
		return source_sparse_open(io, fd, path, out, err);
	if (kind == VMDK_RAW)
		return open_flat(io, fd, path, out, err);
	io->ops->close(io->ctx, fd);
	return open_extent(io, path, out, err);
}

/* --- Descriptors -------------------------------------------------------------------------- */

/* The descriptor of FD lies in it: H says where. */
static int read_header(const struct io *io, int fd, const char *path, struct vmdk_header *h, bool *sparse,
		       struct unrack_error *err)
{
	uint8_t b[SECTOR_SIZE];
	enum vmdk_kind kind;
	int r = vmdk_probe(io, fd, path, &kind, err);

	*sparse = kind == VMDK_SPARSE;
	if (r < 0 || !*sparse)
		return r;
	r = io_pread_all(io, fd, path, b, sizeof b, 0, err);
	return r < 0 ? r : vmdk_header_decode(b, path, h, err);
}

int vmdk_read_descriptor(const struct io *io, const char *path, struct buf *text, struct unrack_error *err)
{
	struct vmdk_header h;
	bool sparse;
	int fd, r = io_open(io, path, O_RDONLY, 0, &fd, err);

	if (r < 0)
		return r;
	r = read_header(io, fd, path, &h, &sparse, err);
	if (r == 0 && sparse)
		r = source_sparse_descriptor(io, fd, path, &h, text, err);
	io->ops->close(io->ctx, fd);
	return r < 0 || sparse ? r : io_read_file(io, path, VMDK_DESCRIPTOR_MAX, text, err);
}

static int embed(const struct io *io, int fd, const char *path, const struct vmdk_header *h,
		 const struct buf *text, struct unrack_error *err)
{
	CLEANUP_BUF struct buf old = { 0 };
	size_t room = (size_t)h->descriptor_size * SECTOR_SIZE;
	int r = source_sparse_descriptor(io, fd, path, h, &old, err);

	if (r < 0)
		return r;
	if (text->len > room)
		return error_set(err, UNRACK_UNSUPPORTED, "%s has no room for a longer descriptor", path);
	buf_clear(&old);
	if (buf_append(&old, text->data, text->len) < 0 || buf_zeros(&old, room - text->len) < 0)
		return error_nomem(err);
	r = io_pwrite_all(io, fd, path, old.data, room, h->descriptor * SECTOR_SIZE, err);
	return r < 0 ? r : io_fdatasync(io, fd, path, err);
}

int vmdk_replace_descriptor(const struct io *io, const char *path, const struct buf *text,
			    struct unrack_error *err)
{
	struct vmdk_header h;
	bool sparse;
	int fd, r = io_open(io, path, O_RDWR, 0, &fd, err);

	if (r < 0)
		return r;
	r = read_header(io, fd, path, &h, &sparse, err);
	if (r == 0 && sparse)
		r = embed(io, fd, path, &h, text, err);
	if (r == 0)
		r = io_close(io, &fd, path, err);
	else
		io->ops->close(io->ctx, fd);
	return r < 0 || sparse ? r : io_replace_file(io, path, text->data, text->len, 0600, err);
}
