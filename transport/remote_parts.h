/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two kinds of a remote command have in common. */
#ifndef TRANSPORT_REMOTE_PARTS_H
#define TRANSPORT_REMOTE_PARTS_H

#include "report.h"
#include "unrack/remote.h"

/* The first member of each kind's own struct. */
struct remote {
	struct channel *channel;
	struct report report;
	void (*close)(struct remote *r); /* ends and frees everything, R itself too */
};

int chan_ssh_open(const struct remote_url *url, const struct remote_options *opt,
		  struct remote **out, struct unrack_error *err);
int chan_cmd_open(const struct remote_url *url, const struct remote_options *opt,
		  struct remote **out, struct unrack_error *err);

#endif
