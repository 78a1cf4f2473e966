/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "fix_parts.h"
#include "undo.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"

/* --- Has anything else written to the images? ---------------------------------------------- */

static int changed(const char *path, const char *how, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSAFE, "%s changed since unrack wrote it (%s); it may have run; "
			 "--discard-changes gives back the original of what unrack replaced, whatever else has "
			 "changed", path, how);
}

/* The grains that we wrote hold what we wrote. */
static int check_replaced(const struct fix_job *job, const struct fix_state *s, const struct fix_image *im,
			  struct unrack_error *err)
{
	const struct block_source_file_options opt = { 0 };
	uint8_t *data CLEANUP_FREE = malloc(GRAIN_SIZE);
	struct digest_after_entry *e CLEANUP_FREE = NULL;
	struct block_source *base = NULL;
	struct digest_key key;
	uint64_t n = 0;
	int r = data ? digest_after_read(job->io, fix_path(job, FIX_FILE_AFTER, im->disk, 0).s, &e, &n, err) :
		       error_nomem(err);

	if (r == 0)
		r = fix_digest_key(job, s, im->disk, &key, err);
	if (r == 0)
		r = block_source_open_file(im->path, &opt, &base, err);
	for (uint64_t i = 0; r == 0 && i < n; i++) {
		struct digest d = { { 0 } };
		uint32_t len;

		if (e[i].grain >= grain_count(im->bytes)) {
			r = changed(im->path, "it has become smaller", err);
			break;
		}
		len = grain_bytes(im->bytes, e[i].grain);
		r = block_source_read(base, data, len, e[i].grain * GRAIN_SIZE, err);
		if (r < 0)
			break;
		if (!is_zero(data, len))
			digest_grain(&key, data, len, GRAIN_SIZE, &d);
		if (memcmp(&d, &e[i].digest, sizeof d))
			r = changed(im->path, "its content differs", err);
	}
	block_source_close(base);
	return r;
}

static int check_unchanged(const struct fix_job *job, const struct fix_state *s, struct unrack_error *err)
{
	int r = 0;

	if (job->machine)
		return machine_image_unchanged(job->machine, -1, MACHINE_CHECK_FULL, job->log, err);
	/* There are digests only of what we replaced; the rest is judged by the time stamp. */
	for (unsigned i = 0; r == 0 && i < job->n; i++)
		r = check_replaced(job, s, &job->images[i], err);
	if (r == 0 && s->foreign)
		r = changed(job->images[0].path, "something else wrote between two fixes", err);
	if (r == 0 && !fix_stamp_same(job, &s->left))
		r = changed(job->images[0].path, "its size or time stamp differs", err);
	return r;
}

/* --- Giving back --------------------------------------------------------------------------- */

/* Every file is checked before the first byte is written. */
static int verify_all(const struct fix_job *job, unsigned generations, struct unrack_error *err)
{
	for (unsigned i = 0; i < job->n; i++)
		for (unsigned g = 1; g <= generations; g++) {
			const struct fix_image *im = &job->images[i];
			struct undo *u = NULL;
			int r = undo_open(job->io, fix_path(job, FIX_FILE_UNDO, im->disk, g).s,
					  (unsigned)im->disk, g, im->bytes, &u, err);

			if (r == 0)
				r = undo_verify(u, job->log, err);
			undo_close(u);
			if (r < 0)
				return r;
		}
	return 0;
}

static int restore_image(const struct fix_job *job, const struct fix_image *im, unsigned generations,
			 struct unrack_error *err)
{
	struct unrack_error dropped;
	int fd = -1, r = io_open(job->io, im->path, O_RDWR, 0, &fd, err);

	if (r < 0)
		return r;
	for (unsigned g = generations; r == 0 && g >= 1; g--) {
		struct undo *u = NULL;

		r = undo_open(job->io, fix_path(job, FIX_FILE_UNDO, im->disk, g).s, (unsigned)im->disk, g, im->bytes,
			      &u, err);
		if (r == 0)
			r = undo_restore(u, fd, im->path, job->log, err);
		undo_close(u);
	}
	if (r == 0)
		r = io_fdatasync(job->io, fd, im->path, err);
	if (r < 0) {
		io_close(job->io, &fd, im->path, &dropped);
		return r;
	}
	r = io_close(job->io, &fd, im->path, err);
	if (r == 0)
		fix_step(job, "restored-disk%d", im->disk);
	return r;
}

static int remove_files(const struct fix_job *job, struct fix_state *s, struct unrack_error *err)
{
	int r = fix_remove_overlays(job, job->work, err);

	for (unsigned i = 0; i < job->n; i++)
		for (unsigned g = 1; r == 0 && g <= s->generation + 1; g++)
			r = io_unlink(job->io, fix_path(job, FIX_FILE_UNDO, job->images[i].disk, g).s, err);
	if (r == 0)
		r = io_unlink(job->io, fix_path(job, FIX_FILE_PLAN, 0, 0).s, err);
	if (r == 0)
		r = io_unlink(job->io, fix_path(job, FIX_FILE_STATE, 0, 0).s, err);
	if (r == 0)
		r = io_fsync_parent(job->io, fix_path(job, FIX_FILE_STATE, 0, 0).s, err);
	return r;
}

int fix_forget(const struct fix_job *job, struct fix_state *s, struct unrack_error *err)
{
	bool told = !job->machine || machine_get_state(job->machine) == MACHINE_COPIED;
	int r = 0;

	for (unsigned i = 0; r == 0 && !told && i < job->n; i++)
		r = machine_stamp_image(job->machine, job->images[i].disk, err);
	if (r == 0 && !told)
		r = fix_set_machine(job, MACHINE_COPIED, err);
	if (r == 0)
		r = remove_files(job, s, err);
	fix_state_free(s);
	return r;
}

/* The images are the originals again. */
static int finish(const struct fix_job *job, struct fix_state *s, struct unrack_error *err)
{
	int r = 0;

	/* Without it the digests of the source hold for the image again. */
	for (unsigned i = 0; r == 0 && i < job->n; i++)
		r = io_unlink(job->io, fix_path(job, FIX_FILE_AFTER, job->images[i].disk, 0).s, err);
	if (r == 0)
		r = fix_record(job, s, FIX_UNDONE, err);
	return r < 0 ? r : fix_forget(job, s, err);
}

/* Brings every phase but undoing to one from which undo can begin. *none: nothing of unrack
 * is in the images. */
static int prepare(const struct fix_job *job, struct fix_state *s, bool discard, bool *none,
		   struct fix_report *report, struct unrack_error *err)
{
	int r = 0;

	*none = false;
	switch (s->phase) {
	case FIX_NONE:
	case FIX_UNDONE:
		*none = true;
		return s->phase == FIX_UNDONE ? fix_forget(job, s, err) : fix_remove_overlays(job, job->work, err);
	case FIX_EDITED:
	case FIX_SAVED:
		/* The images have not been touched by the one under way. */
		*none = s->generation == 0;
		return *none ? remove_files(job, s, err) : 0;
	case FIX_COMMITTING:
		/* Between two states nobody can tell what else has changed, so it is completed. */
		if (discard)
			s->generation++;
		else
			r = fix_commit(job, s, report, err);
		return r;
	default:
		return 0;
	}
}

static int undo(const struct fix_job *job, struct fix_state *s, bool discard, struct fix_report *report,
		struct unrack_error *err)
{
	bool none;
	int r;

	if (s->phase != FIX_NONE)
		snprintf(report->resumed, sizeof report->resumed, "%s",
			 s->phase == FIX_COMMITTED ? "" : fix_phase_name(s->phase));
	r = prepare(job, s, discard, &none, report, err);
	if (r < 0 || none) {
		if (r == 0 && job->machine && machine_get_state(job->machine) == MACHINE_FIXING)
			r = fix_set_machine(job, MACHINE_COPIED, err);
		report->nothing = r == 0;
		return r;
	}
	if (s->phase != FIX_UNDOING) {
		r = discard ? 0 : check_unchanged(job, s, err);
		if (r == 0)
			r = verify_all(job, s->generation, err);
		if (r == 0)
			r = fix_set_machine(job, MACHINE_UNDOING, err);
		if (r == 0)
			r = fix_record(job, s, FIX_UNDOING, err);
	}
	for (unsigned i = 0; r == 0 && i < job->n; i++) {
		report->changed = true;
		r = restore_image(job, &job->images[i], s->generation, err);
	}
	return r < 0 ? r : finish(job, s, err);
}

int fix_undo(const struct fix_job *from, bool discard_changes, struct fix_report *report,
	     struct unrack_error *err)
{
	struct fix_state s;
	struct fix_job job;
	int r;

	memset(report, 0, sizeof *report);
	r = fix_begin(from, &job, &s, err);
	if (r == 0)
		r = undo(&job, &s, discard_changes, report, err);
	fix_end(from, &job, &s);
	return r;
}
