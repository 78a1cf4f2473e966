/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A segment of new files for the end of an image. Deterministic: the same files in the same
 * order give the same bytes. */
#ifndef INITRD_OVERLAY_H
#define INITRD_OVERLAY_H

#include "image_path.h"

DEFINE_VEC(overlay_names, char *);

struct overlay {
	const struct initrd *base;
	struct buf archive;          /* members, no trailer */
	struct overlay_names folders; /* that are in it */
	enum archive_packing how;
	uint32_t ino, mtime;
};

/* Files get the time of BASE's newest member. HOW is what it is going to be packed with. */
void overlay_begin(struct overlay *o, const struct initrd *base, enum archive_packing how);
void overlay_free(struct overlay *o);

/* A file, with mode and owner of the one that is there, else 0644 of root, and the folders above it that are not there. Links on the way to it
 * are followed here: a kernel would make an empty folder of a link that has a folder's member
 * of its name in a later segment. Other names of a file that is there already keep its content.
 * UNRACK_DAMAGED: on the way there is a file. */
int overlay_put(struct overlay *o, const char *path, const void *data, size_t n,
		struct unrack_error *err);

/* Appends to OUT the file of the base, unchanged, and the segment. */
int overlay_write(const struct overlay *o, struct buf *out, struct unrack_error *err);

#endif
