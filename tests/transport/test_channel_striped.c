/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>

#include "../support/tap.h"
#include "unrack/channel.h"

#define N 3u
#define STRIPE 1000u
#define BYTES (1u << 20)

static struct unrack_error err;
static uint8_t sent[BYTES], got[BYTES];

struct rig {
	struct channel *a[N], *b[N], *near, *far;
};

static void rig_open(struct rig *r)
{
	for (unsigned i = 0; i < N; i++)
		if (channel_open_pair(&r->a[i], &r->b[i], &err) < 0)
			abort();
	if (channel_open_striped(r->a, N, STRIPE, &r->near, &err) < 0 ||
	    channel_open_striped(r->b, N, STRIPE, &r->far, &err) < 0)
		abort();
}

static void rig_close(struct rig *r)
{
	channel_close(r->near);
	channel_close(r->far);
	for (unsigned i = 0; i < N; i++) {
		channel_close(r->a[i]);
		channel_close(r->b[i]);
	}
}

static void *write_all(void *arg)
{
	struct channel *c = arg;
	unsigned seed = 1;

	for (size_t at = 0; at < BYTES;) {
		size_t n;
		struct unrack_error e;

		seed = seed * 1103515245 + 12345;
		n = (seed >> 8) % 5000 + 1;
		n = n < BYTES - at ? n : BYTES - at;
		if (channel_write(c, sent + at, n, &e) < 0)
			return NULL;
		at += n;
	}
	return c;
}

static void both_ways(void)
{
	struct rig r;
	pthread_t one, two;
	void *ok1, *ok2;

	rig_open(&r);
	pthread_create(&one, NULL, write_all, r.near);
	pthread_create(&two, NULL, write_all, r.far);
	is_int(channel_read(r.far, got, BYTES, &err), 0, "what is written in pieces of any size is read in one");
	ok(!memcmp(sent, got, BYTES), "and is the same");
	memset(got, 0, BYTES);
	for (size_t at = 0; at < BYTES; at += 4096)
		if (channel_read(r.near, got + at, 4096, &err) < 0)
			break;
	ok(!memcmp(sent, got, BYTES), "the other way round, at the same time");
	pthread_join(one, &ok1);
	pthread_join(two, &ok2);
	ok(ok1 && ok2, "all was written");
	rig_close(&r);
}

static void each_has_its_part(void)
{
	struct rig r;

	rig_open(&r);
	channel_write(r.near, sent, 2 * STRIPE + 10, &err);
	channel_read(r.b[1], got, STRIPE, &err);
	ok(!memcmp(got, sent + STRIPE, STRIPE), "the second stripe is on the second channel");
	channel_read(r.b[2], got, 10, &err);
	ok(!memcmp(got, sent + 2 * STRIPE, 10), "the third on the third");
	rig_close(&r);
}

static void ends(void)
{
	struct rig r;

	rig_open(&r);
	channel_shutdown(r.a[1]);
	channel_write(r.near, sent, STRIPE, &err);
	is_int(channel_read(r.far, got, STRIPE, &err), 0, "before a cut all is well");
	is_int(channel_write(r.near, sent, STRIPE, &err), UNRACK_LOST, "one channel lost is all of it");
	is_int(channel_read(r.far, got, STRIPE, &err), UNRACK_LOST, "for the reader too");
	rig_close(&r);
	rig_open(&r);
	r.far->silence_ms = 20;
	is_int(channel_read(r.far, got, 1, &err), UNRACK_LOST, "silence");
	is_int(err.sys_errno, ETIMEDOUT, "has its limit");
	channel_stop_reading(r.far);
	is_int(channel_read(r.far, got, 1, &err), UNRACK_LOST, "no more reading");
	is_int(err.sys_errno, ECANCELED, "once it was stopped");
	channel_shutdown(r.far);
	is_int(channel_write(r.near, sent, BYTES, &err), UNRACK_LOST, "a shutdown ends all");
	rig_close(&r);
	is_int(channel_open_striped(r.a, 0, STRIPE, &r.near, &err), UNRACK_INTERNAL, "none are no channel");
}

int main(void)
{
	for (unsigned i = 0; i < BYTES; i++)
		sent[i] = (uint8_t)(i / STRIPE * 31 + i);
	both_ways();
	each_has_its_part();
	ends();
	return tap_done();
}
