/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who uses a disk, a partition or an image. Threads: any. */
#ifndef DISK_USAGE_H
#define DISK_USAGE_H

enum usage { USAGE_NONE, USAGE_MOUNTED, USAGE_SWAP, USAGE_CLAIMED, USAGE_VM };

/* WHAT: the mount point, or the device that is swap or claimed. It, or what is built on it. Nobody
 * uses what is not there. A file server that does not answer about locks within seconds is taken for one that
 * has none. */
enum usage usage_of(const char *path, char what[256]);

#endif
