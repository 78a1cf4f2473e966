/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receiving end's machine folder: finds each offered disk its place there, by what the
 * disk is and never by its name or order, and refuses what would destroy something.
 *
 *   intake_open -> receiver_run(channel, intake_host(), ...) -> intake_close
 *
 * A session that changes nothing leaves the manifest untouched; one that copies notes the
 * step "copy" in it, and the state.
 */
#ifndef UNRACK_INTAKE_H
#define UNRACK_INTAKE_H

#include <stdbool.h>

#include "unrack/error.h"
#include "unrack/io.h"
#include "unrack/log.h"
#include "unrack/machine.h"
#include "unrack/receiver.h"

#define INTAKE_ANY (-1)

struct intake_options {
	const struct io *io;
	const struct log *log;
	const char *folder;       /* made if it is missing; its parent must exist */
	/* Of new disks; a known one that has another is refused. 0: as the folder has, else DISK_FLAT. */
	enum disk_format format;
	/* --disk N=SOURCE: the number for each offered disk, or INTAKE_ANY. NULL: all any. */
	const int *numbers;
	unsigned n_numbers;
	/* All disks of the session in the order in which they will be offered, when known
	 * beforehand. Then two that can't be told apart are refused before anything is
	 * written; else when the second one is offered. */
	const struct identity *session;
	unsigned n_session;
	const char *const *names; /* of the offered disks, for messages; NULL: their index is said */
	/* For senders that are only trusted with their own disks: machine folders are made and
	 * continued, and nothing else. FOLDER is a relative path of plain names, not within the
	 * folder of a machine. A machine that is complete takes no further disk and no change,
	 * not even a lock; that it is complete is all that is said. same_disk and
	 * discard_changes are refused, and errors don't tell what folders hold. */
	bool receive_only;
	/* The only source is a stream, read in this process: its identity may be partial, and whoever
	 * reads it compares what it repeats of a disk that is not complete. */
	bool stream;
	/* Compares source DISK with what is durable of disk N of M, where one of the two is or was a
	 * stream, so that identities don't tell. UNRACK_UNSAFE: they differ. NULL: it can't be done,
	 * and such a disk is refused. */
	int (*compare)(void *ctx, unsigned disk, const struct machine *m, int n, struct unrack_error *err);
	void *ctx;
	bool same_disk;       /* accept a changed source as the same disk */
	bool discard_changes; /* write to an image that something else changed */
	unsigned stale_ms;    /* of the lock; 0: its default */
	/* How long to wait for a live owner of the folder to go: the session that this one
	 * continues may just be learning that its line was cut. */
	unsigned wait_ms;
};

struct intake;

/* Makes the folder, takes its lock, reads or begins its manifest. */
int intake_open(const struct intake_options *opt, struct intake **out, struct unrack_error *err);
const struct receiver_host *intake_host(struct intake *in);
struct machine *intake_machine(struct intake *in);
/* True once all disks that the folder knows are complete. */
bool intake_complete(const struct intake *in);
/* Gives the lock back. RESULT: how the session ended, 0 or a code; if something was copied,
 * the manifest's step "copy" says so. NULL is fine. */
void intake_close(struct intake *in, int result);

#endif
