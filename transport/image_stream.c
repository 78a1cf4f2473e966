/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_stream.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static struct image *stream_new(void)
{
	struct stream *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	if (posix_memalign((void **)&s->buffer, IO_DIRECT_ALIGN, STREAM_WRITE + STREAM_ADD_MAX) != 0) {
		free(s);
		return NULL;
	}
	s->table = STREAM_NO_TABLE;
	pthread_mutex_init(&s->lock, NULL);
	return &s->im;
}

static void stream_free(struct image *im)
{
	struct stream *s = (struct stream *)im;

	pthread_mutex_destroy(&s->lock);
	free(s->buffer);
	free(s->directory);
}

static int make_directory(struct stream *s, struct unrack_error *err)
{
	s->tables = vmdk_tables(s->im.bytes / SECTOR_SIZE, VMDK_GRAIN_SECTORS);
	s->directory = calloc((size_t)s->tables, sizeof *s->directory);
	return s->directory ? 0 : error_nomem(err);
}

struct vmdk_header stream_header(const struct image *im, uint64_t directory)
{
	return (struct vmdk_header){
		.version = 3,
		.flags = VMDK_NEWLINES | VMDK_COMPRESSED | VMDK_MARKERS,
		.capacity = im->bytes / SECTOR_SIZE,
		.grain = VMDK_GRAIN_SECTORS,
		.descriptor = VMDK_DESCRIPTOR_AT,
		.descriptor_size = VMDK_DESCRIPTOR_SECTORS,
		.gtes = VMDK_GTES,
		.gd = directory,
		.overhead = VMDK_STREAM_OVERHEAD,
		.compression = VMDK_DEFLATE,
	};
}

void stream_note(struct stream *s, uint64_t grain, uint64_t at)
{
	s->table = grain / VMDK_GTES;
	s->entry[grain % VMDK_GTES] = (uint32_t)(at / SECTOR_SIZE);
	s->next = grain + 1;
	s->grains++;
}

void stream_encode_table(const struct stream *s, uint8_t out[VMDK_GT_BYTES])
{
	for (unsigned i = 0; i < VMDK_GTES; i++)
		put_le32(out + 4 * i, s->entry[i]);
}

/* --- Appending ---------------------------------------------------------------------------- */

/* Whole pages of the buffer go to the file. */
static int write_pages(struct stream *s, struct unrack_error *err)
{
	size_t n = (size_t)round_down(s->fill, IO_DIRECT_ALIGN);
	int r = n ? image_pwrite(&s->im, s->buffer, n, s->base, true, err) : 0;

	if (r < 0)
		return r;
	memmove(s->buffer, s->buffer + n, s->fill - n);
	s->base += n;
	s->fill -= n;
	return 0;
}

/* Room for N bytes more. NULL: see ERR. */
static uint8_t *room_for(struct stream *s, size_t n, struct unrack_error *err)
{
	uint8_t *p;

	if (s->fill >= STREAM_WRITE && write_pages(s, err) < 0)
		return NULL;
	p = s->buffer + s->fill;
	s->fill += n;
	return p;
}

static int add_marker(struct stream *s, enum vmdk_marker type, uint64_t sectors, struct unrack_error *err)
{
	uint8_t *p = room_for(s, SECTOR_SIZE, err);

	if (!p)
		return err->code;
	memset(p, 0, SECTOR_SIZE);
	put_le64(p, sectors);
	put_le32(p + VMDK_GRAIN_HEAD, type);
	return 0;
}

static int end_table(struct stream *s, struct unrack_error *err)
{
	uint8_t *p;
	int r;

	if (s->table == STREAM_NO_TABLE)
		return 0;
	r = add_marker(s, VMDK_GT, VMDK_GT_SECTORS, err);
	if (r < 0)
		return r;
	s->directory[s->table] = (uint32_t)(stream_at(s) / SECTOR_SIZE);
	p = room_for(s, VMDK_GT_BYTES, err);
	if (!p)
		return err->code;
	stream_encode_table(s, p);
	memset(s->entry, 0, sizeof s->entry);
	s->table = STREAM_NO_TABLE;
	return 0;
}

/* What still comes behind the grains. */
static uint64_t tail(const struct stream *s)
{
	return (1 + VMDK_GT_SECTORS + 1 + vmdk_directory_sectors(s->tables) + 3) * SECTOR_SIZE;
}

static int add_grain(struct stream *s, uint64_t grain, const struct message_grain *g,
		     struct unrack_error *err)
{
	size_t n = (size_t)vmdk_grain_room(g->size);
	uint8_t *p;
	int r = 0;

	if (g->size == 0 || grain < s->next)
		return error_set(err, UNRACK_INTERNAL, "%s can only grow, but grain %" PRIu64 " is to change",
				 s->im.place.path, grain);
	if (s->table != grain / VMDK_GTES)
		r = end_table(s, err);
	if (r < 0)
		return r;
	if (stream_at(s) + n + tail(s) > VMDK_FILE_MAX)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s would grow beyond 2 TiB, which a streamOptimized VMDK can't; copy the disk "
				 "into another folder with --format flat", s->im.place.path);
	p = room_for(s, n, err);
	if (!p)
		return err->code;
	put_le64(p, grain * VMDK_GRAIN_SECTORS);
	put_le32(p + 8, g->size);
	memcpy(p + VMDK_GRAIN_HEAD, g->z, g->size);
	memset(p + VMDK_GRAIN_HEAD + g->size, 0, n - VMDK_GRAIN_HEAD - g->size);
	stream_note(s, grain, stream_at(s) - n);
	return 0;
}

static int stream_write(struct image *im, const struct message_grains *m, const uint8_t *data,
			struct unrack_error *err)
{
	struct stream *s = (struct stream *)im;
	int r = 0;

	(void)data;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; r == 0 && i < m->count; i++)
		r = add_grain(s, m->first + m->grain[i].place, &m->grain[i], err);
	s->length = stream_at(s);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int stream_zero(struct image *im, uint64_t first, uint64_t count, struct unrack_error *err)
{
	const struct stream *s = (struct stream *)im;

	(void)count;
	if (first >= s->next)
		return 0;
	return error_set(err, UNRACK_INTERNAL, "%s can only grow, but grain %" PRIu64 " is to become zeros",
			 im->place.path, first);
}

static uint64_t stream_length(const struct image *im)
{
	return ((const struct stream *)im)->length;
}

/* Everything in the buffer. Its pages stay where they are; what is not a whole one is
 * written again with what follows it. */
static int write_all(struct stream *s, struct unrack_error *err)
{
	int r = write_pages(s, err);

	return r == 0 && s->fill ? image_pwrite(&s->im, s->buffer, s->fill, s->base, false, err) : r;
}

static int stream_sync(struct image *im, struct unrack_error *err)
{
	struct stream *s = (struct stream *)im;
	int r;

	pthread_mutex_lock(&s->lock);
	r = write_all(s, err);
	pthread_mutex_unlock(&s->lock);
	/* Beside what is added meanwhile. */
	return r < 0 ? r : io_fdatasync(im->place.io, im->fd, im->place.path, err);
}

/* --- Beginning and end -------------------------------------------------------------------- */

static int stream_create(struct image *im, struct unrack_error *err)
{
	struct stream *s = (struct stream *)im;
	struct vmdk_header h = stream_header(im, VMDK_GD_AT_END);

	s->length = s->fill = VMDK_STREAM_OVERHEAD * SECTOR_SIZE;
	memset(s->buffer, 0, s->fill);
	vmdk_header_encode(&h, s->buffer);
	if (image_embed_descriptor(im, s->buffer + VMDK_DESCRIPTOR_AT * SECTOR_SIZE, err) < 0)
		return err->code;
	return make_directory(s, err);
}

/* The last page may not be whole: it is in the buffer again. */
static int fill_buffer(struct stream *s, uint64_t end, struct unrack_error *err)
{
	const struct image_place *p = &s->im.place;

	s->base = round_down(end, IO_DIRECT_ALIGN);
	s->fill = (size_t)(end - s->base);
	return s->fill ? io_pread_all(p->io, s->im.fd, p->path, s->buffer, s->fill, s->base, err) : 0;
}

static int stream_resume(struct image *im, const struct journal_point *at, bool delta,
			 struct unrack_error *err)
{
	struct stream *s = (struct stream *)im;
	const struct image_place *p = &im->place;
	int r;

	if (delta)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s is complete, and a streamOptimized VMDK takes no changes; copy the disk into "
				 "another folder", p->path);
	r = image_open_existing(im, O_RDWR, at->image_length, err);
	if (r == 0)
		r = make_directory(s, err);
	if (r == 0)
		r = stream_walk(s, at->image_length, at->next_grain, err);
	if (r == 0 && s->grains != at->data_grains)
		r = error_set(err, UNRACK_DAMAGED,
			      "%s has %" PRIu64 " grains of data, but %s says %" PRIu64 "; remove both to copy the "
			      "disk again", p->path, s->grains, p->journal, at->data_grains);
	if (r == 0)
		r = fill_buffer(s, at->image_length, err);
	s->next = at->next_grain;
	s->length = at->image_length;
	return r < 0 ? r : io_truncate(p->io, im->fd, p->path, at->image_length, err);
}

static int add_directory(struct stream *s, uint64_t *at, struct unrack_error *err)
{
	uint64_t sectors = vmdk_directory_sectors(s->tables);
	int r = add_marker(s, VMDK_GD, sectors, err);

	*at = stream_at(s) / SECTOR_SIZE;
	for (uint64_t i = 0; r == 0 && i < sectors; i++) {
		const unsigned per = SECTOR_SIZE / 4;
		uint8_t *p = room_for(s, SECTOR_SIZE, err);

		if (!p)
			return err->code;
		memset(p, 0, SECTOR_SIZE);
		for (uint64_t t = 0; t < min_u64(per, s->tables - i * per); t++)
			put_le32(p + 4 * t, s->directory[i * per + t]);
	}
	return r;
}

static int add_footer(struct stream *s, uint64_t directory, struct unrack_error *err)
{
	struct vmdk_header h = stream_header(&s->im, directory);
	int r = add_marker(s, VMDK_FOOTER, 1, err);
	uint8_t *p = r == 0 ? room_for(s, SECTOR_SIZE, err) : NULL;

	if (!p)
		return err->code;
	vmdk_header_encode(&h, p);
	return add_marker(s, VMDK_EOS, 0, err);
}

static int stream_finish(struct image *im, struct unrack_error *err)
{
	struct stream *s = (struct stream *)im;
	uint64_t directory = 0;
	int r = end_table(s, err);

	if (r == 0)
		r = add_directory(s, &directory, err);
	if (r == 0)
		r = add_footer(s, directory, err);
	if (r == 0)
		r = stream_sync(im, err);
	return r < 0 ? r : io_close(im->place.io, &im->fd, im->place.path, err);
}

/* Its footer is the last thing that is written. */
static int stream_check(struct image *im, bool restore, struct unrack_error *err)
{
	const struct image_place *p = &im->place;
	uint8_t end[2 * SECTOR_SIZE];
	struct vmdk_header h;
	uint64_t size;
	int r = image_open_existing(im, O_RDONLY, VMDK_STREAM_OVERHEAD * SECTOR_SIZE, err);

	(void)restore;
	if (r == 0)
		r = io_size(p->io, im->fd, p->path, &size, err);
	if (r < 0)
		return r;
	if (size >= VMDK_STREAM_OVERHEAD * SECTOR_SIZE + sizeof end && size % SECTOR_SIZE == 0) {
		r = io_pread_all(p->io, im->fd, p->path, end, sizeof end, size - sizeof end, err);
		if (r < 0)
			return r;
		if (is_zero(end + SECTOR_SIZE, SECTOR_SIZE) &&
		    vmdk_header_decode(end, p->path, &h, err) == 0 && h.capacity == im->bytes / SECTOR_SIZE)
			return 0;
	}
	return error_set(err, UNRACK_DAMAGED,
			 "%s does not end as unrack wrote it, something else changed it; remove it and %s to copy "
			 "the disk again", p->path, p->journal);
}

const struct image_ops image_stream_ops = {
	.wants_inflated = false,
	.new = stream_new,
	.create = stream_create,
	.resume = stream_resume,
	.write = stream_write,
	.zero = stream_zero,
	.length = stream_length,
	.sync = stream_sync,
	.finish = stream_finish,
	.check = stream_check,
	.free = stream_free,
};
