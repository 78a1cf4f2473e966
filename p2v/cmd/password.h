/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A password or passphrase: from a descriptor, or from the terminal when it was asked for that. It is
 * kept for connections to come, locked in memory, and wiped in the end. */
#ifndef CMD_PASSWORD_H
#define CMD_PASSWORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "unrack/error.h"

struct password;

/* FD: the text of --password-fd, or NULL. The descriptor is read (one line) at the first need, and
 * no program that we start inherits it. STOP (may be NULL) ends waiting for the terminal. */
int password_open(bool ask, const char *fd, const atomic_bool *stop, struct password **out,
		  struct unrack_error *err);
/* Is there any source of it? */
bool password_there(const struct password *p);
/* For remote_options.password. CTX: a struct password. */
int password_get(void *ctx, const char *prompt, char *buf, size_t n, struct unrack_error *err);
void password_close(struct password *p); /* NULL is fine */

#endif
