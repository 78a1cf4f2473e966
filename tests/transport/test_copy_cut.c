/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The line is cut, or the source can't be read: what arrived before is kept, and the same
 * command goes on behind it. */
#include <errno.h>

#include "copy.h"

#define SIZE 3300000u

static uint8_t *data;

struct rig {
	struct twin_source *src;
	struct twin_io *twin;
	struct copy c;
};

static void rig_open(struct rig *r)
{
	r->src = twin_source_memory(data, SIZE);
	r->twin = twin_io_new(NULL);
	twin_io_quiet(r->twin);
	r->c = (struct copy){ .source = { twin_source(r->src) }, .disks = 1, .io = twin_io(r->twin),
			      .dir = "/m", .workers = 1 };
}

static void rig_close(struct rig *r)
{
	copy_free(&r->c);
	twin_source_free(r->src);
	twin_io_free(r->twin);
}

static uint64_t durable(struct rig *r)
{
	struct journal_point point = { 0 };
	struct unrack_error err;

	if (twin_io_exists(r->twin, r->c.path[0][COPY_JOURNAL]) &&
	    journal_read(r->c.io, r->c.path[0][COPY_JOURNAL], NULL, &point, &err) < 0)
		return UINT64_MAX;
	return point.next_grain;
}

/* How far the data goes in the first CUT bytes of a session: in whole frames. */
static uint64_t arrived(const struct buf *wire, uint64_t cut)
{
	uint64_t grain = 0;

	for (uint64_t at = 0; at + FRAME_HEADER_SIZE <= cut;) {
		const uint8_t *h = wire->data + at, *p = h + FRAME_HEADER_SIZE;

		at += FRAME_HEADER_SIZE + get_le32(h + 8);
		if (at > cut)
			break;
		if (h[4] == MESSAGE_GRAINS)
			grain = get_le64(p) + get_le16(p + 8);
		if (h[4] == MESSAGE_ZERO)
			grain = get_le64(p) + get_le64(p + 8);
	}
	return grain;
}

static void test_cut_at(const struct buf *wire, uint64_t cut)
{
	struct rig r;
	uint64_t kept;

	rig_open(&r);
	copy_fix_seed(&r.c, 0);
	r.c.cut_after = cut;
	copy_run(&r.c);
	ok(r.c.sent == UNRACK_LOST && r.c.received == UNRACK_LOST, "cut after %llu bytes: both sides fail",
	   (unsigned long long)cut);
	kept = durable(&r);
	is_int(kept, arrived(wire, cut), "what arrived in whole frames was made durable");
	if (kept > 0 && kept < grain_count(SIZE)) {
		has_str(r.c.receive_err.text, "the connection to the sender was lost",
			"the receiver says so");
		has_str(r.c.receive_err.text, "the same command continues there", "and how to go on");
	}
	r.c.cut_after = 0;
	copy_run(&r.c);
	ok(r.c.sent == 0 && r.c.received == 0 && copy_image_is(&r.c, r.twin, 0, data, SIZE),
	   "the same command completes the copy");
	is_int(r.c.res.resumed_bytes, min_u64(kept * GRAIN_SIZE, SIZE), "from there on");
	rig_close(&r);
}

static void test_cuts(void)
{
	struct rig r;
	unsigned frames = 0;

	rig_open(&r);
	copy_fix_seed(&r.c, 0);
	copy_run(&r.c);
	ok(r.c.sent == 0 && r.c.wire.len > 1000000, "a session to cut");
	for (uint64_t at = 0; at < r.c.wire.len; frames++) {
		const uint8_t *h = r.c.wire.data + at;
		uint32_t length = get_le32(h + 8);

		/* At the boundary, in the header, in the payload. BYE has no answer to miss. */
		if (at > 0)
			test_cut_at(&r.c.wire, at);
		test_cut_at(&r.c.wire, at + 11);
		if (length > 0)
			test_cut_at(&r.c.wire, at + FRAME_HEADER_SIZE + length / 2);
		at += FRAME_HEADER_SIZE + length;
	}
	ok(frames >= 6, "at %u frames", frames);
	rig_close(&r);
}

static void test_bad_source(uint64_t off)
{
	struct rig r;
	char want[64];

	rig_open(&r);
	twin_source_bad(r.src, off, 512, EIO, 1);
	copy_run(&r.c);
	is_int(r.c.sent, UNRACK_IO, "a source that can't be read at %llu ends the copy",
	       (unsigned long long)off);
	has_str(r.c.send_err.text, "Input/output error", "with the reason");
	snprintf(want, sizeof want, "%llu", (unsigned long long)round_down(off, 1 << 20));
	has_str(r.c.send_err.text, want, "the place");
	has_str(r.c.send_err.text, "what was read before is kept, the same command continues there",
		"and what to do");
	ok(!strchr(r.c.send_err.text, '\n'), "in one sentence");
	is_int(r.c.received, UNRACK_IO, "the receiver ends too");
	has_str(r.c.receive_err.text, "the sender gave up: ", "and knows whose fault it was");
	is_int(durable(&r), round_down(off / GRAIN_SIZE, 16), "all pieces before it are durable");
	copy_run(&r.c);
	ok(r.c.sent == 0 && copy_image_is(&r.c, r.twin, 0, data, SIZE), "read again, it is completed");
	is_int(r.c.res.read_bytes, SIZE - round_down(off, 1 << 20), "from there on");
	rig_close(&r);
}

/* Only the line is lost; errors of other things are their own, whatever their number. */
static void test_other_errors(void)
{
	struct twin_fault sync = { TWIN_FDATASYNC, "flat.vmdk", 1, true, ECONNRESET };
	struct rig r;

	rig_open(&r);
	twin_source_bad(r.src, 0, 512, EPIPE, 1);
	copy_run(&r.c);
	is_int(r.c.sent, UNRACK_IO, "a source with the error of a broken pipe is a broken source");
	is_int(r.c.received, UNRACK_IO, "on both sides");
	rig_close(&r);

	rig_open(&r);
	twin_io_fault(r.twin, sync);
	copy_run(&r.c);
	is_int(r.c.received, UNRACK_IO, "storage with the error of a cut line is broken storage");
	is_int(r.c.sent, UNRACK_IO, "on both sides");
	has_str(r.c.send_err.text, "flat.vmdk", "by its name");
	rig_close(&r);
}

static void test_lost_end(void)
{
	struct rig r;

	rig_open(&r);
	r.c.lose_end = true;
	copy_run(&r.c);
	is_int(r.c.received, UNRACK_NOSPACE, "an end that can't be noted is none");
	is_int(r.c.sent, UNRACK_NOSPACE, "and the sender learns it");
	is_str(r.c.send_err.text, "the end can't be noted", "with the reason");
	rig_close(&r);
}

int main(void)
{
	data = copy_data(SIZE, COPY_MIXED, 5);
	memset(data + (1 << 20), 0, 1 << 20); /* a ZERO among the frames */
	test_cuts();
	test_other_errors();
	test_lost_end();
	test_bad_source(0);
	test_bad_source(1 << 20);
	test_bad_source(SIZE - 1);
	free(data);
	return tap_done();
}
