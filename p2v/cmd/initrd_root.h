/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What --root, --root-fs and --args say of the root filesystem. Pure. */
#ifndef CMD_INITRD_ROOT_H
#define CMD_INITRD_ROOT_H

#include "unrack/initrd.h"
#include "unrack/target.h"

struct initrd_root {
	struct initrd_needs needs; /* points into the rest, and to what was given */
	bool known;                /* something was given */
	char device[256], volume[256], fs[32];
};

/* Each may be NULL. DEVICE: "/dev/vg/root", "/dev/mapper/vg-root", "/dev/md0", "/dev/sda2", ..., without one root= in ARGS,
 * the kernel's arguments; KIND: "ext3", else rootfstype= in ARGS. A root whose name does not tell is on md if ARGS have
 * arrays started: installers name those of root and swap only. OUT stays where it is. UNRACK_USAGE: too long. */
int initrd_root_parse(const char *device, const char *kind, const char *args, struct initrd_root *out,
		      struct unrack_error *err);

/* Whether no disk behind D has the name ROOT: /dev/cciss/c0d0p2, a multipath's, /dev/sda2 behind NVMe. D NULL: not known,
 * so no. */
bool initrd_root_strange(const char *root, const struct disk_device *d);
/* That, as a sentence. */
void initrd_root_say_strange(const char *root, const struct disk_device *d, char *out, size_t size);

#endif
