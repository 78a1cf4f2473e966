/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a plan: each looks at its own files and adds edits. */
#ifndef CONVERT_PLAN_PARTS_H
#define CONVERT_PLAN_PARTS_H

#include "base/vec.h"
#include "drivers.h"
#include "say.h"
#include "unrack/plan.h"

DEFINE_VEC(plan_name_vec, struct edit_name);

#define RELEASE_DRACUT 6 /* from here on initramfs, GRUB 2, names by UUID */

struct plan_job {
	struct guest *g;
	const struct guest_facts *f;
	const struct target *t;
	const struct guest_kernel *kernel; /* that the VM starts; others are fixed as well */
	const struct guest_entry *entry;   /* by which */
	bool stable;                       /* plan_translate gives UUID= where it can */
	int default_entry;                 /* to be set in the loader's file; -1: as it is */
	uint64_t initrd_bytes;             /* of all new ones */
	struct devname_map names;          /* of the facts, with the target's prefix */
	struct plan *plan;
};

/* --- plan.c: adding ------------------------------------------------------------------- */
/* Takes over REASON (malloc'd; NULL is no memory). Equal texts add nothing. */
int plan_add_text(struct plan_job *j, const char *path, const struct buf *before, const struct buf *after,
		  char *reason, struct unrack_error *err);
/* A new file, 0644, with the security label of LABEL_FROM. */
int plan_add_file(struct plan_job *j, const char *path, const char *label_from, const struct buf *after,
		  char *reason, struct unrack_error *err);
int plan_add_move(struct plan_job *j, enum edit_kind kind, const char *path, const char *to,
		  const struct buf *before, char *reason, struct unrack_error *err);
/* A WRITE that the caller fills; NULL: no memory. */
struct edit *plan_add_edit(struct plan_job *j, enum edit_kind kind, const char *path);
/* What E writes is in BYTES, which is empty afterwards; more than KEEP goes into a temporary file. */
int plan_edit_take(struct edit *e, struct buf *bytes, uint64_t keep, struct unrack_error *err);
void plan_edit_free(struct edit *e); /* what it points to */
int plan_warn(struct plan_job *j, char *text, struct unrack_error *err); /* takes TEXT over */

/* --- plan_names.c: tables of old and new names, for one file each --------------------- */
struct plan_table {
	struct plan_name_vec v;
};
void plan_table_free(struct plan_table *t);
struct edit_names plan_table_names(const struct plan_table *t);
/* NEW NULL: what names it goes. A second entry for OLD is dropped. */
int plan_table_add(struct plan_table *t, const char *old, const char *new, struct unrack_error *err);
/* The name OLD gets. WHERE: the mount point that it names, or NULL. DEVNAME_NEW fills OUT.
 * UNRACK_UNSUPPORTED: a partition that the VM's disks cannot have. */
int plan_translate(struct plan_job *j, const char *old, const char *where, char out[DEVNAME_MAX],
		   enum devname_result *result, struct unrack_error *err);
/* Adds what plan_translate says to T; a name that is ABSENT or UNSURE adds nothing. */
int plan_table_translate(struct plan_job *j, struct plan_table *t, const char *old, const char *where,
			 enum devname_result *result, struct unrack_error *err);
/* "/dev/cciss/c0d0p3 is /dev/sda3, ...": the changes of a table, for reasons. Malloc'd. */
char *plan_table_say(const struct plan_table *t);
/* The same of those names that BEFORE holds, behind EXTRA (may be NULL). */
char *plan_table_say_used(const struct plan_table *t, const struct buf *before, const char *extra);
/* The sentence for a name that cannot be translated. */
int plan_refuse_name(const struct plan_job *j, const char *file, const char *name, enum devname_result result,
		     struct unrack_error *err);

/* --- plan_system.c -------------------------------------------------------------------- */
/* AFTER is BEFORE, a lvm.conf, with filters that let the guest's physical volumes pass by their
 * new names. HIDDEN is one that BEFORE hides; "": none. */
int plan_lvm_filter(struct plan_job *j, const struct buf *before, struct buf *after, char hidden[DEVNAME_MAX],
		    struct unrack_error *err);

/* --- plan_initrd.c -------------------------------------------------------------------- */
/* What a filesystem must take in; one for each mount. */
struct plan_need {
	uint64_t bytes;
	uint64_t inodes;
};

/* The change of one image, and all that it points to. */
struct plan_change {
	struct initrd_change c;
	struct plan_table names;
	char hidden[DEVNAME_MAX]; /* a physical volume that the image's lvm.conf hides; "": none */
	const char *wanted[DRIVERS_MAX];
	struct initrd_needs needs;
	const char *(*pairs)[2];
	struct initrd_file file;
	struct buf conf;
	struct buf options; /* the guest's modprobe.conf */
};

/* For IMAGE, which I describes, and kernel K. It points to itself, and stays where it is. */
int plan_change_begin(struct plan_job *j, const struct guest_kernel *k, const struct guest_initrd *i,
		      const struct initrd *image, struct plan_change *out, struct unrack_error *err);
void plan_change_end(struct plan_change *p);

/* The edits for a new image NEW of PATH. The old one is kept beside it, once; if there is none it
 * gets the label of LABEL_FROM. NEEDS: of each mount. Takes NEW, SUMMARY and REASON over. */
int plan_add_image(struct plan_job *j, const char *path, const char *label_from, struct buf *new,
		   struct buf *summary, char *reason, struct plan_need *needs, struct unrack_error *err);
/* The mount that PATH is on. */
unsigned plan_mount_of(const struct guest *g, const char *path);

/* In plan_rebase.c: an image for K at PATH, whose own is not usable because of WHY, made of that of
 * another kernel. UNRACK_UNSUPPORTED: there is none of which one could be made. */
int plan_rebase(struct plan_job *j, const struct guest_kernel *k, const char *path, const char *why,
		struct plan_need *needs, struct unrack_error *err);

/* In plan_generate.c: one for K at PATH of RHEL 4 or 5, made from nothing. What the guest lacks for
 * that: UNRACK_UNSUPPORTED. */
int plan_generate(struct plan_job *j, const struct guest_kernel *k, const char *path, const char *why,
		  struct plan_need *needs, struct unrack_error *err);

/* --- the parts ------------------------------------------------------------------------ */
int plan_modconf(struct plan_job *j, struct unrack_error *err);
int plan_fstab(struct plan_job *j, struct unrack_error *err);
int plan_loader(struct plan_job *j, struct unrack_error *err);
int plan_harm(struct plan_job *j, struct unrack_error *err);
int plan_cards(struct plan_job *j, struct unrack_error *err);
int plan_dracut(struct plan_job *j, struct unrack_error *err);
int plan_devices_file(struct plan_job *j, struct unrack_error *err);
int plan_network(struct plan_job *j, struct unrack_error *err);
int plan_kudzu(struct plan_job *j, struct unrack_error *err);
int plan_lvm(struct plan_job *j, struct unrack_error *err);
int plan_caches(struct plan_job *j, struct unrack_error *err);
int plan_initrds(struct plan_job *j, struct unrack_error *err);

#endif
