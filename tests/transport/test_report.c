/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a far command says and how it ended, as people see it. */
#include "../../transport/report.h"
#include "../support/tap.h"

static struct unrack_error err;
static char shown[256 * 1024];
static unsigned lines;

static void message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	lines += level == LOG_WARN;
	strncat(shown, text, sizeof shown - strlen(shown) - 2);
	strcat(shown, "\n");
}

static const struct log_ops log_ops = { .message = message };
static const struct log logger = { .ops = &log_ops };

static void start(struct report *r)
{
	shown[0] = '\0';
	lines = 0;
	if (report_init(r, "db02", &logger, &err) < 0)
		abort();
}

static void say(struct report *r, const char *text)
{
	report_text(r, text, strlen(text));
}

static const char *explained(struct report *r)
{
	report_over(r);
	error_set(&err, UNRACK_LOST, "the far side closed the connection");
	report_explain(r, &err);
	return err.text;
}

static void test_lines(void)
{
	struct report r;
	char clean[8];

	start(&r);
	say(&r, "one\ntw");
	is_str(shown, "db02: one\n", "a line is shown when it is whole");
	say(&r, "o\r\n\n  \n\033]0;x\007\tw\xc3\xb6\x9b\n");
	is_str(shown, "db02: one\ndb02: two\ndb02: ?]0;x? w???\n", "harmless, without empty ones");
	report_text(&r, "a\0b\n", 4);
	has_str(shown, "db02: a?b\n", "with a NUL in it");
	say(&r, "no newline");
	is_str(explained(&r), "the far side closed the connection", "what is shown is not said again");
	has_str(shown, "db02: no newline\n", "the last line needs no newline");
	report_destroy(&r);
	report_clean("abcdefghijk", 11, clean, sizeof clean);
	is_str(clean, "abcdefg", "text is cut to its room");
}

static void test_bounds(void)
{
	static char text[100000];
	struct report r;

	start(&r);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 2] = '\n';
	say(&r, text);
	is_int(strlen(shown), strlen("db02: ...\n") + REPORT_LINE_MAX, "a long line is cut, and says so");
	for (int i = 0; i < 1000; i++)
		say(&r, "again\n");
	is_int(lines, REPORT_LINES_MAX + 1, "lines are shown up to a number");
	has_str(shown, "says more, which is not shown", "and the last one says so");
	say(&r, "why it ended\n");
	has_str(explained(&r), "the last it said: why it ended", "the last line is known all the same");
	ok(!strstr(shown, "why it ended"), "and said once");
	report_destroy(&r);
}

static void test_ends(void)
{
	struct report r;

	start(&r);
	report_status(&r, 3);
	is_str(explained(&r), "the far side closed the connection; the command on db02 ended with status 3",
	       "an exit status");
	is_int(err.code, UNRACK_LOST, "is still a lost connection");
	report_destroy(&r);

	start(&r);
	report_signal(&r, "KI\nLL");
	has_str(explained(&r), "was ended by signal KI?LL", "a signal");
	report_destroy(&r);

	start(&r);
	report_broken(&r, "Connection reset by peer");
	has_str(explained(&r), "the connection to db02 broke: Connection reset by peer", "a broken line");
	report_destroy(&r);

	start(&r);
	say(&r, "sh: unrack: not found\n");
	report_status(&r, 127);
	is_str(explained(&r), "db02 can't run unrack (status 127); install it there, "
	       "or say where it is with --remote-unrack", "a command that is not there");
	is_int(err.code, UNRACK_MISSING, "is something missing");
	report_destroy(&r);

	start(&r);
	report_status(&r, 126);
	has_str(explained(&r), "db02 can't run unrack (status 126);", "a command that can't be run");
	report_destroy(&r);
}

int main(void)
{
	test_lines();
	test_bounds();
	test_ends();
	return tap_done();
}
