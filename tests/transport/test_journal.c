/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal as a file: created, continued, compacted, and after every way to fail. */
#include <errno.h>
#include <stdlib.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/grain.h"
#include "unrack/journal.h"

#define PATH "f/disk0.journal"
#define GRAINS 100000u

static struct unrack_error err;

static struct journal_info make_info(void)
{
	struct journal_info info = { .format = DISK_FLAT };

	memset(info.seed, 3, sizeof info.seed);
	if (identity_init(&info.id, (uint64_t)GRAINS * GRAIN_SIZE, "mbr=1\n", "", &err) < 0)
		exit(1);
	return info;
}

static struct journal *create(const struct io *io)
{
	struct journal_info info = make_info();
	struct journal *j = NULL;

	ok(journal_create(io, PATH, &info, &j, &err) == 0, "a journal is created");
	journal_info_free(&info);
	return j;
}

static int append(struct journal *j, uint64_t next)
{
	struct journal_point p = { .next_grain = next, .data_grains = next / 2, .pass = 1 };

	return journal_append(j, &p, &err);
}

/* The next grain of the last record; -1: can't be opened. */
static int64_t reopened(const struct io *io)
{
	struct journal *j;
	int64_t next;

	if (journal_open(io, PATH, &j, &err) < 0)
		return -1;
	next = (int64_t)journal_last(j)->next_grain;
	journal_close(j);
	return next;
}

static void test_life(void)
{
	struct twin_io *t = twin_io_new(NULL);
	const struct io *io = twin_io(t);
	struct journal *j = create(io), *second = NULL;
	struct journal_info info = make_info();
	struct journal_point p;
	size_t n;

	is_int(journal_last(j)->next_grain, 0, "nothing is durable at first");
	is_int(journal_last(j)->pass, 0, "not even a pass has begun");
	ok(append(j, 10) == 0 && append(j, 20) == 0, "two checkpoints");
	is_int(journal_last(j)->next_grain, 20, "the last one is known");
	is_int(journal_create(io, PATH, &info, &second, &err), UNRACK_UNSAFE, "no second one is created");
	is_str(err.text, PATH " exists already", "the sentence");
	is_int(journal_read(io, PATH, NULL, &p, &err), 0, "it can be read meanwhile");
	is_int(p.next_grain, 20, "what is in it");
	journal_close(j);
	journal_close(NULL);

	is_int(journal_open(io, PATH, &j, &err), 0, "it is opened again");
	is_str(journal_get_info(j)->id.strict, "mbr=1\n", "with its identity");
	is_int(journal_get_info(j)->id.bytes, info.id.bytes, "size");
	ok(!memcmp(journal_get_info(j)->seed, info.seed, sizeof info.seed), "and seed");
	is_int(append(j, 30), 0, "and continued");
	journal_close(j);
	journal_info_free(&info);
	is_int(journal_read(io, PATH, &info, &p, &err), 0, "it is read");
	ok(p.next_grain == 30 && info.format == DISK_FLAT, "with all that is in it");
	journal_info_free(&info);
	is_int(journal_read(io, "f/none", &info, &p, &err), UNRACK_IO, "a missing one");
	is_int(err.sys_errno, ENOENT, "is told as missing");
	free(twin_io_get(t, PATH, &n));
	is_int(n, 128 + 3 * 64, "three records lie in the file");
	twin_io_free(t);
}

static void test_refusals(void)
{
	struct twin_io *t = twin_io_new(NULL);
	struct journal *j = create(twin_io(t));
	struct journal_point p = { .next_grain = GRAINS + 1, .pass = 1 };
	uint64_t writes = twin_io_count(t, TWIN_PWRITE);

	is_int(journal_append(j, &p, &err), UNRACK_INTERNAL, "a point beyond the disk is refused");
	has_str(err.text, "beyond the end of the disk", "why");
	p = (struct journal_point){ .next_grain = 1, .pass = 1, .complete = true };
	is_int(journal_append(j, &p, &err), UNRACK_INTERNAL, "so is a complete one before the end");
	is_int(twin_io_count(t, TWIN_PWRITE), writes, "nothing was written");
	is_int(append(j, 1), 0, "a good one is taken after that");
	journal_close(j);
	twin_io_free(t);
}

/* What each call of create and append may do to the file when the power fails after it:
 * acknowledged means durable. */
static void test_power_failure(void)
{
	struct twin_io *t = twin_io_new(NULL);
	struct journal *j = create(twin_io(t));
	size_t created = twin_io_records(t), acknowledged[8], n = 0;
	bool right = true;

	for (n = 0; n < 8; n++) {
		right &= append(j, (n + 1) * 10) == 0;
		acknowledged[n] = twin_io_records(t);
	}
	journal_close(j);
	for (size_t calls = 0; calls <= twin_io_records(t); calls++) {
		for (uint32_t seed = 0; seed < 8; seed++) {
			enum twin_crash mode = seed == 0 ? TWIN_DROP : seed == 1 ? TWIN_KEEP : TWIN_TORN;
			struct twin_io *c = twin_io_crash(t, calls, mode, seed);
			int64_t least = calls >= created ? 0 : -1, next = reopened(twin_io(c));

			for (size_t i = 0; i < n; i++)
				if (calls >= acknowledged[i])
					least = (int64_t)(i + 1) * 10;
			if (next < least || (next == -1 && twin_io_exists(c, PATH))) {
				printf("# %zu calls, seed %u: %lld, at least %lld: %s\n", calls, seed,
				       (long long)next, (long long)least, err.text);
				right = false;
			}
			twin_io_free(c);
		}
	}
	ok(right, "after a power failure at any point every acknowledged record is there");
	twin_io_free(t);
}

static void test_dead(void)
{
	static const enum twin_op ops[] = { TWIN_PWRITE, TWIN_FDATASYNC };

	for (size_t i = 0; i < 2; i++) {
		struct twin_io *t = twin_io_new(NULL), *c;
		const struct io *io = twin_io(t);
		struct journal *j = create(io);

		append(j, 10);
		twin_io_fault(t, (struct twin_fault){ ops[i], NULL, 1, false, EIO });
		is_int(append(j, 20), UNRACK_IO, "a write or sync fails");
		is_int(journal_last(j)->next_grain, 10, "the record does not count");
		is_int(append(j, 20), UNRACK_IO, "the journal is dead then");
		has_str(err.text, "run the same command again", "and says what to do");
		journal_close(j);
		is_int(journal_open(io, PATH, &j, &err), 0, "the next run opens it");
		ok(append(j, 30) == 0 && append(j, 40) == 0, "and goes on");
		journal_close(j);
		c = twin_io_crash(t, twin_io_records(t), TWIN_DROP, 0);
		is_int(reopened(twin_io(c)), 40, "durably, whatever became of the failed record");
		twin_io_free(c);
		twin_io_free(t);
	}
}

static void test_torn_tail(void)
{
	struct twin_io *t = twin_io_new(NULL), *c;
	const struct io *io = twin_io(t);
	struct journal *j = create(io);
	struct journal_point p;
	uint8_t *data;
	size_t n, after;

	append(j, 10);
	append(j, 20);
	journal_close(j);
	data = twin_io_get(t, PATH, &n);
	c = twin_io_new(NULL);
	twin_io_put(c, PATH, data, n - 1);
	is_int(journal_read(twin_io(c), PATH, NULL, &p, &err), 0, "a torn tail does not hinder reading");
	is_int(p.next_grain, 10, "the record before it counts");
	free(twin_io_get(c, PATH, &after));
	is_int(after, n - 1, "reading changes nothing");
	is_int(reopened(twin_io(c)), 10, "opening finds the same");
	free(twin_io_get(c, PATH, &after));
	is_int(after, n - 64, "and cuts it off");
	twin_io_free(c);

	data[n - 65] ^= 1;
	c = twin_io_new(NULL);
	twin_io_put(c, PATH, data, n);
	is_int(journal_open(twin_io(c), PATH, &j, &err), UNRACK_DAMAGED, "damage is not a torn tail");
	is_int(journal_read(twin_io(c), PATH, NULL, &p, &err), UNRACK_DAMAGED, "for a reader too");
	free(data);
	data = twin_io_get(c, PATH, &after);
	is_int(after, n, "it is left as it is");
	free(data);
	twin_io_free(c);
	twin_io_free(t);
}

static void test_compaction(void)
{
	struct twin_io *t = twin_io_new(NULL);
	const struct io *io = twin_io(t);
	struct journal *j = create(io);
	bool good = true;
	size_t n, before;

	for (uint64_t i = 1; i <= 2000; i++)
		good &= append(j, i) == 0;
	ok(good, "two thousand records");
	journal_close(j);
	before = twin_io_records(t);
	is_int(reopened(io), 2000, "the last one is found");
	free(twin_io_get(t, PATH, &n));
	is_int(n, 128 + 64, "and the only one that is left");
	good = true;
	for (size_t calls = before; calls <= twin_io_records(t); calls++) {
		struct twin_io *c = twin_io_crash(t, calls, TWIN_TORN, (uint32_t)calls);

		good &= reopened(twin_io(c)) == 2000;
		twin_io_free(c);
	}
	ok(good, "a power failure while compacting loses nothing");
	is_int(journal_open(io, PATH, &j, &err), 0, "the compacted one is opened");
	is_int(append(j, 2001), 0, "and continued");
	twin_io_quiet(t);
	for (uint64_t i = 2002; i <= 20000; i++)
		good &= append(j, i) == 0;
	journal_close(j);
	free(twin_io_get(t, PATH, &n));
	ok(good && n < 128 + 64 * 17000, "a long run compacts as it goes");
	is_int(reopened(io), 20000, "and keeps the last record");
	twin_io_free(t);
}

static void test_limits(void)
{
	struct twin_io *t = twin_io_new(NULL);
	uint8_t *big = calloc(1, 4 << 20);
	struct journal *j;

	twin_io_put(t, PATH, big, 4 << 20);
	is_int(journal_open(twin_io(t), PATH, &j, &err), UNRACK_DAMAGED, "a file of 4 MiB is no journal");
	has_str(err.text, "larger than", "the limit is named");
	twin_io_put(t, PATH, big, 0);
	is_int(journal_open(twin_io(t), PATH, &j, &err), UNRACK_DAMAGED, "nor is an empty one");
	free(big);
	twin_io_free(t);
}

int main(void)
{
	test_life();
	test_refusals();
	test_power_failure();
	test_dead();
	test_torn_tail();
	test_compaction();
	test_limits();
	return tap_done();
}
