/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A far command through a program of the user's choice: its arguments, its bytes, its end. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/channel.h"
#include "unrack/remote.h"

#define BIG (8u << 20)
#define SOON 120.0 /* s: on whatever machine; who waits for the program waits for much longer */

static struct unrack_error err;
static uint8_t sent[BIG], got[BIG];
static char warnings[4096];

static void message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	if (level == LOG_WARN)
		strncat(warnings, text, sizeof warnings - strlen(warnings) - 1);
}

static const struct log_ops log_ops = { .message = message };
static const struct log logger = { .ops = &log_ops };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_it(const char *url_text, const char *rsh, const char *command, struct remote **r)
{
	struct remote_options opt = { .command = command, .rsh = rsh, .log = &logger };
	struct remote_url url;

	if (remote_parse_url(url_text, &url, &err) < 0)
		abort();
	warnings[0] = '\0';
	return remote_open(&url, &opt, r, &err);
}

/* "sh -c SCRIPT" gets the host as $0 (or -p as $0, ...) and the command behind it. */
static struct remote *start(const char *rsh, const char *command)
{
	struct remote *r;

	if (open_it("ssh://db02/", rsh, command, &r) == 0)
		return r;
	printf("Bail out! %s\n", err.text);
	exit(1);
}

/* All that it writes, up to its end. */
static const char *all(struct remote *r)
{
	static char text[512];
	size_t n = 0;

	while (n + 1 < sizeof text && channel_read(remote_channel(r), text + n, 1, &err) == 0)
		n++;
	text[n] = '\0';
	remote_close(r);
	return text;
}

static void *write_big(void *arg)
{
	return channel_write(arg, sent, BIG, &(struct unrack_error){ 0 }) == 0 ? arg : NULL;
}

static void test_arguments(void)
{
	struct remote *r = NULL;

	if (open_it("ssh://root@db02:2222/x", "printf '%s|' \"a b\"", "exec 'x y' $z", &r) < 0)
		abort();
	is_str(all(r), "a b|-p|2222|root@db02|exec 'x y' $z|", "the program's words, port, user, host, command");
	r = start("printf %s|", "cmd");
	is_str(all(r), "db02|cmd|", "without port and user");
	is_int(open_it("ssh://db02/", "no-such-program-here -x", "cmd", &r), UNRACK_MISSING,
	       "a program that is not there");
	has_str(err.text, "no-such-program-here", "is named");
	is_int(open_it("ssh://db02/", "/dev/null", "cmd", &r), UNRACK_MISSING, "one that is none");
	is_int(open_it("ssh://db02/", "ssh 'x", "cmd", &r), UNRACK_USAGE, "an open quote");
}

static void test_bytes(void)
{
	struct remote *r = start("sh -c 'exec cat'", "");
	struct channel *c = remote_channel(r);
	pthread_t thread;
	void *done;

	for (size_t i = 0; i < BIG; i++)
		sent[i] = (uint8_t)(i * 2654435761u >> 13);
	pthread_create(&thread, NULL, write_big, c);
	is_int(channel_read(c, got, BIG, &err), 0, "what it returns is read while it is written");
	pthread_join(thread, &done);
	ok(done && memcmp(sent, got, BIG) == 0, "and is the same");
	remote_close(r);
	/* It has a second for it, which on a busy machine may be too short. */
	for (int i = 0; i < 20 && !(i && warnings[0]); i++) {
		r = start("sh -c 'cat >&2'", "");
		channel_write(remote_channel(r), "the last bytes\n", 15, &err);
		remote_close(r);
	}
	is_str(warnings, "db02: the last bytes", "what was written before the end arrives; its errors are shown");
}

static void test_ends(void)
{
	struct remote *r = start("sh -c 'echo why >&2; exit 3'", "");

	is_int(channel_read(remote_channel(r), got, 1, &err), UNRACK_LOST, "its end is that of the channel");
	remote_explain(r, &err);
	has_str(err.text, "the command on db02 ended with status 3", "explained");
	ok(!strstr(err.text, "why"), "without what it said, which is shown");
	remote_close(r);
	r = start("sh -c 'exit 127'", "");
	channel_read(remote_channel(r), got, 1, &err);
	remote_explain(r, &err);
	is_int(err.code, UNRACK_MISSING, "status 127 is a command that is not there");
	remote_close(r);
	r = start("sh -c 'kill -9 $$'", "");
	channel_read(remote_channel(r), got, 1, &err);
	remote_explain(r, &err);
	has_str(err.text, "was ended by signal KILL", "a signal");
	remote_close(r);
}

/* Processes that stay: one that does not end when its input does, and one that keeps the
 * program's standard error open after it. */
static void test_stays(void)
{
	struct remote *r = start("sh -c 'echo $$; exec sleep 1000'", "");
	char line[16] = "";
	double from = now();
	pid_t pid;

	for (size_t i = 0; i < sizeof line - 1 && channel_read(remote_channel(r), line + i, 1, &err) == 0; i++)
		if (line[i] == '\n')
			break;
	pid = atoi(line);
	ok(pid > 1 && getsid(pid) == pid, "it has a session of its own, so Ctrl-C is not for it");
	channel_shutdown(remote_channel(r));
	ok(now() - from < SOON, "shutdown does not wait for it");
	remote_close(r);
	ok(now() - from < SOON, "closing does, but not for long");
	ok(kill(pid, 0) < 0 && errno == ESRCH, "then it is ended and reaped");

	r = start("sh -c 'sleep 1000 <&- >&- & echo $!; exit 4'", "");
	memset(line, 0, sizeof line);
	from = now();
	for (size_t i = 0; i < sizeof line - 1 && channel_read(remote_channel(r), line + i, 1, &err) == 0; i++)
		;
	remote_explain(r, &err);
	has_str(err.text, "ended with status 4", "what it leaves behind does not hide its end");
	remote_close(r);
	ok(now() - from < SOON, "nor is it waited for");
	pid = atoi(line);
	ok(pid > 1 && kill(pid, SIGKILL) == 0, "and lives on");
}

/* One that has something to bring to an end when it is told to. */
static void test_ends_late(void)
{
	char byte;
	struct remote *r = start("sh -c 'trap \"sleep 2; echo in order >&2; exit\" TERM; echo; while :; do sleep 0.1; done'", "");

	is_int(channel_read(remote_channel(r), &byte, 1, &err), 0, "it runs");
	remote_close(r);
	has_str(warnings, "in order", "it is not killed while it ends");
}

int main(void)
{
	test_arguments();
	test_bytes();
	test_ends();
	test_stays();
	if (tap_all())
		test_ends_late();
	return tap_done();
}
