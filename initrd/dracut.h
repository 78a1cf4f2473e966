/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What in an image by dracut decides which modules it loads: where they are, what its
 * indexes say, and what is loaded by name. dracut 004 (RHEL 6) to 107 (RHEL 10).
 * Sources: the modules 99base, 00systemd and 98dracut-systemd of dracut; libkmod.c; the
 * modprobe.c of module-init-tools 3.9. */
#ifndef INITRD_DRACUT_H
#define INITRD_DRACUT_H

#include "image_path.h"
#include "modules.h"

struct dracut {
	const struct initrd *image;
	char dir[IMAGE_PATH_MAX];   /* "usr/lib/modules/KVER": real, and there or not */
	char other[128];            /* a kernel whose modules it holds instead; "" */
	struct module_tree *own;    /* its modules, with the modules.dep that counts; NULL: none */
	bool kmod;                  /* only the indexes *.bin count; module-init-tools take the texts without */
	bool systemd;
	bool modules_load;          /* systemd loads what modules-load.d names */
	bool arguments_load;        /* and dracut what rd.driver.pre= in its files names */
	bool rules_load;            /* udev loads modules by their aliases */
	bool one_cmdline;           /* 004: etc/cmdline, not etc/cmdline.d */
	struct buf arguments;       /* of the kernel, baked in, one per line */
	/* A line per module, "NAME WHERE": */
	struct buf loaded;          /* loaded by name */
	struct buf forced;          /* in spite of "install", too */
	struct buf blacklisted;     /* not loaded by an alias, nor by modules-load.d */
	struct buf replaced;        /* modprobe runs a command instead ("install") */
	struct buf refused;         /* by the kernel, whoever loads it ("module_blacklist=") */
};

int dracut_read(const struct initrd *i, const char *kver, struct dracut *out,
		struct unrack_error *err);
void dracut_free(struct dracut *d);

/* A file in the folder of modules; NULL: none, or it is empty. */
const struct initrd_member *dracut_file(const struct dracut *d, const char *name);

/* The index NAME ("modules.alias") that counts, as its reader sees it: *BINARY or text;
 * NULL: none. CALLED: how to name it. */
const struct initrd_member *dracut_index(const struct dracut *d, const char *name, bool *binary,
					 char called[64]);

/* Appends the text of the modules.dep that counts. A damaged index is as good as none. */
int dracut_read_dep(const struct dracut *d, struct buf *out, struct unrack_error *err);

/* Whether it has program NAME where such are. */
bool dracut_tool(const struct dracut *d, const char *name);

/* Whether a file of udev's rules has TEXT in it, and ALSO. */
bool dracut_has_rule(const struct dracut *d, const char *text, const char *also);

/* Where a hook is put that runs before udev starts. */
const char *dracut_hook_folder(const struct dracut *d);

/* Sets a mark for each of the N modules that an alias of a device leads to. UNRACK_DAMAGED: the index is
 * none, or damaged. */
int dracut_find_aliased(const struct dracut *d, const char (*names)[64], size_t n, bool *marks,
			struct unrack_error *err);

/* WHERE of the first line about module NAME, into OUT; false: there is none. */
bool dracut_where(const struct buf *lines, const char *name, char out[256]);

/* A configuration file in which kernel arguments are baked in. */
bool dracut_is_cmdline(const struct dracut *d, const char *name);

/* Fills all of D that is said by name, from its image. In dracut_names.c. */
int dracut_read_names(struct dracut *d, struct unrack_error *err);

/* The same of TEXT, the arguments that the boot loader gives; NULL: not known. */
int dracut_read_arguments(struct dracut *d, const char *text, struct unrack_error *err);

/* Words of configuration: the next one in *P up to END; false: none is left. */
bool dracut_word(const char **p, const char *end, const char **word, size_t *n);

#endif
