/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Initrds as mkinitrd of RHEL 2.1 to 5 makes them: its choice of modules, its files, its script.
 * Source: the script mkinitrd of 3.2.6.2 (2.1), 3.5.13.6 (3), 4.2.1.10 (4) and 5.1.19.6 (5); of 5
 * the order of USB's controllers as its later builds have it. */
#ifndef INITRD_GENERATE_H
#define INITRD_GENERATE_H

#include "layout.h"
#include "nash.h"
#include "unrack/initrd.h"

#define GENERATE_MAX (64u << 20) /* bytes of all files; real ones have less than 10 MiB */
#define GENERATE_NAMES 32        /* modules that are asked for by name */

struct generate {
	const struct initrd_recipe *recipe;
	enum nash_release release;
	const char *script_name;   /* "init" */
	struct module_list modules;
	struct buf modules_conf;
	struct buf script;
	bool udev;                 /* RHEL 4: makes the nodes of disks; else nash's mkdevices does */
	struct layout layout;
};

/* generate_modules.c: all of them, in load order. */
int generate_modules(struct generate *g, struct unrack_error *err);

/* generate_script.c: what is started, in SCRIPT. -1: no memory. */
int generate_script(struct generate *g);

/* generate_files.c: the layout, with programs and modules of the guest. It says whether there is udev,
 * which the script must know, so that is put in last. */
int generate_files(struct generate *g, struct unrack_error *err);

#endif
