/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Superblocks of md, written from Linux' include/uapi/linux/raid/md_p.h, not by the code under test. */
#ifndef TESTS_DISK_MD_IMAGE_H
#define TESTS_DISK_MD_IMAGE_H

#include <string.h>

#include "base/bytes.h"

struct md_image {
	unsigned level, disks, slot; /* SLOT: also the number in the table */
	uint64_t events, bytes;      /* BYTES: of the array */
	uint64_t start;              /* of version 1, sectors */
	unsigned role;               /* of version 1: 0 is that of SLOT */
	uint32_t features;
	bool dirty, big_endian;
};

static inline void md_image_word(uint8_t *b, unsigned word, uint32_t v, bool big_endian)
{
	if (big_endian)
		put_be32(b + 4 * word, v);
	else
		put_le32(b + 4 * word, v);
}

/* The sum of a superblock 0.90, whose byte order matters. */
static inline void md_image_seal_90(uint8_t *b, bool big_endian)
{
	uint64_t sum = 0;

	md_image_word(b, 38, 0, big_endian);
	for (unsigned i = 0; i < 1024; i++)
		sum += big_endian ? get_be32(b + 4 * i) : get_le32(b + 4 * i);
	md_image_word(b, 38, (uint32_t)(sum + (sum >> 32)), big_endian);
}

/* Version 0.90, 64 to 128 KiB before the end of the MEMBER of N bytes. Returns where. */
static inline uint8_t *md_image_90(uint8_t *member, uint64_t n, const struct md_image *m)
{
	uint8_t *b = member + (n & ~65535ull) - 65536;
	bool be = m->big_endian;

	memset(b, 0, 4096);
	md_image_word(b, 0, 0xa92b4efc, be);
	md_image_word(b, 2, 90, be);
	md_image_word(b, 5, 0x11111111, be);
	md_image_word(b, 7, m->level, be);
	md_image_word(b, 8, (uint32_t)(m->bytes / 1024), be);
	md_image_word(b, 9, m->disks, be);
	md_image_word(b, 10, m->disks, be);
	for (unsigned i = 0; i < 3; i++)
		md_image_word(b, 13 + i, 0x22222222 + i, be);
	md_image_word(b, 33, !m->dirty, be);
	md_image_word(b, be ? 40 : 39, (uint32_t)m->events, be);
	md_image_word(b, be ? 39 : 40, (uint32_t)(m->events >> 32), be);
	for (unsigned i = 0; i < m->disks; i++) {
		md_image_word(b, 128 + 32 * i, i, be);
		md_image_word(b, 128 + 32 * i + 3, i, be);
		md_image_word(b, 128 + 32 * i + 4, 6, be);
	}
	md_image_word(b, 992, m->slot, be);
	md_image_word(b, 992 + 3, m->slot, be);
	md_image_word(b, 992 + 4, 6, be);
	md_image_seal_90(b, be);
	return b;
}

static inline void md_image_seal_1(uint8_t *b)
{
	size_t n = 256 + 2 * (size_t)get_le32(b + 220), i;
	uint64_t sum = 0;

	put_le32(b + 216, 0);
	for (i = 0; i + 4 <= n; i += 4)
		sum += get_le32(b + i);
	if (i < n)
		sum += get_le16(b + i);
	put_le32(b + 216, (uint32_t)(sum + (sum >> 32)));
}

/* Version 1 at SECTOR. */
static inline uint8_t *md_image_1(uint8_t *member, uint64_t sector, const struct md_image *m)
{
	uint8_t *b = member + sector * 512;

	memset(b, 0, 4096);
	put_le32(b, 0xa92b4efc);
	put_le32(b + 4, 1);
	put_le32(b + 8, m->features);
	memset(b + 16, 0x5a, 16);
	strcpy((char *)b + 32, "rhel6:0");
	put_le32(b + 72, m->level);
	put_le64(b + 80, m->bytes / 512);
	put_le32(b + 92, m->disks);
	put_le64(b + 128, m->start);
	put_le64(b + 136, m->bytes / 512);
	put_le64(b + 144, sector);
	put_le32(b + 160, m->slot);
	put_le64(b + 200, m->events);
	put_le64(b + 208, m->dirty ? 0 : UINT64_MAX);
	put_le32(b + 220, 9);
	for (unsigned i = 0; i < 9; i++)
		put_le16(b + 256 + 2 * i, i < m->disks ? (uint16_t)i : 0xffff);
	if (m->role)
		put_le16(b + 256 + 2 * m->slot, (uint16_t)m->role);
	md_image_seal_1(b);
	return b;
}

/* Where version 1.0 lies in N bytes, in sectors. */
static inline uint64_t md_image_end(uint64_t n)
{
	return (n / 512 - 16) & ~7ull;
}

#endif
