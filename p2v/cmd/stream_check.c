/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "digests.h"
#include "unrack/grain.h"

struct stream_check {
	const struct log *log;
	char *folder;
	int number; /* -1: none */
	/* Opened when they are needed: the receiver holds the folder then, and has brought the
	 * table to where the journal is. */
	struct digests digests;
	uint64_t bytes;    /* of the disk */
	uint64_t durable;  /* bytes of it */
	bool open, whole;  /* WHOLE: what is shown begins at byte 0 */
	uint64_t compared; /* grains */
	bool data;         /* one that is not zeros agreed */
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
	digests_close(&c->digests);
	free(c->folder);
	free(c);
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
	r = digests_open(m, c->number, &c->digests, err);
	machine_free(m);
	if (r < 0)
		return r;
	c->bytes = c->digests.info.id.bytes;
	c->durable = min_u64(c->digests.point.next_grain * GRAIN_SIZE, c->bytes);
	c->whole = off == 0;
	c->open = true;
	return 0;
}

static int compare(struct stream_check *c, const uint8_t *grain, uint64_t index, struct unrack_error *err)
{
	struct digest want;
	int r;

	if (!digests_tell(&c->digests, index))
		return 0;
	r = digest_table_read(c->digests.table, index, &want, 1, err);

	if (r < 0)
		return r;
	if (!verify_grain(&c->digests.key, grain, grain_bytes(c->bytes, index), &want))
		return error_set(err, UNRACK_UNSAFE,
				 "the stream is not the disk that %s was begun with: the 64 KiB from byte %llu on differ; "
				 "look whether the right disk is sent, and whether --offset is where dd's skip= begins, or "
				 "copy into another folder", c->folder, (unsigned long long)index * GRAIN_SIZE);
	c->compared++;
	c->data |= !digest_is_zero(&want);
	return 0;
}

/* All that was durable has been seen. */
static int end(const struct stream_check *c, struct unrack_error *err)
{
	if (c->compared == 0)
		return error_set(err, UNRACK_UNSAFE, "the stream repeats no whole 64 KiB of disk %d of %s, and so nothing tells "
				 "whether it is of that disk; begin it some MiB earlier", c->number, c->folder);
	if (c->data || c->whole)
		log_info(c->log, "the stream agrees with disk %d up to byte %llu, and goes on from there", c->number,
			 (unsigned long long)c->durable);
	else
		log_warn(c->log, "what the stream repeats of disk %d is zeros only, which does not tell whether it is of "
			 "that disk", c->number);
	return 0;
}

int stream_check_bytes(void *check, const void *data, size_t n, uint64_t off, struct unrack_error *err)
{
	struct stream_check *c = check;
	uint64_t at = round_up(off, GRAIN_SIZE), to = off + n;
	int r = c->open ? 0 : begin(c, off, err);

	for (; r == 0 && at < to && min_u64(at + GRAIN_SIZE, c->bytes) <= to; at += GRAIN_SIZE)
		r = compare(c, (const uint8_t *)data + (at - off), at / GRAIN_SIZE, err);
	if (r < 0)
		return r;
	log_progress(c->log, &(struct log_progress){ .step = "verify", .disk = c->number, .unit = "bytes",
						     .done = to, .total = c->durable });
	return to >= c->durable ? end(c, err) : 0;
}
