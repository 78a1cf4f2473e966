/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/size.h"
#include "unrack/digest.h"

static const struct image_ops *ops_of(enum disk_format format)
{
	return format == DISK_FLAT ? &image_flat_ops : NULL;
}

static int new_image(const struct image_place *p, struct image **out, struct unrack_error *err)
{
	const struct image_ops *ops = ops_of(p->format);
	struct image *im;

	if (!ops)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: only the format flat can be written", p->path);
	im = ops->new ? ops->new() : calloc(1, sizeof *im);
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

int image_random_cid(uint32_t *cid, struct unrack_error *err)
{
	uint8_t seed[DIGEST_SEED_SIZE];
	int r = digest_random_seed(seed, err);

	if (r == 0)
		*cid = get_le32(seed) & 0x7fffffff;
	return r;
}
