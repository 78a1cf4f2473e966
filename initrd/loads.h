/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the modules that are wanted a nash script loads, where, and in which order:
 * the same facts for the check and for the repair. */
#ifndef INITRD_LOADS_H
#define INITRD_LOADS_H

#include "image.h"
#include "modules.h"
#include "nash.h"

#define LOADS_NONE SIZE_MAX

/* What has to be loaded: the wanted modules, all they need, and sd_mod before them if they
 * drive disks, since their devices are not disks without it. */
struct loads_want {
	struct module_list list; /* dependencies first */
	char (*names)[64];       /* of the list */
	bool *needs;             /* needs[a * list.n + b]: a needs b, which comes earlier */
	bool scsi;               /* disks behind some of them are found by SCSI */
	bool *finds;             /* of the list: it does that, or needs one that does */
};

int loads_want_new(const struct module_tree *t, const char *const *wanted, size_t n,
		   struct loads_want *out, struct unrack_error *err);
void loads_want_free(struct loads_want *w);
bool loads_needs(const struct loads_want *w, size_t a, size_t b);

/* Why the kernel of T would not take F, a file of the image with a module: "lib/mptspi.ko is for i386, ..."; "":
 * nothing is known to be wrong with it. */
#define LOADS_WHY_MAX 300
int loads_judge(const struct module_tree *t, const struct initrd_member *f, char why[LOADS_WHY_MAX],
		struct unrack_error *err);

struct loads {
	size_t root;     /* the first line that looks for root; the number of lines: none does */
	size_t *at;      /* per wanted module, the first line before ROOT that loads it, or NONE */
	size_t *useless; /* the first line that names it in vain: too late, or no file; or NONE */
	size_t last;     /* the greatest of AT, of those that find disks if any does; or NONE */
	size_t wait;     /* a `stabilized` on /proc/scsi/scsi between LAST and ROOT, or NONE */
	size_t nodes;    /* a command between that and ROOT that makes the nodes of disks, or NONE */
	bool waits, makes_nodes; /* whether scripts like this one have such lines at all */
};

/* IMAGE holds the files; files that are going to be put in may be assumed to be there: then
 * a line in lib/ is never in vain for want of a file. */
int loads_find(const struct nash *s, const struct initrd *image, const struct loads_want *want,
	       bool assume_files, struct loads *out, struct unrack_error *err);
void loads_free(struct loads *l);

/* Whether the line can load its module: the file is there, or will be (ASSUME_FILES). */
bool loads_can(const struct initrd *image, const struct nash_line *l, bool assume_files);

/* The name of the module that an insmod line loads. */
bool loads_module(const struct nash_line *l, char name[64]);

/* The member that an insmod line loads from; NULL: there is none, or it is empty. */
const struct initrd_member *loads_file(const struct initrd *image, const struct nash_line *l);

#endif
