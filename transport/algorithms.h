/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which algorithms of ssh we offer, and what to say when the far side has none of them. Names: RFC 4253, 4344,
 * 4419, 5647, 8332, and OpenSSH's PROTOCOL. */
#ifndef TRANSPORT_ALGORITHMS_H
#define TRANSPORT_ALGORITHMS_H

#include <stdbool.h>

#include "unrack/error.h"

enum algorithms_kind {
	ALGORITHMS_KEY_EXCHANGE,
	ALGORITHMS_HOST_KEY,
	ALGORITHMS_CIPHER,
	ALGORITHMS_MAC,
};

/* What is offered, best first, with commas between: LEGACY adds, behind the others, what servers of
 * RHEL 2.1 to 6 speak. */
const char *algorithms_offer(enum algorithms_kind kind, bool legacy);

/* TEXT: libssh's error after a failed handshake with HOST. If it means that there was nothing in common: fills
 * *err (UNRACK_UNSUPPORTED) with the kind, what the far side offers and what helps, and returns true. */
bool algorithms_explain(const char *text, const char *host, bool legacy, struct unrack_error *err);

#endif
