/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The drivers that an initrd has to load: of a target, or as named. Without a guest's other files; only its
 * kernel's modules are asked. */
#ifndef CMD_INITRD_WANTED_H
#define CMD_INITRD_WANTED_H

#include "cli.h"
#include "initrd_modules.h"

#define INITRD_WANTED_MAX 64

struct initrd_driver {
	char name[64];
	const struct disk_device *disk; /* what it is for; NULL: it was named */
	enum module_claim claims;       /* whether it says that it is for that */
};

struct initrd_wanted {
	struct initrd_driver drivers[INITRD_WANTED_MAX];
	const char *names[INITRD_WANTED_MAX]; /* the same, as the library takes them */
	size_t n;
	bool has_target;
	struct target target; /* if an ESX version was named */
	/* Of the network card that was asked for: it is not needed to find root, so it is not one of these. */
	const struct nic_device *nic;
	char nic_module[64];  /* "": the kernel has none for it */
	enum module_claim nic_claims;
};

/* The target's disk driver first, then DRIVERS, each of which may be several with commas between. UNRACK_UNSUPPORTED: the
 * kernel has not what the target needs; that a named one is missing is found later. OUT needs no freeing. */
int initrd_wanted_choose(const struct target_options *o, const struct option_list *drivers, const struct initrd_modules *m,
			 struct initrd_wanted *out, struct unrack_error *err);
/* The first controller that one of them is for, behind which root is going to be; NULL: no target was named. */
const struct disk_device *initrd_wanted_disk(const struct initrd_wanted *w);
/* Why this kernel would not take the driver, or it would not take its device; else false. */
bool initrd_wanted_refused(const struct initrd_driver *d, const struct initrd_modules *m, char *why, size_t size);

/* A line for each driver and one for the card: what it is for, and which file it is. -1: no memory. */
int initrd_wanted_text(const struct initrd_wanted *w, const struct initrd_modules *m, struct buf *out);
/* The members kver, drivers, nic of RESULT. */
void initrd_wanted_json(const struct initrd_wanted *w, const struct initrd_modules *m, struct json *result);

#endif
