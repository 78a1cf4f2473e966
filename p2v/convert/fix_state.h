/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state file of a fix: a first line "unrack-fix 1 CHECKSUM", then JSON to which the
 * checksum (XXH3-64, 16 hex digits) belongs. Written as a new file that is renamed. */
#ifndef CONVERT_FIX_STATE_H
#define CONVERT_FIX_STATE_H

#include "unrack/digest.h"
#include "unrack/fix.h"

enum fix_phase {
	FIX_NONE, /* there is no state file */
	FIX_EDITED, FIX_SAVED, FIX_COMMITTING, FIX_COMMITTED, FIX_UNDOING, FIX_UNDONE
};

/* Size and time stamp of the images, in the order of the job's. One that differs has been
 * written to, or is another file. */
struct fix_stamp {
	int disk;
	uint64_t bytes;
	uint64_t mtime_ns;
};
struct fix_stamps {
	struct fix_stamp at[MACHINE_DISKS_MAX];
	unsigned n;
};

struct fix_state {
	enum fix_phase phase;
	/* How many fixes are committed, each with its undo files. In edited, saved and
	 * committing one more is under way. */
	unsigned generation;
	struct target_request request; /* of the last one */
	struct fix_stamps base; /* edited, saved: when the overlays were made */
	struct fix_stamps left; /* generation > 0: as the last commit left them */
	bool foreign;           /* something else wrote between two fixes */
	uint8_t seed[DIGEST_SEED_SIZE]; /* of diskN.after of a bare image */
	struct json *report;   /* what fix_report has of the last one; NULL: nothing */
};

const char *fix_phase_name(enum fix_phase p);

/* Pure halves, for the file called NAME. */
int fix_state_encode(const struct fix_state *s, struct buf *out, struct unrack_error *err);
int fix_state_decode(const char *text, size_t n, const char *name, struct fix_state *out,
		     struct unrack_error *err);

/* No file: FIX_NONE. */
int fix_state_read(const struct io *io, const char *path, struct fix_state *out,
		   struct unrack_error *err);
int fix_state_write(const struct io *io, const char *path, const struct fix_state *s,
		    struct unrack_error *err);
void fix_state_free(struct fix_state *s);

#endif
