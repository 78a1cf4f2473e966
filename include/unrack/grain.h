/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A grain: 64 KiB of disk, aligned. The unit of compression, of digest and of change;
 * it is the default grain of a hosted sparse VMDK (VMware Virtual Disk Format 5.0). */
#ifndef UNRACK_GRAIN_H
#define UNRACK_GRAIN_H

#include <stdint.h>

#define GRAIN_SIZE 65536u

/* Grains of a disk of BYTES bytes; the last one may be short. */
static inline uint64_t grain_count(uint64_t bytes)
{
	return bytes / GRAIN_SIZE + (bytes % GRAIN_SIZE != 0);
}

/* Valid bytes of grain INDEX. */
static inline uint32_t grain_bytes(uint64_t disk_bytes, uint64_t index)
{
	uint64_t left = disk_bytes - index * GRAIN_SIZE;

	return left < GRAIN_SIZE ? (uint32_t)left : GRAIN_SIZE;
}

#endif
