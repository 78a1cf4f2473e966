/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies into an image of a format that end by a power failure, a full disk, a sync that fails.
 * Each time a second copy must give the exact image, and must not have to repeat anything that
 * was acknowledged. */
#ifndef TESTS_CRASH_H
#define TESTS_CRASH_H

#include <errno.h>
#include <unistd.h>

#include "copy.h"

/* Six pieces, so that checkpoints can fall between them; two grains in each have data. */
#define SIZE (6 * MESSAGE_GRAINS_MAX * GRAIN_SIZE - 1000)

static uint8_t *data, *pristine;
static enum disk_format format = DISK_FLAT;
static const char *image_suffix = "-flat.vmdk";

__attribute__((unused)) static void make_data(void)
{
	uint8_t *text = copy_data(12 * GRAIN_SIZE, COPY_TEXT, 12);
	unsigned n = 0;

	data = calloc(1, SIZE);
	pristine = malloc(SIZE);
	if (!data || !pristine)
		abort();
	for (uint64_t g = 0; g < grain_count(SIZE); g++)
		if (g % 16 == 3 || g % 16 == 15)
			memcpy(data + g * GRAIN_SIZE, text + n++ * GRAIN_SIZE, grain_bytes(SIZE, g));
	memcpy(pristine, data, SIZE);
	free(text);
}

__attribute__((unused)) static void free_data(void)
{
	free(data);
	free(pristine);
}

/* Holds each read until the piece before it has had its checkpoint, however busy the machine
 * is; not when the call that is to fail has come. */
struct pace {
	struct copy *copy;
	struct twin_io *twin;
	enum twin_op op;
	uint64_t nth;   /* 0: none fails */
	uint64_t syncs; /* seen at the last read */
};
#define CHECKPOINT_SYNCS 3 /* image, digests, journal */

static int slowly(void *ctx, uint64_t off, size_t n)
{
	struct pace *p = ctx;

	(void)n;
	for (int i = 0; off > 0 && i < 240000 && !atomic_load(&p->copy->said_error); i++) {
		if (twin_io_count(p->twin, TWIN_FDATASYNC) >= p->syncs + CHECKPOINT_SYNCS ||
		    (p->nth && twin_io_count(p->twin, p->op) >= p->nth))
			break;
		usleep(500);
	}
	p->syncs = twin_io_count(p->twin, TWIN_FDATASYNC);
	return 0;
}

struct rig {
	struct twin_source *src;
	struct twin_io *twin;
	struct pace pace;
	struct copy c;
};

static void rig_open(struct rig *r, struct twin_io *twin)
{
	r->src = twin_source_memory(data, SIZE);
	r->twin = twin ? twin : twin_io_new(NULL);
	r->c = (struct copy){ .source = { twin_source(r->src) }, .disks = 1, .io = twin_io(r->twin),
			      .dir = "/m", .workers = 2, .checkpoint_bytes = 4 * GRAIN_SIZE,
			      .checkpoint_ms = 1, .twin = r->twin, .format = format,
			      .store = true }; /* compressing takes time, and is not what is tried */
}

/* Reads wait for checkpoints; F (may be NULL) makes a call fail. */
static void rig_pace(struct rig *r, const struct twin_fault *f)
{
	r->pace = (struct pace){ .copy = &r->c, .twin = r->twin };
	if (f) {
		twin_io_fault(r->twin, *f);
		r->pace.op = f->op;
		r->pace.nth = f->suffix ? 0 : f->nth;
	}
	twin_source_hook(r->src, slowly, &r->pace);
}

static void rig_close(struct rig *r)
{
	copy_free(&r->c);
	twin_source_free(r->src);
	twin_io_free(r->twin);
}

/* Copies onto what is there. True if the image is exact and no more than needed was sent. */
static bool continues(struct twin_io *twin, uint64_t acked_grain, struct rig *r)
{
	bool good;

	rig_open(r, twin);
	copy_run(&r->c);
	good = r->c.sent == 0 && r->c.received == 0 &&
	       copy_image_is(&r->c, r->twin, 0, data, SIZE) &&
	       r->c.res.resumed_bytes >= min_u64(acked_grain * GRAIN_SIZE, SIZE);
	if (!good)
		printf("# %d %s, %d %s, resumed at %llu, acknowledged %llu\n", r->c.sent,
		       r->c.send_err.text, r->c.received, r->c.receive_err.text,
		       (unsigned long long)r->c.res.resumed_bytes,
		       (unsigned long long)acked_grain * GRAIN_SIZE);
	return good;
}

/* The highest acknowledgement that had been sent when RECORDS calls were made. */
static uint64_t acked_at(const struct copy *c, size_t records)
{
	uint64_t grain = 0;

	for (unsigned i = 0; i < c->acks; i++)
		if (c->ack[i].records <= records)
			grain = max_u64(grain, c->ack[i].next_grain);
	return grain;
}

static void test_power_failures(enum twin_crash mode, const char *what)
{
	struct rig whole, r;
	unsigned bad = 0;
	size_t n;

	rig_open(&whole, NULL);
	rig_pace(&whole, NULL);
	copy_run(&whole.c);
	n = twin_io_records(whole.twin);
	ok(whole.c.received == 0 && whole.c.acks >= 4 && n > 30,
	   "%s: a copy of %zu calls and %u acknowledgements", what, n, whole.c.acks);
	for (size_t i = 0; i <= n; i++) {
		/* Each is tried, in one of the three modes at least. */
		if (!tap_all() && i % 3 != (size_t)mode && i < n)
			continue;
		bad += !continues(twin_io_crash(whole.twin, i, mode, (uint32_t)i),
				  acked_at(&whole.c, i), &r);
		rig_close(&r);
	}
	is_int(bad, 0, "%s: after each of them%s the same command completes the copy", what,
	       tap_all() ? "" : " (a third is tried)");
	rig_close(&whole);
}

/* A call fails; with every second one the power too. */
static void test_failing_calls(enum twin_op op, const char *name)
{
	unsigned bad = 0, failed = 0, lies = 0;
	uint64_t calls;
	struct rig r, again;

	rig_open(&r, NULL);
	rig_pace(&r, NULL);
	copy_run(&r.c);
	calls = twin_io_count(r.twin, op);
	rig_close(&r);
	for (uint64_t nth = 1; nth <= calls; nth++) {
		struct twin_fault f = { .op = op, .nth = nth, .errnum = EIO };
		struct twin_io *next;

		rig_open(&r, NULL);
		rig_pace(&r, &f);
		copy_run(&r.c);
		failed += r.c.received == UNRACK_IO && r.c.sent == UNRACK_IO &&
			  strcmp(r.c.receive_err.text, r.c.send_err.text) == 0;
		/* Some calls don't matter, as looking for an old descriptor. */
		lies += r.c.received == 0 && !copy_image_is(&r.c, r.twin, 0, data, SIZE);
		next = twin_io_crash(r.twin, SIZE_MAX, nth % 2 ? TWIN_DROP : TWIN_KEEP, 0);
		bad += !continues(next, acked_at(&r.c, SIZE_MAX), &again);
		rig_close(&again);
		rig_close(&r);
	}
	ok(failed >= calls - calls / 4,
	   "%s: a failed call ends the copy, both sides say why (%u of %llu)", name, failed,
	   (unsigned long long)calls);
	is_int(lies, 0, "%s: no failure is taken for success", name);
	is_int(bad, 0, "%s: the same command completes the copy after each", name);
}

static void test_sync_fails_once(void)
{
	struct twin_fault f = { .op = TWIN_FDATASYNC, .suffix = image_suffix, .nth = 2, .errnum = EIO };
	struct rig r, again;
	uint64_t syncs, acked;

	rig_open(&r, NULL);
	rig_pace(&r, &f);
	copy_run(&r.c);
	is_int(r.c.received, UNRACK_IO, "an fdatasync that fails ends the copy");
	has_str(r.c.receive_err.text,
		format == DISK_FLAT ? "can't bring /m/d0-flat.vmdk to stable storage: Input/output error"
				    : "can't bring /m/d0.vmdk to stable storage: Input/output error",
		"with a sentence");
	is_str(r.c.send_err.text, r.c.receive_err.text, "which the sender's side gets too");
	syncs = 0;
	for (size_t i = 0; i < twin_io_records(r.twin); i++) {
		struct twin_record rec = twin_io_record(r.twin, i);

		syncs += rec.op == TWIN_FDATASYNC && rec.path && strstr(rec.path, image_suffix);
	}
	is_int(syncs, 2, "it is not asked again: a second success would prove nothing");
	acked = acked_at(&r.c, SIZE_MAX);
	ok(acked > 0 && acked < grain_count(SIZE), "what was acknowledged before, counts");
	ok(continues(twin_io_crash(r.twin, SIZE_MAX, TWIN_DROP, 0), acked, &again),
	   "everything behind it is written anew");
	rig_close(&again);
	rig_close(&r);
}

/* A server in use: behind the last checkpoint, the second session finds zeros where the first one
 * had sent data, which may have reached the image or not. */
static void test_changed_source(void)
{
	struct rig r, again;
	struct journal_point point;
	struct unrack_error err;
	uint64_t safe;

	rig_open(&r, NULL);
	rig_pace(&r, NULL);
	copy_run(&r.c);
	for (unsigned i = 0; i + 1 < r.c.acks; i++) {
		/* Image and digests were written, the record about them was not. */
		rig_open(&again, twin_io_crash(r.twin, r.c.ack[i + 1].records - 2, TWIN_KEEP, 0));
		journal_read(again.c.io, "/m/unrack/d0.journal", NULL, &point, &err);
		safe = min_u64(point.next_grain * GRAIN_SIZE, SIZE);
		memset(data + safe, 0, SIZE - safe);
		copy_run(&again.c);
		ok(again.c.received == 0 && copy_image_is(&again.c, again.twin, 0, data, SIZE),
		   "nothing that was written before a kill shows through");
		rig_close(&again);
		memcpy(data, pristine, SIZE);
	}
	rig_close(&r);
}

static void test_full_disk(void)
{
	struct rig r;
	uint64_t acked = 0;
	unsigned rounds = 0;

	rig_open(&r, NULL);
	for (int status = -1; status != 0 && rounds < 20; rounds++) {
		twin_io_heal(r.twin);
		if (rounds < 4)
			twin_io_space(r.twin, format == DISK_STREAM ? 130000 : 350000);
		copy_run(&r.c);
		status = r.c.received;
		if (status == 0)
			break;
		is_int(status, UNRACK_NOSPACE, "a full disk has its own code");
		is_int(r.c.sent, UNRACK_NOSPACE, "at the sender too");
		has_str(r.c.receive_err.text, "d0", "the sentence names the file");
		has_str(r.c.receive_err.text, "free some space and run the same command again",
			"and says what to do");
		ok(r.c.res.resumed_bytes >= acked * GRAIN_SIZE,
		   "what was acknowledged is not sent again");
		acked = acked_at(&r.c, SIZE_MAX);
	}
	ok(rounds >= 2, "it took %u rounds", rounds);
	ok(r.c.sent == 0 && copy_image_is(&r.c, r.twin, 0, data, SIZE),
	   "once there is space, the same command completes the copy");
	rig_close(&r);
}

static void test_close_fails(void)
{
	struct twin_fault f = { .op = TWIN_CLOSE, .suffix = image_suffix, .nth = 1, .errnum = EDQUOT };
	struct rig r, again;
	struct journal_point point;
	struct unrack_error err;

	rig_open(&r, NULL);
	twin_io_fault(r.twin, f);
	copy_run(&r.c);
	is_int(r.c.received, UNRACK_NOSPACE, "a quota that shows at close, as on NFS, is an error");
	is_int(r.c.done_disks, 0, "the disk is not complete");
	ok(journal_read(r.c.io, "/m/unrack/d0.journal", NULL, &point, &err) == 0 && !point.complete,
	   "and the journal does not say so");
	ok(continues(twin_io_crash(r.twin, SIZE_MAX, TWIN_KEEP, 0), 0, &again),
	   "the same command completes it");
	rig_close(&again);
	rig_close(&r);
}

/* What depends on the format. IMAGE: how the image's path ends. */
__attribute__((unused)) static void crash_image(enum disk_format f, const char *image)
{
	format = f;
	image_suffix = image;
	test_power_failures(TWIN_TORN, "power failure, some of it kept");
	test_failing_calls(TWIN_PWRITE, "pwrite");
	test_sync_fails_once();
	test_changed_source();
	test_full_disk();
	test_close_fails();
}

#endif
