/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The half of a fix that changes the images: saving what is replaced, and committing. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "fix_parts.h"
#include "undo.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"

DEFINE_VEC(grains, uint64_t);

/* --- Saving -------------------------------------------------------------------------------- */

/* How many bytes of RANGES were holes: committing needs room for them beside the image. */
static int count_holes(const struct fix_job *job, const struct fix_image *im, unsigned generation,
		       uint64_t *holes, struct unrack_error *err)
{
	struct undo *u;
	int r = undo_open(job->io, fix_path(job, FIX_FILE_UNDO, im->disk, generation).s, (unsigned)im->disk,
			  generation, im->bytes, &u, err);

	if (r < 0)
		return r;
	*holes = 0;
	for (uint64_t i = 0; i < undo_count(u); i++)
		if (undo_at(u, i)->kind == UNDO_HOLE)
			*holes += undo_at(u, i)->length;
	undo_close(u);
	return 0;
}

/* Takes out of RANGES what the generations up to LAST have. */
static int subtract_saved(const struct fix_job *job, const struct fix_image *im, unsigned last,
			  struct overlay_ranges *ranges, struct unrack_error *err)
{
	for (unsigned g = 1; g <= last; g++) {
		struct undo *u = NULL;
		int r = undo_open(job->io, fix_path(job, FIX_FILE_UNDO, im->disk, g).s, (unsigned)im->disk, g,
				  im->bytes, &u, err);

		if (r == 0)
			r = undo_subtract(u, ranges, err);
		undo_close(u);
		if (r < 0)
			return r;
	}
	return 0;
}

static int save_image(const struct fix_job *job, const struct fix_state *s, const struct fix_image *im,
		      struct fix_report *report, struct unrack_error *err)
{
	const struct block_source_file_options opt = { 0 };
	struct fix_path path = fix_path(job, FIX_FILE_UNDO, im->disk, s->generation + 1);
	struct overlay_ranges ranges = { 0 };
	struct block_source *base = NULL;
	uint64_t bytes = 0, saved = 0;
	int r = overlay_map(fix_path(job, FIX_FILE_OVERLAY, im->disk, 0).s, im->bytes, job->log, &ranges, err);

	for (size_t i = 0; i < ranges.len; i++)
		report->replaced_bytes += ranges.at[i].length;
	if (r == 0)
		r = subtract_saved(job, im, s->generation, &ranges, err);
	for (size_t i = 0; i < ranges.len; i++)
		bytes += ranges.at[i].length;
	if (r == 0)
		r = machine_check_space(io_posix(), job->work, 0, bytes, job->log, err);
	if (r == 0)
		r = block_source_open_file(im->path, &opt, &base, err);
	if (r == 0)
		r = undo_save(job->io, path.s, (unsigned)im->disk, s->generation + 1, base, &ranges, job->log,
			      &saved, err);
	block_source_close(base);
	overlay_ranges_free(&ranges);
	report->undo_bytes += saved;
	if (r == 0)
		fix_step(job, "undo-disk%d", im->disk);
	return r;
}

int fix_save(const struct fix_job *job, const struct fix_state *s, struct fix_report *report,
	     struct unrack_error *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < job->n; i++)
		r = save_image(job, s, &job->images[i], report, err);
	return r;
}

/* --- Committing ---------------------------------------------------------------------------- */

static int sync_image(const struct fix_job *job, const char *path, struct unrack_error *err)
{
	struct unrack_error dropped;
	int fd = -1, r = io_open(job->io, path, O_RDWR, 0, &fd, err);

	if (r < 0)
		return r;
	r = io_fdatasync(job->io, fd, path, err);
	if (r < 0) {
		io_close(job->io, &fd, path, &dropped);
		return r;
	}
	return io_close(job->io, &fd, path, err);
}

static int compare_grains(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* All grains that any generation up to LAST replaced, each once, in order. */
static int replaced_grains(const struct fix_job *job, const struct fix_image *im, unsigned last,
			   struct grains *out, struct unrack_error *err)
{
	size_t n = 0;

	for (unsigned g = 1; g <= last; g++) {
		struct undo *u = NULL;
		int r = undo_open(job->io, fix_path(job, FIX_FILE_UNDO, im->disk, g).s, (unsigned)im->disk, g,
				  im->bytes, &u, err);

		for (uint64_t i = 0; r == 0 && i < undo_count(u); i++) {
			const struct undo_piece *p = undo_at(u, i);

			for (uint64_t k = p->start / GRAIN_SIZE; k <= (p->start + p->length - 1) / GRAIN_SIZE; k++)
				if ((out->len == 0 || out->at[out->len - 1] != k) && grains_push(out, k) < 0)
					r = error_nomem(err);
		}
		undo_close(u);
		if (r < 0)
			return r;
	}
	if (out->len)
		qsort(out->at, out->len, sizeof *out->at, compare_grains);
	for (size_t i = 0; i < out->len; i++)
		if (n == 0 || out->at[n - 1] != out->at[i])
			out->at[n++] = out->at[i];
	out->len = n;
	return 0;
}

/* Writes diskN.after: the grains that differ from the source, with what they are now. */
static int write_after(const struct fix_job *job, const struct fix_state *s, const struct fix_image *im,
		       unsigned last, struct unrack_error *err)
{
	const struct block_source_file_options opt = { 0 };
	uint8_t *data CLEANUP_FREE = malloc(GRAIN_SIZE);
	struct digest_after_entry *e CLEANUP_FREE = NULL;
	struct block_source *base = NULL;
	struct grains grains = { 0 };
	struct digest_key key;
	int r = replaced_grains(job, im, last, &grains, err);

	if (r == 0)
		r = fix_digest_key(job, s, im->disk, &key, err);
	if (r == 0)
		r = block_source_open_file(im->path, &opt, &base, err);
	if (r == 0 && (!data || !(e = calloc(grains.len + 1, sizeof *e))))
		r = error_nomem(err);
	for (size_t i = 0; r == 0 && i < grains.len; i++) {
		uint32_t n = grain_bytes(im->bytes, grains.at[i]);

		r = block_source_read(base, data, n, grains.at[i] * GRAIN_SIZE, err);
		e[i].grain = grains.at[i];
		if (r == 0 && !is_zero(data, n))
			digest_grain(&key, data, n, GRAIN_SIZE, &e[i].digest);
	}
	if (r == 0)
		r = digest_after_write(job->io, fix_path(job, FIX_FILE_AFTER, im->disk, 0).s, e, grains.len, err);
	block_source_close(base);
	grains_free(&grains);
	if (r == 0)
		fix_step(job, "after-disk%d", im->disk);
	return r;
}

static int check_room(const struct fix_job *job, const struct fix_state *s, struct unrack_error *err)
{
	for (unsigned i = 0; i < job->n; i++) {
		const struct fix_image *im = &job->images[i];
		char *folder CLEANUP_FREE = strdup(im->path);
		char *slash = folder ? strrchr(folder, '/') : NULL;
		uint64_t holes = 0;
		int r = folder ? count_holes(job, im, s->generation + 1, &holes, err) : error_nomem(err);

		if (slash)
			slash[slash == folder ? 1 : 0] = '\0';
		if (r == 0)
			r = machine_check_space(io_posix(), slash ? folder : ".", 0, holes, job->log, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int fix_settle(const struct fix_job *job, const struct fix_state *s, struct unrack_error *err)
{
	int r = fix_remove_overlays(job, job->work, err);

	/* If this was interrupted and something else wrote since, it is not for us to vouch for. */
	if (r == 0 && job->machine && machine_get_state(job->machine) == MACHINE_FIXING) {
		for (unsigned i = 0; r == 0 && i < job->n && fix_stamp_same(job, &s->left); i++)
			r = machine_stamp_image(job->machine, job->images[i].disk, err);
		if (r == 0)
			r = fix_set_machine(job, MACHINE_FIXED, err);
	}
	return r;
}

int fix_commit(const struct fix_job *job, struct fix_state *s, struct fix_report *report,
	       struct unrack_error *err)
{
	int r = 0;

	if (s->phase != FIX_COMMITTING) {
		r = check_room(job, s, err);
		if (r == 0)
			r = fix_set_machine(job, MACHINE_FIXING, err);
		if (r == 0)
			r = fix_record(job, s, FIX_COMMITTING, err);
	}
	for (unsigned i = 0; r == 0 && i < job->n; i++) {
		const struct fix_image *im = &job->images[i];

		r = overlay_commit(fix_path(job, FIX_FILE_OVERLAY, im->disk, 0).s, job->log, err);
		if (r == 0)
			r = sync_image(job, im->path, err);
		if (r == 0)
			fix_step(job, "commit-disk%d", im->disk);
	}
	for (unsigned i = 0; r == 0 && i < job->n; i++)
		r = write_after(job, s, &job->images[i], s->generation + 1, err);
	if (r == 0)
		r = fix_stamp(job, &s->left, err);
	if (r < 0)
		return r;
	s->generation++;
	r = fix_record(job, s, FIX_COMMITTED, err);
	if (r < 0)
		return r;
	report->changed = true;
	r = fix_settle(job, s, err);
	if (r == 0)
		fix_step(job, "settled");
	return r;
}
