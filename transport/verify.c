/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"

/* Grains read and compared at a time. */
#define BATCH 32u

struct verify {
	const struct io *io;
	const char *image;
	int fd;
	uint64_t disk_bytes, image_bytes;
	const struct digest_key *key;
	uint8_t *data;                /* BATCH grains */
	struct digest want[BATCH];
};

/* The image is the disk rounded up to whole sectors, not a byte more. */
static int check_size(const struct verify *v, struct unrack_error *err)
{
	uint8_t b[2];
	uint64_t from = v->image_bytes ? v->image_bytes - 1 : 0;
	size_t got = 0;
	int r = io_pread_some(v->io, v->fd, v->image, b, v->image_bytes ? 2 : 1, from, &got, err);

	if (r < 0)
		return r;
	if (got != (v->image_bytes ? 1 : 0))
		return error_set(err, UNRACK_DAMAGED, "%s should have %llu bytes and has %s", v->image,
				 (unsigned long long)v->image_bytes, got ? "more" : "fewer");
	return 0;
}

/* Where the next data in the image begins, at or after OFF. A mere hint that saves reading
 * holes, so it goes past struct io; whatever is no real file, or can't tell, is all data. */
static uint64_t skip_hole(const struct verify *v, uint64_t off)
{
	off_t at = lseek(v->fd, (off_t)off, SEEK_DATA);

	if (at < 0)
		return errno == ENXIO ? v->image_bytes : off;
	return (uint64_t)at;
}

static bool all_zero_wanted(const struct verify *v, uint64_t n)
{
	return is_zero(v->want, (size_t)n * sizeof *v->want);
}

/* Lays the entries of AFTER for the N grains from FIRST over V->want. */
static void overlay(struct verify *v, uint64_t first, uint64_t n,
		    const struct digest_after_entry *after, uint64_t n_after, uint64_t *at)
{
	while (*at < n_after && after[*at].grain < first + n) {
		if (after[*at].grain >= first)
			v->want[after[*at].grain - first] = after[*at].digest;
		++*at;
	}
}

static bool grain_same(const struct verify *v, const uint8_t *data, size_t size,
		       const struct digest *want)
{
	struct digest is;

	if (is_zero(data, size))
		return digest_is_zero(want);
	/* The padding to a whole sector counts as zeros, as in every digest. */
	digest_grain(v->key, data, size, GRAIN_SIZE, &is);
	return memcmp(&is, want, sizeof is) == 0;
}

static int compare_batch(struct verify *v, uint64_t first, uint64_t n, struct verify_result *r,
			 struct unrack_error *err)
{
	uint64_t off = first * GRAIN_SIZE, bytes = min_u64(n * GRAIN_SIZE, v->image_bytes - off);
	int e = io_pread_all(v->io, v->fd, v->image, v->data, (size_t)bytes, off, err);

	if (e < 0)
		return e;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = i * GRAIN_SIZE;

		if (grain_same(v, v->data + at, (size_t)min_u64(GRAIN_SIZE, bytes - at), &v->want[i]))
			continue;
		if (r->different++ == 0)
			r->first = first + i;
	}
	return 0;
}

static int compare_all(struct verify *v, struct digest_table *t,
		       const struct digest_after_entry *after, uint64_t n_after, int disk,
		       const struct log *log, struct verify_result *r, struct unrack_error *err)
{
	uint64_t grains = grain_count(v->disk_bytes), data_at = 0, after_at = 0;
	int e;

	for (uint64_t g = 0, n; g < grains; g += n) {
		n = min_u64(BATCH, grains - g);
		e = digest_table_read(t, g, v->want, n, err);
		if (e < 0)
			return e;
		overlay(v, g, n, after, n_after, &after_at);
		if (data_at < g * GRAIN_SIZE)
			data_at = skip_hole(v, g * GRAIN_SIZE);
		if (data_at < (g + n) * GRAIN_SIZE || !all_zero_wanted(v, n)) {
			e = compare_batch(v, g, n, r, err);
			if (e < 0)
				return e;
		}
		r->checked += n;
		log_progress(log, &(struct log_progress){
					  .step = "verify", .disk = disk, .unit = "bytes",
					  .done = min_u64((g + n) * GRAIN_SIZE, v->disk_bytes),
					  .total = v->disk_bytes });
		if (log_stop_asked(log))
			return error_set(err, UNRACK_INTERRUPTED, "the check of %s was interrupted",
					 v->image);
	}
	return 0;
}

int verify_image(const struct io *io, const char *image, uint64_t disk_bytes,
		 struct digest_table *t, const struct digest_key *key,
		 const struct digest_after_entry *after, uint64_t n_after, int disk,
		 const struct log *log, struct verify_result *r, struct unrack_error *err)
{
	struct verify v = { .io = io, .image = image, .fd = -1, .disk_bytes = disk_bytes, .key = key };
	CLEANUP_FREE uint8_t *data = malloc((size_t)BATCH * GRAIN_SIZE);
	int e;

	*r = (struct verify_result){ 0 };
	if (!data)
		return error_nomem(err);
	v.data = data;
	v.image_bytes = round_up(disk_bytes, SECTOR_SIZE);
	e = io_open(io, image, O_RDONLY, 0, &v.fd, err);
	if (e < 0)
		return e;
	e = check_size(&v, err);
	if (e == 0)
		e = compare_all(&v, t, after, n_after, disk, log, r, err);
	io->ops->close(io->ctx, v.fd);
	return e;
}
