/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CRC-32C (Castagnoli, RFC 3720 B.4), by ISA-L. */
#ifndef DISK_CRC32C_H
#define DISK_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* SUM is that of what comes before, 0 at the beginning. */
uint32_t crc32c(uint32_t sum, const void *data, size_t n);

#endif
