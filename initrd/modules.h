/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only this layer asks of a module tree, and what its parts know of each other:
 * modules.c the tables, module_own.c what modules and indexes say, module_fit.c which the kernel
 * would take, module_symbols.c who exports what (2.4), module_soft.c soft dependencies,
 * module_closure.c closures, module_dep.c modules.dep anew, module_ids.c PCI devices. */
#ifndef INITRD_MODULES_H
#define INITRD_MODULES_H

#include "base/vec.h"
#include "modinfo.h"
#include "unrack/initrd.h"

/* More modules than this in one closure: no kernel needs them to find its root. */
#define MODULES_CLOSURE_MAX 128

/* Compares as the kernel does, '-' equal to '_'. */
bool modules_same_name(const char *a, const char *b);

/* --- The tree --------------------------------------------------------------------------- */
DEFINE_VEC(index_vec, size_t);

/* What a module says of itself, once it was read. */
struct module_own {
	struct modinfo info;
	bool read;     /* else PROBLEM says why INFO is empty */
	char *problem; /* begins with the path */
	bool judged;
	char *why;     /* it does not fit; NULL: it does */
	bool has_soft;
	struct index_vec soft; /* that should be loaded before it, once they were asked for */
};

struct module {
	const char *path;
	const char *base; /* of its name, in PATH */
	size_t len;
	int rank;
	const char *deps;       /* the text behind the colon in modules.dep; NULL: no line */
	struct module_own *own; /* NULL: not read yet */
};

DEFINE_VEC(module_vec, struct module);

struct module_text {
	struct buf text;
	bool tried; /* a file that is not there is empty */
};

/* The kernel as its own modules describe it. */
struct module_reference {
	bool tried;
	struct index_vec modules; /* those that were taken for it; none: nothing can be compared */
};

struct module_symbols;

#define MODULE_CONFIGS 2 /* places where a tree may have its configuration */

/* What an attached tree has read. */
struct module_lazy {
	struct module_source source;
	size_t bytes; /* that the modules' own words take */
	uint64_t looked; /* bytes of modules.alias that were looked through for soft dependencies */
	struct module_text configs[MODULE_CONFIGS], alias, pcimap, softdep;
	struct module_reference reference;
	struct module_symbols *symbols;
	struct unrack_error failure; /* the first one to read something; code 0: none */
};

struct module_tree {
	char *kver;
	char *files, *dep, *builtin; /* copies that the rest points into */
	struct module_vec modules;   /* by path */
	struct index_vec by_name;    /* modules by name, then the one to take first */
	struct module_vec builtins;  /* by name */
	struct module_lazy *lazy;    /* NULL: not attached */
};

/* modules.c: a module by its path as modules.dep may write it, or NULL. */
struct module *modules_by_path(const struct module_tree *t, const char *path);
/* The K-th of the files of that name, in the order in which they are taken; NULL: no more. */
struct module *modules_by_name(const struct module_tree *t, const char *name, size_t n, size_t k);
/* The one that is taken: the first that fits, else the first. NULL: there is none. */
struct module *modules_choose(const struct module_tree *t, const char *name, size_t n);
bool modules_builtin(const struct module_tree *t, const char *name, size_t n);
/* module_config.c: whether OPTION=y stands in a line of its own. */
bool module_config_set(const char *config, const char *option);
/* Built into every kernel of RHEL of that version, for when its configuration is not known. */
bool module_config_usual(const char *kver, const char *name);

/* The longest indexes that are believed; those of real kernels are a tenth of it. */
#define MODULE_TEXT_MAX (8u << 20)

/* module_own.c: *OUT is what M says of itself; NULL if the tree is not attached. Only failures
 * that say nothing of the module are errors. */
int module_own_get(const struct module_tree *t, struct module *m, const struct module_own **out,
		   struct unrack_error *err);
/* The same without keeping it: INFO is the caller's. *read as above. */
int module_own_peek(const struct module_tree *t, const struct module *m, struct modinfo *info, bool *read,
		    struct unrack_error *err);
/* Text of an index of the kernel; "" if there is none. */
int module_own_text(const struct module_tree *t, struct module_text *text, const char *name,
		    const char **out, struct unrack_error *err);
/* The kernel's configuration; "" if it is not known. */
const char *module_own_config(const struct module_tree *t);
void module_own_free(struct module_own *o);

/* module_fit.c: *WHY as module_tree_fits. */
int module_fit_judge(const struct module_tree *t, struct module *m, const char **why, struct unrack_error *err);
/* Whether INFO could be a module of this kernel, without its checksums. */
int module_fit_plausible(const struct module_tree *t, const struct modinfo *info, bool *fits,
			 struct unrack_error *err);
/* Whether any of the kernel's own modules could be read. */
bool module_fit_has_reference(const struct module_tree *t);

/* module_symbols.c: the module that exports NAME to M; NULL: none, so it is the kernel's. */
int module_symbols_owner(const struct module_tree *t, const struct module *m, const char *name,
			 struct module **out, struct unrack_error *err);
void module_symbols_free(struct module_symbols *s);

/* module_dep.c: what modules.dep says of the modules NAMES, put right: OUT is the whole text in kmod's form then, and *mended is true; else it is right as it is. Lines are
 * wrong that are not there, that name files which are not there, or that do not name all that the
 * module itself, if it was read, says it needs. A module of which nothing better is known keeps
 * its line. */
int modules_mend_dep(const struct module_tree *t, const char (*names)[64], size_t n, struct buf *out,
		     bool *mended, struct unrack_error *err);
/* Adds the line of one: what it needs, that which needs the others first. */
int modules_dep_line(const struct module_tree *t, const char *name, struct buf *out, struct unrack_error *err);

/* module_soft.c: the modules that should be loaded before M; they belong to T. */
int module_soft_deps(const struct module_tree *t, struct module *m, const struct index_vec **out,
		     struct unrack_error *err);

/* Words of an index's line: the next one from *P on, of N bytes; NULL: the line has no more. */
const char *module_word(const char **p, size_t *n);
/* Whether a word of N bytes is NAME, '-' equal to '_'. */
bool module_word_is(const char *word, size_t n, const char *name, size_t len);

#endif
