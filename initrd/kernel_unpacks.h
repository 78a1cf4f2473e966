/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a kernel unpacks an image at all: which packings and which kinds of cpio it knows.
 * Sources: Linux usr/Kconfig, lib/decompress.c, init/initramfs.c (do_header), and
 * drivers/block/rd.c of 2.4 (identify_ramdisk_image, crd_load). */
#ifndef INITRD_KERNEL_UNPACKS_H
#define INITRD_KERNEL_UNPACKS_H

#include "image.h"
#include "modules.h"
#include "reasons.h"

/* True too of a kernel of which neither its number nor its configuration decides. */
bool kernel_unpacks(const struct module_tree *t, enum archive_packing how);

/* Adds the first reason, if T's kernel does not. Of a kernel of which neither its number nor its configuration
 * decides nothing is said. */
void kernel_unpacks_explain(const struct initrd *i, const struct module_tree *t, struct reasons *why);

#endif
