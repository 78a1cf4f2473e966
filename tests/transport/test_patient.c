/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/patient.h"

#define SIZE (1u << 20)
#define S 512u

static struct unrack_error err;
static uint8_t disk[SIZE], got[SIZE];
static char twin_name[] = "twin";

static int judge(void *ctx, struct patient_lost *lost, struct unrack_error *e)
{
	if (ctx && lost->off == 192 * 1024)
		return error_set(e, UNRACK_INTERRUPTED, "stopped");
	if (ctx && lost->off == 64 * 1024)
		return error_set(e, UNRACK_IO, "it holds the partition table of %s", (const char *)ctx);
	snprintf(lost->what, sizeof lost->what, "/etc/file%llu", (unsigned long long)lost->off / 65536);
	return 0;
}

static struct block_source *open_it(struct twin_source *t, struct patient_options opt)
{
	struct block_source *s = NULL;

	is_int(patient_open(twin_source(t), &opt, &s, &err), 0, "opened");
	return s;
}

static void close_it(struct block_source *s, struct twin_source *t)
{
	block_source_close(s);
	ok(twin_source_closed(t), "the inner source is closed with it");
	twin_source_free(t);
}

static bool zero_only(uint64_t off, uint64_t len)
{
	for (uint64_t i = 0; i < SIZE; i++)
		if (got[i] != (i >= off && i < off + len ? 0 : disk[i]))
			return false;
	return true;
}

static void nothing_lost(void)
{
	struct twin_source *t = twin_source_memory(disk, SIZE);
	struct block_source *s = open_it(t, (struct patient_options){ 0 });
	struct patient_lost lost;

	is_int(block_source_read(s, got, SIZE, 0, &err), 0, "a good disk is read");
	is_int(twin_source_reads(t), 1, "as it is asked for");
	twin_source_bad(t, 100 * S, S, EIO, 2);
	is_int(block_source_read(s, got, SIZE, 0, &err), 0, "a sector that can be read in the end");
	ok(!memcmp(got, disk, SIZE), "comes whole");
	ok(!patient_next_lost(s, &lost), "nothing is lost");
	close_it(s, t);
}

static void one_sector(void)
{
	struct twin_source *t = twin_source_memory(disk, SIZE);
	struct block_source *s = open_it(t, (struct patient_options){ .judge = judge });
	struct patient_lost lost;

	twin_source_bad(t, 300 * S, 2 * S, EIO, 0);
	is_int(block_source_read(s, got, SIZE, 0, &err), 0, "two sectors can't be read");
	ok(zero_only(300 * S, 2 * S), "they are zeros, and nothing else is");
	ok(patient_next_lost(s, &lost) && lost.off == 300 * S && lost.len == 2 * S, "and noted as one range");
	is_str(lost.what, "/etc/file2", "with what lies there");
	ok(!patient_next_lost(s, &lost), "once");
	is_int(block_source_read(s, got, 1000, 300 * S + 100, &err), 0, "read at odd places");
	ok(patient_next_lost(s, &lost) && lost.off == 300 * S + 100 && lost.len == 924, "only what was asked for");
	close_it(s, t);
}

static void interrupted(void)
{
	struct twin_source *t = twin_source_memory(disk, SIZE);
	struct block_source *s = open_it(t, (struct patient_options){ .judge = judge, .ctx = twin_name });

	twin_source_bad(t, 192 * 1024, S, EIO, 0);
	is_int(block_source_read(s, got, SIZE, 0, &err), UNRACK_INTERRUPTED, "a judge that is stopped");
	is_str(err.text, "stopped", "says so itself");
	close_it(s, t);
}

static void stops(void)
{
	const struct { struct patient_options opt; int errnum; uint64_t off, len; const char *says; } cases[] = {
		{ { .stop = true }, EIO, 300 * S, S, "it was asked to stop there (--on-read-error stop)" },
		{ { .max_ranges = 2, .max_bytes = SIZE }, EIO, 0, 0,
		  "has more bad spots than may be filled with zeros (3 in" },
		{ { .max_bytes = 4 * S }, EIO, 300 * S, 5 * S, "(1 in 2560 bytes)" },
		{ { .judge = judge, .ctx = twin_name }, EIO, 64 * 1024, S,
		  "can't be read at sector 128 (Input/output error), and it holds the partition table of twin" },
		{ { 0 }, ENXIO, 300 * S, S, "No such device" },
		{ { 0 }, ENODEV, 300 * S, S, "No such device" },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct twin_source *t = twin_source_memory(disk, SIZE);
		struct block_source *s = open_it(t, cases[i].opt);

		if (cases[i].len)
			twin_source_bad(t, cases[i].off, cases[i].len, cases[i].errnum, 0);
		else
			for (unsigned at = 100; at < 200; at += 30)
				twin_source_bad(t, at * S, S, cases[i].errnum, 0);
		is_int(block_source_read(s, got, SIZE, 0, &err), UNRACK_IO, "ends there");
		has_str(err.text, cases[i].says, "and says why");
		close_it(s, t);
	}
}

static void dead_adapter_makes_no_zeros(void)
{
	struct twin_source *t = twin_source_memory(disk, SIZE);
	struct block_source *s = open_it(t, (struct patient_options){ 0 });

	is_int(block_source_read(s, got, 65536, 0, &err), 0, "the disk is well");
	twin_source_bad(t, 0, SIZE, EIO, 0);
	is_int(block_source_read(s, got, 65536, 65536, &err), UNRACK_IO, "then everything fails");
	has_str(err.text, "neither can its first sector: the device or its path has failed", "which is not a bad spot");
	is_int(err.sys_errno, EIO, "with the reason");
	close_it(s, t);
}

int main(void)
{
	for (unsigned i = 0; i < SIZE; i++)
		disk[i] = (uint8_t)(i * 7 + i / 512 + 1) | 1;
	nothing_lost();
	one_sector();
	stops();
	interrupted();
	dead_adapter_makes_no_zeros();
	return tap_done();
}
