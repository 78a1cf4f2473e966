/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine folder: one migrated machine, its files, and the manifest that says what it
 * is and how far it has come.
 *
 * The manifest is JSON whose first line has magic, version and checksum, written as a new
 * file that is renamed. Keys that this version does not know are kept. Whoever changes it
 * holds the folder's lock (lock.h); reading needs none.
 *
 * A struct machine is used by one thread at a time. What it returns is borrowed: it lives
 * until the same thing is set again, or machine_free. */
#ifndef UNRACK_MACHINE_H
#define UNRACK_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"
#include "unrack/identity.h"
#include "unrack/io.h"
#include "unrack/journal.h"
#include "unrack/json.h"
#include "unrack/log.h"

#define MACHINE_NAME_MAX 64u
#define MACHINE_DISKS_MAX 60u /* four controllers with 15 disks each */

/* --- Names ------------------------------------------------------------------------------ */

/* [A-Za-z0-9._-]{1,64}, and neither "." nor ".." */
bool machine_name_ok(const char *name);
/* The name of the machine in FOLDER, which need not exist: its last component. */
int machine_folder_name(const char *folder, char name[MACHINE_NAME_MAX + 1],
			struct unrack_error *err);

/* UNRACK_UNSAFE when SOURCE (a path) is a file in FOLDER or below it, by whatever name. */
int machine_check_source(const char *folder, const char *source, struct unrack_error *err);

enum machine_file {
	/* in the folder; of disk 0, and with _N behind NAME of disk N */
	MACHINE_DESCRIPTOR, /* NAME.vmdk */
	MACHINE_IMAGE,      /* NAME-flat.vmdk; of a disk in another format NAME.vmdk, too */
	MACHINE_VMX,        /* NAME.vmx */
	/* below unrack/ */
	MACHINE_MANIFEST, MACHINE_JOURNAL, MACHINE_DIGESTS, MACHINE_MAP, MACHINE_BAD, MACHINE_KEPT, MACHINE_EVIDENCE,
	MACHINE_PROOF,
	MACHINE_FIX,   /* fix/ */
	MACHINE_UNDO,  /* fix/undo-diskN */
	MACHINE_AFTER, /* fix/diskN.after */
	MACHINE_UNRACK, /* the folder unrack/ itself */
};

struct machine;

/* A malloc'd path; DISK counts only for files of a disk. NULL: no memory. */
char *machine_path(const struct machine *m, enum machine_file file, int disk);

/* --- State ------------------------------------------------------------------------------ */

enum machine_state {
	MACHINE_COPYING,   /* some disk is not complete */
	MACHINE_COPIED,
	MACHINE_FIXING,    /* the images may be between two states: only fix goes on from here */
	MACHINE_FIXED,
	MACHINE_DELIVERED,
	MACHINE_UNDOING,
	MACHINE_LIVE,      /* copied from a source in use: not to be booted or fixed */
};
const char *machine_state_name(enum machine_state s);
bool machine_state_may_follow(enum machine_state from, enum machine_state to);

/* --- The manifest ----------------------------------------------------------------------- */

/* "flat", "stream", "sparse" */
const char *machine_format_name(enum disk_format f);
int machine_format_parse(const char *text, enum disk_format *f, struct unrack_error *err);

struct machine_disk {
	int n;
	enum disk_format format;
	struct identity id;      /* of the source */
	bool stream;             /* some of it came as a stream */
	bool restart;            /* its files are to be removed, and the copy begun again */
	bool due;                /* the pass over all disks that is under way has not completed it yet */
	bool live;               /* its source was in use when it was last copied, or is now */
	uint64_t image_mtime_ns; /* as unrack left it; 0: not known */
};

/* What the user asked for, as text, "" and 0 where nothing was said. */
struct machine_target {
	char esx[16], scsi[16], nic[16], firmware[8];
	int hw;
};

/* Makes FOLDER and FOLDER/unrack, if they are missing. FOLDER's parent must exist. */
int machine_make_folder(const struct io *io, const char *folder, struct unrack_error *err);
/* A new manifest in memory: no disks, state copying. Nothing is written. */
int machine_new(const struct io *io, const char *folder, struct machine **out,
		struct unrack_error *err);
/* Reads the folder's manifest. None there: UNRACK_USAGE with err->sys_errno == ENOENT.
 * UNRACK_DAMAGED: changed by hand or damaged; UNRACK_UNSUPPORTED: by a newer unrack. */
int machine_open(const struct io *io, const char *folder, struct machine **out,
		 struct unrack_error *err);
void machine_free(struct machine *m);
/* Durable when it returns. */
int machine_save(struct machine *m, struct unrack_error *err);

const char *machine_name(const struct machine *m);
const char *machine_folder(const struct machine *m);
const struct io *machine_io(const struct machine *m);

enum machine_state machine_get_state(const struct machine *m);
/* Checks that TO may follow, and saves. UNRACK_UNSAFE: it may not. */
int machine_set_state(struct machine *m, enum machine_state to, struct unrack_error *err);

size_t machine_disks(const struct machine *m);
/* In order of their numbers. */
const struct machine_disk *machine_disk(const struct machine *m, size_t i);
const struct machine_disk *machine_find_disk(const struct machine *m, int n); /* NULL: none */
/* Its identity does not tell whose bytes it has: it came as a stream, or some of it did.
 * Whoever takes a source for it compares bytes, or refuses (machine_unknown_source). */
bool machine_disk_is_vague(const struct machine_disk *d);
/* UNRACK_UNSAFE for SOURCE, which may be such a disk N, where nothing can be compared. COMPLETE:
 * its copy is. */
int machine_unknown_source(const struct machine *m, int n, const char *source, bool complete,
			   struct unrack_error *err);
/* Adds disk D->n, or replaces what is known of it. D is copied. Not saved yet. */
int machine_put_disk(struct machine *m, const struct machine_disk *d, struct unrack_error *err);

const struct machine_target *machine_get_target(const struct machine *m);
void machine_set_target(struct machine *m, const struct machine_target *t);
/* A JSON object of whoever looks at guests; NULL: nothing known. The setter takes it over.
 * Neither setter saves. */
const struct json *machine_get_guest(const struct machine *m);
int machine_set_guest(struct machine *m, struct json *guest, struct unrack_error *err);

/* The step NAME ("copy", "fix", ...) has come to STATE: "running" (and "running again") notes the time as its
 * start, everything else ("done", "failed", "interrupted") as its end. Wall-clock times,
 * for people only: nothing is decided by them. Saves. */
int machine_step(struct machine *m, const char *name, const char *state, struct unrack_error *err);
/* The state of the last run of step NAME, "" when it was never begun. */
const char *machine_step_state(const struct machine *m, const char *name);

/* --- The images ------------------------------------------------------------------------- */

/* Notes the time stamp that disk N's image has now: unrack has just finished writing it.
 * Not saved yet. */
int machine_stamp_image(struct machine *m, int n, struct unrack_error *err);

enum machine_check {
	MACHINE_CHECK_QUICK, /* size and time stamp; where these do not decide, the digests */
	MACHINE_CHECK_FULL,  /* every byte against the digests, overlaid by diskN.after */
};
/* UNRACK_UNSAFE: an image or a journal is gone, of a disk that is not being copied. */
int machine_check_files(const struct machine *m, struct unrack_error *err);
/* 0 if the complete disk N (-1: all of them) is as unrack left it, and no virtual machine
 * left traces in the folder. UNRACK_UNSAFE: it changed, or may have run. */
int machine_image_unchanged(struct machine *m, int n, enum machine_check how,
			    const struct log *log, struct unrack_error *err);

/* For who reads without the lock, when all is read: 0 if the images and what is noted of them are as they were
 * when M was opened; UNRACK_UNSAFE: another unrack has written to them, or does. */
int machine_check_still(const struct machine *m, struct unrack_error *err);

/* Only the traces: nvram, swap, logs, snapshots, ESX's lock files. */
int machine_check_traces(const struct machine *m, struct unrack_error *err);

/* Room in FOLDER for MOST bytes at most, of which SURELY will be written in any case.
 * UNRACK_NOSPACE when it can't fit; a warning when it may not. */
int machine_check_space(const struct io *io, const char *folder, uint64_t surely, uint64_t most,
			const struct log *log, struct unrack_error *err);

#endif
