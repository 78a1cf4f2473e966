/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways of a copy: both halves here, or one of them on another machine. */
#ifndef CMD_COPY_H
#define CMD_COPY_H

#include "jobs.h"
#include "sources.h"
#include "unrack/journal.h"

struct copy_stats {
	unsigned disks;
	uint64_t bytes;         /* of all disks */
	uint64_t read_bytes;    /* 0 when the sources are far */
	uint64_t data_grains, wire_bytes;
	uint64_t changed_grains; /* of disks that were compared with an older copy */
	unsigned deltas;        /* how many these were */
	uint64_t resumed_bytes; /* durable before this run began */
	unsigned lost;          /* connections */
	uint64_t lost_bytes, lost_ranges; /* could not be read, and are zeros in the copy */
};

struct copy_job {
	struct cli *cli;
	const struct copy_options *o;
	struct sources *s;      /* opened, if they are here */
	const char *dest;       /* folder, or URL of one */
	enum disk_format format; /* of new images; 0: not said */
	struct copy_stats stats;
};

/* Sources here, folder here. */
int copy_local(struct copy_job *j, struct unrack_error *err);
/* Sources here, folder there: the far side receives. */
int copy_push(struct copy_job *j, struct unrack_error *err);
/* Sources there, folder here: the far side sends. */
int copy_pull(struct copy_job *j, struct unrack_error *err);
bool copy_stops_at_bad(const struct copy_options *o);
/* copy_again.c: of a folder here that is repaired, before a pass the repair is taken back, if the sources are
 * its disks; and behind a pass, when that was done, it is made again. */
/* Of all disks of the folder here, into the statistics. */
int copy_count_lost(struct copy_job *j, struct unrack_error *err);
int copy_take_back(const struct copy_job *j, struct unrack_error *err);
int copy_repair_again(const struct copy_job *j, struct unrack_error *err);
/* What the far sources are, in the order of S. ids: malloc'd array, each freed by identity_free. */
int copy_identify_far(struct cli *cli, const struct client_options *o, const struct sources *s,
		      struct identity **ids, struct unrack_error *err);

#endif
