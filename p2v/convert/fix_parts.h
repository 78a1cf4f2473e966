/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the transaction share. */
#ifndef CONVERT_FIX_PARTS_H
#define CONVERT_FIX_PARTS_H

#include "fix_state.h"
#include "overlay.h"

#define FIX_WORK_MAX 3800u /* bytes of the work folder's path */

enum fix_file {
	FIX_FILE_STATE,   /* state */
	FIX_FILE_PLAN,    /* plan: for people */
	FIX_FILE_LOG,     /* log: for people */
	FIX_FILE_OVERLAY, /* overlay-diskN */
	FIX_FILE_UNDO,    /* undo-diskN, undo-diskN.G from generation 2 on */
	FIX_FILE_AFTER,   /* diskN.after */
};

struct fix_path {
	char s[4096];
};
struct fix_path fix_path(const struct fix_job *job, enum fix_file file, int disk, unsigned generation);

/* A step is done: at_step, and a line in the log. */
void fix_step(const struct fix_job *job, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Writes the state with PHASE, if the lock is still ours. */
int fix_record(const struct fix_job *job, struct fix_state *s, enum fix_phase phase,
	       struct unrack_error *err);

/* Notes size and time stamp of all images; whether they are still the same. */
int fix_stamp(const struct fix_job *job, struct fix_stamps *s, struct unrack_error *err);
bool fix_stamp_same(const struct fix_job *job, const struct fix_stamps *s);

/* The machine folder's state, if there is a folder. */
int fix_set_machine(const struct fix_job *job, enum machine_state to, struct unrack_error *err);

/* New overlays for all images, in FOLDER under the names that fix_path gives them in the
 * work folder. AT has room for all; the paths are malloc'd. */
int fix_make_overlays(const struct fix_job *job, const char *folder, struct guest_image *at,
		      struct unrack_error *err);
void fix_free_overlays(const struct fix_job *job, struct guest_image *at);
/* Removes the overlays in FOLDER, and what an interrupted write left beside the state. */
int fix_remove_overlays(const struct fix_job *job, const char *folder, struct unrack_error *err);

/* The digest key of diskN.after. */
int fix_digest_key(const struct fix_job *job, const struct fix_state *s, int disk,
		   struct digest_key *key, struct unrack_error *err);

/* Saves what the overlays replace, as generation s->generation + 1. */
int fix_save(const struct fix_job *job, const struct fix_state *s, struct fix_report *report,
	     struct unrack_error *err);
/* From phase saved or committing to committed, overlays removed. */
int fix_commit(const struct fix_job *job, struct fix_state *s, struct fix_report *report,
	       struct unrack_error *err);
/* Phase committed: removes the overlays and tells the machine folder. */
int fix_settle(const struct fix_job *job, const struct fix_state *s, struct unrack_error *err);

/* The images are the originals: tells the machine folder, and removes all files. S becomes
 * that of a job that was never begun. */
int fix_forget(const struct fix_job *job, struct fix_state *s, struct unrack_error *err);

/* Begins work on the images: locks a bare image, makes the work folder, reads the state.
 * JOB becomes a copy of FROM with the lock. fix_end in any case. */
/* Only flat images are changed. */
int fix_check_formats(const struct fix_job *job, struct unrack_error *err);
int fix_begin(const struct fix_job *from, struct fix_job *job, struct fix_state *s,
	      struct unrack_error *err);
void fix_end(const struct fix_job *from, struct fix_job *job, struct fix_state *s);

#endif
