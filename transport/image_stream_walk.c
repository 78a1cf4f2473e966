/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a streamOptimized VMDK has so far, by its markers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "image_stream.h"
#include "unrack/deflate.h"

/* A window on the file: most grains are larger, so only their beginnings are read. */
#define WINDOW 4096u

struct walk {
	struct stream *s;
	uint64_t at, end;  /* the next grain or marker; nothing counts from END on */
	uint64_t from;     /* the window */
	size_t n;
	uint8_t window[WINDOW];
};

static int not_whole(const struct walk *w, const char *what, struct unrack_error *err)
{
	const struct image_place *p = &w->s->im.place;

	return error_set(err, UNRACK_DAMAGED,
			 "%s is damaged at byte %" PRIu64 ": %s; remove it and %s to copy the disk again", p->path,
			 w->at, what, p->journal);
}

/* N bytes of the file at W->at + SKIP, which lie before END. */
static int look(struct walk *w, uint64_t skip, size_t n, const uint8_t **out, struct unrack_error *err)
{
	const struct image_place *p = &w->s->im.place;
	uint64_t from = w->at + skip;
	int r;

	if (from < w->from || from + n > w->from + w->n) {
		w->from = from;
		w->n = (size_t)min_u64(WINDOW, w->end - from);
		r = io_pread_all(p->io, w->s->im.fd, p->path, w->window, w->n, from, err);
		if (r < 0)
			w->n = 0;
		if (r == UNRACK_DAMAGED)
			return error_set(err, UNRACK_DAMAGED,
					 "%s is shorter than the %" PRIu64 " bytes that its journal says are safe, "
					 "something else changed it; remove it and %s to copy the disk again",
					 p->path, w->end, p->journal);
		if (r < 0)
			return r;
	}
	*out = w->window + (from - w->from);
	return 0;
}

static int take_grain(struct walk *w, uint64_t sector, uint32_t size, uint64_t limit,
		      struct unrack_error *err)
{
	struct stream *s = w->s;
	uint64_t grain = sector / VMDK_GRAIN_SECTORS, room = vmdk_grain_room(size);

	if (sector % VMDK_GRAIN_SECTORS || grain < s->next || grain >= limit)
		return not_whole(w, "a grain is out of place", err);
	if (size > DEFLATE_GRAIN_MAX || room > w->end - w->at)
		return not_whole(w, "a grain is too long", err);
	if (s->table != STREAM_NO_TABLE && s->table != grain / VMDK_GTES)
		return not_whole(w, "a grain table is missing", err);
	stream_note(s, grain, w->at);
	w->at += room;
	return 0;
}

static int take_table(struct walk *w, struct unrack_error *err)
{
	struct stream *s = w->s;
	uint8_t want[VMDK_GT_BYTES];
	const uint8_t *is;
	int r;

	if (s->table == STREAM_NO_TABLE || w->end - w->at < SECTOR_SIZE + VMDK_GT_BYTES)
		return not_whole(w, "a grain table is out of place", err);
	r = look(w, SECTOR_SIZE, VMDK_GT_BYTES, &is, err);
	if (r < 0)
		return r;
	stream_encode_table(s, want);
	if (memcmp(is, want, sizeof want) != 0)
		return not_whole(w, "a grain table is not that of its grains", err);
	s->directory[s->table] = (uint32_t)((w->at + SECTOR_SIZE) / SECTOR_SIZE);
	memset(s->entry, 0, sizeof s->entry);
	s->table = STREAM_NO_TABLE;
	w->at += SECTOR_SIZE + VMDK_GT_BYTES;
	return 0;
}

/* The header must be the one that we wrote. */
static int check_header(struct walk *w, struct unrack_error *err)
{
	struct vmdk_header h = stream_header(&w->s->im, VMDK_GD_AT_END);
	uint8_t want[SECTOR_SIZE];
	const uint8_t *is;
	int r;

	if (w->end < VMDK_STREAM_OVERHEAD * SECTOR_SIZE || w->end % SECTOR_SIZE)
		return not_whole(w, "its journal has a length that it can't have", err);
	r = look(w, 0, SECTOR_SIZE, &is, err);
	if (r < 0)
		return r;
	vmdk_header_encode(&h, want);
	return memcmp(is, want, sizeof want) ? not_whole(w, "its header is not that of this disk", err) : 0;
}

int stream_walk(struct stream *s, uint64_t end, uint64_t limit, struct unrack_error *err)
{
	CLEANUP_FREE struct walk *w = calloc(1, sizeof *w);
	const uint8_t *head;
	int r;

	if (!w)
		return error_nomem(err);
	w->s = s;
	w->end = end;
	r = check_header(w, err);
	w->at = VMDK_STREAM_OVERHEAD * SECTOR_SIZE;
	while (r == 0 && w->at < end) {
		uint32_t size;

		r = look(w, 0, VMDK_GRAIN_HEAD + 4, &head, err);
		if (r < 0)
			break;
		size = get_le32(head + 8);
		if (size > 0)
			r = take_grain(w, get_le64(head), size, limit, err);
		else if (get_le32(head + VMDK_GRAIN_HEAD) == VMDK_GT && get_le64(head) == VMDK_GT_SECTORS)
			r = take_table(w, err);
		else
			r = not_whole(w, "there is no grain", err);
	}
	/* The file must reach END, also where the last grain was only begun to be looked at. */
	if (r == 0) {
		w->at = end - 1;
		r = look(w, 0, 1, &head, err);
	}
	return r;
}
