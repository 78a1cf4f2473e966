/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check of an image by dracut: whether it holds what is wanted, and loads it.
 *
 * A module is loaded if another one that is wanted needs it, or if it has an alias in the
 * image's own modules.alias: udev asks for those of each device, and the kernel for those of
 * filesystems and the like. One without any must be loaded by name: modules-load.d,
 * rd.driver.pre=, a hook. */
#ifndef INITRD_DRACUT_CHECK_H
#define INITRD_DRACUT_CHECK_H

#include "dracut.h"
#include "loads.h"
#include "reasons.h"

/* Fills all of OUT but its kind. UNRACK_UNSUPPORTED: a squashed image, if anything is wanted. */
int dracut_check(const struct initrd *i, const struct module_tree *tree,
		 const struct loads_want *want, const struct initrd_needs *needs,
		 struct initrd_answer *out, struct unrack_error *err);

/* Whether the file of module NAME, and what the image's own index says it needs, are there;
 * else why not, under LINK. D has modules. */
bool dracut_explain_file(const struct dracut *d, enum initrd_link link, const char *name, struct reasons *why);

/* loads_judge of the file of module NAME, which D has. T: the kernel's own modules. */
int dracut_judge(const struct dracut *d, const struct module_tree *t, const char *name, char why[LOADS_WHY_MAX],
		 struct unrack_error *err);

enum dracut_loading {
	DRACUT_LOADED,
	DRACUT_NO_ALIAS,    /* no alias leads to it, or none is looked up */
	DRACUT_BLACKLISTED, /* where aliases are looked up, or modules-load.d is read */
	DRACUT_REPLACED,    /* whoever loads it, a command is run instead */
	DRACUT_REFUSED,     /* the kernel does not take it */
};

/* What loads the wanted module K, or keeps it from being loaded; WHERE: the file that does.
 * ALIASED: a device's alias leads to it. */
enum dracut_loading dracut_loading(const struct dracut *d, const struct loads_want *want, size_t k,
				   bool aliased, char where[256]);

#endif
