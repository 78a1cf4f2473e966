/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where messages, progress and results go. Text and progress bars on standard error,
 * answers on standard output; with --json standard output has events only, one a line. */
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define PROGRESS_INTERVAL 0.2 /* seconds between two redraws, */
#define EVENT_INTERVAL 1.0    /* and between two progress events */

struct terminal {
	pthread_mutex_t lock;
	bool json, quiet, tty, bar;
	int verbose;
	FILE *logfile;
	/* The progress shown now, to compute a rate from its beginning. */
	char step[32];
	int disk;
	double began, drawn;
	uint64_t first;
	bool advanced; /* beyond that */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct terminal *terminal_open(const struct cli_options *opt, struct unrack_error *err)
{
	struct terminal *t = calloc(1, sizeof *t);

	if (!t) {
		error_nomem(err);
		return NULL;
	}
	pthread_mutex_init(&t->lock, NULL);
	t->json = opt->json;
	t->quiet = opt->quiet;
	t->verbose = opt->verbose;
	t->tty = isatty(STDERR_FILENO);
	if (opt->logfile) {
		t->logfile = fopen(opt->logfile, "ae");
		if (!t->logfile) {
			error_set(err, UNRACK_IO, "can't open the log file %s: %m", opt->logfile);
			terminal_close(t);
			return NULL;
		}
	}
	return t;
}

void terminal_close(struct terminal *t)
{
	if (!t)
		return;
	if (t->bar)
		fputs("\r\033[K", stderr);
	if (t->logfile)
		fclose(t->logfile);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Labels, release lines and console output are the guest's to choose: they must not move
 * the administrator's cursor. Writes into TEXT. */
static char *harmless(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if ((*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
	return text;
}

/* With the lock held. */
static void to_log(struct terminal *t, const char *kind, const char *text)
{
	char when[32];
	time_t wall = time(NULL);
	struct tm tm;

	if (!t->logfile)
		return;
	gmtime_r(&wall, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	fprintf(t->logfile, "%s %s %s\n", when, kind, text);
	fflush(t->logfile);
}

static void write_event(struct json *event)
{
	struct buf line = { 0 };

	if (event && json_write(event, false, &line) == 0) {
		fwrite(line.data, 1, line.len, stdout);
		putchar('\n');
		fflush(stdout);
	}
	buf_free(&line);
	json_free(event);
}

static void clear_bar(struct terminal *t)
{
	if (t->bar)
		fputs("\r\033[K", stderr);
	t->bar = false;
}

static void on_message(void *ctx, enum log_level level, const char *raw)
{
	static const char *const names[] = { "debug", "info", "warning" };
	struct terminal *t = ctx;
	char text[2048];

	snprintf(text, sizeof text, "%s", raw);
	harmless(text);
	pthread_mutex_lock(&t->lock);
	to_log(t, names[level], text);
	if (level > LOG_DEBUG || t->verbose) {
		if (t->json) {
			struct json *e = json_new_object();

			json_set_str(e, "event", "message");
			json_set_str(e, "level", names[level]);
			json_set_str(e, "text", text);
			write_event(e);
		}
		if ((!t->quiet && !t->json) || level == LOG_WARN) {
			clear_bar(t);
			fprintf(stderr, "%s%s\n", level == LOG_WARN ? "warning: " : "", text);
		}
	}
	pthread_mutex_unlock(&t->lock);
}

static void format_bytes(uint64_t n, char out[24])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n;
	unsigned u = 0;

	while (v >= 1024 && u < 4) {
		v /= 1024;
		u++;
	}
	snprintf(out, 24, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static void draw_bar(struct terminal *t, const struct log_progress *p, double at)
{
	char done[24], total[24], rate[24], name[48];
	double took = at - t->began, speed = took > 0.5 ? (double)(p->done - t->first) / took : 0;
	unsigned left = speed > 0 && p->total > p->done ? (unsigned)((double)(p->total - p->done) / speed) : 0;

	if (p->disk >= 0)
		snprintf(name, sizeof name, "%s disk %d", p->step, p->disk);
	else
		snprintf(name, sizeof name, "%s", p->step);
	if (strcmp(p->unit, "bytes") != 0) {
		fprintf(stderr, "\r%s: %llu of %llu %s\033[K", name, (unsigned long long)p->done,
			(unsigned long long)p->total, p->unit);
	} else {
		format_bytes(p->done, done);
		format_bytes(p->total, total);
		format_bytes((uint64_t)speed, rate);
		fprintf(stderr, "\r%s: %3.0f %%  %s of %s  %s/s  %u:%02u left\033[K", name,
			p->total ? 100.0 * (double)p->done / (double)p->total : 0.0, done, total,
			rate, left / 60, left % 60);
	}
	fflush(stderr);
	t->bar = true;
}

static void on_progress(void *ctx, const struct log_progress *p)
{
	struct terminal *t = ctx;
	double at = now();
	bool first, last = p->total && p->done >= p->total;

	pthread_mutex_lock(&t->lock);
	if (strncmp(t->step, p->step, sizeof t->step) != 0 || t->disk != p->disk) {
		snprintf(t->step, sizeof t->step, "%s", p->step);
		t->disk = p->disk;
		t->began = at;
		t->drawn = 0;
		t->first = p->done;
		t->advanced = false;
	}
	/* That it advances at all is told at once: a slow source may not come to a second event. */
	first = !t->advanced && p->done > t->first;
	t->advanced |= first;
	if (t->json && (first || last || at - t->drawn >= EVENT_INTERVAL)) {
		struct json *e = json_new_object();

		json_set_str(e, "event", "progress");
		json_set_str(e, "step", p->step);
		if (p->disk >= 0)
			json_set_int(e, "disk", p->disk);
		json_set_int(e, "done", (int64_t)p->done);
		json_set_int(e, "total", (int64_t)p->total);
		json_set_str(e, "unit", p->unit);
		if (p->sent)
			json_set_int(e, "sent", (int64_t)p->sent);
		write_event(e);
		t->drawn = at;
	} else if (!t->json && t->tty && !t->quiet && (last || at - t->drawn >= PROGRESS_INTERVAL)) {
		draw_bar(t, p, at);
		t->drawn = at;
	}
	pthread_mutex_unlock(&t->lock);
}

const struct log_ops *terminal_log_ops(void)
{
	static const struct log_ops ops = { on_message, on_progress };

	return &ops;
}

void terminal_event(struct terminal *t, const char *kind, struct json *members)
{
	struct json *event = json_new_object();

	pthread_mutex_lock(&t->lock);
	if (t->json && json_set_str(event, "event", kind) == 0 && json_update(event, members) == 0)
		write_event(event);
	else
		json_free(event);
	pthread_mutex_unlock(&t->lock);
	json_free(members);
}

void terminal_answer(struct terminal *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	pthread_mutex_lock(&t->lock);
	if (!t->json) {
		clear_bar(t);
		fputs(harmless(text), stdout);
		fflush(stdout);
	}
	pthread_mutex_unlock(&t->lock);
	free(text);
}

void terminal_content(struct terminal *t, const void *data, size_t n)
{
	pthread_mutex_lock(&t->lock);
	if (!t->json) {
		clear_bar(t);
		fwrite(data, 1, n, stdout);
		fflush(stdout);
	}
	pthread_mutex_unlock(&t->lock);
}

void terminal_error(struct terminal *t, const char *raw)
{
	char text[2048];

	snprintf(text, sizeof text, "%s", raw);
	harmless(text);
	pthread_mutex_lock(&t->lock);
	clear_bar(t);
	to_log(t, "error", text);
	fprintf(stderr, "unrack: %s\n", text);
	pthread_mutex_unlock(&t->lock);
}

void terminal_result(struct terminal *t, const char *name, int status, const char *text,
		     const struct json *members)
{
	struct json *e;

	if (!t->json)
		return;
	e = members ? json_clone(members) : json_new_object();
	json_set_str(e, "result", name);
	json_set_int(e, "exit", status);
	if (text)
		json_set_str(e, "error", text);
	pthread_mutex_lock(&t->lock);
	write_event(e);
	pthread_mutex_unlock(&t->lock);
}
