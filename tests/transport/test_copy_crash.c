/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Acknowledged means durable: copies into a flat image that end too early. See crash.h. */
#include "crash.h"

/* Journal records that were begun after the first call that failed. */
static unsigned records_after_failure(struct twin_io *t)
{
	unsigned records = 0;
	bool failed = false;

	for (size_t i = 0; i < twin_io_records(t); i++) {
		struct twin_record rec = twin_io_record(t, i);

		failed |= rec.result == -EIO;
		records += failed && rec.op == TWIN_PWRITE && strstr(rec.path, "d0.journal");
	}
	return records;
}

static void test_write_fails(void)
{
	struct twin_fault f = { .op = TWIN_PWRITE, .suffix = image_suffix, .nth = 4, .errnum = EIO };
	struct rig r;

	rig_open(&r, NULL);
	r.c.checkpoint_bytes = 1 << 30;
	r.c.checkpoint_ms = 100000;
	twin_io_fault(r.twin, f);
	copy_run(&r.c);
	is_int(r.c.received, UNRACK_IO, "a write that fails ends the copy");
	has_str(r.c.receive_err.text, "can't write /m/d0-flat.vmdk at byte", "with a sentence");
	is_int(records_after_failure(r.twin), 0, "nothing since the last checkpoint counts");
	is_int(r.c.acks, 0, "or is acknowledged");
	rig_close(&r);
}

static unsigned writes_of(struct twin_io *t, const char *name, enum twin_op op)
{
	unsigned n = 0;

	for (size_t i = 0; i < twin_io_records(t); i++) {
		struct twin_record rec = twin_io_record(t, i);

		n += rec.op == op && rec.path && strstr(rec.path, name) && !strstr(rec.path, ".new");
	}
	return n;
}

/* Of the second checkpoint: before its digests, or before its record. */
static void test_lock_lost(int at)
{
	struct rig r, again;

	rig_open(&r, NULL);
	rig_pace(&r, NULL);
	r.c.lose_lock_at = at;
	copy_run(&r.c);
	is_int(r.c.received, UNRACK_UNSAFE, "who has lost the lock stops");
	is_str(r.c.receive_err.text, "somebody else owns the folder now", "and says so");
	is_int(r.c.sent, UNRACK_UNSAFE, "the sender stops too");
	is_int(writes_of(r.twin, "d0.journal", TWIN_PWRITE), 1, "no journal record is written any more");
	/* One when it is made. */
	is_int(writes_of(r.twin, "d0.digests", TWIN_FDATASYNC), (unsigned)at - 1,
	       at == 3 ? "nor any digest" : "even behind digests");
	is_int(r.c.acks, 1, "and nothing acknowledged");
	ok(continues(twin_io_crash(r.twin, SIZE_MAX, TWIN_KEEP, 0), acked_at(&r.c, SIZE_MAX), &again),
	   "the new owner continues");
	rig_close(&again);
	rig_close(&r);
}

int main(void)
{
	make_data();
	crash_image(DISK_FLAT, "-flat.vmdk");
	test_power_failures(TWIN_KEEP, "killed");
	test_power_failures(TWIN_DROP, "power failure, nothing unsynced kept");
	test_failing_calls(TWIN_FDATASYNC, "fdatasync");
	test_failing_calls(TWIN_TRUNCATE, "truncate");
	test_failing_calls(TWIN_RENAME, "rename");
	test_failing_calls(TWIN_FSYNCDIR, "fsyncdir");
	test_failing_calls(TWIN_OPEN, "open");
	test_write_fails();
	test_lock_lost(3);
	test_lock_lost(4);
	free_data();
	return tap_done();
}
