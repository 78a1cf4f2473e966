/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths in the tree that a kernel unpacks an image into. Members are stored under real
 * paths; what the running image opens goes through its symbolic links (lib -> usr/lib). */
#ifndef INITRD_IMAGE_PATH_H
#define INITRD_IMAGE_PATH_H

#include "image.h"

#define IMAGE_PATH_MAX CPIO_NAME_MAX

/* PATH with all links followed, without a leading slash. What is not there stays as it is.
 * False: links in a circle, or a result that is too long. */
bool image_real(const struct initrd *i, const char *path, char out[IMAGE_PATH_MAX]);

/* The member at PATH, links followed; NULL: none. */
const struct initrd_member *image_at(const struct initrd *i, const char *path);

/* The same if it is a file with something in it. */
const struct initrd_member *image_file(const struct initrd *i, const char *path);

#endif
