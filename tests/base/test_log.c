/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/log.h"

static char last[100];
static int level_seen = -1, progress_seen;

static void on_message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	level_seen = (int)level;
	snprintf(last, sizeof last, "%s", text);
}

static void on_progress(void *ctx, const struct log_progress *p)
{
	*(int *)ctx += (int)p->done;
}

int main(void)
{
	static const struct log_ops ops = { on_message, on_progress }, quiet = { on_message, NULL };
	atomic_bool stop = false;
	struct log log = { &ops, &progress_seen, &stop };
	struct log_progress p = { "copy", 0, 7, 10, "bytes", 0 };

	log_warn(&log, "disk %d", 2);
	is_str(last, "disk 2", "a message arrives");
	is_int(level_seen, LOG_WARN, "with its level");
	log_progress(&log, &p);
	is_int(progress_seen, 7, "progress arrives with the receiver's context");
	ok(!log_stop_asked(&log), "no stop yet");
	stop = true;
	ok(log_stop_asked(&log), "stop is seen");
	log_info(NULL, "nobody listens");
	log_progress(NULL, &p);
	log.ops = &quiet;
	log_progress(&log, &p);
	is_int(progress_seen, 7, "no receiver for progress is fine");
	ok(!log_stop_asked(NULL), "no log never stops");
	return tap_done();
}
