/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several connections of one client, each with a process of its own at its far end, brought together in one
 * of these: the first one opens a gathering, and the others hand it their descriptors and wait for its end.
 * So lock, journal and images have one owner.
 *
 * They meet at a Unix socket without a name in any folder; who knows the token and is of the same user
 * gets in. Threads: one at a time. */
#ifndef UNRACK_GATHER_H
#define UNRACK_GATHER_H

#include "unrack/channel.h"
#include "unrack/error.h"
#include "unrack/log.h"

#define GATHER_TOKEN_MAX 33u /* with its NUL: 128 random bits in hexadecimal */

struct gather;

/* For N more connections (at most CHANNEL_STRIPES_MAX - 1), numbered from 0. */
int gather_open(unsigned n, struct gather **out, struct unrack_error *err);
const char *gather_token(const struct gather *g);
/* Waits for all of them. CHANNELS[i] is that of number i, and belongs to G. FIRST: the descriptor that the
 * first connection is read from, or -1. UNRACK_LOST: the next one did not come within TIMEOUT_MS, or nobody is left at
 * the other end of FIRST, to make one; UNRACK_INTERRUPTED: LOG's stop flag. */
int gather_wait(struct gather *g, int first, unsigned timeout_ms, const struct log *log,
		struct channel **channels, struct unrack_error *err);
/* Closes the channels; the processes that brought them end. NULL is fine. */
void gather_close(struct gather *g);

/* In another process, with a connection of its own. First it comes in as NUMBER, which may be refused
 * (UNRACK_UNSAFE); then, once the client knows that, it hands over, and returns when the gathering has ended. */
int gather_enter(const char *token, unsigned number, int *socket, struct unrack_error *err);
int gather_hand_over(int socket, int rfd, int wfd, struct unrack_error *err);

#endif
