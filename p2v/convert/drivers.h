/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of a kernel's drivers a target needs. Kernels of one guest may have different ones
 * for the same device (mptscsih before mptspi). Strings belong to the tables of target.h. */
#ifndef CONVERT_DRIVERS_H
#define CONVERT_DRIVERS_H

#include "unrack/facts.h"
#include "unrack/target.h"

#define DRIVERS_MAX 2

/* The driver of the target's disks in this kernel, one that it would take; NULL: it has none. */
const char *drivers_disk(const struct guest_kernel *k, const struct target *t);
const char *drivers_nic(const struct guest_kernel *k, const struct target *t);
/* Why it has none, as a clause: "there is no FILES", or what is wrong with one that is there. */
void drivers_no_disk(const struct guest_kernel *k, const struct target *t, char why[TARGET_WHY_MAX]);
void drivers_no_nic(const struct guest_kernel *k, const struct target *t, char why[TARGET_WHY_MAX]);
/* What the initrd must load: the disk's driver unless it is built in. */
size_t drivers_wanted(const struct guest_kernel *k, const struct target *t, const char *out[DRIVERS_MAX]);

#define DRIVERS_ADAPTERS_MAX 10 /* mkinitrd sorts them as text: scsi_hostadapter10 would come too early */

struct drivers_adapters {
	char names[DRIVERS_ADAPTERS_MAX][64];
	const char *at[DRIVERS_ADAPTERS_MAX]; /* point into NAMES */
	size_t n;
};
/* What the scsi_hostadapter aliases must be, in their order, in release MAJOR. Up to 4 it is all
 * that the driver needs, too: mkinitrd of 2.1 resolves no dependencies, and those of 3 and 4 none
 * that modules.dep does not have. */
int drivers_adapters(const struct guest_kernel *k, const struct target *t, int major,
		     struct drivers_adapters *out, struct unrack_error *err);

/* What the guest's root needs of an initrd besides drivers, as far as its disks tell. ARGUMENTS: the
 * loader's, or NULL. OUT points into G and ARGUMENTS. */
void drivers_root_needs(const struct guest *g, const char *arguments, struct initrd_needs *out);

#endif
