/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channels over sockets and pipes: whole reads and writes, orderly and other ends, and being woken. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/channel.h"

#define BIG (3u << 20)

static struct unrack_error err;
static uint8_t sent[BIG], got[BIG];

static void open_pipes(struct channel **a, struct channel **b)
{
	int ab[2], ba[2];

	if (pipe2(ab, O_CLOEXEC) < 0 || pipe2(ba, O_CLOEXEC) < 0 ||
	    channel_open_fds(ba[0], ab[1], a, &err) < 0 || channel_open_fds(ab[0], ba[1], b, &err) < 0)
		abort();
}

static void open_sockets(struct channel **a, struct channel **b)
{
	if (channel_open_pair(a, b, &err) < 0)
		abort();
}

struct job {
	struct channel *c;
	unsigned pause_ms;
	int status;
	struct unrack_error err;
};

static void *write_big(void *arg)
{
	struct job *j = arg;

	j->status = channel_write(j->c, sent, BIG, &j->err);
	return NULL;
}

static void *read_one(void *arg)
{
	struct job *j = arg;
	char c;

	j->status = channel_read(j->c, &c, 1, &j->err);
	return NULL;
}

static void *write_for_ever(void *arg)
{
	struct job *j = arg;

	do {
		j->status = channel_write(j->c, sent, BIG, &j->err);
	} while (j->status == 0);
	return NULL;
}

static void test_bytes(void (*open_them)(struct channel **, struct channel **), const char *what)
{
	struct channel *a, *b;
	struct job j = { 0 };
	pthread_t thread;
	char c[8];

	open_them(&a, &b);
	j.c = a;
	for (size_t i = 0; i < BIG; i++)
		sent[i] = (uint8_t)(i * 7 >> 4);
	pthread_create(&thread, NULL, write_big, &j);
	memset(got, 0, BIG);
	is_int(channel_read(b, got, BIG, &err), 0, "%s: a large write is read whole", what);
	pthread_join(thread, NULL);
	ok(j.status == 0 && memcmp(sent, got, BIG) == 0, "%s: and unchanged", what);
	ok(channel_write(b, "back", 4, &err) == 0 && channel_read(a, c, 4, &err) == 0 &&
	   memcmp(c, "back", 4) == 0, "%s: the other way too", what);

	channel_write(a, "abc", 3, &err);
	channel_close(a);
	is_int(channel_read(b, c, 2, &err), 0, "%s: what was written before the end is read", what);
	is_int(channel_read(b, c, 2, &err), UNRACK_LOST, "%s: half of what is due is an error", what);
	is_int(err.sys_errno, ECONNRESET, "%s: a cut line", what);
	has_str(err.text, "1 bytes came where 2 are due", "%s: with how much", what);
	is_int(channel_read(b, c, 1, &err), UNRACK_LOST, "%s: the end is an error", what);
	is_int(err.sys_errno, EPIPE, "%s: an orderly end", what);
	is_int(channel_write(b, c, 1, &err), UNRACK_LOST, "%s: nobody reads what we write", what);
	is_int(err.sys_errno, EPIPE, "%s: which is an error and not a signal", what);
	is_str(err.text, "can't write to the connection: Broken pipe", "%s: with the reason", what);
	channel_close(b);
}

static void test_shutdown(void (*open_them)(struct channel **, struct channel **), const char *what)
{
	struct channel *a, *b;
	struct job j = { 0 };
	pthread_t thread;

	open_them(&a, &b);
	j.c = b;
	pthread_create(&thread, NULL, read_one, &j);
	usleep(2000);
	channel_shutdown(b);
	pthread_join(thread, NULL);
	is_int(j.err.sys_errno, ECANCELED, "%s: shutdown wakes a reader", what);
	is_int(channel_read(b, got, 1, &err), UNRACK_LOST, "%s: and later ones do not wait", what);
	channel_shutdown(b);
	channel_close(a);
	channel_close(b);

	open_them(&a, &b);
	j.c = a;
	pthread_create(&thread, NULL, write_for_ever, &j);
	usleep(2000);
	channel_shutdown(a);
	pthread_join(thread, NULL);
	is_int(j.err.sys_errno, ECANCELED, "%s: shutdown wakes a writer", what);
	channel_close(a);
	channel_close(b);
}

static void test_stop_reading(void (*open_them)(struct channel **, struct channel **), const char *what)
{
	struct channel *a, *b;
	struct job j = { 0 };
	pthread_t thread;
	char c[4];

	open_them(&a, &b);
	j.c = b;
	pthread_create(&thread, NULL, read_one, &j);
	usleep(2000);
	channel_stop_reading(b);
	pthread_join(thread, NULL);
	is_int(j.status, UNRACK_LOST, "%s: a reader can be stopped", what);
	is_int(j.err.sys_errno, ECANCELED, "%s: by our own wish", what);
	is_str(j.err.text, "the connection was shut down: Operation canceled", "%s: as it says", what);
	channel_write(a, "more", 4, &err);
	is_int(channel_read(b, c, 1, &err), UNRACK_LOST, "%s: also when there would be something", what);
	ok(channel_write(b, "last", 4, &err) == 0 && channel_read(a, c, 4, &err) == 0,
	   "%s: what we write still goes out", what);
	channel_close(a);
	channel_close(b);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *trickle(void *arg)
{
	struct job *j = arg;

	for (int i = 0; i < 6; i++) {
		usleep(j->pause_ms * 1000);
		channel_write(j->c, "x", 1, &j->err);
	}
	return NULL;
}

/* More time in all than the limit, but not between two bytes. */
static int read_trickle(void (*open_them)(struct channel **, struct channel **), unsigned limit_ms)
{
	struct job j = { .pause_ms = limit_ms / 4 };
	struct channel *a, *b;
	pthread_t thread;
	char c[6];
	int r;

	open_them(&a, &b);
	b->silence_ms = limit_ms;
	j.c = a;
	pthread_create(&thread, NULL, trickle, &j);
	r = channel_read(b, c, 6, &err);
	pthread_join(thread, NULL);
	channel_close(a);
	channel_close(b);
	return r;
}

static void test_silence(void (*open_them)(struct channel **, struct channel **), const char *what)
{
	struct channel *a, *b;
	int64_t began;
	char c[8];

	/* On a machine that is too busy to run a thread in time, once more with more of it. */
	ok(read_trickle(open_them, 80) == 0 || read_trickle(open_them, 2000) == 0 || read_trickle(open_them, 60000) == 0,
	   "%s: each byte ends the silence", what);
	open_them(&a, &b);
	b->silence_ms = 120;
	channel_write(a, "x", 1, &err);
	began = now_ms();
	is_int(channel_read(b, c, 2, &err), UNRACK_LOST, "%s: silence is an error", what);
	ok(now_ms() - began >= 120 && now_ms() - began < 120000, "%s: when its time has come", what);
	is_int(err.sys_errno, ETIMEDOUT, "%s: that can be told from others", what);
	is_str(err.text, "nothing has come from the far side for 0.12 s; the line is cut or the far "
	       "machine is down", "%s: with what it means", what);
	channel_close(a);
	channel_close(b);
}

static void test_shutdown_reaches_peer(void)
{
	struct channel *a, *b;
	struct job j = { 0 };
	pthread_t thread;
	char c[4];

	open_sockets(&a, &b);
	j.c = b;
	pthread_create(&thread, NULL, read_one, &j);
	usleep(2000);
	channel_shutdown(a);
	pthread_join(thread, NULL);
	is_int(j.err.sys_errno, EPIPE, "shutting down one end wakes a reader at the other");
	channel_close(a);
	channel_close(b);

	open_sockets(&a, &b);
	channel_write(a, "why", 3, &err);
	channel_shutdown(a);
	is_int(channel_read(b, c, 3, &err), 0, "what was written before a shutdown arrives");
	channel_close(a);
	channel_close(b);
}

/* Who goes without having read all that came has cut the line. */
static void test_reset(void)
{
	struct channel *a, *b;
	char c;

	open_sockets(&a, &b);
	channel_write(a, "x", 1, &err);
	channel_close(b);
	is_int(channel_read(a, &c, 1, &err), UNRACK_LOST, "a reset is a lost line");
	is_int(err.sys_errno, ECONNRESET, "with its number");
	is_str(err.text, "can't read from the connection: Connection reset by peer", "and the reason");
	channel_close(a);
}

static void test_signal_mask(void)
{
	struct channel *a, *b;
	sigset_t pending;

	open_pipes(&a, &b);
	channel_close(b);
	is_int(channel_write(a, "x", 1, &err), UNRACK_LOST, "a broken pipe is an error");
	sigpending(&pending);
	ok(!sigismember(&pending, SIGPIPE), "and leaves no signal behind");
	channel_close(a);
}

static void test_flags(void)
{
	struct channel *c;
	int p[2], kept;

	if (pipe2(p, O_CLOEXEC) < 0)
		abort();
	kept = dup(p[1]);
	channel_open_fds(p[0], p[1], &c, &err);
	ok(fcntl(kept, F_GETFL) & O_NONBLOCK, "a pipe does not block while it is a channel");
	channel_close(c);
	ok(!(fcntl(kept, F_GETFL) & O_NONBLOCK), "and is put back for those who share it");
	close(kept);
	is_int(channel_open_fds(-1, -1, &c, &err), UNRACK_IO, "a descriptor that is none is refused");
	has_str(err.text, "descriptor -1", "by its number");
}

int main(void)
{
	test_bytes(open_sockets, "socket");
	test_bytes(open_pipes, "pipe");
	test_shutdown(open_sockets, "socket");
	test_shutdown(open_pipes, "pipe");
	test_stop_reading(open_sockets, "socket");
	test_stop_reading(open_pipes, "pipe");
	test_silence(open_sockets, "socket");
	test_silence(open_pipes, "pipe");
	test_shutdown_reaches_peer();
	test_reset();
	test_signal_mask();
	test_flags();
	channel_close(NULL);
	return tap_done();
}
