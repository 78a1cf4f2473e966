/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a log is clean: none of its flags tells it, only the search of its head and tail. */
#include "xfs_image.h"

#define HEADER_MAGIC 0xfeedbabeu
#define CLIENT_LOG   0xaau
#define UNMOUNT      0x20u

static struct image img;
static uint64_t unused;

static uint8_t *log_block(uint32_t block)
{
	return img.log + img.p + (size_t)(block % img.log_blocks) * XFS_TEST_LOG_BLOCK;
}

/* A record to be put into the log: an unmount, where no field says otherwise. */
enum sum { RIGHT, RIGHT_ON_I386, NONE, WRONG };
struct record {
	uint32_t head;          /* it ends there, 1 to the number of blocks */
	uint32_t len;           /* bytes of data; 0: as small as can be */
	uint32_t version, size; /* 0: 2, and 32 KiB */
	uint32_t more_ops;
	uint8_t flags;          /* 0: UNMOUNT */
	bool foreign;           /* of another filesystem */
	enum sum sum;
	uint32_t off;           /* of its place in its number */
	bool big_endian;
};

static void put_cycles(uint32_t head, uint32_t cycle)
{
	memset(log_block(0), 0, (size_t)img.log_blocks * XFS_TEST_LOG_BLOCK);
	for (uint32_t b = 0; b < img.log_blocks; b++)
		put_be32(log_block(b), b < head ? cycle : cycle - 1);
}

static uint32_t record_sum(const uint8_t *p, uint32_t at, uint32_t headers, uint32_t len, bool i386)
{
	static const uint8_t none[4];
	uint32_t sum = crc32c(crc32c(0, p, 32), none, 4);

	sum = crc32c(sum, p + 36, (i386 ? 324 : 328) - 36);
	for (uint32_t h = 1; h < headers; h++)
		sum = crc32c(sum, log_block(at + h), 260);
	for (uint32_t done = 0; done < len; done += 512)
		sum = crc32c(sum, log_block(at + headers + done / 512),
			     len - done < 512 ? len - done : 512);
	return sum;
}

/* A ring whose last record is R. */
static void put_log(struct record r, uint32_t cycle)
{
	uint32_t size = r.size ? r.size : 32768, version = r.version ? r.version : 2;
	uint32_t headers = version == 2 && size > 32768 ? (size + 32767) / 32768 : 1;
	uint32_t len = r.len ? r.len : 20, n = headers + (len + 511) / 512;
	uint32_t at = (r.head + img.log_blocks - n) % img.log_blocks;
	uint32_t here = at < r.head ? cycle : cycle - 1;
	uint8_t *p = log_block(at), *op = log_block(at + headers);

	put_cycles(r.head, cycle);
	put_be32(p, HEADER_MAGIC);
	put_be32(p + 4, here);
	put_be32(p + 8, version);
	put_be32(p + 12, len);
	put_be64(p + 16, (uint64_t)here << 32 | (at + r.off));
	put_be64(p + 24, (uint64_t)here << 32 | at);
	put_be32(p + 40, 1 + r.more_ops);
	put_be32(p + 44, 0xb0c0d0d0);
	put_be32(p + 300, 1);
	memcpy(p + 304, img.p + 32, 16);
	p[304] ^= r.foreign;
	put_be32(p + 320, size);
	put_be32(op + 4, 8);
	op[8] = CLIENT_LOG;
	op[9] = r.flags ? r.flags : UNMOUNT;
	memcpy(op + 12, r.big_endian ? "Un" : "nU", 2);
	if (r.sum != NONE)
		put_le32(p + 32,
			 record_sum(p, at, headers, len, r.sum == RIGHT_ON_I386) + (r.sum == WRONG));
}

static void clean_with(struct record r, uint32_t cycle, const char *name)
{
	put_log(r, cycle);
	is_partly(&img, unused, name);
}

static void dirty_with(struct record r, uint32_t cycle, const char *name)
{
	put_log(r, cycle);
	is_whole(&img, "its log has to be replayed", name);
}

#define RECORD(...) ((struct record){ __VA_ARGS__ })

static void clean_ones(void)
{
	uint32_t n = img.log_blocks;

	clean_with(RECORD(.head = 2), 1, "a log as mkfs makes it");
	clean_with(RECORD(.head = 5000), 1, "of which the end was never written");
	clean_with(RECORD(.head = 2), 77, "wrapped many times, and just again");
	clean_with(RECORD(.head = n / 2), 77, "wrapped, the head in the middle");
	clean_with(RECORD(.head = n - 1), 77, "one block before the end");
	clean_with(RECORD(.head = n), 77, "at its end");
	clean_with(RECORD(.head = 1), 77, "its last record goes over the end");
	clean_with(RECORD(.head = n / 2), 0xffffffff, "in the last cycle of all");
	clean_with(RECORD(.head = 3000, .version = 1), 3, "a log of version 1");
	clean_with(RECORD(.head = 3000, .version = 1, .size = 0xaaaaaaaa), 3,
		   "in which that field is not kept");
	clean_with(RECORD(.head = 3000, .len = 65536 - 512), 3, "with a stripe unit");
	clean_with(RECORD(.head = 3000, .len = 262144 - 4096, .size = 262144), 3,
		   "and with eight headers");
	clean_with(RECORD(.head = 100, .len = 262144 - 4096, .size = 262144), 3, "over the end");
	clean_with(RECORD(.head = 2, .sum = RIGHT_ON_I386), 3, "summed on i386");
	clean_with(RECORD(.head = 2, .sum = NONE), 3, "not summed");
	clean_with(RECORD(.head = 2, .big_endian = true), 3, "written by a big-endian machine");
}

static void dirty_ones(void)
{
	uint32_t n = img.log_blocks;

	dirty_with(RECORD(.head = 2, .flags = 2), 3, "the last record is of a transaction");
	dirty_with(RECORD(.head = 2, .more_ops = 1), 3, "of more than the unmount");
	dirty_with(RECORD(.head = 2, .foreign = true), 3, "of another filesystem");
	dirty_with(RECORD(.head = 2, .sum = WRONG), 3, "its sum is wrong");
	dirty_with(RECORD(.head = 2, .off = 1), 3, "it was written for another place");
	dirty_with(RECORD(.head = 2, .version = 3), 3, "of an unknown version");
	dirty_with(RECORD(.head = 2, .size = 0xffffffff), 3, "with headers without end");
	put_log(RECORD(.head = 3000), 3);
	put_be32(log_block(2999) + 8, 0); /* the operation's flags */
	is_whole(&img, "its log has to be replayed", "changed after it was summed");
	put_log(RECORD(.head = 3000), 3);
	put_be32(log_block(2998) + 12, 0xffffffff);
	is_whole(&img, "its log has to be replayed", "of a length that can't be");
	put_log(RECORD(.head = 3000), 3);
	put_be32(log_block(2998) + 12, 4);
	is_whole(&img, "its log has to be replayed", "too short for what it says");
	put_cycles(3000, 3);
	is_whole(&img, "its log has to be replayed", "there is no record");
	put_log(RECORD(.head = 3000), 3);
	put_be32(log_block(3000), 3);
	is_whole(&img, "its log has to be replayed", "something was written behind the unmount");
	put_log(RECORD(.head = 3000), 3);
	put_be32(log_block(3004), 3);
	is_whole(&img, "its log has to be replayed", "or is on its way, with a hole before it");
	put_log(RECORD(.head = n - 1), 3);
	put_be32(log_block(2), 4);
	is_whole(&img, "its log has to be replayed", "or at the beginning");
	put_log(RECORD(.head = 3000), 3);
	put_be32(log_block(2900), 2);
	is_whole(&img, "its log has to be replayed", "a hole before it");
	put_log(RECORD(.head = 10), 3);
	put_be32(log_block(n - 3), 1);
	is_whole(&img, "its log has to be replayed", "a hole before it at the end");
}

static void no_logs(void)
{
	put_log(RECORD(.head = 2), 3);
	put_be32(log_block(0) + 4, 9);
	is_whole(&img, "its log is not in order", "cycles that don't follow each other");
	memset(log_block(0), 0, (size_t)img.log_blocks * XFS_TEST_LOG_BLOCK);
	is_whole(&img, "its log is empty", "zeros");
	memset(log_block(0), 0xff, (size_t)img.log_blocks * XFS_TEST_LOG_BLOCK);
	is_whole(&img, "its log has to be replayed", "no log at all");
}

static void states(void)
{
	struct looked before, after;

	put_log(RECORD(.head = 3000), 3);
	look(&img, &before);
	ranges_free(before.unused);
	put_log(RECORD(.head = 3002), 3);
	look(&img, &after);
	ranges_free(after.unused);
	ok(memcmp(&before.state, &after.state, sizeof after.state) != 0, "a mount and unmount changes "
									 "the state");
	put_log(RECORD(.head = 3000), 3);
	look(&img, &after);
	ranges_free(after.unused);
	ok(memcmp(&before.state, &after.state, sizeof after.state) == 0, "the same log is the same "
									 "state");
	put_be32(log_block(3001) + 8, 7);
	look(&img, &after);
	ranges_free(after.unused);
	ok(memcmp(&before.state, &after.state, sizeof after.state) != 0,
	   "so does a mount that has cleared what follows, but not written yet");
	put_log(RECORD(.head = 3000, .flags = 2), 3);
	look(&img, &before);
	ranges_free(before.unused);
	put_log(RECORD(.head = 3002, .flags = 2), 3);
	look(&img, &after);
	ranges_free(after.unused);
	ok(memcmp(&before.state, &after.state, sizeof after.state) != 0, "a log that has to be "
									 "replayed has a state, too");
}

int main(void)
{
	if (!image_make(&img, 32 << 20, "-d agcount=2"))
		skip_all("mkfs.xfs is not installed");
	unused = image_free_blocks(&img);
	is_partly(&img, unused, "(mkfs.xfs)");
	clean_ones();
	dirty_ones();
	no_logs();
	states();
	image_free(&img);
	return tap_done();
}
