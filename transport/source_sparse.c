/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source_sparse.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/vmdk.h"
#include "vmdk_format.h"

/* A directory of 16 MiB, for a disk of 128 TiB. */
#define TABLES_MAX (1u << 22)
/* Readers are few, and each reads in order. */
#define CACHED 8u
#define NO_TABLE UINT64_MAX

/* What a thread needs to inflate a grain, and the last one that it did. */
struct unpacker {
	struct unpacker *next;
	struct inflate *inflate;
	uint64_t grain; /* that DATA has, or UINT64_MAX */
	uint8_t data[GRAIN_SIZE];
	uint8_t z[VMDK_GRAIN_HEAD + SOURCE_STREAM_MAX];
};

struct table {
	uint64_t n; /* which one, or NO_TABLE */
	uint64_t used;
	uint32_t entry[VMDK_GTES];
};

struct sparse {
	struct block_source source;
	const struct io *io;
	int fd;
	char *path;
	uint64_t file_bytes;
	struct vmdk_header h;
	uint64_t grain; /* bytes */
	uint64_t tables;
	uint32_t *directory;
	pthread_mutex_t lock; /* of all below */
	struct table cache[CACHED];
	uint64_t clock;
	struct unpacker *unpackers;
};

static int damaged(const struct sparse *s, uint64_t grain, const char *what, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED, "%s is damaged: %s (byte %" PRIu64 " of the disk)", s->path, what,
			 grain * s->grain);
}

/* --- Tables ------------------------------------------------------------------------------- */

static int load_table(struct sparse *s, uint64_t n, struct table *t, struct unrack_error *err)
{
	uint64_t at = (uint64_t)s->directory[n] * SECTOR_SIZE;
	uint8_t b[VMDK_GT_BYTES];
	int r;

	t->n = NO_TABLE;
	if (at + sizeof b > s->file_bytes)
		return damaged(s, n * VMDK_GTES, "a grain table lies behind its end", err);
	r = io_pread_all(s->io, s->fd, s->path, b, sizeof b, at, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < VMDK_GTES; i++)
		t->entry[i] = get_le32(b + 4 * i);
	t->n = n;
	return 0;
}

/* With the lock held. *out is NULL when all of the table is zeros. */
static int find_table(struct sparse *s, uint64_t n, const struct table **out, struct unrack_error *err)
{
	struct table *t = &s->cache[0];

	*out = NULL;
	if (s->directory[n] == 0)
		return 0;
	for (unsigned i = 0; i < CACHED && t->n != n; i++)
		if (s->cache[i].n == n || s->cache[i].used < t->used)
			t = &s->cache[i];
	if (t->n != n && load_table(s, n, t, err) < 0)
		return err->code;
	t->used = ++s->clock;
	*out = t;
	return 0;
}

static bool is_data(const struct sparse *s, uint32_t entry)
{
	return entry != 0 && !(entry == 1 && s->h.flags & VMDK_ZERO_GTES);
}

/* Where grain N begins in the file, 0: it is zeros. *RUN grains from there on, at most WANT, follow each
 * other in the file, or are zeros as well. *ROOM: bytes up to what the table names next, 0: not known. */
static int locate(struct sparse *s, uint64_t n, uint64_t want, uint64_t *at, uint64_t *run, uint64_t *room,
		  struct unrack_error *err)
{
	unsigned i = n % VMDK_GTES, count = 1;
	const struct table *t;
	int r;

	pthread_mutex_lock(&s->lock);
	r = find_table(s, n / VMDK_GTES, &t, err);
	*at = 0;
	*room = 0;
	want = min_u64(want, VMDK_GTES - i);
	if (r == 0 && !t) {
		count = (unsigned)want;
	} else if (r == 0 && is_data(s, t->entry[i])) {
		*at = (uint64_t)t->entry[i] * SECTOR_SIZE;
		while (count < want && t->entry[i + count] == t->entry[i] + count * s->h.grain)
			count++;
		if (i + 1 < VMDK_GTES && t->entry[i + 1] > t->entry[i])
			*room = (uint64_t)(t->entry[i + 1] - t->entry[i]) * SECTOR_SIZE;
	} else if (r == 0) {
		while (count < want && !is_data(s, t->entry[i + count]))
			count++;
	}
	pthread_mutex_unlock(&s->lock);
	*run = count;
	return r;
}

/* --- Compressed grains -------------------------------------------------------------------- */

static struct unpacker *borrow(struct sparse *s)
{
	struct unpacker *u;

	pthread_mutex_lock(&s->lock);
	u = s->unpackers;
	if (u)
		s->unpackers = u->next;
	pthread_mutex_unlock(&s->lock);
	if (u)
		return u;
	u = malloc(sizeof *u);
	if (!u)
		return NULL;
	u->grain = UINT64_MAX;
	u->inflate = inflate_open();
	if (!u->inflate) {
		free(u);
		return NULL;
	}
	return u;
}

static void give_back(struct sparse *s, struct unpacker *u)
{
	pthread_mutex_lock(&s->lock);
	u->next = s->unpackers;
	s->unpackers = u;
	pthread_mutex_unlock(&s->lock);
}

/* The stream of grain N, which lies at AT, into B, which has room for the longest; *z in it. */
static int read_stream(const struct sparse *s, uint64_t n, uint64_t at, uint64_t room, uint8_t *b,
		       const uint8_t **z, uint32_t *size, struct unrack_error *err)
{
	const size_t most = VMDK_GRAIN_HEAD + SOURCE_STREAM_MAX;
	size_t guess = room && room < most ? (size_t)room : most, got;
	int r = io_pread_some(s->io, s->fd, s->path, b, guess, at, &got, err);

	if (r < 0)
		return r;
	*size = got < VMDK_GRAIN_HEAD ? 0 : get_le32(b + 8);
	if (got < VMDK_GRAIN_HEAD || get_le64(b) != n * s->h.grain || *size == 0)
		return damaged(s, n, "there is no such grain where its table says", err);
	if (*size > SOURCE_STREAM_MAX)
		return damaged(s, n, "a grain is too long", err);
	*z = b + VMDK_GRAIN_HEAD;
	if (got >= VMDK_GRAIN_HEAD + *size)
		return 0;
	r = io_pread_all(s->io, s->fd, s->path, b + got, VMDK_GRAIN_HEAD + *size - got, at + got, err);
	return r == UNRACK_DAMAGED ? damaged(s, n, "it ends within a grain", err) : r;
}

static int unpack(const struct sparse *s, struct unpacker *u, uint64_t n, uint64_t at, uint64_t room,
		  struct unrack_error *err)
{
	uint64_t want = min_u64(s->grain, s->source.size - n * s->grain);
	const uint8_t *z;
	uint32_t size;
	size_t made;
	int r;

	if (u->grain == n)
		return 0;
	u->grain = UINT64_MAX;
	r = read_stream(s, n, at, room, u->z, &z, &size, err);
	if (r < 0)
		return r;
	r = inflate_some(u->inflate, z, size, u->data, (size_t)s->grain, &made, err);
	if (r < 0)
		return error_prefix(err, "%s is damaged at byte %" PRIu64 " of the disk", s->path, n * s->grain);
	if (made < want)
		return damaged(s, n, "a grain holds too little", err);
	u->grain = n;
	return 0;
}

static int read_packed(struct sparse *s, uint64_t n, uint64_t at, uint64_t room, size_t from, void *buf,
		       size_t bytes, struct unrack_error *err)
{
	struct unpacker *u = borrow(s);
	int r;

	if (!u)
		return error_nomem(err);
	r = unpack(s, u, n, at, room, err);
	if (r == 0)
		memcpy(buf, u->data + from, bytes);
	give_back(s, u);
	return r;
}

/* --- The source --------------------------------------------------------------------------- */

static int sparse_read(struct block_source *source, void *buf, size_t n, uint64_t off,
		       struct unrack_error *err)
{
	struct sparse *s = source->ctx;
	uint8_t *to = buf;
	int r = 0;

	while (r == 0 && n > 0) {
		uint64_t grain = off / s->grain, from = off % s->grain, at, run, room;
		uint64_t want = s->h.compression ? 1 : div_round_up(from + n, s->grain);
		size_t bytes;

		r = locate(s, grain, want, &at, &run, &room, err);
		if (r < 0)
			return r;
		bytes = (size_t)min_u64(n, run * s->grain - from);
		if (at == 0) {
			memset(to, 0, bytes);
		} else if (s->h.compression) {
			r = read_packed(s, grain, at, room, (size_t)from, to, bytes, err);
		} else {
			r = io_pread_all(s->io, s->fd, s->path, to, bytes, at + from, err);
			if (r == UNRACK_DAMAGED)
				r = damaged(s, grain, "it ends within a grain", err);
		}
		to += bytes;
		off += bytes;
		n -= bytes;
	}
	return r;
}

/* A range ends with its grain table at the latest, so that looking for its end is not
 * repeated for every piece of a long one. */
static int sparse_next_data(struct block_source *source, uint64_t off, uint64_t *start, uint64_t *end,
			    struct unrack_error *err)
{
	struct sparse *s = source->ctx;
	uint64_t grains = div_round_up(source->size, s->grain), g = off / s->grain, at = 0, run, room;
	const struct table *t = NULL;
	int r = 0;

	*start = *end = source->size;
	while (g < grains) {
		r = locate(s, g, VMDK_GTES, &at, &run, &room, err);
		if (r < 0)
			return r;
		if (at)
			break;
		g += run;
	}
	if (g >= grains)
		return 0;
	*start = max_u64(off, g * s->grain);
	pthread_mutex_lock(&s->lock);
	r = find_table(s, g / VMDK_GTES, &t, err);
	if (r == 0 && t)
		do
			g++;
		while (g % VMDK_GTES && is_data(s, t->entry[g % VMDK_GTES]));
	pthread_mutex_unlock(&s->lock);
	*end = min_u64(g * s->grain, source->size);
	return r;
}

static void sparse_close(struct block_source *source)
{
	struct sparse *s = source->ctx;

	while (s->unpackers) {
		struct unpacker *u = s->unpackers;

		s->unpackers = u->next;
		inflate_close(u->inflate);
		free(u);
	}
	s->io->ops->close(s->io->ctx, s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s->directory);
	free(s->path);
	free(s);
}

static const struct block_source_ops sparse_ops = { .read = sparse_read, .next_data = sparse_next_data,
						    .close = sparse_close };

int source_sparse_stream(struct block_source *source, uint64_t n, uint8_t *z, uint32_t *size,
			 struct unrack_error *err)
{
	struct sparse *s = source->ctx;
	uint64_t at, run, room;
	struct unpacker *u;
	const uint8_t *from;
	int r;

	*size = UINT32_MAX;
	if (source->ops != &sparse_ops || !s->h.compression || s->grain != GRAIN_SIZE)
		return 0;
	r = locate(s, n, 1, &at, &run, &room, err);
	if (r < 0 || at == 0) {
		*size = 0;
		return r;
	}
	u = borrow(s);
	if (!u)
		return error_nomem(err);
	u->grain = UINT64_MAX;
	r = read_stream(s, n, at, room, u->z, &from, size, err);
	if (r == 0)
		memcpy(z, from, *size);
	give_back(s, u);
	return r;
}

/* --- Opening ------------------------------------------------------------------------------ */

static int read_header(struct sparse *s, uint64_t at, struct vmdk_header *h, struct unrack_error *err)
{
	uint8_t b[SECTOR_SIZE];
	int r = io_pread_all(s->io, s->fd, s->path, b, sizeof b, at, err);

	return r < 0 ? r : vmdk_header_decode(b, s->path, h, err);
}

static int one_of_several(const char *path, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSUPPORTED,
			 "%s is an extent of a VMDK in several files, which unrack does not read; convert it with "
			 "another tool first", path);
}

int source_sparse_descriptor(const struct io *io, int fd, const char *path, const struct vmdk_header *h,
			     struct buf *text, struct unrack_error *err)
{
	size_t size = (size_t)h->descriptor_size * SECTOR_SIZE;
	int r;

	if (h->descriptor == 0 || h->descriptor_size == 0)
		return one_of_several(path, err);
	if (h->descriptor_size > VMDK_DESCRIPTOR_MAX / SECTOR_SIZE || h->descriptor > UINT32_MAX)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: its descriptor can't be where it says", path);
	buf_clear(text);
	if (buf_zeros(text, size) < 0)
		return error_nomem(err);
	r = io_pread_all(io, fd, path, text->data, size, h->descriptor * SECTOR_SIZE, err);
	text->len = strnlen(buf_str(text), size);
	return r < 0 || text->len > 0 ? r : one_of_several(path, err);
}

/* Whether the file is the whole disk. */
static int check_descriptor(const struct sparse *s, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct vmdk_descriptor d;
	int r = source_sparse_descriptor(s->io, s->fd, s->path, &s->h, &text, err);

	if (r == 0)
		r = vmdk_descriptor_parse(buf_str(&text), text.len, s->path, &d, err);
	if (r < 0)
		return r;
	if (d.parent_cid != UINT32_MAX)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s is a snapshot, which holds only what changed in another VMDK; convert it with "
				 "another tool first", s->path);
	if (d.extents != 1)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s is a VMDK of %u extents, and unrack reads those of one; convert it with another "
				 "tool first", s->path, d.extents);
	return 0;
}

/* The footer of a stream has what its header could not know yet. */
static int read_footer(struct sparse *s, struct unrack_error *err)
{
	struct vmdk_header f;
	int r;

	if (s->h.gd != VMDK_GD_AT_END)
		return 0;
	if (s->file_bytes < 3 * SECTOR_SIZE)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: it ends too early", s->path);
	r = read_header(s, round_down(s->file_bytes, SECTOR_SIZE) - 2 * SECTOR_SIZE, &f, err);
	if (r < 0 || f.capacity != s->h.capacity || f.grain != s->h.grain || f.flags != s->h.flags ||
	    f.gd == VMDK_GD_AT_END)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: it has no footer, so it is not whole", s->path);
	s->h.gd = f.gd;
	return 0;
}

static int read_directory(struct sparse *s, struct unrack_error *err)
{
	CLEANUP_FREE uint8_t *b = NULL;
	uint64_t bytes;
	int r;

	s->tables = vmdk_tables(s->h.capacity, s->h.grain);
	bytes = s->tables * 4;
	if (s->tables > TABLES_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s is a VMDK with %" PRIu64 " grain tables; unrack reads at "
				 "most %u", s->path, s->tables, TABLES_MAX);
	if (s->h.gd > s->file_bytes / SECTOR_SIZE || s->h.gd * SECTOR_SIZE + bytes > s->file_bytes)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: its directory lies behind its end", s->path);
	b = malloc((size_t)bytes);
	s->directory = malloc((size_t)bytes);
	if (!b || !s->directory)
		return error_nomem(err);
	r = io_pread_all(s->io, s->fd, s->path, b, (size_t)bytes, s->h.gd * SECTOR_SIZE, err);
	for (uint64_t i = 0; r == 0 && i < s->tables; i++)
		s->directory[i] = get_le32(b + 4 * i);
	return r;
}

int source_sparse_open(const struct io *io, int fd, const char *path, struct block_source **out,
		       struct unrack_error *err)
{
	struct sparse *s = calloc(1, sizeof *s);
	int r;

	if (!s) {
		io->ops->close(io->ctx, fd);
		return error_nomem(err);
	}
	s->io = io;
	s->fd = fd;
	s->path = strdup(path);
	s->source = (struct block_source){ .ops = &sparse_ops, .name = s->path, .ctx = s };
	pthread_mutex_init(&s->lock, NULL);
	for (unsigned i = 0; i < CACHED; i++)
		s->cache[i].n = NO_TABLE;
	r = s->path ? io_size(io, fd, path, &s->file_bytes, err) : error_nomem(err);
	if (r == 0)
		r = read_header(s, 0, &s->h, err);
	if (r == 0)
		r = check_descriptor(s, err);
	if (r == 0)
		r = read_footer(s, err);
	if (r == 0)
		r = read_directory(s, err);
	if (r < 0) {
		sparse_close(&s->source);
		return r;
	}
	s->grain = s->h.grain * SECTOR_SIZE;
	s->source.size = s->h.capacity * SECTOR_SIZE;
	*out = &s->source;
	return 0;
}
