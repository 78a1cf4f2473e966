/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static void message(const struct log *log, enum log_level level, const char *fmt, va_list ap)
{
	char text[2048];

	if (!log || !log->ops || !log->ops->message)
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	log->ops->message(log->ctx, level, text);
}

void log_debug(const struct log *log, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(log, LOG_DEBUG, fmt, ap);
	va_end(ap);
}

void log_info(const struct log *log, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(log, LOG_INFO, fmt, ap);
	va_end(ap);
}

void log_warn(const struct log *log, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(log, LOG_WARN, fmt, ap);
	va_end(ap);
}

void log_progress(const struct log *log, const struct log_progress *p)
{
	if (log && log->ops && log->ops->progress)
		log->ops->progress(log->ctx, p);
}

bool log_stop_asked(const struct log *log)
{
	return log && log->stop && atomic_load_explicit(log->stop, memory_order_relaxed);
}
