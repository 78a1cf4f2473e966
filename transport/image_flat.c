/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The image as its bytes, with a text descriptor of type vmfs beside it. Zeros are holes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "image.h"
#include "unrack/vmdk.h"

/* Fewer zeros than this are not worth another write and another extent of the file. */
#define FLAT_HOLE_MIN (GRAIN_SIZE / 2)

struct flat {
	struct image im;
	uint64_t holes; /* from this byte on it reads as zeros where this pass has not written */
};

static struct image *flat_new(void)
{
	struct flat *f = calloc(1, sizeof *f);

	return f ? &f->im : NULL;
}

static int flat_create(struct image *im, struct unrack_error *err)
{
	((struct flat *)im)->holes = 0;
	return io_truncate(im->place.io, im->fd, im->place.path, im->bytes, err);
}

/* The image must be there as far as the journal says. */
static int check_length(const struct image *im, uint64_t bytes, struct unrack_error *err)
{
	uint8_t last;
	int r = io_pread_all(im->place.io, im->fd, im->place.path, &last, 1, bytes - 1, err);

	if (r == UNRACK_DAMAGED)
		return error_set(err, UNRACK_DAMAGED,
				 "%s is shorter than the %" PRIu64 " bytes that its journal says are "
				 "safe, something else changed it; remove it and %s to copy the disk "
				 "again", im->place.path, bytes, im->place.journal);
	return r;
}

static int open_image(struct image *im, int flags, uint64_t bytes, struct unrack_error *err)
{
	int r = image_open_existing(im, flags, bytes, err);

	return r < 0 ? r : check_length(im, bytes, err);
}

/* What was written behind the resume point may or may not have reached the disk: it goes,
 * and what follows is a hole again, so that zeros need no writing. */
static int flat_resume(struct image *im, const struct journal_point *at, bool delta,
		       struct unrack_error *err)
{
	const struct image_place *p = &im->place;
	uint64_t safe = delta ? im->bytes : min_u64(at->next_grain * GRAIN_SIZE, im->bytes);
	int r = open_image(im, O_RDWR, safe, err);

	/* Below, there is an older pass, and this one may begin anew over it. */
	((struct flat *)im)->holes = safe;
	if (r < 0 || delta)
		return r;
	r = io_truncate(p->io, im->fd, p->path, safe, err);
	if (r == 0)
		r = io_truncate(p->io, im->fd, p->path, im->bytes, err);
	/* Before anything is written behind it: else a crash may bring the old bytes back. */
	return r < 0 ? r : io_fdatasync(p->io, im->fd, p->path, err);
}

static int write_data(struct image *im, const uint8_t *data, size_t n, uint64_t off,
		      struct unrack_error *err)
{
	size_t head = n < IMAGE_DIRECT_MIN ? 0 : (size_t)round_down(n, IO_DIRECT_ALIGN);
	int r = head > 0 ? image_pwrite(im, data, head, off, true, err) : 0;

	return r == 0 && head < n ? image_pwrite(im, data + head, n - head, off + head, false, err) : r;
}

/* How much of P is zeros from its start on, in whole blocks. */
static size_t zeros_at(const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n && is_zero(p + at, min_u64(n - at, IO_DIRECT_ALIGN)))
		at += min_u64(n - at, IO_DIRECT_ALIGN);
	return at;
}

/* A large filesystem has a bitmap of a few blocks in each of thousands of places: the zeros of the
 * grains around them stay holes where nothing was written before. */
static int write_run(struct image *im, const uint8_t *data, size_t n, uint64_t off,
		     struct unrack_error *err)
{
	struct flat *f = (struct flat *)im;
	size_t from = 0, at = 0;
	int r = 0;

	if (off < f->holes)
		return write_data(im, data, n, off, err);
	while (r == 0 && at < n) {
		size_t zeros = zeros_at(data + at, n - at);

		if (zeros < FLAT_HOLE_MIN) {
			at += zeros;
			at += min_u64(n - at, IO_DIRECT_ALIGN);
			continue;
		}
		if (at > from)
			r = write_data(im, data + from, at - from, off + from, err);
		at += zeros;
		from = at;
	}
	return r == 0 && from < n ? write_data(im, data + from, n - from, off + from, err) : r;
}

static int flat_zero(struct image *im, uint64_t first, uint64_t count, struct unrack_error *err)
{
	uint64_t off = first * GRAIN_SIZE;

	return image_clear(im, off, min_u64(count * GRAIN_SIZE, im->bytes - off), err);
}

/* Neighbouring grains in one write. */
static int flat_write(struct image *im, const struct message_grains *m, const uint8_t *data,
		      struct unrack_error *err)
{
	unsigned i = 0;
	int r = 0;

	while (r == 0 && i < m->count) {
		unsigned place = m->grain[i].place, n = 1;
		uint64_t off = (m->first + place) * GRAIN_SIZE;
		bool zero = m->grain[i].size == 0;

		while (i + n < m->count && m->grain[i + n].place == place + n &&
		       (m->grain[i + n].size == 0) == zero)
			n++;
		if (zero)
			r = flat_zero(im, m->first + place, n, err);
		else
			r = write_run(im, data + (size_t)place * GRAIN_SIZE,
				      (size_t)min_u64((uint64_t)n * GRAIN_SIZE, im->place.disk_bytes - off),
				      off, err);
		i += n;
	}
	return r;
}

/* --- The descriptor ----------------------------------------------------------------------- */

/* The content ID of a descriptor that is there already, else a random one. */
static int choose_cid(const struct image *im, uint32_t *cid, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct vmdk_descriptor old;
	int r = io_read_file(im->place.io, im->place.descriptor, VMDK_DESCRIPTOR_MAX, &text, err);

	if (r == 0 && vmdk_descriptor_parse(buf_str(&text), text.len, im->place.descriptor, &old,
					    err) == 0) {
		*cid = old.cid;
		return 0;
	}
	return image_random_cid(cid, err);
}

static int write_descriptor(const struct image *im, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	uint32_t cid;
	int r = choose_cid(im, &cid, err);

	if (r == 0)
		r = vmdk_descriptor_write(DISK_FLAT, im->place.extent, im->place.disk_bytes, image_adapter(im),
					  cid, &text, err);
	if (r == 0)
		r = io_replace_file(im->place.io, im->place.descriptor, text.data, text.len, IMAGE_MODE,
				    err);
	return r;
}

static int flat_finish(struct image *im, struct unrack_error *err)
{
	int r = io_close(im->place.io, &im->fd, im->place.path, err);

	return r < 0 ? r : write_descriptor(im, err);
}

static int flat_check(struct image *im, bool restore, struct unrack_error *err)
{
	const struct image_place *p = &im->place;
	int fd = -1, r = open_image(im, O_RDONLY, im->bytes, err);

	if (r < 0 || !restore)
		return r;
	r = io_open(p->io, p->descriptor, O_RDONLY, 0, &fd, err);
	if (r == 0)
		return io_close(p->io, &fd, p->descriptor, err);
	/* Somebody lost it, and ESX can't do without. */
	return err->sys_errno == ENOENT ? write_descriptor(im, err) : r;
}

const struct image_ops image_flat_ops = {
	.wants_inflated = true,
	.new = flat_new,
	.create = flat_create,
	.resume = flat_resume,
	.write = flat_write,
	.zero = flat_zero,
	.finish = flat_finish,
	.check = flat_check,
};
