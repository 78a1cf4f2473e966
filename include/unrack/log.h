/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a library reports while it works: messages, and how far it has come. The
 * receiver of it (the terminal, JSON events, a test's recorder) is a table of functions
 * that the program supplies; libraries print nothing themselves.
 *
 * Threads: the functions may be called from any thread; an implementation locks. */
#ifndef UNRACK_LOG_H
#define UNRACK_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN };

struct log_progress {
	const char *step; /* "copy", "verify", "fix", ... */
	int disk;         /* 0-based, or -1 */
	uint64_t done;    /* of TOTAL, in UNIT */
	uint64_t total;   /* 0: not known */
	const char *unit; /* "bytes", "steps" */
	uint64_t sent;    /* copy: bytes put on the channel so far */
};

struct log_ops {
	void (*message)(void *ctx, enum log_level level, const char *text);
	void (*progress)(void *ctx, const struct log_progress *p); /* may be NULL */
};

struct log {
	const struct log_ops *ops; /* NULL: everything is dropped */
	void *ctx;
	/* Set by the program (from a signal handler) to ask for an orderly end; libraries
	 * look at it in their loops and return UNRACK_INTERRUPTED. NULL: never. */
	const atomic_bool *stop;
};

/* LOG may be NULL. One sentence without a newline. */
void log_debug(const struct log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const struct log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const struct log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_progress(const struct log *log, const struct log_progress *p);
bool log_stop_asked(const struct log *log);

#endif
