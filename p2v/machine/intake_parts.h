/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The intake from inside.
 *
 *	intake.c        the folder: opened, locked, closed
 *	intake_match.c  which of its disks is offered
 *	intake_disk.c   what may be done to that
 *	intake_keep.c   what is not to be lost of an earlier pass
 *	intake_host.c   what the receiver asks, in this order */
#ifndef P2V_MACHINE_INTAKE_PARTS_H
#define P2V_MACHINE_INTAKE_PARTS_H

#include "match.h"
#include "unrack/intake.h"
#include "unrack/lock.h"
#include "unrack/lost.h"

/* The paths that the receiver is given live here until the session ends. */
struct intake_placed {
	bool taken, done, live;
	char *image, *descriptor, *journal, *digests, *map;
	char *bad;
	struct lost lost; /* what BAD has */
};

struct intake {
	struct intake_options opt;
	struct receiver_host host;
	struct lock *lock;
	struct log quiet;  /* the caller's stop flag, and nobody to tell who holds the lock */
	struct machine *m;
	struct intake_placed placed[MACHINE_DISKS_MAX]; /* by number */
	struct match_result plan[MACHINE_DISKS_MAX];    /* by offer, when the session is known */
	bool started, complete;
	bool over_all;     /* this session has begun a pass over a complete machine */
	/* Receive-only, and the machine is complete: nothing is written, not even a lock. */
	bool sealed;
};

/* What a folder holds is not for senders who are trusted with nothing. They get the code of ERR,
 * and TEXT instead of its own, which is for whoever looks after the folder. */
int intake_conceal(const struct intake_options *opt, const char *text, struct unrack_error *err);

/* All disks of the session, into in->plan. */
int intake_match_session(struct intake *in, struct unrack_error *err);
int intake_match_offer(struct intake *in, const struct receiver_offer *offer, struct match_result *out,
		       struct unrack_error *err);

/* What the receiver is to do with a disk. */
struct intake_verdict {
	uint64_t left;  /* bytes that are not durable yet */
	bool compared;  /* as in struct receiver_place */
	enum receiver_again again;
};

/* A sender may go on in a folder of this state. */
bool intake_disk_writable(enum machine_state s);
/* Adds the disk to the machine, or finds out what of it may be done, and notes in the manifest
 * what is going to be. */
int intake_disk_decide(struct intake *in, const struct match_result *match, const struct receiver_offer *offer,
		       struct intake_verdict *v, struct unrack_error *err);
int intake_disk_is_complete(const struct intake *in, int n, bool *complete, struct unrack_error *err);
/* The LEN bytes at OFF that disk N of the folder has, other than zeros, are durable in its file of kept bytes. *HAS:
 * something is there, perhaps from before. */
int intake_keep(struct intake *in, int n, uint64_t off, uint64_t len, bool *has, struct unrack_error *err);
/* A pass that has LOST is complete: only what lies there stays, since the image has all else, and two passes are not
 * to be mixed by a later one. Without any the file goes. */
int intake_keep_lost(struct intake *in, int n, const struct lost *lost, struct unrack_error *err);

/* Fills in in->host. */
void intake_host_init(struct intake *in);

#endif
