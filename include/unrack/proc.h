/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a program (qemu-img, QEMU) with a time limit. No shell is involved.
 * Threads: any; the child dies with the calling process (PR_SET_PDEATHSIG), so call
 * from a thread that lives as long as the child should. */
#ifndef UNRACK_PROC_H
#define UNRACK_PROC_H

#include <stdbool.h>
#include <sys/types.h>

#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/log.h"

/* The full path of NAME in PATH plus /usr/libexec, /usr/sbin, /sbin; a malloc'd string.
 * Not found: UNRACK_MISSING, the sentence says which package to install (HINT). */
int proc_find(const char *name, const char *hint, char **path, struct unrack_error *err);

/* Runs ARGV (NULL-terminated; ARGV[0] is searched in PATH) to its end. OUT and ERRS
 * receive its output, at most 16 MiB each (either may be NULL: dropped). *status is the
 * exit status, or 128 + signal. TIMEOUT_S 0: no limit; when it is over, or LOG's stop
 * flag is set, the child's process group is killed and UNRACK_IO or UNRACK_INTERRUPTED
 * returned. A program that ran and failed is no error here. */
int proc_run(const char *const *argv, struct buf *out, struct buf *errs, int timeout_s,
	     const struct log *log, int *status, struct unrack_error *err);

/* The same, but a non-zero status is an error that quotes the last line of its errors. */
int proc_check(const char *const *argv, struct buf *out, int timeout_s, const struct log *log,
	       struct unrack_error *err);

/* Starts ARGV in the background, its output to OUTFILE (created, may be NULL). */
int proc_start(const char *const *argv, const char *outfile, pid_t *pid,
	       struct unrack_error *err);
/* True once PID has ended; *status as above. Does not block. */
bool proc_ended(pid_t pid, int *status);
/* Ends PID's process group: SIGTERM, SIGKILL after two seconds, and reaps it. */
void proc_kill(pid_t pid);

#endif
