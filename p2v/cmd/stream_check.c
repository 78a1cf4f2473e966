/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"
#include "unrack/journal.h"
#include "unrack/machine.h"

struct stream_check {
	const struct log *log;
	char *folder;
	int number; /* -1: none */
	/* Opened when they are needed: the receiver holds the folder then, and has brought the
	 * table to where the journal is. */
	struct digest_table *table;
	struct digest_key key;
	uint64_t bytes;   /* of the disk */
	uint64_t durable; /* bytes of it */
	uint64_t began;   /* the first byte that was shown */
	bool data;        /* a grain that is not zeros agreed */
};

struct stream_check *stream_check_new(const struct log *log, const char *folder)
{
	struct stream_check *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->log = log;
	c->number = -1;
	c->folder = strdup(folder);
	if (c->folder)
		return c;
	free(c);
	return NULL;
}

void stream_check_disk(struct stream_check *c, int number)
{
	c->number = number;
}

void stream_check_free(void *check)
{
	struct stream_check *c = check;

	if (!c)
		return;
	digest_table_close(c->table);
	free(c->folder);
	free(c);
}

static int open_table(struct stream_check *c, const struct machine *m, struct unrack_error *err)
{
	char *journal CLEANUP_FREE = machine_path(m, MACHINE_JOURNAL, c->number);
	char *digests CLEANUP_FREE = machine_path(m, MACHINE_DIGESTS, c->number);
	struct journal_point point;
	struct journal_info info;
	int r = journal && digests ? journal_read(machine_io(m), journal, &info, &point, err)
				   : error_nomem(err);

	if (r < 0)
		return r;
	digest_key_init(&c->key, info.seed);
	c->bytes = info.id.bytes;
	c->durable = min_u64(point.next_grain * GRAIN_SIZE, c->bytes);
	r = digest_table_open(machine_io(m), digests, c->bytes, true, &c->table, err);
	journal_info_free(&info);
	return r;
}

static int begin(struct stream_check *c, uint64_t off, struct unrack_error *err)
{
	struct machine *m;
	int r;

	if (c->number < 0)
		return error_set(err, UNRACK_UNSAFE, "another copy into %s has begun meanwhile; run the same command "
				 "again when it has ended", c->folder);
	r = machine_open(io_posix(), c->folder, &m, err);
	if (r < 0)
		return r;
	r = open_table(c, m, err);
	machine_free(m);
	c->began = off;
	return r;
}

static int compare(struct stream_check *c, const uint8_t *grain, uint64_t index, struct unrack_error *err)
{
	struct digest want;
	int r = digest_table_read(c->table, index, &want, 1, err);

	if (r < 0)
		return r;
	if (!verify_grain(&c->key, grain, grain_bytes(c->bytes, index), &want))
		return error_set(err, UNRACK_UNSAFE,
				 "the stream is not the disk that %s was begun with: the 64 KiB from byte %llu on differ; "
				 "look whether the right disk is sent, and whether --offset is where dd's skip= begins, or "
				 "copy into another folder", c->folder, (unsigned long long)index * GRAIN_SIZE);
	c->data |= !digest_is_zero(&want);
	return 0;
}

/* All that was durable has been seen. */
static void end(struct stream_check *c)
{
	digest_table_close(c->table);
	c->table = NULL;
	if (c->data || c->began == 0)
		log_info(c->log, "the stream agrees with disk %d up to byte %llu, and goes on from there", c->number,
			 (unsigned long long)c->durable);
	else
		log_warn(c->log, "what the stream repeats of disk %d is zeros only, which does not tell whether it is of "
			 "that disk", c->number);
}

int stream_check_bytes(void *check, const void *data, size_t n, uint64_t off, struct unrack_error *err)
{
	struct stream_check *c = check;
	uint64_t at = round_up(off, GRAIN_SIZE), to = off + n;
	int r = c->table ? 0 : begin(c, off, err);

	for (; r == 0 && at < to && min_u64(at + GRAIN_SIZE, c->bytes) <= to; at += GRAIN_SIZE)
		r = compare(c, (const uint8_t *)data + (at - off), at / GRAIN_SIZE, err);
	if (r < 0)
		return r;
	log_progress(c->log, &(struct log_progress){ .step = "verify", .disk = c->number, .unit = "bytes",
						     .done = to, .total = c->durable });
	if (to >= c->durable)
		end(c);
	return 0;
}
