/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "thread.h"

#define EXPLAIN_WAIT_MS 1000
#define NOT_EXECUTABLE 126 /* what shells return when they can't run what they found */
#define NOT_FOUND 127      /* or found nothing */

int report_init(struct report *r, const char *host, const struct log *log, struct unrack_error *err)
{
	int status;

	memset(r, 0, sizeof *r);
	status = thread_cond_init(&r->changed, err);
	if (status < 0)
		return status;
	pthread_mutex_init(&r->lock, NULL);
	r->log = log;
	r->status = -1;
	snprintf(r->host, sizeof r->host, "%s", host);
	return 0;
}

void report_destroy(struct report *r)
{
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->changed);
}

void report_clean(const char *text, size_t n, char *out, size_t room)
{
	size_t len = 0;

	for (; len < n && len + 1 < room && text[len]; len++) {
		unsigned char c = (unsigned char)text[len];

		out[len] = (char)(c == '\t' ? ' ' : c < 0x20 || c >= 0x7f ? '?' : c);
	}
	out[len] = '\0';
}

/* A whole line, or the end of what there was of one. */
static void end_line(struct report *r)
{
	static const char warning[] = "warning: ";
	char text[REPORT_LINE_MAX + 1];
	size_t skip = 0;

	while (r->line_len && (r->line[r->line_len - 1] == ' ' || r->line[r->line_len - 1] == '\r'))
		r->line_len--;
	/* It becomes one of ours. */
	if (r->line_len > sizeof warning - 1 && !memcmp(r->line, warning, sizeof warning - 1))
		skip = sizeof warning - 1;
	report_clean(r->line + skip, r->line_len - skip, text, sizeof text);
	if (r->line_len) {
		if (r->lines < REPORT_LINES_MAX)
			log_warn(r->log, "%s: %s%s", r->host, text, r->cut ? "..." : "");
		else
			memcpy(r->untold, text, sizeof text);
		if (r->lines == REPORT_LINES_MAX)
			log_warn(r->log, "%s: says more, which is not shown", r->host);
		if (r->lines <= REPORT_LINES_MAX)
			r->lines++;
	}
	r->line_len = 0;
	r->cut = false;
}

void report_text(struct report *r, const char *text, size_t n)
{
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			end_line(r);
		else if (r->line_len < REPORT_LINE_MAX)
			r->line[r->line_len++] = text[i] ? text[i] : '?';
		else
			r->cut = true;
	}
	pthread_mutex_unlock(&r->lock);
}

void report_status(struct report *r, int status)
{
	pthread_mutex_lock(&r->lock);
	r->status = status;
	pthread_mutex_unlock(&r->lock);
}

void report_signal(struct report *r, const char *name)
{
	pthread_mutex_lock(&r->lock);
	report_clean(name, strlen(name), r->signal, sizeof r->signal);
	pthread_mutex_unlock(&r->lock);
}

void report_broken(struct report *r, const char *how)
{
	pthread_mutex_lock(&r->lock);
	report_clean(how, strlen(how), r->broken, sizeof r->broken);
	pthread_mutex_unlock(&r->lock);
}

void report_over(struct report *r)
{
	pthread_mutex_lock(&r->lock);
	end_line(r);
	r->over = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void report_explain(struct report *r, struct unrack_error *err)
{
	int64_t until = thread_now_ms() + EXPLAIN_WAIT_MS, left;

	pthread_mutex_lock(&r->lock);
	while (!r->over && (left = until - thread_now_ms()) > 0)
		thread_cond_wait(&r->changed, &r->lock, left);
	if (r->status == NOT_FOUND || r->status == NOT_EXECUTABLE)
		error_set(err, UNRACK_MISSING,
			  "%s can't run unrack (status %d); install it there, or say where it is "
			  "with --remote-unrack",
			  r->host, r->status);
	else if (r->signal[0])
		error_suffix(err, "; the command on %s was ended by signal %s", r->host, r->signal);
	else if (r->status >= 0)
		error_suffix(err, "; the command on %s ended with status %d", r->host, r->status);
	else if (r->broken[0])
		error_suffix(err, "; the connection to %s broke: %s", r->host, r->broken);
	if (err->code == UNRACK_LOST && r->untold[0])
		error_suffix(err, "; the last it said: %s", r->untold);
	pthread_mutex_unlock(&r->lock);
}
