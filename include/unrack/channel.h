/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A byte channel to the other half of a copy: a pair of descriptors here, ssh elsewhere.
 * One thread may read while another writes. A peer that went away is an error of read or
 * write, never a signal. */
#ifndef UNRACK_CHANNEL_H
#define UNRACK_CHANNEL_H

#include <stddef.h>

#include "unrack/error.h"

struct channel;

struct channel_ops {
	/* Exactly N bytes. An orderly end before the first byte is UNRACK_IO with
	 * err->sys_errno == EPIPE; in the middle, ECONNRESET. */
	int (*read)(struct channel *c, void *buf, size_t n, struct unrack_error *err);
	int (*write)(struct channel *c, const void *buf, size_t n, struct unrack_error *err);
	/* Ends it for both sides, from any thread: reads and writes that block or come later
	 * fail (here with sys_errno ECANCELED). What was written before still arrives. */
	void (*shutdown)(struct channel *c);
	void (*close)(struct channel *c);    /* frees C */
};

struct channel {
	const struct channel_ops *ops;
	void *ctx;
};

/* Pipes, sockets, files. The descriptors (may be the same one) are closed with the
 * channel, also when this fails. A pipe is set to O_NONBLOCK as long as it is in use. */
int channel_open_fds(int rfd, int wfd, struct channel **out, struct unrack_error *err);
/* Two connected channels within this process. */
int channel_open_pair(struct channel **a, struct channel **b, struct unrack_error *err);

int channel_read(struct channel *c, void *buf, size_t n, struct unrack_error *err);
int channel_write(struct channel *c, const void *buf, size_t n, struct unrack_error *err);
void channel_shutdown(struct channel *c);
void channel_close(struct channel *c);

#endif
