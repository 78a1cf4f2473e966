/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel's modules: which there are, what they need, what they drive. Files come through the
 * caller. Threads: any, one per object. */
#ifndef UNRACK_MODULE_TREE_H
#define UNRACK_MODULE_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "unrack/buf.h"
#include "unrack/error.h"

struct module_tree;

/* FILES: NUL-separated paths relative to /lib/modules/KVER (a directory listing); DEP,
 * BUILTIN: texts of modules.dep and modules.builtin (NULL: the file is missing). All
 * historical forms of modules.dep. Names compare with '-' == '_'. */
int module_tree_new(const char *kver, const char *files, size_t files_len, const char *dep,
		    const char *builtin, struct module_tree **out, struct unrack_error *err);
void module_tree_free(struct module_tree *t);
/* Path relative to /lib/modules/KVER of NAME ("mptspi"), or NULL. Of several files with one
 * name that which modules.dep lists is taken, as modprobe does; else updates/ comes first,
 * then extra/, kernel/ and the rest, and weak-updates/, as RHEL's depmod searches. */
const char *module_tree_find(const struct module_tree *t, const char *name);
bool module_tree_builtin(const struct module_tree *t, const char *name);
const char *module_tree_kver(const struct module_tree *t);
/* False: modules.dep is missing or empty, so a closure holds only what was asked for. */
bool module_tree_has_deps(const struct module_tree *t);
/* Whether modules.dep has a line for NAME: else what it needs is not known. */
bool module_tree_lists(const struct module_tree *t, const char *name);

struct module_list {
	char **paths; /* relative to /lib/modules/KVER, in load order */
	size_t n;
};
/* NAMES and all they depend on, dependencies first, each once; built-in ones are left out.
 * A name that is neither file nor built in: UNRACK_MISSING, naming it. */
int module_tree_closure(const struct module_tree *t, const char *const *names, size_t n,
			struct module_list *out, struct unrack_error *err);
void module_list_free(struct module_list *l);
/* "mptspi" of "kernel/drivers/message/fusion/mptspi.ko.xz"; OUT has room for 64 bytes. */
void module_name_of(const char *path, char out[64]);

#endif
