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
	uint64_t resumed_bytes; /* durable before this run began */
	unsigned lost;          /* connections */
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
/* What the far sources are, in the order of S. ids: malloc'd array, each freed by identity_free. */
int copy_identify_far(struct cli *cli, const struct client_options *o, const struct sources *s,
		      struct identity **ids, struct unrack_error *err);

#endif
