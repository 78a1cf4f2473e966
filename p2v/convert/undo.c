/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "undo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/digest.h"

#define MAGIC "UNRKUNDO"
#define VERSION 1u
#define HEADER 128u
#define ENTRY 40u
#define PIECES_MAX (1u << 22)
#define DATA_ALIGN 4096u

DEFINE_VEC(pieces, struct undo_piece);

struct undo {
	const struct io *io;
	char *path;
	int fd;
	struct digest_key key;
	struct pieces pieces;
	uint64_t data_at;
};

/* --- Saving -------------------------------------------------------------------------------- */

static int add_piece(struct pieces *p, uint64_t start, uint64_t end, enum undo_kind kind)
{
	while (start < end) {
		/* A hole needs no buffer, so it may be of any length. */
		uint64_t n = kind == UNDO_HOLE ? end - start : min_u64(end - start, UNDO_PIECE_MAX);

		if (pieces_push(p, (struct undo_piece){ .start = start, .length = n, .kind = kind }) < 0)
			return -1;
		start += n;
	}
	return 0;
}

/* Cuts the ranges into pieces, data and holes of BASE apart. */
static int cut(struct block_source *base, const struct overlay_ranges *ranges, struct pieces *out,
	       struct unrack_error *err)
{
	for (size_t i = 0; i < ranges->len; i++) {
		uint64_t at = ranges->at[i].start, end = at + ranges->at[i].length, start, stop;

		while (at < end) {
			int r = block_source_next_data(base, at, &start, &stop, err);

			if (r < 0)
				return r;
			start = min_u64(start, end);
			stop = min_u64(max_u64(stop, start), end);
			if (add_piece(out, at, start, UNDO_HOLE) < 0 || add_piece(out, start, stop, UNDO_DATA) < 0)
				return error_nomem(err);
			at = stop;
		}
		if (out->len > PIECES_MAX)
			return error_set(err, UNRACK_UNSUPPORTED, "%s: the repair changes too many places",
					 base->name);
	}
	return 0;
}

static int write_data(const struct io *io, int fd, const char *path, struct block_source *base,
		      const struct digest_key *key, struct pieces *p, uint64_t data_at,
		      const struct log *log, uint64_t *total, struct unrack_error *err)
{
	uint8_t *buf CLEANUP_FREE = malloc(UNDO_PIECE_MAX);
	struct digest_stream *s = NULL;
	int r = buf ? 0 : error_nomem(err);

	*total = 0;
	for (size_t i = 0; r == 0 && i < p->len; i++) {
		struct undo_piece *piece = &p->at[i];
		struct digest d;

		if (piece->kind == UNDO_HOLE)
			continue;
		if (log_stop_asked(log)) {
			r = error_set(err, UNRACK_INTERRUPTED, "interrupted while saving what the repair replaces");
			break;
		}
		r = block_source_read(base, buf, (size_t)piece->length, piece->start, err);
		if (r == 0)
			r = io_pwrite_all(io, fd, path, buf, (size_t)piece->length, data_at + *total, err);
		if (r == 0 && !(s = digest_stream_new(key)))
			r = error_nomem(err);
		if (r < 0)
			break;
		digest_stream_add(s, buf, (size_t)piece->length);
		digest_stream_end(s, &d);
		digest_stream_free(s);
		memcpy(piece->digest, d.b, sizeof piece->digest);
		*total += piece->length;
	}
	return r;
}

/* Header and table, as they stand at the start of the file. */
static int encode(const struct pieces *p, unsigned disk, unsigned generation, uint64_t disk_bytes,
		  uint64_t data_at, uint64_t data_len, const uint8_t seed[DIGEST_SEED_SIZE], struct buf *out)
{
	uint8_t *h;

	buf_clear(out);
	if (buf_zeros(out, HEADER + p->len * ENTRY) < 0)
		return -1;
	h = out->data;
	for (size_t i = 0; i < p->len; i++) {
		uint8_t *e = h + HEADER + i * ENTRY;

		put_le64(e, p->at[i].start);
		put_le64(e + 8, p->at[i].length);
		put_le32(e + 16, p->at[i].kind);
		memcpy(e + 24, p->at[i].digest, 16);
	}
	memcpy(h, MAGIC, 8);
	put_le32(h + 8, VERSION);
	put_le32(h + 12, HEADER);
	put_le32(h + 16, disk);
	put_le32(h + 20, generation);
	put_le64(h + 24, disk_bytes);
	put_le64(h + 32, p->len);
	put_le64(h + 40, data_at);
	put_le64(h + 48, data_len);
	put_le64(h + 56, checksum64(h + HEADER, p->len * ENTRY));
	memcpy(h + 64, seed, DIGEST_SEED_SIZE);
	put_le64(h + 120, checksum64(h, 120));
	return 0;
}

static int write_all(const struct io *io, int fd, const char *path, unsigned disk, unsigned generation,
		     struct block_source *base, struct pieces *p, const struct log *log, uint64_t *saved,
		     struct unrack_error *err)
{
	uint64_t data_at = round_up(HEADER + p->len * (uint64_t)ENTRY, DATA_ALIGN), total;
	uint8_t seed[DIGEST_SEED_SIZE];
	CLEANUP_BUF struct buf head = { 0 };
	struct digest_key key;
	int r = digest_random_seed(seed, err);

	if (r < 0)
		return r;
	digest_key_init(&key, seed);
	r = write_data(io, fd, path, base, &key, p, data_at, log, &total, err);
	if (r < 0)
		return r;
	if (encode(p, disk, generation, base->size, data_at, total, seed, &head) < 0)
		return error_nomem(err);
	r = io_pwrite_all(io, fd, path, head.data, head.len, 0, err);
	/* So that the length of the file is right even where nothing but holes was replaced. */
	if (r == 0)
		r = io_truncate(io, fd, path, data_at + total, err);
	if (r == 0)
		r = io_fdatasync(io, fd, path, err);
	if (saved)
		*saved = total;
	return r;
}

int undo_save(const struct io *io, const char *path, unsigned disk, unsigned generation,
	      struct block_source *base, const struct overlay_ranges *ranges, const struct log *log,
	      uint64_t *saved, struct unrack_error *err)
{
	struct pieces p = { 0 };
	struct unrack_error dropped;
	char tmp[4096];
	int fd = -1, r;

	if (snprintf(tmp, sizeof tmp, "%s.new", path) >= (int)sizeof tmp)
		return error_set(err, UNRACK_USAGE, "the path %.64s... is too long", path);
	r = cut(base, ranges, &p, err);
	if (r == 0)
		r = io_open(io, tmp, O_RDWR | O_CREAT | O_TRUNC, 0600, &fd, err);
	if (r == 0)
		r = write_all(io, fd, tmp, disk, generation, base, &p, log, saved, err);
	pieces_free(&p);
	if (fd >= 0) {
		if (r < 0)
			io_close(io, &fd, tmp, &dropped);
		else
			r = io_close(io, &fd, tmp, err);
	}
	if (r < 0) {
		io_unlink(io, tmp, &dropped);
		return r;
	}
	return io_rename(io, tmp, path, err);
}

/* --- Reading ------------------------------------------------------------------------------- */

static int damaged(const char *path, const char *what, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED,
			 "%s: %s; the original of the disk can't be given back from it", path, what);
}

static int decode_table(struct undo *u, const uint8_t *table, uint64_t n, uint64_t disk_bytes,
			uint64_t data_len, struct unrack_error *err)
{
	uint64_t at = 0, data = 0;

	for (uint64_t i = 0; i < n; i++, table += ENTRY) {
		struct undo_piece p = { .start = get_le64(table), .length = get_le64(table + 8) };
		uint32_t kind = get_le32(table + 16);
		uint64_t end;

		if ((kind != UNDO_DATA && kind != UNDO_HOLE) || p.start < at || p.length == 0 ||
		    add_overflows(p.start, p.length, &end) || end > disk_bytes ||
		    (kind == UNDO_DATA && p.length > UNDO_PIECE_MAX))
			return damaged(u->path, "its table makes no sense", err);
		p.kind = kind;
		memcpy(p.digest, table + 24, sizeof p.digest);
		at = end;
		data += kind == UNDO_DATA ? p.length : 0;
		if (pieces_push(&u->pieces, p) < 0)
			return error_nomem(err);
	}
	return data == data_len ? 0 : damaged(u->path, "its table makes no sense", err);
}

static int decode(struct undo *u, unsigned disk, unsigned generation, uint64_t disk_bytes,
		  struct unrack_error *err)
{
	uint8_t h[HEADER], *table CLEANUP_FREE = NULL;
	uint64_t n;
	size_t got;
	int r = io_pread_some(u->io, u->fd, u->path, h, sizeof h, 0, &got, err);

	if (r < 0)
		return r;
	if (got < sizeof h || memcmp(h, MAGIC, 8))
		return damaged(u->path, "it is not a file of saved disk contents", err);
	if (get_le64(h + 120) != checksum64(h, 120))
		return damaged(u->path, "its header's checksum is wrong", err);
	if (get_le32(h + 8) != VERSION || get_le32(h + 12) != HEADER)
		return error_set(err, UNRACK_UNSUPPORTED, "%s was written by a newer unrack (version %u)", u->path,
				 get_le32(h + 8));
	if (get_le32(h + 16) != disk || get_le32(h + 20) != generation || get_le64(h + 24) != disk_bytes)
		return damaged(u->path, "it belongs to another disk", err);
	n = get_le64(h + 32);
	u->data_at = get_le64(h + 40);
	if (n > PIECES_MAX || u->data_at < HEADER + n * ENTRY)
		return damaged(u->path, "its header makes no sense", err);
	table = malloc(n * ENTRY + 1);
	if (!table)
		return error_nomem(err);
	r = io_pread_some(u->io, u->fd, u->path, table, n * ENTRY, HEADER, &got, err);
	if (r < 0)
		return r;
	if (got < n * ENTRY || get_le64(h + 56) != checksum64(table, n * ENTRY))
		return damaged(u->path, "its table's checksum is wrong", err);
	digest_key_init(&u->key, h + 64);
	return decode_table(u, table, n, disk_bytes, get_le64(h + 48), err);
}

int undo_open(const struct io *io, const char *path, unsigned disk, unsigned generation,
	      uint64_t disk_bytes, struct undo **out, struct unrack_error *err)
{
	struct undo *u = calloc(1, sizeof *u);
	int r;

	if (!u || !(u->path = strdup(path))) {
		free(u);
		return error_nomem(err);
	}
	u->io = io;
	u->fd = -1;
	r = io_open(io, path, O_RDONLY, 0, &u->fd, err);
	if (r == 0)
		r = decode(u, disk, generation, disk_bytes, err);
	if (r < 0) {
		undo_close(u);
		return r;
	}
	*out = u;
	return 0;
}

uint64_t undo_count(const struct undo *u)
{
	return u->pieces.len;
}

const struct undo_piece *undo_at(const struct undo *u, uint64_t i)
{
	return &u->pieces.at[i];
}

/* Goes through all pieces of data, checks each, and with FD >= 0 writes it into IMAGE. */
static int walk(struct undo *u, int fd, const char *image, const struct log *log, struct unrack_error *err)
{
	uint8_t *buf CLEANUP_FREE = malloc(UNDO_PIECE_MAX);
	uint64_t at = u->data_at;
	int r = buf ? 0 : error_nomem(err);

	for (size_t i = 0; r == 0 && i < u->pieces.len; i++) {
		const struct undo_piece *p = &u->pieces.at[i];
		struct digest_stream *s;
		struct digest d;
		size_t got;

		if (log_stop_asked(log))
			return error_set(err, UNRACK_INTERRUPTED, "interrupted while giving back %s", u->path);
		if (p->kind == UNDO_HOLE) {
			if (fd >= 0)
				r = io_zero(u->io, fd, image, p->start, p->length, err);
			continue;
		}
		r = io_pread_some(u->io, u->fd, u->path, buf, (size_t)p->length, at, &got, err);
		if (r < 0)
			return r;
		s = digest_stream_new(&u->key);
		if (!s)
			return error_nomem(err);
		digest_stream_add(s, buf, got);
		digest_stream_end(s, &d);
		digest_stream_free(s);
		if (got < p->length || memcmp(d.b, p->digest, sizeof d.b))
			return damaged(u->path, "its data has changed since it was written", err);
		if (fd >= 0)
			r = io_pwrite_all(u->io, fd, image, buf, (size_t)p->length, p->start, err);
		at += p->length;
	}
	return r;
}

int undo_verify(struct undo *u, const struct log *log, struct unrack_error *err)
{
	return walk(u, -1, NULL, log, err);
}

int undo_restore(struct undo *u, int fd, const char *image, const struct log *log,
		 struct unrack_error *err)
{
	return walk(u, fd, image, log, err);
}

void undo_close(struct undo *u)
{
	struct unrack_error dropped;

	if (!u)
		return;
	io_close(u->io, &u->fd, u->path, &dropped);
	pieces_free(&u->pieces);
	free(u->path);
	free(u);
}

int undo_subtract(const struct undo *u, struct overlay_ranges *ranges, struct unrack_error *err)
{
	struct overlay_ranges left = { 0 };
	size_t k = 0;

	for (size_t i = 0; i < ranges->len; i++) {
		uint64_t at = ranges->at[i].start, end = at + ranges->at[i].length;

		/* Both ascend, so what lies before this range is done with. */
		while (k < u->pieces.len && u->pieces.at[k].start + u->pieces.at[k].length <= at)
			k++;
		for (size_t j = k; at < end; j++) {
			uint64_t start = j < u->pieces.len ? min_u64(u->pieces.at[j].start, end) : end;

			if (start > at && overlay_ranges_push(&left, (struct overlay_range){ at, start - at }) < 0) {
				overlay_ranges_free(&left);
				return error_nomem(err);
			}
			at = start < end ? min_u64(start + u->pieces.at[j].length, end) : end;
		}
	}
	overlay_ranges_free(ranges);
	*ranges = left;
	return 0;
}
