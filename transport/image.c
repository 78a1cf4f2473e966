/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "unrack/digest.h"
#include "unrack/vmdk.h"
#include "vmdk_format.h"

static const struct image_ops *ops_of(enum disk_format format)
{
	switch (format) {
	case DISK_STREAM:
		return &image_stream_ops;
	case DISK_SPARSE:
		return &image_sparse_ops;
	default:
		return &image_flat_ops;
	}
}

static int new_image(const struct image_place *p, struct image **out, struct unrack_error *err)
{
	const struct image_ops *ops = ops_of(p->format);
	struct image *im;

	im = ops->new();
	if (!im)
		return error_nomem(err);
	im->ops = ops;
	im->place = *p;
	im->bytes = round_up(p->disk_bytes, SECTOR_SIZE);
	im->fd = -1;
	*out = im;
	return 0;
}

int image_create(const struct image_place *p, struct image **out, struct unrack_error *err)
{
	struct image *im;
	int r = new_image(p, &im, err);

	if (r < 0)
		return r;
	r = io_open(p->io, p->path, O_RDWR | O_CREAT | O_TRUNC, IMAGE_MODE, &im->fd, err);
	if (r == 0)
		r = im->ops->create(im, err);
	if (r == 0)
		r = io_fsync_parent(p->io, p->path, err);
	if (r < 0) {
		image_close(im);
		return r;
	}
	*out = im;
	return 0;
}

int image_resume(const struct image_place *p, const struct journal_point *at, bool delta,
		 struct image **out, struct unrack_error *err)
{
	struct image *im;
	int r = new_image(p, &im, err);

	if (r < 0)
		return r;
	r = im->ops->resume(im, at, delta, err);
	if (r < 0) {
		image_close(im);
		return r;
	}
	*out = im;
	return 0;
}

bool image_wants_inflated(const struct image *im)
{
	return im->ops->wants_inflated;
}

int image_write(struct image *im, const struct message_grains *m, const uint8_t *data,
		struct unrack_error *err)
{
	return im->ops->write(im, m, data, err);
}

int image_zero(struct image *im, uint64_t first, uint64_t count, struct unrack_error *err)
{
	return im->ops->zero(im, first, count, err);
}

uint64_t image_length(const struct image *im)
{
	return im->ops->length ? im->ops->length(im) : 0;
}

int image_sync(struct image *im, struct unrack_error *err)
{
	return im->ops->sync ? im->ops->sync(im, err)
			     : io_fdatasync(im->place.io, im->fd, im->place.path, err);
}

int image_finish(struct image *im, struct unrack_error *err)
{
	return im->ops->finish(im, err);
}

int image_check(const struct image_place *p, bool restore, struct unrack_error *err)
{
	struct image *im;
	int r = new_image(p, &im, err);

	if (r < 0)
		return r;
	r = im->ops->check(im, restore, err);
	image_close(im);
	return r;
}

void image_close(struct image *im)
{
	if (!im)
		return;
	if (im->fd >= 0)
		im->place.io->ops->close(im->place.io->ctx, im->fd);
	if (im->ops->free)
		im->ops->free(im);
	free(im);
}

int image_open_existing(struct image *im, int flags, uint64_t safe, struct unrack_error *err)
{
	const struct image_place *p = &im->place;
	int r = io_open(p->io, p->path, flags, 0, &im->fd, err);

	if (r < 0 && err->sys_errno == ENOENT)
		return error_set(err, UNRACK_DAMAGED,
				 "%s is missing, but its journal says that %" PRIu64 " bytes of it are "
				 "safe; put it back, or remove %s to copy the disk again", p->path, safe,
				 p->journal);
	return r;
}

static void set_direct(struct image *im, bool on)
{
	if (im->direct == on || (on && im->direct_fails))
		return;
	if (io_direct(im->place.io, im->fd, on))
		im->direct = on;
	else
		im->direct_fails = true;
}

int image_pwrite(struct image *im, const void *data, size_t n, uint64_t off, bool direct,
		 struct unrack_error *err)
{
	const struct image_place *p = &im->place;
	int r;

	set_direct(im, direct);
	r = io_pwrite_all(p->io, im->fd, p->path, data, n, off, err);
	if (r == 0 || !im->direct || err->sys_errno != EINVAL)
		return r;
	/* It wants more of the address or the length than we keep to, also behind a short write. */
	im->direct_fails = true;
	set_direct(im, false);
	return io_pwrite_all(p->io, im->fd, p->path, data, n, off, err);
}

int image_pread(struct image *im, void *buf, size_t n, uint64_t off, struct unrack_error *err)
{
	set_direct(im, false);
	return io_pread_all(im->place.io, im->fd, im->place.path, buf, n, off, err);
}

int image_clear(struct image *im, uint64_t off, uint64_t n, struct unrack_error *err)
{
	set_direct(im, false); /* where there are no holes, zeros are written, of any length */
	return io_zero(im->place.io, im->fd, im->place.path, off, n, err);
}

const char *image_adapter(const struct image *im)
{
	return im->place.adapter ? im->place.adapter : "lsilogic";
}

int image_embed_descriptor(const struct image *im, uint8_t *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	uint32_t cid;
	int r = image_random_cid(&cid, err);

	if (r == 0)
		r = vmdk_descriptor_write(im->place.format, im->place.extent, im->place.disk_bytes,
					  image_adapter(im), cid, &text, err);
	if (r < 0)
		return r;
	if (text.len > VMDK_DESCRIPTOR_SECTORS * SECTOR_SIZE)
		return error_set(err, UNRACK_USAGE, "the name \"%.80s...\" is too long for a VMDK",
				 im->place.extent);
	memcpy(out, text.data, text.len);
	memset(out + text.len, 0, VMDK_DESCRIPTOR_SECTORS * SECTOR_SIZE - text.len);
	return 0;
}

int image_random_cid(uint32_t *cid, struct unrack_error *err)
{
	uint8_t seed[DIGEST_SEED_SIZE];
	int r = digest_random_seed(seed, err);

	if (r == 0)
		*cid = get_le32(seed) & 0x7fffffff;
	return r;
}
