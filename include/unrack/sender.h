/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sending half of a copy: reads sources, digests and deflates their grains in
 * parallel, sends what is not zero, or, where the receiver has a copy already, what differs from
 * that, and waits for the receiver to have it on stable storage. Memory is bounded (under 64 MiB)
 * whatever the disk's size. */
#ifndef UNRACK_SENDER_H
#define UNRACK_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/block_source.h"
#include "unrack/channel.h"
#include "unrack/identity.h"
#include "unrack/log.h"
#include "unrack/map.h"

struct sender_disk {
	struct block_source *source; /* the caller's, as are the others */
	struct identity id;
	const struct map *map;       /* what is not read, and zeros in the copy; NULL: nothing */
	struct digest state;         /* of the source (used.h); zeros: not known */
	bool live;                   /* it is in use while it is read */
	bool all_blocks;             /* the copy has to have all of it, also what came before */
	bool patient;                /* SOURCE is of patient_open: what it loses is told */
	/* Asked when all was read, before the copy is called complete; its error is as one of SOURCE. NULL: nothing
	 * is asked. */
	int (*check)(void *ctx, struct unrack_error *err);
	void *ctx;
};

struct sender_options {
	int workers;           /* 0: one per processor, -1: the serial twin, without workers */
	bool store;            /* don't compress: for a channel within this machine, which is
				* faster than that; the stream has the same form. An image that keeps
				* what it gets has it compressed all the same */
	bool adapt;            /* compress as hard as line and processors allow: then what is sent
				* differs from time to time. Not with STORE or without workers */
	const char *machine;   /* the machine's name, for HELLO */
	const struct log *log; /* progress "copy" per disk; stop flag: ends after a checkpoint */
};

struct sender_result {
	uint64_t disks;
	uint64_t read_bytes;     /* from the sources, in this run */
	uint64_t data_grains;    /* sent in this run */
	uint64_t deltas;         /* disks that were compared with an older copy */
	uint64_t changed_grains; /* of these: how many differed, zeros that are not read left out */
	uint64_t sent_bytes;     /* on the channel, all frames */
	uint64_t resumed_bytes;  /* were durable already when this run began */
};

/* The whole session: HELLO, each disk, the end. When c->silence_ms is set, PINGs are sent.
 * Returns when the receiver has said that everything is complete and durable. An error of the
 * far side arrives as its own code and sentence. UNRACK_LOST: the line was cut, or
 * damages what it carries. */
int sender_run(struct channel *c, const struct sender_disk *disks, unsigned n,
	       const struct sender_options *opt, struct sender_result *res,
	       struct unrack_error *err);

#endif
