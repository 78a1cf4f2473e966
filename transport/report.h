/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a command on another machine besides its bytes: what it writes to its
 * standard error, which is shown as warnings, and how it ended.
 *
 * All text comes from the far side: control characters and bytes beyond ASCII become '?',
 * lines and their number are bounded. Threads: any. */
#ifndef TRANSPORT_REPORT_H
#define TRANSPORT_REPORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "unrack/error.h"
#include "unrack/log.h"

#define REPORT_LINE_MAX 400u  /* bytes of a line that are shown */
#define REPORT_LINES_MAX 200u /* lines that are shown */

struct report {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const struct log *log;
	char host[256];
	char line[REPORT_LINE_MAX + 1]; /* the one that is being written */
	size_t line_len;
	bool cut;                       /* it had more than that */
	unsigned lines;
	char untold[REPORT_LINE_MAX + 1]; /* the last one, when it was one too many to be shown */
	int status;                     /* the command's exit status, -1: not known */
	char signal[32];                /* or the signal that ended it */
	char broken[256];               /* or how the line broke */
	bool over;                      /* no more is to come */
};

int report_init(struct report *r, const char *host, const struct log *log, struct unrack_error *err);
void report_destroy(struct report *r);

/* N bytes of the command's standard error. */
void report_text(struct report *r, const char *text, size_t n);
void report_status(struct report *r, int status);
void report_signal(struct report *r, const char *name);
void report_broken(struct report *r, const char *how);
/* No more is to come. */
void report_over(struct report *r);

/* See remote_explain. Waits for report_over for up to a second. */
void report_explain(struct report *r, struct unrack_error *err);

/* TEXT as it may be shown: at most ROOM - 1 bytes, always a string. */
void report_clean(const char *text, size_t n, char *out, size_t room);

#endif
