/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PINGs when nothing else is said, and the end of reading when the program shall stop. */
#include "../../transport/heartbeat.h"

#include <errno.h>
#include <unistd.h>

#include "../../transport/thread.h"
#include "../support/tap.h"

static struct unrack_error err;
static struct channel *a, *b;
static struct link tx;
static struct heartbeat h;

static void open_link(void)
{
	if (channel_open_pair(&a, &b, &err) < 0)
		abort();
	link_init(&tx, a);
}

static void close_link(void)
{
	link_destroy(&tx);
	channel_close(a);
	channel_close(b);
}

static bool next_is_ping(uint64_t sequence)
{
	uint8_t header[FRAME_HEADER_SIZE];
	struct frame f;

	return channel_read(b, header, sizeof header, &err) == 0 &&
	       frame_parse(header, sequence, &f, &err) == 0 && f.type == MESSAGE_PING && f.length == 0;
}

static void test_pings(void)
{
	int64_t began = thread_now_ms();

	open_link();
	is_int(heartbeat_start(&h, &tx, 50, NULL, &err), 0, "a heart begins to beat");
	ok(next_is_ping(0) && next_is_ping(1) && next_is_ping(2), "while nothing else is sent it is heard");
	ok(thread_now_ms() - began >= 25, "but not more often than it must be");
	ok(!heartbeat_stop(&h), "it can be stopped");
	ok(!heartbeat_stop(&h), "also twice");
	close_link();

	open_link();
	heartbeat_start(&h, &tx, 1, NULL, &err);
	is_int(h.every_ms, 10, "a very short limit does not make it race");
	heartbeat_stop(&h);
	heartbeat_start(&h, &tx, 30000, NULL, &err);
	is_int(h.every_ms, 6000, "a fifth of the limit is its pace");
	heartbeat_stop(&h);
	heartbeat_start(&h, &tx, 3600000, NULL, &err);
	is_int(h.every_ms, 20000, "but not slower than what the other side may ask for");
	heartbeat_stop(&h);
	close_link();
}

static void test_none(void)
{
	struct log deaf = { .stop = NULL };

	open_link();
	is_int(heartbeat_start(&h, &tx, 0, NULL, &err), 0, "without a limit there is nothing to do");
	ok(!h.running, "and no thread");
	heartbeat_stop(&h);
	heartbeat_start(&h, &tx, 0, &deaf, &err);
	ok(!h.running, "nor with a program that never stops");
	heartbeat_stop(&h);
	close_link();
}

/* A PING is due when the last frame is old, not when the last PING is. */
static void test_busy(void)
{
	open_link();
	atomic_store(&tx.sent_ms, 0);
	link_send(&tx, MESSAGE_CHECKPOINT, 0, "12345678", 8, &err);
	ok(thread_now_ms() - atomic_load(&tx.sent_ms) < 120000, "it is known when the last frame was sent");
	atomic_store(&tx.sent_ms, thread_now_ms() + 3600000); /* as if one were sent all the time */
	heartbeat_start(&h, &tx, 50, NULL, &err);
	usleep(30000);
	heartbeat_stop(&h);
	is_int(tx.sent, 1, "who sends anyway sends no PINGs");
	close_link();
}

/* Another thread is in the middle of a frame that nobody takes. */
static void test_blocked(void)
{
	open_link();
	pthread_mutex_lock(&tx.send_lock);
	heartbeat_start(&h, &tx, 50, NULL, &err);
	usleep(30000);
	heartbeat_stop(&h);
	pthread_mutex_unlock(&tx.send_lock);
	is_int(tx.sent, 0, "a blocked writer does not block it");
	close_link();
}

static atomic_bool stop;

static void *set_stop(void *arg)
{
	(void)arg;
	usleep(5000);
	atomic_store(&stop, true);
	return NULL;
}

static void test_stop(unsigned silence_ms)
{
	struct log log = { .stop = &stop };
	pthread_t thread;
	int64_t began = thread_now_ms();
	char c;

	open_link();
	atomic_store(&stop, false);
	heartbeat_start(&h, &tx, silence_ms, &log, &err);
	pthread_create(&thread, NULL, set_stop, NULL);
	is_int(channel_read(a, &c, 1, &err), UNRACK_LOST, "a stop ends the reading");
	is_int(err.sys_errno, ECANCELED, "by our own wish");
	ok(thread_now_ms() - began < 120000, "soon");
	ok(heartbeat_stop(&h), "it says that it did");
	is_int(link_send(&tx, MESSAGE_BYE, 0, NULL, 0, &err), 0, "the last word can still be said");
	pthread_join(thread, NULL);
	close_link();
}

int main(void)
{
	test_pings();
	test_none();
	test_busy();
	test_blocked();
	test_stop(0);
	test_stop(1000);
	return tap_done();
}
