/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receiving half of a copy: takes grains from a channel into a VMDK, and
 * acknowledges only what is on stable storage (image, digests, journal record, in this
 * order). Over a copy that is there already, a pass changes only what differs. Syncing runs
 * beside reception. What a disk's files are called, whether this sender
 * may write them, and who holds the folder is the host's business, behind struct
 * receiver_host. */
#ifndef UNRACK_RECEIVER_H
#define UNRACK_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/channel.h"
#include "unrack/io.h"
#include "unrack/journal.h"
#include "unrack/log.h"

struct receiver_offer {
	unsigned disk, disks;  /* the sender's index and count */
	const char *machine;   /* the name of the sender's machine, may be "" */
	struct identity id;
	bool live;             /* the source is in use */
};

/* Whether a disk that is complete gets another pass. */
enum receiver_again {
	RECEIVER_IF_CHANGED, /* if the source says that it has changed since */
	RECEIVER_ALWAYS,
	RECEIVER_NEVER,
};

/* Where the disk goes; strings are the host's and live until the session ends. */
struct receiver_place {
	int number;             /* N of diskN in the folder */
	enum disk_format format;
	const char *image;      /* NAME-flat.vmdk */
	const char *descriptor; /* NAME.vmdk */
	const char *extent;     /* the image's name as the descriptor has it (no folder) */
	const char *journal, *digests;
	const char *map;        /* diskN.map; NULL: none is kept */
	enum receiver_again again;
	/* The disk must be complete, and nothing of it is written, whatever the sender does. */
	bool finished;
	/* Of a disk that came or comes as a stream (identity.h): what is durable was compared with
	 * the source, or will be before the source gives anything else. Without that, such a disk is
	 * only begun; with it, nothing else is asked about what the source was then. */
	bool compared;
};

struct receiver_host {
	/* Finds or makes the place for the offered disk, or refuses (UNRACK_UNSAFE: other machine). */
	int (*place)(void *ctx, const struct receiver_offer *offer, struct receiver_place *place,
		     struct unrack_error *err);
	/* Called before each journal record: still the owner of the folder's lock? May come
	 * from another thread than the rest, but never two at once. NULL: always. */
	int (*check_owner)(void *ctx, struct unrack_error *err);
	/* A pass begins or goes on: all of the disk from OFF on is read again. Before any LOST. May be NULL. */
	int (*begin)(void *ctx, const struct receiver_place *place, uint64_t off, struct unrack_error *err);
	/* LEN bytes at OFF could not be read; TEXT: what lies there, or "". They come in order, before
	 * the zeros that stand for them are written. OVER: the image may have there what an earlier pass has
	 * read. May be NULL. */
	int (*lost)(void *ctx, const struct receiver_place *place, uint64_t off, uint64_t len,
		    const char *text, bool over, struct unrack_error *err);
	/* The disk is complete, durable and checked. Not called for a disk that was complete
	 * before. May be NULL. */
	int (*disk_done)(void *ctx, const struct receiver_place *place,
			 const struct journal_point *point, struct unrack_error *err);
	/* All disks of the session are. May be NULL. */
	int (*all_done)(void *ctx, struct unrack_error *err);
	void *ctx;
};

struct receiver_options {
	const struct io *io;
	/* Its stop flag ends the session after a last checkpoint, and both sides then return
	 * UNRACK_INTERRUPTED. */
	const struct log *log;
	bool progress;             /* report "copy" per disk: where the sender is far away */
	uint64_t checkpoint_bytes; /* of data; 0: 256 MiB */
	unsigned checkpoint_ms;    /* 0: 2000 */
	int workers;               /* 0: one per processor, -1: the serial twin */
};

struct receiver_result {
	uint64_t disks;          /* completed in this run */
	uint64_t bytes;          /* of all disks that were offered */
	uint64_t data_grains;    /* received in this run */
	uint64_t deltas;         /* disks that were compared with an older copy */
	uint64_t changed_grains; /* of these: how many differed */
	uint64_t received_bytes; /* on the channel, all frames */
	uint64_t resumed_bytes;  /* were durable already when this run began */
};

/* Runs until the sender says goodbye. When c->silence_ms is set, PINGs are sent. A local error is
 * also sent to the far side, and the channel is then shut down; the caller closes it in any
 * case. UNRACK_INTERRUPTED: the sender or this side was stopped; UNRACK_LOST: the line was cut,
 * or damages what it carries. Whatever the end, what was acknowledged is safe, and the next
 * session continues behind it. *RES is filled in any case. */
int receiver_run(struct channel *c, const struct receiver_host *host,
		 const struct receiver_options *opt, struct receiver_result *res,
		 struct unrack_error *err);

#endif
