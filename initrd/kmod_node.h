/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers of the format described in kmod_index.h. */
#ifndef INITRD_KMOD_NODE_H
#define INITRD_KMOD_NODE_H

#define KMOD_MAGIC         0xb007f457u
#define KMOD_VERSION       0x00020001u
#define KMOD_HEADER        12
#define KMOD_NODE_PREFIX   0x80000000u
#define KMOD_NODE_VALUES   0x40000000u
#define KMOD_NODE_CHILDREN 0x20000000u
#define KMOD_NODE_OFFSET   0x0fffffffu

#define KMOD_KEY_MAX 1024 /* ours; the longest aliases have some 200 characters */

#endif
