/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread that watches over calls into the appliance, which have no time limit of their
 * own: it ends the appliance when a call takes too long, when the user asks to stop, or
 * when the disk that holds the overlays is full, or the one with tempfile_folder(), where QEMU keeps
 * what the appliance writes to its own disk (QEMU then stops the machine and waits, and
 * the call would wait with it). Begin and end are called from the one thread that makes the
 * calls; it must live as long as the appliance. */
#ifndef CONVERT_APPLIANCE_WATCH_H
#define CONVERT_APPLIANCE_WATCH_H

#include <sys/types.h>

#include "unrack/error.h"
#include "unrack/log.h"

enum appliance_watch_end { WATCH_NOTHING, WATCH_TIMEOUT, WATCH_STOPPED, WATCH_NOSPACE, WATCH_NOTEMP };

struct appliance_watch;

/* FOLDER: where overlays grow, NULL: nothing is written. Copied. */
int appliance_watch_start(const char *folder, const struct log *log, struct appliance_watch **out,
			  struct unrack_error *err);
/* A call begins that may take SECONDS. PID 0: whatever processes the calling thread starts
 * in the meantime are ended; else PID is. */
void appliance_watch_begin(struct appliance_watch *w, pid_t pid, int seconds);
/* The call is over. What was done to it, if anything; it stays so from then on. */
enum appliance_watch_end appliance_watch_end(struct appliance_watch *w);
void appliance_watch_stop(struct appliance_watch *w); /* NULL is fine; ends the thread */

#endif
