/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a host's key may be trusted, by the files that know hosts. They are only read. */
#ifndef TRANSPORT_HOST_KEY_H
#define TRANSPORT_HOST_KEY_H

#include "known_hosts.h"
#include "unrack/error.h"

struct host_key {
	const char *type; /* "ssh-ed25519" */
	char *text;       /* base64; the caller frees it */
	char fingerprint[KNOWN_HOSTS_FINGERPRINT_MAX];
};

/* K against FILES, the user's and the system's (may be the same; a missing one is empty).
 * UNRACK_UNSAFE: not known, another one is, or it was revoked. */
int host_key_check(const char *host, unsigned port, const struct host_key *k,
		   const char *const files[2], struct unrack_error *err);

/* K against PINNED, a fingerprint. */
int host_key_check_pinned(const char *host, const struct host_key *k, const char *pinned,
			  struct unrack_error *err);

#endif
