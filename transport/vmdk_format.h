/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The binary parts of a hosted sparse extent ("KDMV"), of which the formats stream and sparse are
 * made. Little-endian; offsets and lengths in sectors of 512 bytes.
 * Source: VMware Virtual Disk Format 5.0. Where it differs from what VMware's own open-vmdk and QEMU
 * write and read, those are right: compressed grains are zlib streams (RFC 1950), not bare deflate;
 * a compressed extent has version 3; the capacity is the disk's in sectors, since QEMU takes the
 * size from there, and the last grain is filled up with zeros. */
#ifndef TRANSPORT_VMDK_FORMAT_H
#define TRANSPORT_VMDK_FORMAT_H

#include <stdint.h>

#include "base/size.h"
#include "unrack/error.h"
#include "unrack/grain.h"

#define VMDK_GRAIN_SECTORS (GRAIN_SIZE / SECTOR_SIZE)
#define VMDK_GTES 512u /* entries of a grain table: 32 MiB of disk */
#define VMDK_GT_BYTES (VMDK_GTES * 4u)
#define VMDK_GT_SECTORS (VMDK_GT_BYTES / SECTOR_SIZE)
#define VMDK_DESCRIPTOR_AT 1u
#define VMDK_DESCRIPTOR_SECTORS 20u
#define VMDK_STREAM_OVERHEAD 128u /* of a stream that we make: sectors before the first grain */
/* Tables hold sectors in 32 bits. */
#define VMDK_FILE_MAX ((uint64_t)UINT32_MAX * SECTOR_SIZE)

#define VMDK_NEWLINES 1u /* flags of the header */
#define VMDK_REDUNDANT 2u
#define VMDK_ZERO_GTES 4u
#define VMDK_COMPRESSED 0x10000u
#define VMDK_MARKERS 0x20000u

#define VMDK_GD_AT_END UINT64_MAX
#define VMDK_DEFLATE 1u

struct vmdk_header {
	uint32_t version, flags;
	uint64_t capacity, grain;
	uint64_t descriptor, descriptor_size;
	uint32_t gtes;
	uint64_t rgd, gd, overhead;
	uint16_t compression;
};

void vmdk_header_encode(const struct vmdk_header *h, uint8_t out[SECTOR_SIZE]);
/* NAME for messages. What can't be read is UNRACK_UNSUPPORTED, what can't be is UNRACK_DAMAGED;
 * else the grain is a power of two up to GRAIN_SIZE, a table has VMDK_GTES entries, the capacity in
 * bytes is below INT64_MAX, and compression goes with markers. */
int vmdk_header_decode(const uint8_t in[SECTOR_SIZE], const char *name, struct vmdk_header *h,
		       struct unrack_error *err);

/* A grain begins with its first sector's number on the disk and its stream's length; it ends at
 * a whole sector. Where the length is 0, it is a marker: of so many sectors that follow. */
#define VMDK_GRAIN_HEAD 12u
enum vmdk_marker { VMDK_EOS = 0, VMDK_GT = 1, VMDK_GD = 2, VMDK_FOOTER = 3 };
/* What a grain of N bytes takes in the file. */
static inline uint64_t vmdk_grain_room(uint64_t n)
{
	return round_up(VMDK_GRAIN_HEAD + n, SECTOR_SIZE);
}

/* Grain tables of a disk, and sectors of their directory. */
static inline uint64_t vmdk_tables(uint64_t capacity, uint64_t grain)
{
	return div_round_up(capacity, grain * VMDK_GTES);
}
static inline uint64_t vmdk_directory_sectors(uint64_t tables)
{
	return div_round_up(tables * 4, SECTOR_SIZE);
}

/* Where everything lies in a sparse image that we make. */
struct vmdk_layout {
	uint64_t tables, rgd, rgts, gd, gts; /* first sectors; of the tables, the first one's */
	uint64_t overhead;                   /* sectors before the first grain; whole grains */
};
void vmdk_layout(uint64_t capacity, struct vmdk_layout *l);

#endif
