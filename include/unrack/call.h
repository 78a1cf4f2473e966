/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The call: what a client asks of `unrack serve` on a fresh connection, and its answer
 * (message.h has the dialogue). After an answer to CALL_RECEIVE the client runs sender_run on
 * the same channel and the server receiver_run; after CALL_SEND the other way round; after
 * CALL_SCAN the connection is over. There are no PINGs between the call and the copy: begin it
 * well within the limit of silence.
 *
 * Either way the side that receives knows all disks before the first of them is offered.
 *
 * Threads: one at a time on a channel. While the server works on its answer, its PINGs
 * keep the client patient. */
#ifndef UNRACK_CALL_H
#define UNRACK_CALL_H

#include <stdint.h>

#include "unrack/channel.h"
#include "unrack/identity.h"
#include "unrack/log.h"
#include "unrack/message.h"

/* A disk as it is offered, or asked for (then only its name, which is the path there). */
struct call_disk {
	char *name;          /* for messages, or the path to open */
	int number;          /* of the disk in its folder, or -1: any */
	struct identity id;  /* id.bytes 0: not known yet */
};

#define CALL_STRIPE 65536u /* bytes, of channel_open_striped */

struct call {
	enum message_call_kind kind;
	uint32_t flags;      /* CALL_SAME_DISK, CALL_DISCARD_CHANGES, ... */
	uint32_t silence_ms;
	uint64_t rate;
	uint64_t max_bad;    /* bytes that a source may lose, 0: as the server likes */
	uint16_t format;     /* of new images: enum disk_format, or 0 */
	/* Connections that the client wants to have in all (0: one). CALL_JOIN: this is number STREAMS of
	 * them, from 1; its answer is empty, and then it belongs to the first one. */
	uint16_t streams;
	char *path;          /* of the folder, "" when the client receives; CALL_JOIN: the token */
	struct call_disk *disks;
	unsigned n;          /* at most MESSAGE_DISKS_MAX; CALL_SCAN: 0 means all */
	const struct log *log; /* the client's: its stop flag ends the waiting. May be NULL */
};

struct call_answer {
	struct call_disk *disks; /* of CALL_SEND, in the order asked for */
	unsigned n;
	char *text;              /* of CALL_SCAN: JSON; else NULL */
	/* Connections that the server takes in all, at most those that were wanted, and 0 for one; the token is
	 * for the others. Both sides go on once all have joined (gather.h), with the first one being number 0
	 * of channel_open_striped. */
	unsigned streams;
	char token[MESSAGE_TOKEN_MAX];
};

void call_free(struct call *call);
void call_answer_free(struct call_answer *answer);
/* Takes copies of the strings. */
int call_disk_set(struct call_disk *d, const char *name, int number, const struct identity *id,
		  struct unrack_error *err);

/* Client. An ERROR of the server is returned as its own code and sentence. UNRACK_UNSUPPORTED:
 * something else than unrack answered, and is quoted. c->silence_ms is set to
 * call->silence_ms (0: to none), which is the only limit of the waiting. The answer to
 * CALL_SEND has as many disks as were asked for. */
int call_make(struct channel *c, const struct call *call, struct call_answer *answer,
	      struct unrack_error *err);

/* Server: the call, then one of the two. OUT is freed by call_free. c->silence_ms becomes
 * what the client wants. PINGs are sent from here to the answer: *waiting must be
 * handed to one of them, which ends it, also when they fail. When this fails, the client has
 * been told why as far as possible, and there is nothing to hand on or to free. */
struct call_waiting;
int call_take(struct channel *c, struct call *out, struct call_waiting **waiting,
	      struct unrack_error *err);
int call_accept(struct call_waiting *waiting, const struct call_answer *answer,
		struct unrack_error *err);
/* Best effort. */
void call_refuse(struct call_waiting *waiting, const struct unrack_error *why);

#endif
