/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The repair as a transaction, and its undo.
 *
 * Nothing is changed in the images themselves until the whole repair is done on qcow2
 * overlays and the static check has passed there. Each phase is recorded by a file that is
 * renamed and synced; the same command, after an interruption at any point, goes on from
 * the last one:
 *
 *   edited      the overlays hold the repair; begun again if the image has changed since
 *   saved       undo-diskN holds what every range that they replace has now
 *   committing  from here the image may be between the two; undo-diskN never changes again
 *   committed   the image is repaired, diskN.after has the digests of its new grains
 *   undoing     undo-diskN is being written back
 *   undone      the image is the original again; only files are left to remove
 *
 * The work folder (NAME/unrack/fix, or IMAGE.unrack/fix beside the raw file of a bare image)
 * holds: state, plan (the last plan and verdict, for people), log, overlay-diskN,
 * undo-diskN[.G], diskN.after. That of a bare image goes with the undo.
 *
 * A second fix (another target) replaces further ranges and saves only those, so that undo
 * still gives back the original. One job at a time and one thread per folder; fix_run and
 * fix_undo of a bare image lock it, the lock of a machine folder is the caller's. */
#ifndef UNRACK_FIX_H
#define UNRACK_FIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/check.h"
#include "unrack/error.h"
#include "unrack/guest.h"
#include "unrack/io.h"
#include "unrack/json.h"
#include "unrack/lock.h"
#include "unrack/log.h"
#include "unrack/machine.h"
#include "unrack/target.h"

struct fix_image {
	char *path;     /* the file that holds the data */
	int disk;       /* N of undo-diskN */
	uint64_t bytes; /* of the disk */
	enum disk_format format;
};
/* As QEMU calls its format: "raw" or "vmdk". */
const char *fix_image_format(const struct fix_image *im);

/* What was found and done. Empty fields were not reached. For fix_run that went on with an
 * earlier one's work they are what that one found. */
struct fix_report {
	bool nothing;         /* the guest, or the undo, needed no change */
	bool changed;         /* the images have been changed by this call */
	char resumed[16];     /* the phase that this call went on from, "" if none */
	struct json *guest;   /* as facts_to_json, of the guest before the edits */
	struct json *target;  /* {esx, hw, scsi, nic, firmware, disk_module, nic_module, why} */
	struct json *edits;   /* [{kind, path, to, reason}] */
	struct json *warnings; /* [text] */
	struct json *verdict; /* as check_to_json */
	struct buf text;      /* plan and verdict for a person */
	struct buf diff;      /* dry run: what would change, as plan_diff */
	uint64_t replaced_bytes; /* of the disks, by this fix, whichever call began it */
	uint64_t undo_bytes;     /* saved by this call */
	double open_seconds;     /* until the guest was mounted */
	double edit_seconds;     /* inspection, plan, edits, check, closing */
	double commit_seconds;   /* saving and committing */
};
void fix_report_free(struct fix_report *r); /* leaves it empty */

struct fix_job;

/* Changes the overlays, which belong together, and fills the report up to the verdict; with
 * DRY_RUN also the diff. Returns only when what it wrote is in them. No edits necessary:
 * report->nothing. UNRACK_NO: it would not boot even so. */
typedef int fix_edit_fn(void *ctx, const struct fix_job *job, const struct guest_image *overlays,
			bool dry_run, struct fix_report *report, struct unrack_error *err);

struct fix_job {
	struct fix_image *images; /* in BIOS order */
	unsigned n;
	char *name;               /* of the machine or image, for messages */
	char *work;               /* the work folder; made when it is needed */
	struct machine *machine;  /* NULL: a bare image; borrowed */
	struct lock *lock;        /* asked before each record; may be NULL; borrowed */
	const struct io *io;
	const struct log *log;    /* may be NULL */
	struct target_request request;
	/* The files beside the images, for whoever checks them; may be NULL. The repair looks at
	 * the guest alone: they are written for its target afterwards. */
	const struct check_files *files;
	/* How the guest is repaired; NULL: fix_edit_guest. */
	fix_edit_fn *edit;
	void *edit_ctx;
	/* Called behind each step, with its name; tests end the process there. May be NULL. */
	void (*at_step)(void *ctx, const char *step);
	void *at_step_ctx;
};

/* A complete machine folder, or: a raw image, the descriptor of one (vmfs, monolithicFlat), or a
 * sparse or streamOptimized VMDK. Those two can be looked at; what changes images refuses them. IO and
 * LOG are kept. Other formats: UNRACK_UNSUPPORTED. */
int fix_job_from_machine(struct machine *m, const struct log *log, struct fix_job *job,
			 struct unrack_error *err);
int fix_job_from_image(const char *path, const struct io *io, const struct log *log,
		       struct fix_job *job, struct unrack_error *err);
void fix_job_free(struct fix_job *job);

/* Makes the guest boot on job->request, or goes on where an earlier call was interrupted.
 * UNRACK_NO: it would not boot, the verdict says why; nothing was changed. */
int fix_run(const struct fix_job *job, struct fix_report *report, struct unrack_error *err);
/* The same without changing anything: report->text and report->diff. */
int fix_dry_run(const struct fix_job *job, struct fix_report *report, struct unrack_error *err);
/* Gives back the images as they were before the first fix. UNRACK_UNSAFE when something
 * else wrote to them since, unless DISCARD_CHANGES. */
int fix_undo(const struct fix_job *job, bool discard_changes, struct fix_report *report,
	     struct unrack_error *err);

/* The guest as it is now (inspect, check): the images are not changed, and an interrupted
 * commit is looked through. UNRACK_UNSAFE: an undo was interrupted. */
int fix_open_guest(const struct fix_job *job, struct guest **out, struct unrack_error *err);

/* The repair itself: inspect, choose the target, plan, apply, check again, by libguestfs. */
fix_edit_fn fix_edit_guest;

#endif
