/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A rate is kept, at both ends of the scale, and nothing else changes about the channel. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/channel.h"

#define BIG ((size_t)8 << 20)

static struct unrack_error err;
static uint8_t *sent, *got;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct rig {
	struct channel *a, *b, *limited;
	size_t n;
	double took;
	int status;
	struct unrack_error err;
	pthread_t thread;
};

static void rig_open(struct rig *r, uint64_t rate)
{
	memset(r, 0, sizeof *r);
	if (channel_open_pair(&r->a, &r->b, &err) < 0 ||
	    channel_open_limited(r->a, rate, &r->limited, &err) < 0)
		abort();
}

static void rig_close(struct rig *r)
{
	channel_close(r->limited);
	channel_close(r->a);
	channel_close(r->b);
}

static void *write_n(void *arg)
{
	struct rig *r = arg;
	double began = seconds();

	r->status = channel_write(r->limited, sent, r->n, &r->err);
	r->took = seconds() - began;
	return NULL;
}

/* The last piece goes out when all before it have had their time; it and the burst are no more
 * than 70 ms' worth. */
static void test_rate(uint64_t rate, size_t n, size_t piece)
{
	double least = (double)(n - piece) / (double)rate, shortest = HUGE_VAL;
	bool good = true, same = true;
	struct rig r;

	/* How long it takes at most can be said only of a machine that others do not keep busy: it may have its moments. */
	for (int i = 0; i < 200 && shortest >= least * 1.5 + 0.2; i++) {
		rig_open(&r, rate);
		r.n = n;
		memset(got, 0, n);
		pthread_create(&r.thread, NULL, write_n, &r);
		good &= channel_read(r.b, got, n, &err) == 0;
		pthread_join(r.thread, NULL);
		same &= r.status == 0 && memcmp(sent, got, n) == 0;
		shortest = fmin(shortest, r.took);
		rig_close(&r);
	}
	ok(good, "%zu bytes go through at %llu a second", n, (unsigned long long)rate);
	ok(same, "unchanged");
	ok(shortest >= least, "not faster than %.3f s: %.3f s", least, shortest);
	ok(shortest < least * 1.5 + 0.2, "and not much slower");
}

/* A pause is not saved up. */
static void test_burst(void)
{
	uint64_t rate = 400000;
	double first = HUGE_VAL;
	struct rig r;

	for (int i = 0; i < 200 && first >= 0.1; i++) {
		if (i)
			rig_close(&r);
		rig_open(&r, rate);
		r.n = 4096;
		write_n(&r);
		first = fmin(first, r.took);
	}
	ok(first < 0.1, "the first piece goes at once");
	usleep(110000);
	r.n = 40000;
	write_n(&r);
	ok(r.took >= 0.1 - 0.05 - 0.03, "after a pause the rate holds, but for 50 ms' worth: %.3f s", r.took);
	rig_close(&r);
}

static void test_shutdown(void)
{
	struct rig r;

	rig_open(&r, 1);
	r.n = 1000;
	pthread_create(&r.thread, NULL, write_n, &r);
	is_int(channel_read(r.b, got, 1, &err), 0, "the lowest rate sends something");
	channel_shutdown(r.limited);
	pthread_join(r.thread, NULL);
	is_int(r.status, UNRACK_LOST, "a shutdown wakes a writer that waits for its turn");
	is_int(r.err.sys_errno, ECANCELED, "as one that is blocked");
	is_str(r.err.text, "the connection was shut down: Operation canceled", "with the same sentence");
	ok(r.took < 120, "at once");
	is_int(channel_write(r.limited, sent, 1, &err), UNRACK_LOST, "later writes fail too");
	is_int(channel_read(r.b, got, 1, &err), UNRACK_LOST, "and the far side sees the end");
	rig_close(&r);

	rig_open(&r, UINT64_MAX);
	channel_close(r.b);
	is_int(channel_write(r.limited, sent, 1, &err), UNRACK_LOST, "a far side that went away is seen");
	is_int(err.sys_errno, EPIPE, "as it is");
	r.b = NULL;
	rig_close(&r);
}

static void test_reading(void)
{
	struct rig r;
	struct channel *again;

	rig_open(&r, 1000);
	channel_write(r.b, "back", 4, &err);
	is_int(channel_read(r.limited, got, 4, &err), 0, "the other direction has no limit");
	ok(memcmp(got, "back", 4) == 0, "and no other bytes");
	r.limited->silence_ms = 10;
	is_int(channel_read(r.limited, got, 1, &err), UNRACK_LOST, "silence is noticed");
	is_int(err.sys_errno, ETIMEDOUT, "as such");
	is_int(channel_open_limited(r.a, 1000, &again, &err), 0, "another limit on the same channel");
	is_int(again->silence_ms, 10, "takes over its limit of silence");
	channel_close(again);
	channel_stop_reading(r.limited);
	is_int(channel_read(r.limited, got, 1, &err), UNRACK_LOST, "reading can be stopped");
	is_int(err.sys_errno, ECANCELED, "by our own wish");
	is_int(channel_write(r.limited, sent, 1, &err), 0, "while writing goes on");
	rig_close(&r);
}

int main(void)
{
	sent = malloc(BIG);
	got = malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		sent[i] = (uint8_t)(i * 7 >> 4);
	test_rate(400000, 40000, 8000);
	test_rate(200000000, BIG, 65536);
	test_burst();
	test_shutdown();
	test_reading();
	free(sent);
	free(got);
	return tap_done();
}
