/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TCP connection to a host by name or address. */
#ifndef TRANSPORT_DIAL_H
#define TRANSPORT_DIAL_H

#include "unrack/error.h"
#include "unrack/log.h"

/* Tries the host's addresses one after the other, each for up to TIMEOUT_MS. *fd does not
 * block. It notices by itself when the host is silently gone, though only after minutes: who
 * knows what is due on the line notices much earlier.
 * UNRACK_LOST: no such host, or none of its addresses answers; UNRACK_INTERRUPTED. */
int dial_tcp(const char *host, unsigned port, unsigned timeout_ms, const struct log *log, int *fd,
	     struct unrack_error *err);

#endif
