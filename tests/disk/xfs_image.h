/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small XFS images in memory: made by mkfs.xfs, then changed by tests. */
#ifndef TESTS_XFS_IMAGE_H
#define TESTS_XFS_IMAGE_H

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/tap.h"
#include "../../p2v/disk/crc32c.h"
#include "../../p2v/disk/used_parts.h"
#include "base/bytes.h"

#define XFS_TEST_LOG_BLOCK 512u

struct image {
	int fd;
	uint8_t *p;
	size_t size;
	bool v5;
	uint32_t block, sector, ag_blocks, ag_count, log_blocks; /* the last: of 512 bytes */
	size_t log; /* byte */
};

struct looked {
	int r;
	enum used_verdict verdict;
	char why[256];
	struct ranges *unused;
	struct digest state;
};

static inline void put_be16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static inline void put_be64(void *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32((uint8_t *)p + 4, (uint32_t)v);
}

static inline void put_sum(uint8_t *p, size_t n, size_t at)
{
	put_le32(p + at, 0);
	put_le32(p + at, crc32c(0, p, n));
}

/* One of SIZE bytes; OPTIONS for mkfs.xfs. False: it isn't here, or doesn't know them. Changes stay in
 * memory. mkfs.xfs makes filesystems of less than 300 MB only for its own tests. */
__attribute__((unused)) static bool image_make(struct image *i, size_t size, const char *options)
{
	char path[] = "/tmp/unrack-xfs-XXXXXX", sh[1024];
	int fd = mkstemp(path);
	uint64_t log;
	bool made;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		abort();
	snprintf(sh, sizeof sh, "PATH=$PATH:/sbin:/usr/sbin TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 "
		 "mkfs.xfs -q -f %s %s >/dev/null 2>&1", options, path);
	made = system(sh) == 0;
	unlink(path);
	i->fd = fd;
	if (made) {
		i->p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		if (i->p == MAP_FAILED)
			abort();
		i->size = size;
		i->v5 = (i->p[101] & 15) == 5;
		i->block = get_be32(i->p + 4);
		i->sector = get_be16(i->p + 102);
		i->ag_blocks = get_be32(i->p + 84);
		i->ag_count = get_be32(i->p + 88);
		log = get_be64(i->p + 48);
		i->log = ((log >> i->p[124]) * i->ag_blocks + (log & ((1u << i->p[124]) - 1))) * i->block;
		i->log_blocks = get_be32(i->p + 96) * (i->block / XFS_TEST_LOG_BLOCK);
	} else {
		close(fd);
	}
	return made;
}

/* As mkfs.xfs has made it. */
__attribute__((unused)) static void image_reset(struct image *i)
{
	munmap(i->p, i->size);
	i->p = mmap(NULL, i->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, i->fd, 0);
	if (i->p == MAP_FAILED)
		abort();
}

__attribute__((unused)) static void image_free(struct image *i)
{
	munmap(i->p, i->size);
	close(i->fd);
}

__attribute__((unused)) static uint8_t *image_group(const struct image *i, uint32_t ag)
{
	return i->p + (size_t)ag * i->ag_blocks * i->block;
}

/* The headers of a group: 0 the superblock, 1 free space, 2 inodes, 3 the free list. */
__attribute__((unused)) static uint8_t *image_header(const struct image *i, uint32_t ag, unsigned which)
{
	return image_group(i, ag) + which * i->sector;
}

__attribute__((unused)) static uint8_t *image_block(const struct image *i, uint32_t ag, uint32_t block)
{
	return image_group(i, ag) + (size_t)block * i->block;
}

/* The checksums of the headers are right again. */
__attribute__((unused)) static void image_seal(const struct image *i)
{
	static const size_t at[4] = { 224, 216, 312, 32 };

	for (uint32_t ag = 0; i->v5 && ag < i->ag_count; ag++)
		for (unsigned h = 0; h < 4; h++)
			put_sum(image_header(i, ag, h), i->sector, at[h]);
}

__attribute__((unused)) static void image_seal_block(const struct image *i, uint8_t *block)
{
	if (i->v5)
		put_sum(block, i->block, 52);
}

static inline void look_at(struct block_source *s, struct looked *l)
{
	static const uint8_t seed[DIGEST_SEED_SIZE];
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct digest_key key;
	struct used_look look = { .verdict = USED_WHOLE, .unused = ranges_new(0) };

	digest_key_init(&key, seed);
	look.state = digest_stream_new(&key);
	l->r = used_xfs(s, &look, &e);
	l->verdict = look.verdict;
	memcpy(l->why, look.why, sizeof l->why);
	l->unused = look.unused;
	digest_stream_end(look.state, &l->state);
	digest_stream_free(look.state);
	block_source_close(s);
}

__attribute__((unused)) static void look(const struct image *i, struct looked *l)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct block_source *s;

	if (block_source_open_memory(i->p, i->size, "image", &s, &e) < 0)
		abort();
	look_at(s, l);
}

__attribute__((unused)) static void is_partly(const struct image *i, uint64_t blocks, const char *name)
{
	struct looked l;

	look(i, &l);
	if (!ok(l.r == 0 && l.verdict == USED_PARTLY && ranges_bytes(l.unused) == blocks * i->block,
		"%s", name))
		printf("# %s, unused %" PRIu64 " of %" PRIu64 " bytes\n", l.why, ranges_bytes(l.unused),
		       blocks * i->block);
	ranges_free(l.unused);
}

__attribute__((unused)) static void is_whole(const struct image *i, const char *why, const char *name)
{
	struct looked l;

	look(i, &l);
	if (!ok(l.r == 0 && l.verdict == USED_WHOLE && strstr(l.why, why), "%s: %s", name, why))
		printf("# verdict %d, \"%s\"\n", l.verdict, l.why);
	ranges_free(l.unused);
}

/* What the headers of its groups count as free. */
__attribute__((unused)) static uint64_t image_free_blocks(const struct image *i)
{
	uint64_t n = 0;

	for (uint32_t ag = 0; ag < i->ag_count; ag++)
		n += get_be32(image_header(i, ag, 1) + 52);
	return n;
}

/* Puts back what a test changed. */
#define WITH_CHANGE(img, at, bytes, change, test)                                       \
	do {                                                                            \
		uint8_t *at_ = (at), kept_[bytes];                                      \
		memcpy(kept_, at_, sizeof kept_);                                       \
		change;                                                                 \
		image_seal(img);                                                        \
		test;                                                                   \
		memcpy(at_, kept_, sizeof kept_);                                       \
		image_seal(img);                                                        \
	} while (0)

#endif
