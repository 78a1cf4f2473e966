/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel's modules: which there are, what they need, what they drive, and which of them that
 * kernel would take. Files come through the caller. Threads: any, one per object.
 *
 * Sources: kernel/module.c (same_magic, check_version), scripts/mod/modpost.c (.modinfo,
 * __versions), depmod of modutils, module-init-tools and kmod (modules.dep, modules.pcimap,
 * modules.alias, modules.softdep, depmod.d/dist.conf). */
#ifndef UNRACK_MODULE_TREE_H
#define UNRACK_MODULE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

struct module_tree;

/* FILES: NUL-separated paths relative to /lib/modules/KVER (a directory listing); DEP,
 * BUILTIN: texts of modules.dep and modules.builtin (NULL: the file is missing). All
 * historical forms of modules.dep. Names compare with '-' == '_'. */
int module_tree_new(const char *kver, const char *files, size_t files_len, const char *dep,
		    const char *builtin, struct module_tree **out, struct unrack_error *err);
void module_tree_free(struct module_tree *t);

/* Where a tree's files can be read. */
struct module_source {
	/* Content of a file by its path relative to /lib/modules/KVER, as it is there (modules may be
	 * packed), in OUT, which is empty before; of one that is not there the error's sys_errno is
	 * ENOENT. */
	int (*read)(void *ctx, const char *path, struct buf *out, struct unrack_error *err);
	void *ctx;
	/* Text of the kernel's configuration, as in /boot/config-KVER; NULL: the tree looks for its own
	 * copy of it. */
	const char *config;
};
/* From now on modules are read where it matters, each once, and never before it does: closures
 * hold soft dependencies too and leave out what the kernel would not take; what modules.dep does
 * not tell, or tells wrongly, comes from the modules themselves; without modules.builtin the
 * configuration says what is built in. S is copied; its CTX and config must outlive T. Without
 * this call a tree knows its texts only. */
int module_tree_attach(struct module_tree *t, const struct module_source *s, struct unrack_error *err);

/* Path relative to /lib/modules/KVER of NAME ("mptspi"), or NULL. Of several files with one
 * name that which modules.dep lists is taken, as modprobe does; else updates/ comes first,
 * then extra/, kernel/ and the rest, and weak-updates/, as RHEL's depmod searches. If the tree is
 * attached, the first that fits is taken before any that does not. */
const char *module_tree_find(const struct module_tree *t, const char *name);
bool module_tree_builtin(const struct module_tree *t, const char *name);
const char *module_tree_kver(const struct module_tree *t);
/* The questions below that return no code pass over a file that cannot be read, as if it were not
 * there. Then this says so (and the next closure does): what was said before may be wrong. */
int module_tree_failed(const struct module_tree *t, struct unrack_error *err);

/* Whether CONFIG, a kernel's configuration (NULL: none), says that NAME is built in. False too
 * for modules of which it is not known by what option they come. */
bool module_config_builtin(const char *config, const char *name);
/* False: modules.dep is missing or empty, and so a closure holds only what was asked for, unless
 * the modules themselves are read. */
bool module_tree_has_deps(const struct module_tree *t);
/* Whether what NAME needs is known: modules.dep has a line for it, or, if the tree is attached,
 * the module itself tells. */
bool module_tree_lists(const struct module_tree *t, const char *name);

/* Whether the kernel would take the module at PATH: *why is NULL, or the reason why not as a
 * clause that begins with PATH ("misc/pvscsi.ko is for i386, the kernel is for x86_64"), which
 * belongs to T. Its machine and version magic are compared with those of the kernel's own modules,
 * and so are the checksums of symbols that both use; where nothing can be compared, it fits. */
int module_tree_fits(const struct module_tree *t, const char *path, const char **why,
		     struct unrack_error *err);
/* The reason why none of the files of NAME fits, or NULL: one does, there is none, or it cannot be
 * told. Belongs to T. */
const char *module_tree_unfit(const struct module_tree *t, const char *name);

/* The same of a module that is not one of T's files, such as one in an image: its BYTES, packed or not, and the NAME that
 * *why begins with, which the caller frees. ANY_BUILD: it may be another kernel's for the same machine. One that cannot be read as a module: the error of that. Without any module
 * of T's own that can be read, all fit. */
int module_tree_takes(const struct module_tree *t, const void *bytes, size_t n, const char *name, bool any_build,
		      char **why, struct unrack_error *err);
/* The kernel that T's own modules say they were built for, which need not be the one that T was made for: one of
 * T's own says another, and none says it is of that. False: they don't tell, or it is that. */
bool module_tree_other(const struct module_tree *t, char *out, size_t size);

enum module_claim {
	MODULE_CLAIMS_UNKNOWN, /* neither the module nor the indexes tell of any PCI device */
	MODULE_CLAIMS_NO,      /* it tells of others */
	MODULE_CLAIMS_CLASS,   /* of a class of devices, whoever made them: not known of this one */
	MODULE_CLAIMS_YES,
};
/* Whether the driver NAME is for the PCI device: by its own table or aliases, else by
 * modules.alias and modules.pcimap. No such module: UNKNOWN. */
int module_tree_claims(const struct module_tree *t, const char *name, uint16_t vendor, uint16_t device,
		       enum module_claim *answer, struct unrack_error *err);

struct module_list {
	char **paths; /* relative to /lib/modules/KVER, in load order */
	bool *soft;   /* of each: only a soft dependency ("pre:") asks for it; others work without */
	size_t n;
};
/* NAMES and all they depend on, dependencies first, each once; built-in ones are left out.
 * A name that is neither file nor built in: UNRACK_MISSING, naming it. One that does not fit, or
 * needs such a one: UNRACK_UNSUPPORTED, with the reason. */
int module_tree_closure(const struct module_tree *t, const char *const *names, size_t n,
			struct module_list *out, struct unrack_error *err);
void module_list_free(struct module_list *l);
/* "mptspi" of "kernel/drivers/message/fusion/mptspi.ko.xz"; OUT has room for 64 bytes. */
void module_name_of(const char *path, char out[64]);
/* Whether a file of that name is a module, packed or not: "x.ko.xz", "x.o". */
bool module_is_file(const char *path);

#endif
