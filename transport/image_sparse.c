/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A monolithicSparse VMDK: header, descriptor, two copies of directory and grain tables, all there
 * from the beginning, then grains in the order in which they first got data. A grain that
 * becomes zeros keeps its place.
 *
 * The table that is being filled is held here, and goes to the file with each checkpoint and
 * before the next one. After a crash the file may have any part of it. So the journal has the
 * file's length at the checkpoint, and an entry that points behind it counts for nothing. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "image.h"
#include "unrack/vmdk.h"
#include "vmdk_format.h"

#define NO_TABLE UINT64_MAX

struct sparse {
	struct image im;
	struct vmdk_layout layout;
	uint64_t end;          /* of the file, where the next grain goes; whole grains */
	pthread_mutex_t lock;  /* of the table */
	uint64_t table;        /* which one, or NO_TABLE */
	bool dirty;
	uint8_t entry[VMDK_GT_BYTES]; /* as in the file */
};

static struct image *sparse_new(void)
{
	struct sparse *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->table = NO_TABLE;
	pthread_mutex_init(&s->lock, NULL);
	return &s->im;
}

static void sparse_free(struct image *im)
{
	pthread_mutex_destroy(&((struct sparse *)im)->lock);
}

static struct vmdk_header header(const struct sparse *s)
{
	return (struct vmdk_header){
		.version = 1,
		.flags = VMDK_NEWLINES | VMDK_REDUNDANT,
		.capacity = s->im.bytes / SECTOR_SIZE,
		.grain = VMDK_GRAIN_SECTORS,
		.descriptor = VMDK_DESCRIPTOR_AT,
		.descriptor_size = VMDK_DESCRIPTOR_SECTORS,
		.gtes = VMDK_GTES,
		.rgd = s->layout.rgd,
		.gd = s->layout.gd,
		.overhead = s->layout.overhead,
	};
}

/* --- Tables ------------------------------------------------------------------------------- */

static uint64_t table_at(uint64_t first, uint64_t table)
{
	return (first + table * VMDK_GT_SECTORS) * SECTOR_SIZE;
}

static int write_table(struct sparse *s, struct unrack_error *err)
{
	int r;

	if (!s->dirty)
		return 0;
	r = image_pwrite(&s->im, s->entry, VMDK_GT_BYTES, table_at(s->layout.rgts, s->table), false, err);
	if (r == 0)
		r = image_pwrite(&s->im, s->entry, VMDK_GT_BYTES, table_at(s->layout.gts, s->table), false,
				 err);
	s->dirty = r < 0;
	return r;
}

/* With the lock held. */
static int want_table(struct sparse *s, uint64_t table, struct unrack_error *err)
{
	int r;

	if (s->table == table)
		return 0;
	r = write_table(s, err);
	if (r < 0)
		return r;
	s->table = NO_TABLE;
	r = image_pread(&s->im, s->entry, VMDK_GT_BYTES, table_at(s->layout.gts, table), err);
	if (r == 0)
		s->table = table;
	return r;
}

/* Where GRAIN lies, 0: nowhere. */
static int find(struct sparse *s, uint64_t grain, uint64_t *at, struct unrack_error *err)
{
	int r = want_table(s, grain / VMDK_GTES, err);

	if (r == 0)
		*at = (uint64_t)get_le32(s->entry + 4 * (grain % VMDK_GTES)) * SECTOR_SIZE;
	return r;
}

/* It gets the next place of the file. */
static int add(struct sparse *s, uint64_t grain, uint64_t *at, struct unrack_error *err)
{
	if (s->end + GRAIN_SIZE > VMDK_FILE_MAX)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s would grow beyond 2 TiB, which a monolithicSparse VMDK can't; copy the disk "
				 "into another folder with --format flat", s->im.place.path);
	*at = s->end;
	s->end += GRAIN_SIZE;
	put_le32(s->entry + 4 * (grain % VMDK_GTES), (uint32_t)(*at / SECTOR_SIZE));
	s->dirty = true;
	return 0;
}

/* --- Grains ------------------------------------------------------------------------------- */

static int write_run(struct image *im, const uint8_t *data, unsigned n, uint64_t at,
		     struct unrack_error *err)
{
	size_t bytes = (size_t)n * GRAIN_SIZE;

	return n ? image_pwrite(im, data, bytes, at, bytes >= IMAGE_DIRECT_MIN, err) : 0;
}

/* Neighbours on the disk that are neighbours in the file, in one write. With the lock held, since
 * the two kinds of writes would change each other's way past the page cache. */
static int write_grains(struct sparse *s, const struct message_grains *m, const uint8_t *data,
			struct unrack_error *err)
{
	const uint8_t *from = NULL; /* the run that is not yet written */
	uint64_t at = 0, place = 0;
	unsigned n = 0;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < m->count; i++) {
		const uint8_t *d = data + (size_t)m->grain[i].place * GRAIN_SIZE;
		uint64_t grain = m->first + m->grain[i].place;

		r = find(s, grain, &place, err);
		if (r < 0 || (m->grain[i].size == 0 && place == 0))
			continue;
		if (m->grain[i].size == 0) {
			r = image_clear(&s->im, place, GRAIN_SIZE, err);
			continue;
		}
		if (place == 0)
			r = add(s, grain, &place, err);
		if (r < 0)
			break;
		if (n > 0 && d == from + (size_t)n * GRAIN_SIZE && place == at + (uint64_t)n * GRAIN_SIZE) {
			n++;
			continue;
		}
		r = write_run(&s->im, from, n, at, err);
		from = d;
		at = place;
		n = 1;
	}
	return r < 0 ? r : write_run(&s->im, from, n, at, err);
}

static int sparse_write(struct image *im, const struct message_grains *m, const uint8_t *data,
			struct unrack_error *err)
{
	struct sparse *s = (struct sparse *)im;
	int r;

	pthread_mutex_lock(&s->lock);
	r = write_grains(s, m, data, err);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int sparse_zero(struct image *im, uint64_t first, uint64_t count, struct unrack_error *err)
{
	struct sparse *s = (struct sparse *)im;
	uint64_t place;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	for (uint64_t g = first; r == 0 && g < first + count; g++) {
		r = find(s, g, &place, err);
		if (r == 0 && place)
			r = image_clear(im, place, GRAIN_SIZE, err);
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static uint64_t sparse_length(const struct image *im)
{
	return ((const struct sparse *)im)->end;
}

static int sparse_sync(struct image *im, struct unrack_error *err)
{
	struct sparse *s = (struct sparse *)im;
	int r;

	pthread_mutex_lock(&s->lock);
	r = write_table(s, err);
	pthread_mutex_unlock(&s->lock);
	return r < 0 ? r : io_fdatasync(im->place.io, im->fd, im->place.path, err);
}

/* --- Beginning and end -------------------------------------------------------------------- */

static int lay_out(struct sparse *s, struct unrack_error *err)
{
	/* That all of it may be data was for the caller to judge. */
	int r = vmdk_check_size(DISK_SPARSE, s->im.place.disk_bytes, 0, err);

	if (r == 0)
		vmdk_layout(s->im.bytes / SECTOR_SIZE, &s->layout);
	return r;
}

/* Directory FIRST, of the tables that begin at TABLES. */
static int write_directory(struct sparse *s, uint64_t first, uint64_t tables, struct unrack_error *err)
{
	uint8_t b[16 * SECTOR_SIZE];
	const unsigned per = sizeof b / 4;
	int r = 0;

	for (uint64_t t = 0; r == 0 && t < s->layout.tables; t += per) {
		unsigned n = (unsigned)min_u64(per, s->layout.tables - t);

		for (unsigned i = 0; i < n; i++)
			put_le32(b + 4 * i, (uint32_t)(tables + (t + i) * VMDK_GT_SECTORS));
		r = image_pwrite(&s->im, b, n * 4, first * SECTOR_SIZE + t * 4, false, err);
	}
	return r;
}

static int sparse_create(struct image *im, struct unrack_error *err)
{
	struct sparse *s = (struct sparse *)im;
	uint8_t head[(VMDK_DESCRIPTOR_AT + VMDK_DESCRIPTOR_SECTORS) * SECTOR_SIZE];
	struct vmdk_header h;
	int r = lay_out(s, err);

	if (r < 0)
		return r;
	h = header(s);
	vmdk_header_encode(&h, head);
	r = image_embed_descriptor(im, head + VMDK_DESCRIPTOR_AT * SECTOR_SIZE, err);
	if (r == 0)
		r = image_pwrite(im, head, sizeof head, 0, false, err);
	if (r == 0)
		r = write_directory(s, s->layout.rgd, s->layout.rgts, err);
	if (r == 0)
		r = write_directory(s, s->layout.gd, s->layout.gts, err);
	s->end = s->layout.overhead * SECTOR_SIZE;
	return r < 0 ? r : io_truncate(im->place.io, im->fd, im->place.path, s->end, err);
}

/* The header must be the one that we wrote, and the file as long as it was. */
static int check_file(struct sparse *s, uint64_t length, uint64_t *size, struct unrack_error *err)
{
	const struct image_place *p = &s->im.place;
	uint8_t is[SECTOR_SIZE], want[SECTOR_SIZE];
	struct vmdk_header h;
	int r = lay_out(s, err);

	if (r == 0)
		r = io_size(p->io, s->im.fd, p->path, size, err);
	if (r < 0)
		return r;
	length = max_u64(length, s->layout.overhead * SECTOR_SIZE);
	if (*size < length)
		return error_set(err, UNRACK_DAMAGED,
				 "%s is shorter than the %" PRIu64 " bytes that its journal says are safe, "
				 "something else changed it; remove it and %s to copy the disk again", p->path,
				 length, p->journal);
	r = image_pread(&s->im, is, sizeof is, 0, err);
	if (r < 0)
		return r;
	h = header(s);
	vmdk_header_encode(&h, want);
	if (memcmp(is, want, sizeof want) != 0)
		return error_set(err, UNRACK_DAMAGED,
				 "%s has a header that is not that of this disk, something else changed it; remove "
				 "it and %s to copy the disk again", p->path, p->journal);
	return 0;
}

/* Takes the entries that point behind END out of both copies of a table. */
static int drop_entries(struct sparse *s, uint64_t table, uint64_t end, struct unrack_error *err)
{
	const uint64_t copies[2] = { s->layout.rgts, s->layout.gts };
	uint8_t b[VMDK_GT_BYTES];
	int r = 0;

	for (unsigned c = 0; r == 0 && c < 2; c++) {
		uint64_t at = table_at(copies[c], table);
		bool changed = false;

		r = image_pread(&s->im, b, sizeof b, at, err);
		for (unsigned i = 0; r == 0 && i < VMDK_GTES; i++) {
			if ((uint64_t)get_le32(b + 4 * i) * SECTOR_SIZE < end)
				continue;
			put_le32(b + 4 * i, 0);
			changed = true;
		}
		if (r == 0 && changed)
			r = image_pwrite(&s->im, b, sizeof b, at, false, err);
	}
	return r;
}

static int sparse_resume(struct image *im, const struct journal_point *at, bool delta,
			 struct unrack_error *err)
{
	struct sparse *s = (struct sparse *)im;
	const struct image_place *p = &im->place;
	uint64_t size = 0;
	int r = image_open_existing(im, O_RDWR, at->image_length, err);

	if (r == 0)
		r = check_file(s, at->image_length, &size, err);
	if (r < 0)
		return r;
	/* A delta pass that has just begun: the image is complete, all of it counts. */
	s->end = delta && at->image_length == 0 ? size : at->image_length;
	s->end = max_u64(round_up(s->end, GRAIN_SIZE), s->layout.overhead * SECTOR_SIZE);
	for (uint64_t t = at->next_grain / VMDK_GTES; r == 0 && t < s->layout.tables; t++)
		r = drop_entries(s, t, s->end, err);
	if (r == 0)
		r = io_truncate(p->io, im->fd, p->path, s->end, err);
	/* Before a grain gets a place there: else a crash may bring an old entry of it back. */
	return r < 0 ? r : io_fdatasync(p->io, im->fd, p->path, err);
}

static int sparse_finish(struct image *im, struct unrack_error *err)
{
	int r = sparse_sync(im, err);

	return r < 0 ? r : io_close(im->place.io, &im->fd, im->place.path, err);
}

static int sparse_check(struct image *im, bool restore, struct unrack_error *err)
{
	struct sparse *s = (struct sparse *)im;
	uint64_t size;
	int r = image_open_existing(im, O_RDONLY, im->bytes, err);

	(void)restore;
	return r < 0 ? r : check_file(s, 0, &size, err);
}

const struct image_ops image_sparse_ops = {
	.wants_inflated = true,
	.new = sparse_new,
	.create = sparse_create,
	.resume = sparse_resume,
	.write = sparse_write,
	.zero = sparse_zero,
	.length = sparse_length,
	.sync = sparse_sync,
	.finish = sparse_finish,
	.check = sparse_check,
	.free = sparse_free,
};
