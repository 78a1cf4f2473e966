/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The members of an image that is made anew, in the order in which they are written; all of
 * them root's, with one time. */
#ifndef INITRD_LAYOUT_H
#define INITRD_LAYOUT_H

#include "base/vec.h"
#include "unrack/initrd.h"

struct layout_member {
	char *name;
	uint32_t mode, rdev_major, rdev_minor;
	size_t link; /* a further name of the file at this place; SIZE_MAX: it is none */
	struct buf data;
};

DEFINE_VEC(layout_members, struct layout_member);

struct layout {
	struct layout_members members;
	int64_t mtime;
};

void layout_free(struct layout *l);

/* Each adds one; 0, or -1 when there is no memory. A folder comes before what is in it. */
int layout_folder(struct layout *l, const char *name, uint32_t mode);
int layout_file(struct layout *l, const char *name, uint32_t mode, struct buf *data); /* takes DATA over */
int layout_symlink(struct layout *l, const char *name, const char *target);
int layout_node(struct layout *l, const char *name, uint32_t mode, uint32_t major, uint32_t minor);
int layout_link(struct layout *l, const char *name, const char *existing); /* a file that was added */

/* As `find . | cpio -c -o | gzip -9` packs them; links are one file's names. */
int layout_cpio(const struct layout *l, const char *name, struct buf *out, struct unrack_error *err);
/* An ext2 filesystem of KIB, or as many as it takes up to MAX_KIB, packed by gzip. */
int layout_ext2(const struct layout *l, size_t kib, size_t max_kib, const char *name, struct buf *out,
		struct unrack_error *err);

#endif
