/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels are what /boot and the loader have, and their drivers what /lib/modules has. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "inspect.h"
#include "unrack/plan.h"

#define KERNELS_MAX 64 /* installed at once; more are ignored */
#define INITRDS_MAX 16 /* of one kernel */
#define KVER_MAX 128
#define BITS_TRIES 16  /* modules that are looked at to see what processor they are for */

#define ELF_CLASS 4 /* offset of e_ident[EI_CLASS]: 1 is 32 bits, 2 is 64 */
#define ELF_MACHINE 18
#define MACHINE_386 3
#define MACHINE_X86_64 62

/* --- Bits of files -------------------------------------------------------------------- */
char *inspect_kernel_version(const uint8_t *data, size_t n)
{
	/* Documentation/x86/boot.rst: "HdrS" at 0x202; the word at 0x20e plus 0x200 is where
	 * the text "VERSION (builder) ..." begins. */
	size_t at, len = 0;

	if (n < 0x210 || memcmp(data + 0x202, "HdrS", 4) != 0 || get_le16(data + 0x20e) == 0)
		return NULL;
	at = get_le16(data + 0x20e) + 0x200u;
	/* It becomes part of a path. */
	while (at + len < n && len < KVER_MAX && isgraph(data[at + len]) && data[at + len] != '/')
		len++;
	if (len == 0 || len == KVER_MAX || !isdigit(data[at]))
		return NULL;
	return strndup((const char *)data + at, len);
}

/* 32 or 64 for programs and modules of PCs, -1 for those of other machines, 0: not ELF. */
static int elf_bits(const struct buf *b)
{
	uint16_t machine;

	if (b->len < 20 || memcmp(b->data, "\177ELF", 4) != 0)
		return 0;
	machine = get_le16(b->data + ELF_MACHINE);
	if (machine != MACHINE_386 && machine != MACHINE_X86_64)
		return -1;
	return b->data[ELF_CLASS] == 2 ? 64 : 32;
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

/* --- One kernel ----------------------------------------------------------------------- */
/* By the first module that can be read: links of weak-updates may lead nowhere. */
static int read_bits(struct guest *g, struct guest_kernel *k, const char *dir,
		     const struct buf *files, struct unrack_error *err)
{
	CLEANUP_BUF struct buf path = { 0 }, module = { 0 };
	unsigned tries = 0;
	bool found;
	int r = 0;

	for (size_t at = 0; k->bits == 0 && at < files->len && tries < BITS_TRIES;
	     at += strlen(buf_str(files) + at) + 1) {
		const char *s = buf_str(files) + at;

		if (!ends_with(s, ".ko") && !ends_with(s, ".o"))
			continue;
		tries++;
		buf_clear(&path);
		if (buf_printf(&path, "%s/%s", dir, s) < 0)
			return error_nomem(err);
		r = guest_read_if(g, buf_str(&path), INSPECT_BINARY_MAX, &module, &found, err);
		if (r < 0 && r != UNRACK_DAMAGED)
			return r;
		if (r == 0 && found)
			k->bits = elf_bits(&module);
	}
	return 0;
}

int inspect_read_module(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	const struct guest_kernel *k = ctx;
	CLEANUP_BUF struct buf full = { 0 };

	if (buf_printf(&full, "/lib/modules/%s/%s", k->kver, path) < 0)
		return error_nomem(err);
	return k->guest->ops->read(k->guest, buf_str(&full), INSPECT_BINARY_MAX, out, err);
}

/* The drivers of K, if it has a folder of them. */
static int read_modules(struct guest *g, struct guest_kernel *k, struct unrack_error *err)
{
	CLEANUP_BUF struct buf dir = { 0 }, files = { 0 }, path = { 0 }, dep = { 0 }, builtin = { 0 };
	bool has_dep, has_builtin;
	struct guest_stat st;
	int r;

	if (buf_printf(&dir, "/lib/modules/%s", k->kver) < 0)
		return error_nomem(err);
	r = g->ops->stat(g, buf_str(&dir), &st, err);
	if (r < 0 || st.type != GUEST_DIR)
		return r;
	r = g->ops->find(g, buf_str(&dir), &files, err);
	if (r < 0)
		return r;
	if (buf_printf(&path, "%s/modules.dep", buf_str(&dir)) < 0)
		return error_nomem(err);
	r = guest_read_if(g, buf_str(&path), INSPECT_BINARY_MAX, &dep, &has_dep, err);
	buf_clear(&path);
	if (r == 0 && buf_printf(&path, "%s/modules.builtin", buf_str(&dir)) < 0)
		return error_nomem(err);
	if (r == 0)
		r = guest_read_if(g, buf_str(&path), INSPECT_BINARY_MAX, &builtin, &has_builtin, err);
	if (r == 0)
		r = module_tree_new(k->kver, buf_str(&files), files.len,
				    has_dep ? buf_str(&dep) : NULL,
				    has_builtin ? buf_str(&builtin) : NULL, &k->tree, err);
	if (r == 0)
		r = module_tree_attach(k->tree, &(struct module_source){ inspect_read_module, k, k->config }, err);
	return r == 0 ? read_bits(g, k, buf_str(&dir), &files, err) : r;
}

static int add_kernel(struct guest *g, struct guest_facts *f, const char *kver, const char *vmlinuz,
		      struct unrack_error *err)
{
	CLEANUP_BUF struct buf path = { 0 }, config = { 0 };
	struct guest_kernel *k = &f->kernels[f->n_kernels++];
	bool found;
	int r;

	k->guest = g;
	k->kver = strdup(kver);
	k->vmlinuz = strdup(vmlinuz);
	k->initrds = calloc(INITRDS_MAX, sizeof *k->initrds);
	if (!k->kver || !k->vmlinuz || !k->initrds || buf_printf(&path, "/boot/config-%s", kver) < 0)
		return error_nomem(err);
	k->xen = ends_with(kver, "xen") || ends_with(kver, "xenU");
	k->debug = ends_with(kver, "debug");
	k->kdump = ends_with(kver, "kdump");
	k->rescue = strstr(kver, "rescue") != NULL;
	r = inspect_read(g, buf_str(&path), &config, &found, err);
	if (r == 0 && found) {
		k->config = buf_steal(&config);
		if (!k->config)
			return error_nomem(err);
	}
	return r == 0 ? read_modules(g, k, err) : r;
}

static int find_kernel(const struct guest_facts *f, const char *kver)
{
	for (size_t i = 0; i < f->n_kernels; i++)
		if (!strcmp(f->kernels[i].kver, kver))
			return (int)i;
	return -1;
}

/* The version of the kernel at PATH: from its name if there are modules by that name, else
 * from its header. NULL in *kver: it is not a kernel that can be named. */
static int version_of(struct guest *g, const char *path, char **kver, struct unrack_error *err)
{
	const char *name = strrchr(path, '/');
	CLEANUP_BUF struct buf dir = { 0 }, data = { 0 };
	int r;

	*kver = NULL;
	name = name && !strncmp(name, "/vmlinuz-", 9) && name[9] != '.' ? name + 9 : NULL;
	/* A copy of some kernel, with an initrd of its own: 0-rescue-MACHINE-ID. */
	if (name && strstr(name, "rescue") && strlen(name) < KVER_MAX) {
		*kver = strdup(name);
		return *kver ? 0 : error_nomem(err);
	}
	if (name && strlen(name) < KVER_MAX) {
		if (buf_printf(&dir, "/lib/modules/%s", name) < 0)
			return error_nomem(err);
		if (guest_exists(g, buf_str(&dir))) {
			*kver = strdup(name);
			return *kver ? 0 : error_nomem(err);
		}
	}
	r = g->ops->read(g, path, INSPECT_BINARY_MAX, &data, err);
	if (r < 0)
		return r;
	*kver = inspect_kernel_version(data.data, data.len);
	if (!*kver && name && *name && strlen(name) < KVER_MAX)
		*kver = strdup(name);
	return 0;
}

/* Adds the kernel at PATH unless it is there; *index is its place, or -1. */
static int add_file(struct guest *g, struct guest_facts *f, const char *path, int *index,
		    struct unrack_error *err)
{
	char *real CLEANUP_FREE = NULL;
	char *kver CLEANUP_FREE = NULL;
	int r = inspect_real(g, path, &real, err);

	*index = -1;
	if (r < 0 || !real)
		return r;
	r = version_of(g, real, &kver, err);
	if (r < 0 || !kver)
		return r;
	*index = find_kernel(f, kver);
	if (*index >= 0 || f->n_kernels == KERNELS_MAX)
		return 0;
	*index = (int)f->n_kernels;
	return add_kernel(g, f, kver, real, err);
}

/* --- Initrds -------------------------------------------------------------------------- */
/* Reads what IMAGE says of itself into I. WHY is for images that cannot be understood. */
static int ask_initrd(const struct initrd *image, const struct guest_kernel *k,
		      struct guest_initrd *i, struct unrack_error *why)
{
	struct initrd_answer answer = { 0 };
	struct module_tree *empty = NULL;
	int r = 0;

	i->kind = initrd_get_kind(image);
	i->container = strdup(initrd_container(image));
	if (!k->tree)
		r = module_tree_new(k->kver, "", 0, NULL, NULL, &empty, why);
	if (r == 0)
		r = initrd_check(image, k->tree ? k->tree : empty, NULL, 0, &answer, why);
	module_tree_free(empty);
	if (r < 0)
		return r;
	i->root = answer.root[0] ? strdup(answer.root) : NULL;
	i->resume = answer.resume[0] ? strdup(answer.resume) : NULL;
	i->mentions = buf_steal(&answer.mentions);
	i->multipath = initrd_find(image, "etc/multipath.conf") != NULL;
	initrd_answer_free(&answer);
	if (initrd_is_ramdisk(image))
		return error_set(why, UNRACK_UNSUPPORTED, "%s: is a ramdisk (%s), as RHEL 2.1 and 3 have them; this "
				 "version of unrack repairs guests from release 4 on, and such an image alone "
				 "(unrack initrd)", i->path, i->container ? i->container : "ext2");
	return i->container && i->mentions ? 0 : error_nomem(why);
}

int inspect_open_initrd(struct guest *g, const char *path, struct initrd **out, struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	int r = g->ops->open(g, path, INITRD_FILE_MAX, &fd, err);

	*out = NULL;
	return r < 0 ? r : initrd_read(fd, path, out, err);
}

static int look_into(struct guest *g, const struct guest_kernel *k, struct guest_initrd *i,
		     struct unrack_error *err)
{
	struct unrack_error why = UNRACK_ERROR_INIT;
	struct initrd *image;
	int r;

	i->kind = INITRD_OTHER;
	r = inspect_open_initrd(g, i->path, &image, &why);
	if (r == 0)
		r = ask_initrd(image, k, i, &why);
	initrd_close(image);
	if (r == 0)
		return 0;
	/* A bad one matters when it is needed, not now. */
	if (r == UNRACK_DAMAGED || r == UNRACK_UNSUPPORTED) {
		i->damaged = r == UNRACK_DAMAGED;
		i->problem = strdup(why.text);
		return i->problem ? 0 : error_nomem(err);
	}
	*err = why;
	return r;
}

/* What unrack left beside a repaired one, and what is left alone: kdump's and rescue ones. */
static bool is_left_alone(const char *path)
{
	return ends_with(path, PLAN_PHYS) || strstr(path, "kdump") || strstr(path, "rescue");
}

/* Adds the initrd at PATH unless it is there; *index is its place, or -1. */
static int add_initrd(struct guest *g, struct guest_kernel *k, const char *path, int *index,
		      struct unrack_error *err)
{
	struct guest_initrd *i;
	char *real = NULL;
	int r = inspect_real(g, path, &real, err);

	*index = -1;
	if (r < 0 || !real)
		return r;
	for (size_t n = 0; n < k->n_initrds; n++)
		if (!strcmp(k->initrds[n].path, real))
			*index = (int)n;
	if (*index >= 0 || k->n_initrds == INITRDS_MAX || is_left_alone(real)) {
		free(real);
		return 0;
	}
	*index = (int)k->n_initrds;
	i = &k->initrds[k->n_initrds++];
	i->path = real;
	return look_into(g, k, i, err);
}

/* Of a kernel that no entry starts: by its usual names. */
static int add_by_name(struct guest *g, struct guest_kernel *k, struct unrack_error *err)
{
	static const char *const forms[] = { "/boot/initrd-%s.img", "/boot/initramfs-%s.img" };
	int r = 0, index;

	for (size_t i = 0; r == 0 && i < 2 && k->n_initrds == 0; i++) {
		CLEANUP_BUF struct buf path = { 0 };

		if (buf_printf(&path, forms[i], k->kver) < 0)
			return error_nomem(err);
		r = add_initrd(g, k, buf_str(&path), &index, err);
	}
	return r;
}

static int find_initrds(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	struct guest_loader *l = &f->loader;
	bool named[KERNELS_MAX] = { false };
	int r = 0;

	/* The default entry's first. */
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; r == 0 && i < l->n_entries; i++) {
			struct guest_entry *e = &l->entries[i];

			if (e->kernel_index < 0 || (pass == 0) != ((int)i == l->default_entry))
				continue;
			named[e->kernel_index] = true;
			if (e->initrd)
				r = add_initrd(g, &f->kernels[e->kernel_index], e->initrd,
					       &e->initrd_index, err);
		}
	for (size_t k = 0; r == 0 && k < f->n_kernels; k++)
		if (!named[k] && !f->kernels[k].kdump)
			r = add_by_name(g, &f->kernels[k], err);
	return r;
}

/* --- All of them ---------------------------------------------------------------------- */
static int find_kernels(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	int r = 0, index;

	for (size_t i = 0; r == 0 && i < f->loader.n_entries; i++)
		if (f->loader.entries[i].kernel)
			r = add_file(g, f, f->loader.entries[i].kernel,
				     &f->loader.entries[i].kernel_index, err);
	if (r == 0)
		r = inspect_list(g, "/boot", &names, err);
	for (size_t at = 0; r == 0 && at < names.len; at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		CLEANUP_BUF struct buf path = { 0 };

		if (strncmp(name, "vmlinuz-", 8) != 0)
			continue;
		if (buf_printf(&path, "/boot/%s", name) < 0)
			return error_nomem(err);
		r = add_file(g, f, buf_str(&path), &index, err);
	}
	return r;
}

static int find_bits(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	static const char *const programs[] = { "/sbin/init", "/bin/bash", "/bin/sh" };
	CLEANUP_BUF struct buf data = { 0 };
	bool found = false;
	int r = 0;

	if (f->default_kernel >= 0)
		f->bits = f->kernels[f->default_kernel].bits;
	for (size_t i = 0; r == 0 && f->bits == 0 && i < sizeof programs / sizeof programs[0]; i++) {
		r = guest_read_if(g, programs[i], INSPECT_BINARY_MAX, &data, &found, err);
		if (r == 0 && found)
			f->bits = elf_bits(&data);
	}
	if (r == 0 && f->bits < 0)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "the system (%s) is not for PC processors; it can't run on ESX",
				 f->release);
	return r;
}

int inspect_kernels(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	struct guest_loader *l = &f->loader;
	int r;

	f->kernels = calloc(KERNELS_MAX, sizeof *f->kernels);
	if (!f->kernels)
		return error_nomem(err);
	r = find_kernels(g, f, err);
	if (r == 0 && l->default_entry >= 0 && (size_t)l->default_entry < l->n_entries)
		f->default_kernel = l->entries[l->default_entry].kernel_index;
	/* A loader whose entries are not read: with a single kernel there is no doubt. */
	if (l->n_entries == 0 && f->n_kernels == 1)
		f->default_kernel = 0;
	if (f->default_kernel >= 0)
		f->kernels[f->default_kernel].is_default = true;
	if (r == 0)
		r = find_initrds(g, f, err);
	return r == 0 ? find_bits(g, f, err) : r;
}
