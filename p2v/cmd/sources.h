/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sources that a command line names: disks and images here, disks of another machine, or a stream. */
#ifndef CMD_SOURCES_H
#define CMD_SOURCES_H

#include "jobs.h"
#include "unrack/call.h"
#include "unrack/lost.h"
#include "unrack/remote.h"
#include "unrack/sender.h"
#include "unrack/used.h"

/* How they are to be read. */
struct source_how {
	bool live;        /* they may be in use */
	bool all_blocks;  /* also what nothing uses */
	bool stop_at_bad; /* at the first sector that can't be read */
	uint64_t max_bad; /* bytes that each may lose, 0: as patient.h has it */
	const struct log *log;
};

/* The names and the numbers that --disk wishes for them. */
struct sources {
	const char **names; /* point into the command line, or into SENDERS */
	int *numbers;       /* of the disk in its folder, or INTAKE_ANY */
	unsigned n;
	bool far;           /* all are ssh:// URLs of one machine */
	struct remote_url *urls;     /* of each, when FAR */
	bool stream;        /* the only one is "-" */
	struct sender_disk *senders; /* once opened here */
	struct identity *ids;        /* theirs, borrowed, in one array */
	uint64_t bytes;
	/* What lies on them, once looked at: */
	struct used *used;
	struct block_source **raw;   /* below those of SENDERS, which own them */
	struct source_look {
		const struct sources *of;
		unsigned disk;
		const struct log *log;
		struct lost lost;    /* what could not be read of it */
	} *looks;
};

/* Operands and --disk N=SOURCE together. Opens nothing. */
int sources_collect(const struct option_list *disk, char **operands, int n, struct sources *out,
		    struct unrack_error *err);
/* Opens disks and images of this machine. FOLDER: the machine folder that they go to, or NULL;
 * its own images are refused. */
int sources_open(struct sources *s, const char *folder, bool live, struct unrack_error *err);
/* Then, once: fills in what of them a copy needs, and what it does at bad sectors. S stays where it is from
 * here on. */
int sources_look(struct sources *s, const struct source_how *how, struct unrack_error *err);
/* The stream, which has been opened already: DISK becomes the sources'. */
int sources_open_stream(struct sources *s, const struct sender_disk *disk, struct unrack_error *err);
/* What the reading that was asked for has lost. */
void sources_count_lost(const struct sources *s, uint64_t *bytes, uint64_t *ranges);
/* As the disks of a call: what they are, or when FAR which to open. */
int sources_to_call(const struct sources *s, struct call *call, struct unrack_error *err);
void sources_close(struct sources *s);

#endif
