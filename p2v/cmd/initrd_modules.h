/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel that `unrack initrd` works for: which one it is, and its modules in a folder. */
#ifndef CMD_INITRD_MODULES_H
#define CMD_INITRD_MODULES_H

#include "unrack/guest.h"
#include "unrack/initrd.h"

struct initrd_modules {
	char *kver;   /* "": not known, and then there is no folder */
	struct module_tree *tree; /* without a folder an empty one */
	struct guest *g;  /* the folder, or that above it; NULL: none was given */
	char *folder;     /* of this kernel's modules, as a path in G */
	struct buf config;  /* the kernel's configuration, and */
	struct buf options; /* modprobe.conf or modules.conf, if a root folder has them */
};

/* DIR may be NULL, a folder of kernels (/lib/modules), of one kernel, or a root folder that has lib/modules or
 * usr/lib/modules, inside of which symbolic links then stay. KVER NULL: that of which IMAGE has modules, else
 * that in the name FILE, else the only one in DIR. UNRACK_USAGE: none of them tells, or DIR is not like that, or
 * has not that kernel, or is that of a single one whose modules say that they are of another. OUT is to be closed in any case, and stays where it is until then. */
int initrd_modules_open(const char *dir, const char *kver, const struct initrd *image, const char *file,
			struct initrd_modules *out, struct unrack_error *err);
void initrd_modules_close(struct initrd_modules *m);

/* read_module of struct initrd_change, with a struct initrd_modules as its context. */
int initrd_modules_read(void *ctx, const char *path, struct buf *out, struct unrack_error *err);

/* The kernel whose modules IMAGE holds, if that is not M's: neither by name, nor is it what M's own modules say that they
 * are of. False: it is, or it can't be told. */
bool initrd_modules_other(const struct initrd *image, const struct initrd_modules *m, char *out, size_t size);

/* Why M's kernel would take none of the modules that IMAGE holds for it, of those that M's kernel came with: they are another machine's,
 * or of another build. BASE: those of any kernel are looked at, and only the machine counts. False: it takes one, or it can't be told. *R: only what keeps M's modules from being read. */
bool initrd_modules_strange(const struct initrd *image, const struct initrd_modules *m, bool base, char *why, size_t size,
			    int *r, struct unrack_error *err);

/* The kernel that a file of this name is for, "" when that can't be told: "2.6.18-398.el5" of
 * "/boot/initrd-2.6.18-398.el5.img". */
void initrd_modules_of_name(const char *file, char *out, size_t size);

#endif
