/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread beside a dialogue, whose own threads may all be busy or blocked: it sends PINGs, so
 * that the far side knows that we live, and sees when the program is asked to stop.
 *
 * A write that blocks because the far side takes nothing blocks the PINGs too. That is no
 * silence: who takes nothing does not wait to hear us, and what it takes next are our bytes. */
#ifndef TRANSPORT_HEARTBEAT_H
#define TRANSPORT_HEARTBEAT_H

#include <pthread.h>
#include <stdbool.h>

#include "link.h"
#include "unrack/log.h"

struct heartbeat {
	struct link *link;
	unsigned every_ms;     /* 0: no PINGs */
	const struct log *log; /* NULL: its stop flag means nothing to us */
	bool running;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ending, stopped;
};

/* PINGs as SILENCE_MS demands (0: none). When LOG's stop flag is set, reading on L ends, soon
 * (channel_stop_reading); LOG may be NULL. Starts no thread where there is nothing to do. */
int heartbeat_start(struct heartbeat *h, struct link *l, unsigned silence_ms,
		    const struct log *log, struct unrack_error *err);
/* Returns once the thread has ended. If a write may be blocked for ever, shut the channel down
 * before. True: it has stopped the reading. */
bool heartbeat_stop(struct heartbeat *h);

#endif
