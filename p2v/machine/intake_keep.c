/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* diskN.kept: what an earlier pass has read where this one can't any more, at the same offsets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "intake_parts.h"
#include "unrack/vmdk.h"

#define SECTOR 512u
#define AT_ONCE (64u << 10)

/* FD is -1 until there is something to keep. */
struct kept {
	const struct io *io;
	const char *path;
	int fd;
	bool changed;
};

static int keep_sectors(struct kept *k, const uint8_t *data, size_t n, uint64_t off, struct unrack_error *err)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < n; at += SECTOR) {
		size_t len = n - at < SECTOR ? n - at : SECTOR;

		if (is_zero(data + at, len)) /* also where a pass that was interrupted has put zeros already */
			continue;
		if (k->fd < 0)
			r = io_open(k->io, k->path, O_RDWR | O_CREAT, 0600, &k->fd, err);
		if (r == 0)
			r = io_pwrite_all(k->io, k->fd, k->path, data + at, len, off + at, err);
		k->changed = true;
	}
	return r;
}

static int keep_range(struct kept *k, struct block_source *image, uint64_t off, uint64_t len, bool *has,
		      struct unrack_error *err)
{
	uint8_t *data CLEANUP_FREE = malloc(AT_ONCE);
	int r = data ? 0 : error_nomem(err);

	for (uint64_t at = 0; r == 0 && at < len; at += AT_ONCE) {
		size_t n = (size_t)min_u64(AT_ONCE, len - at), got = 0;

		r = block_source_read(image, data, n, off + at, err);
		if (r == 0)
			r = keep_sectors(k, data, n, off + at, err);
		if (r == 0 && k->fd >= 0)
			r = io_pread_some(k->io, k->fd, k->path, data, n, off + at, &got, err);
		*has |= !is_zero(data, got);
	}
	return r;
}

int intake_keep(struct intake *in, int n, uint64_t off, uint64_t len, bool *has, struct unrack_error *err)
{
	char *path CLEANUP_FREE = machine_path(in->m, MACHINE_KEPT, n);
	struct kept k = { .io = in->opt.io, .path = path, .fd = -1 };
	struct block_source *image = NULL;
	int r = path ? vmdk_open_source(k.io, in->placed[n].image, machine_find_disk(in->m, n)->format,
						  &image, err)
		      : error_nomem(err);

	*has = false;
	if (r == 0 && io_open(k.io, path, O_RDWR, 0, &k.fd, err) < 0 && err->sys_errno != ENOENT)
		r = err->code;
	if (r == 0)
		r = keep_range(&k, image, off, len, has, err);
	if (r == 0 && k.changed)
		r = io_fdatasync(k.io, k.fd, path, err);
	if (r == 0 && k.changed)
		r = io_fsync_parent(k.io, path, err);
	if (k.fd >= 0)
		k.io->ops->close(k.io->ctx, k.fd);
	block_source_close(image);
	return r;
}

static int copy_lost(const struct kept *from, struct kept *to, const struct lost *l, struct unrack_error *err)
{
	uint8_t *data CLEANUP_FREE = malloc(AT_ONCE);
	int r = data ? 0 : error_nomem(err);

	for (size_t i = 0; i < l->n; i++)
		for (uint64_t at = 0; r == 0 && at < l->at[i].len; at += AT_ONCE) {
			size_t n = (size_t)min_u64(AT_ONCE, l->at[i].len - at), got = 0;

			r = io_pread_some(from->io, from->fd, from->path, data, n, l->at[i].off + at, &got, err);
			if (r == 0)
				r = keep_sectors(to, data, got, l->at[i].off + at, err);
		}
	return r;
}

/* A new file takes the place of the old one, or nothing does. */
static int put_in_place(struct kept *to, const char *path, struct unrack_error *err)
{
	int r = to->changed ? io_fdatasync(to->io, to->fd, to->path, err) : io_unlink(to->io, path, err);

	return r == 0 && to->changed ? io_rename(to->io, to->path, path, err) : r;
}

int intake_keep_lost(struct intake *in, int n, const struct lost *l, struct unrack_error *err)
{
	char *path CLEANUP_FREE = machine_path(in->m, MACHINE_KEPT, n), *new CLEANUP_FREE = NULL;
	struct kept from = { .io = in->opt.io, .path = path, .fd = -1 }, to = from;
	int r;

	if (!path || asprintf(&new, "%s.new", path) < 0)
		return error_nomem(err);
	to.path = new;
	r = io_open(from.io, path, O_RDONLY, 0, &from.fd, err);
	if (r < 0)
		return err->sys_errno == ENOENT ? 0 : r;
	r = io_unlink(to.io, new, err);
	if (r == 0)
		r = copy_lost(&from, &to, l, err);
	if (r == 0)
		r = put_in_place(&to, path, err);
	from.io->ops->close(from.io->ctx, from.fd);
	if (to.fd >= 0)
		to.io->ops->close(to.io->ctx, to.fd);
	return r;
}
