/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A far side that does what the fuzzer's input says: a channel whose bytes come from a
 * program. The program is a row of steps
 *
 *	0:1 step  1:1 disk  2:2 length  4: so many bytes
 *
 * A step is a type of message (bits 0 to 5) whose payload these bytes are; its frame is
 * right, and so is the checksum within HELLO, CALL and READY. With PLAY_MADE the payload is
 * made of them by the fuzzer, which knows what would be right. With PLAY_RAW they are bytes of
 * the stream. Steps are played when they are asked for, so after all answers to those before.
 *
 * Threads: one reads, any may write. */
#ifndef TESTS_FUZZ_PLAY_H
#define TESTS_FUZZ_PLAY_H

#include <pthread.h>

#include "fuzz.h"
#include "unrack/buf.h"
#include "unrack/channel.h"
#include "unrack/message.h"

#define PLAY_MADE 0x40u
#define PLAY_RAW 0x80u
#define PLAY_TYPE 0x3fu
#define PLAY_HANG_UP 0x3fu /* this type ends the connection; play_again makes the next one */

struct play;

struct play_ops {
	/* Makes a payload of TYPE from IN; false: hang up instead. All three with the lock held.
	 * NULL: nothing is made. */
	bool (*make)(struct play *p, unsigned type, uint8_t *disk, struct fuzz_in *in,
		     struct buf *payload);
	/* A message that is about to be played, made or not. May be NULL. */
	void (*played)(struct play *p, unsigned type, const struct buf *payload);
	/* A frame that the code under test has sent. May be NULL. */
	void (*heard)(struct play *p, const struct frame *f, const uint8_t *payload);
};

struct play {
	struct channel channel;
	const struct play_ops *ops;
	void *ctx;
	struct fuzz_in program;
	struct buf stream;     /* what is still to be read of what was played */
	size_t at;
	uint64_t sequence;
	struct buf written;    /* by the code under test, not yet a whole frame */
	uint64_t heard;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool down, deaf; /* shut down; nothing more is read */
};

void play_open(struct play *p, const struct play_ops *ops, void *ctx, struct fuzz_in program);
/* A new connection, or the second dialogue, that goes on with the program. */
void play_again(struct play *p);
void play_free(struct play *p);

#endif
