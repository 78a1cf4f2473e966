/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files by their paths in a filesystem that is written to. */
#ifndef INITRD_EXT2_PATH_H
#define INITRD_EXT2_PATH_H

#include "ext2_fs.h"

/* Puts M at PATH, which has no links in it, and the folders above it, 0755 of root with M's time, that are
 * not there. What has the name already goes; a folder stays, and gets M's mode, owner and time if M is
 * one. Results as of ext2_fs.h; UNRACK_USAGE: PATH leads through or to something else than M is. */
int ext2_path_put(struct ext2_fs *f, const char *path, const struct initrd_member *m, uint32_t *inode,
		  struct unrack_error *err);
/* Another name for the file INODE. */
int ext2_path_link(struct ext2_fs *f, const char *path, const struct initrd_member *m, uint32_t inode,
		   struct unrack_error *err);

#endif
