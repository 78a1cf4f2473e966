/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* newc cpio, the archive that a kernel unpacks ("070701"; "070702" with checksums).
 * Pure, over bytes in memory. A member: 110 bytes of header (a magic of 6 and thirteen
 * numbers of 8 hexadecimal digits), the name with its NUL, padding to 4, the data, padding
 * to 4. Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst. */
#ifndef INITRD_CPIO_H
#define INITRD_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

#define CPIO_HEADER 110
#define CPIO_NAME_MAX 4096 /* the kernel's PATH_MAX, with the NUL */
#define CPIO_TRAILER "TRAILER!!!"

struct cpio_member {
	const uint8_t *header; /* as stored; NULL for a member that is new */
	const char *name;      /* NUL-terminated */
	uint32_t ino, mode, uid, gid, nlink, mtime;
	uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
	const uint8_t *data;
	uint32_t size;
};

/* Whether a member's header may begin at P. */
bool cpio_magic(const uint8_t *p, size_t n);

/* What P is instead that is easily taken for one, a clause with its remedy: "is a cpio archive of the old form (odc)..."; NULL:
 * nothing that is known. */
const char *cpio_mistaken(const uint8_t *p, size_t n);

/* Reads the member at *AT of the archive P, and moves *AT behind it. The member points into
 * P. The end of an archive is a member named CPIO_TRAILER. UNRACK_DAMAGED names NAME and
 * the offset, or what it is instead. */
int cpio_read(const uint8_t *p, size_t n, size_t *at, struct cpio_member *m, const char *name,
	      struct unrack_error *err);

/* Appends a member, or the trailer, to OUT, which holds a whole number of members. With a
 * header, that is copied, and only the numbers of size and checksum are made anew if they
 * differ; so an unchanged member stays the same in every byte. */
int cpio_write(struct buf *out, const struct cpio_member *m);

/* All of it that comes before the data: then M->size bytes of that follow, and zeros up to a
 * multiple of 4. */
int cpio_write_head(struct buf *out, const struct cpio_member *m);

#endif
