/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log is a ring of blocks of 512 bytes, whatever the filesystem's are. Each begins with the number
 * of the cycle in which it was written (in a record's header that is the second word), so that
 * a clean log of which the last write ended before HEAD has CYCLE in front of HEAD, and CYCLE - 1 from
 * there to its end. What is there of the last record must be an unmount record. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "crc32c.h"
#include "used_xfs.h"

#define HEADER_MAGIC   0xfeedbabeu
#define BLOCK          512u
#define RECORD_MAX     (256u << 10) /* XLOG_MAX_RECORD_BSIZE */
#define CYCLES_BYTES   (32u << 10)  /* of a record, for which one header has the cycles */
/* XLOG_TOTAL_REC_SHIFT: what may have been on its way at once, in any order. */
#define WINDOW         (8 * RECORD_MAX / BLOCK)
#define SEARCH         (RECORD_MAX / BLOCK + RECORD_MAX / CYCLES_BYTES)

/* struct xlog_rec_header, and as much of it and of struct xlog_rec_ext_header as is summed. The
 * first is larger where 64-bit integers are aligned (not on i386). */
#define HEADER_CRC_AT  32u
#define HEADER_SUMMED  328u
#define HEADER_SUMMED_I386 324u
#define EXT_SUMMED     260u

#define OP_CLIENT_LOG  0xaau
#define OP_UNMOUNT     0x20u
#define UNMOUNT_MAGIC  0x556eu /* "Un", in the byte order of who wrote it */

struct ring {
	struct xfs_fs *fs;
	uint64_t start;  /* byte of the volume */
	uint32_t blocks;
	uint32_t head;   /* 1 to BLOCKS */
	uint32_t cycle;
	uint8_t *buf;    /* WINDOW blocks */
};

static uint32_t block_cycle(const uint8_t *block)
{
	return get_be32(block) == HEADER_MAGIC ? get_be32(block + 4) : get_be32(block);
}

static uint32_t wanted_cycle(const struct ring *ring, uint32_t block)
{
	return block < ring->head ? ring->cycle : ring->cycle - 1;
}

static int read_cycle(struct ring *ring, uint32_t block, uint32_t *cycle, struct unrack_error *err)
{
	uint8_t b[BLOCK];
	int r = used_xfs_read(ring->fs, b, sizeof b, ring->start + (uint64_t)block * BLOCK, "its log",
			      err);

	if (!used_xfs_over(ring->fs, r))
		*cycle = block_cycle(b);
	return r;
}

/* Which block would be written next, if the log is clean. */
static int find_head(struct ring *ring, struct unrack_error *err)
{
	uint32_t first, last, low = 0, high = ring->blocks - 1;
	int r = read_cycle(ring, 0, &first, err);

	if (!used_xfs_over(ring->fs, r))
		r = read_cycle(ring, high, &last, err);
	if (used_xfs_over(ring->fs, r))
		return r;
	ring->cycle = first;
	ring->head = ring->blocks;
	if (first == 0)
		return used_whole(ring->fs->look, "its log is empty");
	if (first == last)
		return 0;
	if (first != last + 1)
		return used_whole(ring->fs->look, "its log is not in order");
	/* LOW has the cycle of the first, HIGH that of the last. */
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2, cycle;

		r = read_cycle(ring, mid, &cycle, err);
		if (used_xfs_over(ring->fs, r))
			return r;
		if (cycle == last)
			high = mid;
		else
			low = mid;
	}
	ring->head = high;
	return 0;
}

/* Reads N blocks from FROM, around the end, into LOG's buffer: they must have the cycles of a clean
 * log. */
static int check_cycles(struct ring *ring, uint32_t from, uint32_t n, struct unrack_error *err)
{
	uint32_t part = from + n > ring->blocks ? ring->blocks - from : n;
	int r = used_xfs_read(ring->fs, ring->buf, (size_t)part * BLOCK,
			      ring->start + (uint64_t)from * BLOCK, "its log", err);

	if (!used_xfs_over(ring->fs, r) && part < n)
		r = used_xfs_read(ring->fs, ring->buf + (size_t)part * BLOCK, (size_t)(n - part) * BLOCK,
				  ring->start, "its log", err);
	if (used_xfs_over(ring->fs, r))
		return r;
	digest_stream_add(ring->fs->look->state, ring->buf, (size_t)n * BLOCK);
	for (uint32_t i = 0; i < n; i++)
		if (block_cycle(ring->buf + (size_t)i * BLOCK) !=
		    wanted_cycle(ring, (from + i) % ring->blocks))
			return used_whole(ring->fs->look, "its log has to be replayed");
	return 0;
}

static unsigned header_blocks(const uint8_t *header)
{
	uint32_t size = get_be32(header + 320);

	/* Of version 1, h_size is not kept. */
	return get_be32(header + 8) == 2 && size > CYCLES_BYTES
		       ? (unsigned)div_round_up(size, CYCLES_BYTES)
		       : 1;
}

static bool sum_is_right(const uint8_t *record, uint32_t summed, unsigned headers, uint32_t len)
{
	static const uint8_t none[4];
	uint32_t sum = crc32c(0, record, HEADER_CRC_AT);

	sum = crc32c(sum, none, sizeof none);
	sum = crc32c(sum, record + HEADER_CRC_AT + 4, summed - HEADER_CRC_AT - 4);
	for (unsigned i = 1; i < headers; i++)
		sum = crc32c(sum, record + i * BLOCK, EXT_SUMMED);
	return crc32c(sum, record + headers * BLOCK, len) == get_le32(record + HEADER_CRC_AT);
}

/* Whether the N blocks at RECORD, which begin with a header at AT of the log, are an unmount record. */
static bool is_unmount(const struct ring *ring, const uint8_t *record, uint32_t n, uint32_t at)
{
	uint32_t version = get_be32(record + 8), len = get_be32(record + 12);
	unsigned headers = header_blocks(record);
	const uint8_t *op;

	if ((version != 1 && version != 2) || len < 14 || len > RECORD_MAX ||
	    headers > RECORD_MAX / CYCLES_BYTES || headers + div_round_up(len, BLOCK) != n)
		return false;
	op = record + headers * BLOCK;
	return get_be64(record + 16) == ((uint64_t)wanted_cycle(ring, at) << 32 | at) &&
	       memcmp(record + 304, ring->fs->uuid, 16) == 0 &&
	       (get_le32(record + HEADER_CRC_AT) == 0 ||
		sum_is_right(record, HEADER_SUMMED, headers, len) ||
		sum_is_right(record, HEADER_SUMMED_I386, headers, len)) &&
	       get_be32(record + 40) == 1 && /* h_num_logops */
	       op[8] == OP_CLIENT_LOG && op[9] & OP_UNMOUNT &&
	       (get_le16(op + 12) == UNMOUNT_MAGIC || get_be16(op + 12) == UNMOUNT_MAGIC);
}

/* The last record, which ends before HEAD; LOG's buffer has the N blocks up to there. */
static int check_last(const struct ring *ring, uint32_t n)
{
	uint32_t back = 1;

	while (back < n && back < SEARCH &&
	       get_be32(ring->buf + (size_t)(n - back) * BLOCK) != HEADER_MAGIC)
		back++;
	if (get_be32(ring->buf + (size_t)(n - back) * BLOCK) != HEADER_MAGIC ||
	    !is_unmount(ring, ring->buf + (size_t)(n - back) * BLOCK, back,
			(ring->head + ring->blocks - back) % ring->blocks))
		return used_whole(ring->fs->look, "its log has to be replayed");
	return 0;
}

int used_xfs_log(struct xfs_fs *fs, struct unrack_error *err)
{
	uint8_t *buf CLEANUP_FREE = malloc((size_t)WINDOW * BLOCK);
	struct ring ring = {
		.fs = fs,
		.start = ((uint64_t)fs->log_ag * fs->ag_blocks + fs->log_block) * fs->block,
		.blocks = (uint32_t)((uint64_t)fs->log_blocks * fs->block / BLOCK),
		.buf = buf,
	};
	uint32_t behind, ahead;
	int r;

	if (!buf)
		return error_nomem(err);
	r = find_head(&ring, err);
	if (used_xfs_over(fs, r))
		return r;
	behind = (uint32_t)min_u64(ring.blocks, WINDOW);
	ahead = (uint32_t)min_u64(ring.blocks - behind, WINDOW);
	r = check_cycles(&ring, ring.head % ring.blocks, ahead, err);
	if (!used_xfs_over(fs, r))
		r = check_cycles(&ring, (ring.head + ring.blocks - behind) % ring.blocks, behind, err);
	return used_xfs_over(fs, r) ? r : check_last(&ring, behind);
}
