/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program in the background that talks to us over its standard descriptors. */
#ifndef TRANSPORT_SPAWN_H
#define TRANSPORT_SPAWN_H

#include <sys/types.h>

#include "unrack/error.h"

/* Starts ARGV (NULL-terminated; ARGV[0] is searched in PATH) with IN, OUT and ERRS as its descriptors 0, 1
 * and 2; they stay the caller's. It leads a session of its own: the terminal's signals do
 * not reach it, it can't read from the terminal, and kill(-pid) is for all that it starts. It is killed
 * when the calling thread ends. The caller reaps it, for instance by proc_kill.
 * UNRACK_MISSING: there is no such program, or it can't be executed. */
int spawn_program(const char *const *argv, int in, int out, int errs, pid_t *pid,
		  struct unrack_error *err);

#endif
