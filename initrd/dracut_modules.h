/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modules of the guest that go into an image by dracut. They go in as they are, packed too, so
 * that their signatures stay; unpacked where what loads modules in the image can't read that
 * packing. A signature is inside the packing. */
#ifndef INITRD_DRACUT_MODULES_H
#define INITRD_DRACUT_MODULES_H

#include "archive.h"
#include "dracut.h"
#include "loads.h"
#include "overlay.h"

struct dracut_modules {
	const struct dracut *d; /* the image as it is */
	const struct initrd_change *c;
	struct overlay *o;
	/* Paths in the guest, one per line: */
	struct buf put;         /* of those that were put in */
	struct buf unpacked;    /* of those among them that were unpacked */
};

void dracut_modules_free(struct dracut_modules *m);

/* Those of L that the image has not, by name, or has of another kernel. UNRACK_DAMAGED: one is empty, or can't be
 * unpacked. */
int dracut_put_modules(struct dracut_modules *m, const struct module_list *l, struct unrack_error *err);

/* What the softdeps of WANTED, of the guest, want to be loaded before them. */
int dracut_put_softdeps(struct dracut_modules *m, const struct loads_want *want, struct unrack_error *err);

/* How much of "kernel/x.ko.xz" is the path of the unpacked file. */
size_t dracut_plain_length(const char *path);

/* Whether the tools in image I that load modules read files of this packing. */
bool dracut_reads_packing(const struct initrd *i, enum archive_packing how);

#endif
