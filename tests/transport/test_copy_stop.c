/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receiver is asked to stop, whatever it is doing just then: both sides learn how much is
 * safe, and the same command goes on behind it. And what a receiver reports of its work. */
#include <time.h>
#include <unistd.h>

#include "copy.h"

#define SIZE 16000000u

static uint8_t *data;

struct rig {
	struct twin_source *src;
	struct twin_io *twin;
	struct copy c;
	atomic_bool stop;
	atomic_uint writes;  /* to the image: pieces that have come */
	uint64_t stop_read;  /* set when the source is read up to here */
	bool wait;           /* then the source waits until the receiver has ended the session */
	enum twin_op stop_op; /* set at this call of the receiver's storage */
	const char *suffix;
	double waited;
	uint64_t least;      /* what must be safe then */
	const char *what;
	pthread_t thread;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int on_read(void *ctx, uint64_t off, size_t n)
{
	struct rig *r = ctx;
	double began;

	if (off + n <= r->stop_read)
		return 0;
	for (int i = 0; r->wait && atomic_load(&r->writes) < r->least >> 20 && i < 120000; i++)
		usleep(1000);
	if (atomic_exchange(&r->stop, true)) {
		usleep(20000); /* the rest comes slowly, and the last of it not before the stop is seen */
		if (off + n >= SIZE)
			copy_await(&r->c.said_error);
		return 0;
	}
	began = seconds();
	if (r->wait)
		copy_await(&r->c.said_error);
	r->waited = seconds() - began;
	return 0;
}

static int on_io(void *ctx, enum twin_op op, const char *path)
{
	struct rig *r = ctx;
	size_t n = strlen(path), m = r->suffix ? strlen(r->suffix) : 0;

	if (op == TWIN_PWRITE && n > 9 && strcmp(path + n - 9, "flat.vmdk") == 0)
		atomic_fetch_add(&r->writes, 1);
	if (op == r->stop_op && n >= m && memcmp(path + n - m, r->suffix, m) == 0 &&
	    !atomic_exchange(&r->stop, true))
		copy_await(&r->c.reads_no_more);
	return 0;
}

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof *r);
	r->src = twin_source_memory(data, SIZE);
	r->twin = twin_io_new(NULL);
	twin_io_quiet(r->twin);
	r->stop_read = UINT64_MAX;
	r->stop_op = TWIN_OPS;
	twin_source_hook(r->src, on_read, r);
	twin_io_hook(r->twin, on_io, r);
	r->c = (struct copy){ .source = { twin_source(r->src) }, .disks = 1, .io = twin_io(r->twin),
			      .dir = "/m", .workers = 1, .receive_log = { .stop = &r->stop } };
}

static uint64_t durable(struct rig *r)
{
	struct journal_point point = { 0 };
	struct unrack_error err;

	if (twin_io_exists(r->twin, r->c.path[0][COPY_JOURNAL]) &&
	    journal_read(r->c.io, r->c.path[0][COPY_JOURNAL], NULL, &point, &err) < 0)
		return UINT64_MAX;
	return min_u64(point.next_grain * GRAIN_SIZE, SIZE);
}

static void *run_to_stop(void *arg)
{
	struct rig *r = arg;

	copy_run(&r->c);
	return NULL;
}

static void rig_check(struct rig *r)
{
	uint64_t safe = durable(r);
	char text[128];

	is_int(r->c.received, UNRACK_INTERRUPTED, "%s: the receiver stops", r->what);
	is_int(r->c.sent, UNRACK_INTERRUPTED, "so does the sender");
	is_str(r->c.send_err.text, r->c.receive_err.text, "for the same reason");
	has_str(r->c.receive_err.text, "the same command", "which says how to go on");
	if (safe) {
		snprintf(text, sizeof text, "stopped; %llu of 16000000 bytes of disk 0 are safe, the same "
			 "command continues there", (unsigned long long)safe);
		is_str(r->c.receive_err.text, text, "and where");
	}
	ok(safe >= r->least && safe < SIZE, "what had come is safe: %llu bytes", (unsigned long long)safe);
	is_int(r->c.all_done + r->c.done_disks, 0, "nothing is complete");
	is_int(r->c.receive_result.resumed_bytes, 0, "nothing was there before");
	atomic_store(&r->stop, false);
	r->stop_read = UINT64_MAX;
	r->stop_op = TWIN_OPS;
	copy_run(&r->c);
	ok(r->c.sent == 0 && r->c.received == 0 && copy_image_is(&r->c, r->twin, 0, data, SIZE),
	   "the same command completes the copy");
	is_int(r->c.receive_result.resumed_bytes, safe, "from there on");
	is_int(r->c.res.read_bytes, SIZE - safe, "and reads nothing again");
	copy_free(&r->c);
	twin_source_free(r->src);
	twin_io_free(r->twin);
}

/* They run beside each other up to the stop. */
static void test_stops(void)
{
	static struct rig rig[5];

	for (unsigned i = 0; i < ARRAY_LEN(rig); i++)
		rig_open(&rig[i]);
	rig[0].what = "while it waits for a slow sender";
	rig[0].stop_read = rig[0].least = 2 << 20;
	rig[0].wait = true;
	rig[1].what = "while data comes";
	rig[1].stop_read = 1 << 20;
	rig[2].what = "while its storage is slow";
	rig[2].stop_op = TWIN_PWRITE;
	rig[2].suffix = "flat.vmdk";
	rig[3].what = "while it looks for the disk's place";
	rig[3].stop_op = TWIN_OPEN;
	rig[3].suffix = "d0.journal";
	rig[4].what = "before it has begun";
	rig[4].stop_read = 0;
	atomic_store(&rig[4].stop, true);
	for (unsigned i = 0; i < ARRAY_LEN(rig); i++)
		pthread_create(&rig[i].thread, NULL, run_to_stop, &rig[i]);
	for (unsigned i = 0; i < ARRAY_LEN(rig); i++)
		pthread_join(rig[i].thread, NULL);
	ok(rig[0].waited < 100, "a blocked receiver stops within %.1f s", rig[0].waited);
	for (unsigned i = 0; i < ARRAY_LEN(rig); i++)
		rig_check(&rig[i]);
}

/* --- Reports ------------------------------------------------------------------------------- */

struct seen {
	uint64_t last, total, sent, backwards, calls;
	bool other;
};

static void see(void *ctx, const struct log_progress *p)
{
	struct seen *s = ctx;

	s->backwards += p->done < s->last || p->sent < s->sent;
	s->other |= strcmp(p->step, "copy") != 0 || p->disk != 0 || strcmp(p->unit, "bytes") != 0;
	s->last = p->done;
	s->total = p->total;
	s->sent = p->sent;
	s->calls++;
}

static void test_reports(void)
{
	struct seen seen = { 0 };
	struct log_ops ops = { .progress = see };
	struct rig r;

	rig_open(&r);
	r.c.receive_log = (struct log){ &ops, &seen, NULL };
	copy_run(&r.c);
	is_int(seen.calls, 0, "a receiver beside its sender reports no progress");
	is_int(r.c.receive_result.disks, 1, "it has counted the disks");
	is_int(r.c.receive_result.bytes, SIZE, "their bytes");
	is_int(r.c.receive_result.data_grains, r.c.res.data_grains, "the data");
	is_int(r.c.receive_result.received_bytes, r.c.res.sent_bytes, "and all that came over the line");
	copy_run(&r.c);
	is_int(r.c.receive_result.disks, 0, "a disk that is complete already is not counted again");
	is_int(r.c.receive_result.resumed_bytes, SIZE, "but as what was there");
	is_int(r.c.receive_result.data_grains, 0, "nothing was sent");
	copy_free(&r.c);
	twin_source_free(r.src);
	twin_io_free(r.twin);

	rig_open(&r);
	r.c.receive_log = (struct log){ &ops, &seen, NULL };
	r.c.progress = true;
	r.c.checkpoint_bytes = 16 * GRAIN_SIZE;
	copy_run(&r.c);
	ok(r.c.acks > 0 && seen.calls == r.c.acks + 1, "every checkpoint is reported, and the start");
	ok(seen.backwards == 0 && !seen.other, "it never goes back");
	ok(seen.last == SIZE && seen.total == SIZE, "and ends with the exact size");
	ok(seen.sent > 10000 && seen.sent <= r.c.receive_result.received_bytes, "bytes on the line too");
	copy_free(&r.c);
	twin_source_free(r.src);
	twin_io_free(r.twin);
}

int main(void)
{
	data = malloc(SIZE);
	memset(data, 'd', SIZE);
	test_stops();
	test_reports();
	free(data);
	return tap_done();
}
