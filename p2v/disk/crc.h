/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sums of on-disk structures. Threads: any. */
#ifndef DISK_CRC_H
#define DISK_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 as in IEEE 802.3, without inversions: GPT has START ~0 and inverts the result, LVM2
 * neither. */
uint32_t crc_ieee(uint32_t start, const void *p, size_t n);

#endif
