/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is on the disk after a power failure: the record is replayed on two states of each
 * file and name, the durable one and the changes that wait for a sync. */
#include "twin_state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

struct pending_file {
	struct twin_content *durable;
	struct twin_index_vec waiting; /* entries of the record */
};

struct replay {
	const struct twin_io *t;
	struct pending_file *file;    /* one for each of t->files */
	struct twin_name_vec names;   /* durable */
	struct twin_index_vec waiting; /* entries that change names */
	uint32_t seed;
};

/* xorshift32: the same seed gives the same failure. */
static uint32_t next_random(struct replay *r)
{
	r->seed ^= r->seed << 13;
	r->seed ^= r->seed >> 17;
	r->seed ^= r->seed << 5;
	return r->seed;
}

/* Of each sector of a write, whether it is kept. Sectors are never torn themselves. */
static void write_torn(struct replay *r, struct twin_content *c, const struct twin_record *w)
{
	uint64_t at = w->off, end = w->off + (uint64_t)w->result;

	while (at < end) {
		uint64_t stop = min_u64(end, round_down(at, SECTOR_SIZE) + SECTOR_SIZE);

		if (next_random(r) & 1)
			twin_content_write(c, w->data + (at - w->off), stop - at, at);
		at = stop;
	}
}

static void apply_data(struct replay *r, struct twin_content *c, const struct twin_entry *e,
		       bool torn)
{
	if (e->r.op == TWIN_PWRITE && torn)
		write_torn(r, c, &e->r);
	else if (torn && !(next_random(r) & 1))
		return;
	else if (e->r.op == TWIN_PWRITE)
		twin_content_write(c, e->r.data, (uint64_t)e->r.result, e->r.off);
	else if (e->r.op == TWIN_TRUNCATE)
		twin_content_resize(c, e->r.len);
	else if (e->r.op == TWIN_PUNCH)
		twin_content_punch(c, e->r.off, e->r.len);
	else /* an open with O_TRUNC */
		twin_content_resize(c, 0);
}

static void apply_name(struct replay *r, const struct twin_entry *e)
{
	if (e->r.op == TWIN_OPEN) {
		twin_name_set(&r->names, e->r.path, e->file);
	} else if (e->r.op == TWIN_RENAME) {
		twin_name_set(&r->names, e->r.to, e->file);
		twin_name_remove(&r->names, e->r.path);
	} else {
		twin_name_remove(&r->names, e->r.path);
	}
}

/* fdatasync: what waits from before MARK becomes durable; is lost for ever when it failed. */
static void sync_file(struct replay *r, const struct twin_entry *s)
{
	struct pending_file *f = &r->file[s->file];
	size_t kept = 0;

	for (size_t i = 0; i < f->waiting.len; i++) {
		size_t at = f->waiting.at[i];

		if (at >= s->mark)
			f->waiting.at[kept++] = at;
		else if (s->r.result == 0)
			apply_data(r, f->durable, &r->t->log.at[at], false);
	}
	f->waiting.len = kept;
}

static bool name_in_folder(const char *path, const char *folder)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (!slash)
		return !strcmp(folder, ".");
	return strlen(folder) == n && !memcmp(path, folder, n);
}

static void sync_folder(struct replay *r, const struct twin_entry *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->waiting.len; i++) {
		size_t at = r->waiting.at[i];
		const struct twin_entry *e = &r->t->log.at[at];
		const char *where = e->r.op == TWIN_RENAME ? e->r.to : e->r.path;

		if (at < s->mark && s->r.result == 0 && name_in_folder(where, s->r.path))
			apply_name(r, e);
		else
			r->waiting.at[kept++] = at;
	}
	r->waiting.len = kept;
}

static void step(struct replay *r, size_t i)
{
	const struct twin_entry *e = &r->t->log.at[i];

	if (e->file == TWIN_NONE && e->r.op != TWIN_FSYNCDIR && e->r.op != TWIN_UNLINK)
		return;
	switch (e->r.op) {
	case TWIN_OPEN:
		if (e->r.result < 0)
			break;
		if (e->initial) {
			twin_content_copy(r->file[e->file].durable, e->initial);
			twin_name_set(&r->names, e->r.path, e->file);
		} else if (!e->existed) {
			twin_pushed(twin_index_vec_push(&r->waiting, i));
		}
		if (e->existed && (e->flags & O_TRUNC))
			twin_pushed(twin_index_vec_push(&r->file[e->file].waiting, i));
		break;
	case TWIN_PWRITE:
	case TWIN_TRUNCATE:
	case TWIN_PUNCH:
		if (e->r.result >= 0)
			twin_pushed(twin_index_vec_push(&r->file[e->file].waiting, i));
		break;
	case TWIN_RENAME:
	case TWIN_UNLINK:
		if (e->r.result >= 0)
			twin_pushed(twin_index_vec_push(&r->waiting, i));
		break;
	case TWIN_FDATASYNC:
		sync_file(r, e);
		break;
	case TWIN_FSYNCDIR:
		sync_folder(r, e);
		break;
	default:
		break;
	}
}

/* The unsynced changes that survive. */
static void fail_power(struct replay *r, enum twin_crash mode)
{
	size_t names = r->waiting.len;

	if (mode == TWIN_TORN)
		names = next_random(r) % (names + 1);
	for (size_t i = 0; i < names; i++)
		apply_name(r, &r->t->log.at[r->waiting.at[i]]);
	for (size_t f = 0; f < r->t->files.len; f++)
		for (size_t i = 0; i < r->file[f].waiting.len; i++)
			apply_data(r, r->file[f].durable, &r->t->log.at[r->file[f].waiting.at[i]],
				   mode == TWIN_TORN);
}

struct twin_io *twin_io_crash(struct twin_io *t, size_t records, enum twin_crash mode,
			      uint32_t seed)
{
	struct twin_io *out = twin_io_new(NULL);
	struct replay r = { .t = t, .seed = seed * 2654435761u + 1 };

	pthread_mutex_lock(&t->lock);
	if (r.seed == 0)
		r.seed = 1;
	r.file = twin_need(calloc(t->files.len + 1, sizeof *r.file));
	for (size_t f = 0; f < t->files.len; f++)
		r.file[f].durable = twin_need(calloc(1, sizeof *r.file[f].durable));
	for (size_t i = 0; i < records && i < t->log.len; i++)
		step(&r, i);
	if (mode != TWIN_DROP)
		fail_power(&r, mode);
	for (size_t i = 0; i < r.names.len; i++)
		twin_put(out, r.names.at[i].path, r.file[r.names.at[i].file].durable);
	for (size_t f = 0; f < t->files.len; f++) {
		twin_content_free(r.file[f].durable);
		twin_index_vec_free(&r.file[f].waiting);
	}
	twin_names_free(&r.names);
	twin_index_vec_free(&r.waiting);
	free(r.file);
	pthread_mutex_unlock(&t->lock);
	return out;
}
