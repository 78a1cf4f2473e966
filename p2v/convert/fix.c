/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of a fix, and how one that was interrupted goes on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "fix_parts.h"

/* --- The report, kept in the state --------------------------------------------------------- */

static const struct {
	const char *key;
	size_t at;
} findings[] = {
	{ "guest", offsetof(struct fix_report, guest) },     { "target", offsetof(struct fix_report, target) },
	{ "edits", offsetof(struct fix_report, edits) },     { "warnings", offsetof(struct fix_report, warnings) },
	{ "verdict", offsetof(struct fix_report, verdict) },
};

static struct json **finding(const struct fix_report *r, size_t i)
{
	return (struct json **)((char *)(uintptr_t)r + findings[i].at);
}

static int keep_report(struct fix_state *s, const struct fix_report *r, struct unrack_error *err)
{
	struct json *j = json_new_object();
	bool good = j && json_set_str(j, "text", buf_str(&r->text)) == 0;

	for (size_t i = 0; good && i < ARRAY_LEN(findings); i++)
		if (*finding(r, i))
			good = json_set(j, findings[i].key, json_clone(*finding(r, i))) == 0;
	if (!good) {
		json_free(j);
		return error_nomem(err);
	}
	json_free(s->report);
	s->report = j;
	return 0;
}

static int restore_report(const struct fix_state *s, struct fix_report *r, struct unrack_error *err)
{
	bool good;

	buf_clear(&r->text);
	good = buf_puts(&r->text, json_str(s->report, "text", "")) == 0;
	r->replaced_bytes = (uint64_t)json_int(s->report, "replaced_bytes", 0);
	for (size_t i = 0; good && i < ARRAY_LEN(findings); i++) {
		const struct json *was = json_get(s->report, findings[i].key);

		json_free(*finding(r, i));
		*finding(r, i) = was ? json_clone(was) : NULL;
		good = !was || *finding(r, i);
	}
	return good ? 0 : error_nomem(err);
}

/* What an earlier call found, when this one finds it out anew. */
static void forget_findings(struct fix_report *r)
{
	struct fix_report was = *r;

	fix_report_free(r);
	memcpy(r->resumed, was.resumed, sizeof r->resumed);
	r->changed = was.changed;
	r->undo_bytes = was.undo_bytes;
}

/* --- Beginnings ---------------------------------------------------------------------------- */

static bool same_request(const struct target_request *a, const struct target_request *b)
{
	return !strcmp(a->esx, b->esx) && a->scsi == b->scsi && a->nic == b->nic &&
	       a->firmware == b->firmware && a->hw == b->hw;
}

static int refuse_state(const struct fix_job *job, const struct fix_state *s, struct unrack_error *err)
{
	if (s->phase == FIX_UNDOING || (job->machine && s->phase != FIX_UNDONE &&
					machine_get_state(job->machine) == MACHINE_UNDOING))
		return error_set(err, UNRACK_UNSAFE, "the undo of %s was interrupted and the image is between two "
				 "states; run unrack fix --undo again first", job->name);
	if (job->machine && machine_get_state(job->machine) == MACHINE_LIVE)
		return error_set(err, UNRACK_UNSAFE, "%s was copied from a source in use; copy it once more while "
				 "nothing writes to it, then fix it", job->name);
	return 0;
}

/* Drops what was not committed. The images have not been touched by it. */
static int drop_unfinished(const struct fix_job *job, struct fix_state *s, struct unrack_error *err)
{
	unsigned next = s->generation + 1;
	int r = fix_remove_overlays(job, job->work, err);

	/* The state first: undo files of a generation that does not exist are no harm. */
	if (r == 0 && s->generation == 0)
		r = io_unlink(job->io, fix_path(job, FIX_FILE_STATE, 0, 0).s, err);
	else if (r == 0)
		r = fix_record(job, s, FIX_COMMITTED, err);
	if (r == 0)
		r = io_fsync_parent(job->io, fix_path(job, FIX_FILE_STATE, 0, 0).s, err);
	for (unsigned i = 0; r == 0 && i < job->n; i++)
		r = io_unlink(job->io, fix_path(job, FIX_FILE_UNDO, job->images[i].disk, next).s, err);
	if (r == 0 && job->machine && machine_get_state(job->machine) == MACHINE_FIXING)
		r = fix_set_machine(job, s->generation ? MACHINE_FIXED : MACHINE_COPIED, err);
	if (r == 0 && s->generation == 0)
		s->phase = FIX_NONE;
	return r;
}

/* The overlays hold the repair when this returns 0 and nothing is not set. */
static int make_edits(const struct fix_job *job, struct fix_state *s, struct fix_report *report,
		      struct unrack_error *err)
{
	struct guest_image *at CLEANUP_FREE = calloc(job->n, sizeof *at);
	fix_edit_fn *edit = job->edit ? job->edit : fix_edit_guest;
	struct unrack_error dropped;
	int r;

	if (!at)
		return error_nomem(err);
	r = fix_remove_overlays(job, job->work, err);
	if (r == 0)
		r = fix_make_overlays(job, job->work, at, err);
	/* Taken before anything is read, so that a change in the meantime is noticed later. */
	if (r == 0)
		r = fix_stamp(job, &s->base, err);
	if (r == 0) {
		fix_step(job, "overlays");
		r = edit(job->edit_ctx, job, at, false, report, err);
	}
	for (unsigned i = 0; r == 0 && !report->nothing && i < job->n; i++)
		r = overlay_settle(job->io, at[i].path, job->log, err);
	if (r < 0 || report->nothing)
		fix_remove_overlays(job, job->work, &dropped);
	fix_free_overlays(job, at);
	return r;
}

static int write_plan(const struct fix_job *job, const struct fix_report *r, struct unrack_error *err)
{
	return io_replace_file(job->io, fix_path(job, FIX_FILE_PLAN, 0, 0).s, r->text.data, r->text.len, 0644,
			       err);
}

static int edit(const struct fix_job *job, struct fix_state *s, struct fix_report *report,
		struct unrack_error *err)
{
	int r = make_edits(job, s, report, err);

	if (r < 0 || report->nothing)
		return r;
	fix_step(job, "overlays edited");
	if (s->generation && !fix_stamp_same(job, &s->left))
		s->foreign = true;
	s->request = job->request;
	if (s->generation == 0)
		r = digest_random_seed(s->seed, err);
	if (r == 0)
		r = write_plan(job, report, err);
	if (r == 0)
		r = keep_report(s, report, err);
	if (r == 0)
		r = fix_record(job, s, FIX_EDITED, err);
	return r;
}

/* Saves what will be replaced, and says so. */
static int save(const struct fix_job *job, struct fix_state *s, struct fix_report *report,
		struct unrack_error *err)
{
	int r;

	report->replaced_bytes = 0;
	r = fix_save(job, s, report, err);
	if (r == 0 && s->report && json_set_int(s->report, "replaced_bytes", (int64_t)report->replaced_bytes) < 0)
		r = error_nomem(err);
	return r < 0 ? r : fix_record(job, s, FIX_SAVED, err);
}

/* --- The run ------------------------------------------------------------------------------- */

/* Goes on from what an earlier call left. *done: that was all there is to do. */
static int go_on(const struct fix_job *job, struct fix_state *s, struct fix_report *report, bool *done,
		 struct unrack_error *err)
{
	enum fix_phase from = s->phase;
	bool wanted = same_request(&s->request, &job->request);
	int r = 0;

	*done = false;
	switch (from) {
	case FIX_NONE:
		/* Perhaps a state that was never written, and overlays without one. */
		return fix_remove_overlays(job, job->work, err);
	case FIX_EDITED:
	case FIX_SAVED:
		if (!wanted || !fix_stamp_same(job, &s->base)) {
			log_info(job->log, "an unfinished fix of %s is dropped: %s", job->name,
				 wanted ? "the image has changed since" : "it was for another target");
			return drop_unfinished(job, s, err);
		}
		break;
	case FIX_COMMITTED:
		return fix_settle(job, s, err);
	case FIX_UNDONE:
		return fix_forget(job, s, err);
	default:
		break;
	}
	log_info(job->log, "going on with the fix of %s, which was interrupted (%s)", job->name,
		 fix_phase_name(from));
	snprintf(report->resumed, sizeof report->resumed, "%s", fix_phase_name(from));
	r = restore_report(s, report, err);
	if (r == 0 && from == FIX_EDITED)
		r = save(job, s, report, err);
	if (r == 0)
		r = fix_commit(job, s, report, err);
	*done = wanted;
	return r;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run(const struct fix_job *job, struct fix_state *s, struct fix_report *report,
	       struct unrack_error *err)
{
	bool done = false;
	double begun;
	int r = refuse_state(job, s, err);

	if (r == 0)
		r = go_on(job, s, report, &done, err);
	if (r < 0 || done)
		return r;
	forget_findings(report);
	r = edit(job, s, report, err);
	if (r < 0 || report->nothing)
		return r;
	begun = seconds();
	r = save(job, s, report, err);
	if (r == 0)
		r = fix_commit(job, s, report, err);
	report->commit_seconds = seconds() - begun;
	return r;
}

int fix_run(const struct fix_job *from, struct fix_report *report, struct unrack_error *err)
{
	struct fix_state s;
	struct fix_job job;
	int r;

	memset(report, 0, sizeof *report);
	r = fix_begin(from, &job, &s, err);
	if (r == 0)
		r = run(&job, &s, report, err);
	fix_end(from, &job, &s);
	return r;
}

/* --- Looking ------------------------------------------------------------------------------- */

/* A folder for overlays that are thrown away. */
static int make_temporary(char out[64], struct unrack_error *err)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || tmp[0] != '/' || strlen(tmp) > 40)
		tmp = "/var/tmp";
	snprintf(out, 64, "%s/unrack-XXXXXX", tmp);
	return mkdtemp(out) ? 0 : error_errno(err, errno, "can't make a folder %s", out);
}

static int try_edits(const struct fix_job *job, const char *folder, struct fix_report *report,
		     struct unrack_error *err)
{
	struct guest_image *at CLEANUP_FREE = calloc(job->n, sizeof *at);
	fix_edit_fn *edit_fn = job->edit ? job->edit : fix_edit_guest;
	struct unrack_error dropped;
	int r;

	if (!at)
		return error_nomem(err);
	r = fix_make_overlays(job, folder, at, err);
	if (r == 0)
		r = edit_fn(job->edit_ctx, job, at, true, report, err);
	fix_remove_overlays(job, folder, &dropped);
	fix_free_overlays(job, at);
	return r;
}

int fix_dry_run(const struct fix_job *job, struct fix_report *report, struct unrack_error *err)
{
	struct fix_state s;
	char folder[64];
	int r;

	memset(report, 0, sizeof *report);
	r = fix_check_formats(job, err);
	if (r < 0)
		return r;
	r = fix_state_read(job->io, fix_path(job, FIX_FILE_STATE, 0, 0).s, &s, err);
	if (r == 0)
		r = refuse_state(job, &s, err);
	if (r == 0 && s.phase == FIX_COMMITTING)
		r = error_set(err, UNRACK_UNSAFE, "a fix of %s was interrupted while it was written into the image; "
			      "run the same command without --dry-run to complete it first", job->name);
	fix_state_free(&s);
	if (r == 0)
		r = make_temporary(folder, err);
	if (r < 0)
		return r;
	r = try_edits(job, folder, report, err);
	rmdir(folder);
	return r;
}

int fix_open_guest(const struct fix_job *job, struct guest **out, struct unrack_error *err)
{
	struct guest_image *at CLEANUP_FREE = calloc(job->n, sizeof *at);
	struct fix_path *paths CLEANUP_FREE = calloc(job->n, sizeof *paths);
	struct fix_state s;
	int r;

	if (!at || !paths)
		return error_nomem(err);
	r = fix_state_read(job->io, fix_path(job, FIX_FILE_STATE, 0, 0).s, &s, err);
	if (r == 0 && s.phase == FIX_UNDOING)
		r = error_set(err, UNRACK_UNSAFE, "the undo of %s was interrupted and the image is between two "
			      "states; run unrack fix --undo again first", job->name);
	for (unsigned i = 0; r == 0 && i < job->n; i++) {
		at[i] = (struct guest_image){ job->images[i].path, fix_image_format(&job->images[i]) };
		/* Half of a commit is in the image; the overlay has all of it. */
		if (s.phase == FIX_COMMITTING) {
			paths[i] = fix_path(job, FIX_FILE_OVERLAY, job->images[i].disk, 0);
			at[i] = (struct guest_image){ paths[i].s, "qcow2" };
		}
	}
	if (r == 0)
		r = guest_open_images(at, job->n, false, job->log, out, err);
	fix_state_free(&s);
	return r;
}
