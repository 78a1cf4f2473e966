/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A byte channel to the other half of a copy: a pair of descriptors here, ssh elsewhere.
 * One thread may read while another writes. A peer that went away is an error of read or
 * write, never a signal. */
#ifndef UNRACK_CHANNEL_H
#define UNRACK_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"

struct channel;

struct channel_ops {
	/* Exactly N bytes. Every failure of the line is UNRACK_LOST: an orderly end before the
	 * first byte with err->sys_errno == EPIPE, in the middle ECONNRESET, silence ETIMEDOUT. */
	int (*read)(struct channel *c, void *buf, size_t n, struct unrack_error *err);
	int (*write)(struct channel *c, const void *buf, size_t n, struct unrack_error *err);
	/* Ends it for both sides, from any thread: reads and writes that block or come later
	 * fail (here with sys_errno ECANCELED). What was written before still arrives. */
	void (*shutdown)(struct channel *c);
	void (*close)(struct channel *c);    /* frees C */
	/* From any thread: reads that block or come later fail with ECANCELED, writes go on.
	 * NULL: this channel can only be shut down. */
	void (*stop_reading)(struct channel *c);
};

struct channel {
	const struct channel_ops *ops;
	void *ctx;
	/* A read that waited so long without getting a single byte fails: the far side says
	 * something (PING) much more often as long as it lives. 0: no limit. Set it before
	 * the reading starts. */
	unsigned silence_ms;
	/* Frames have come on it: what is none from here on is a damaged one, and not
	 * another program. The reading thread's. */
	bool spoken;
};

/* Pipes, sockets, files. The descriptors (may be the same one) are closed with the
 * channel, also when this fails. A pipe is set to O_NONBLOCK as long as it is in use. */
int channel_open_fds(int rfd, int wfd, struct channel **out, struct unrack_error *err);
/* Two connected channels within this process. */
int channel_open_pair(struct channel **a, struct channel **b, struct unrack_error *err);
/* INNER, on which no more than RATE bytes a second (at least 1) are written, in pieces short
 * enough that others on the line hardly notice them; after a pause at most 50 ms' worth is made
 * up for. INNER stays the caller's: it must outlive this one and is not closed with it. Its
 * limit of silence is taken over; from then on this one's is set on it. */
int channel_open_limited(struct channel *inner, uint64_t rate, struct channel **out,
			 struct unrack_error *err);

/* One channel over the N of INNER (1 to CHANNEL_STRIPES_MAX), for lines and ciphers that one of them can't
 * fill: of what is written, the first STRIPE bytes go over the first, the next STRIPE over the
 * second, and so on in turn, in both directions alike. So both sides must have them in the same order,
 * and begin with nothing under way. They stay the caller's, as INNER of channel_open_limited does; when one
 * is lost, all of it is. */
#define CHANNEL_STRIPES_MAX 16u
int channel_open_striped(struct channel *const *inner, unsigned n, size_t stripe, struct channel **out,
			 struct unrack_error *err);

int channel_read(struct channel *c, void *buf, size_t n, struct unrack_error *err);
int channel_write(struct channel *c, const void *buf, size_t n, struct unrack_error *err);
void channel_shutdown(struct channel *c);
/* For who has something to say still, but wants to hear no more; see the table. */
void channel_stop_reading(struct channel *c);
void channel_close(struct channel *c);

#endif
