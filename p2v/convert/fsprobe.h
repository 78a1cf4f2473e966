/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a partition holds, told by its first bytes: asking programs in the appliance for
 * this takes a tenth of a second each under emulation. Pure; any bytes are safe.
 *
 * Sources: ext2/3/4 Documentation/filesystems/ext4/super.rst, XFS Algorithms & Data
 * Structures 3rd ed. ch. 13, mkswap(8) and include/linux/swap.h, LVM2 lib/format_text/layout.h,
 * md(4) and include/uapi/linux/raid/md_p.h, LUKS on-disk format 1.2.3. */
#ifndef CONVERT_FSPROBE_H
#define CONVERT_FSPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FSPROBE_BYTES 69632u /* as much of the start as the formats need */

struct fsprobe {
	const char *type;  /* as blkid calls it; "" when it is not known */
	char label[48], uuid[40]; /* "" when there is none */
	bool mountable;    /* a system's files may be on it: ext, XFS */
	bool dirty;        /* its journal must be replayed */
	bool errors;       /* it has been marked as damaged */
	bool hibernated;   /* swap with a suspended system */
};

void fsprobe_read(const uint8_t *head, size_t n, struct fsprobe *out);

/* The 1-based primary partition that is marked active in a boot sector, 0: none. */
int fsprobe_active(const uint8_t *sector, size_t n);

#endif
