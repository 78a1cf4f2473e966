/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd_modules.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/plan.h"

#define FILE_MAX (64u << 20) /* a module, an index */
#define KVER_SIZE 128
#define SHOWN_MAX 5 /* kernels that a message names */
#define LOOKED_AT 8 /* modules of an image that are compared with the kernel's */

/* --- Names ------------------------------------------------------------------------------- */

static bool cut_end(char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	if (n <= m || strcmp(s + n - m, end) != 0)
		return false;
	s[n - m] = '\0';
	return true;
}

void initrd_modules_of_name(const char *file, char *out, size_t size)
{
	/* mkinitrd and dracut of RHEL; initramfs-tools. */
	static const char *const begins[] = { "initramfs-", "initrd-", "initrd.img-" };
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;

	out[0] = '\0';
	for (size_t k = 0; k < ARRAY_LEN(begins); k++) {
		size_t n = strlen(begins[k]);

		if (strncmp(base, begins[k], n) != 0 || !isdigit((unsigned char)base[n]) || strlen(base + n) >= size)
			continue;
		strcpy(out, base + n);
		if (!cut_end(out, PLAN_PHYS))
			cut_end(out, ".img");
		return;
	}
}

/* --- The folder -------------------------------------------------------------------------- */

static bool is_folder(struct guest *g, const char *path)
{
	struct unrack_error dropped;
	struct guest_stat st;

	return g->ops->stat(g, path, &st, &dropped) == 0 && st.type == GUEST_DIR;
}

/* One that depmod, or a kernel's package, has filled. BESIDE: others are beside it, and misc alone makes it none. */
static bool is_of_kernel(struct guest *g, const char *path, bool beside)
{
	static const char *const marks[] = { "modules.dep", "modules.dep.bin", "modules.builtin", "kernel", "misc" };

	for (size_t k = 0; k < ARRAY_LEN(marks) - beside; k++) {
		CLEANUP_BUF struct buf b = { 0 };

		if (buf_printf(&b, "%s/%s", path, marks[k]) == 0 && guest_exists(g, buf_str(&b)))
			return true;
	}
	return false;
}

/* Kernels in the folder TOP, one per line. */
static int list_kernels(struct guest *g, const char *top, struct buf *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	int r = g->ops->list(g, top, &names, err);

	for (size_t at = 0; r == 0 && at < names.len; at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		CLEANUP_BUF struct buf path = { 0 };

		if (buf_printf(&path, "%s/%s", top, name) < 0)
			return error_nomem(err);
		if (strlen(name) < KVER_SIZE && !strchr(name, '\n') && is_folder(g, buf_str(&path)) &&
		    (isdigit((unsigned char)name[0]) || is_of_kernel(g, buf_str(&path), true)) && buf_printf(out, "%s\n", name) < 0)
			return error_nomem(err);
	}
	return r;
}

/* Modules that somebody has put together by hand; a stray one beside folders of kernels is none of those. */
static bool is_loose(struct guest *g)
{
	CLEANUP_BUF struct buf names = { 0 }, kernels = { 0 };
	struct unrack_error dropped;

	if (list_kernels(g, "/", &kernels, &dropped) < 0 || kernels.len || g->ops->list(g, "/", &names, &dropped) < 0)
		return false;
	for (size_t at = 0; at < names.len; at += strlen(buf_str(&names) + at) + 1)
		if (module_is_file(buf_str(&names) + at))
			return true;
	return false;
}

/* "it has 2.6.18-398.el5, 2.6.18-400.el5 and 3 more" */
static char *say_kernels(const struct buf *kernels)
{
	CLEANUP_BUF struct buf b = { 0 };
	size_t n = 0;
	int bad = 0;

	for (const char *p = buf_str(kernels); *p; p += strcspn(p, "\n") + 1)
		if (n++ < SHOWN_MAX)
			bad |= buf_printf(&b, "%s%.*s", n > 1 ? ", " : "it has ", (int)strcspn(p, "\n"), p);
	if (n > SHOWN_MAX)
		bad |= buf_printf(&b, " and %zu more", n - SHOWN_MAX);
	if (!n)
		bad |= buf_puts(&b, "it has none");
	return bad ? NULL : buf_steal(&b);
}

static bool is_line(const struct buf *lines, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = buf_str(lines); *p; p += strcspn(p, "\n") + 1)
		if (strcspn(p, "\n") == n && !memcmp(p, word, n))
			return true;
	return false;
}

/* What there is one of. */
static bool only_line(const struct buf *lines, char *out, size_t size)
{
	size_t n = strcspn(buf_str(lines), "\n");

	if (!n || n >= size || buf_str(lines)[n + 1])
		return false;
	memcpy(out, buf_str(lines), n);
	out[n] = '\0';
	return true;
}

/* The kernel, from all but the folder; "" when nothing tells. */
static int guess(const char *kver, const struct initrd *image, const char *file, char out[KVER_SIZE],
		 struct unrack_error *err)
{
	CLEANUP_BUF struct buf kernels = { 0 };

	if (kver) {
		/* It becomes part of a path. */
		if (!*kver || strlen(kver) >= KVER_SIZE || strchr(kver, '/') || kver[0] == '.')
			return error_set(err, UNRACK_USAGE, "--kver takes a kernel's version, such as 2.6.18-398.el5, not \"%s\"", kver);
		strcpy(out, kver);
		return 0;
	}
	if (image && initrd_kernels(image, &kernels) < 0)
		return error_nomem(err);
	if (!only_line(&kernels, out, KVER_SIZE))
		initrd_modules_of_name(file, out, KVER_SIZE);
	/* A name from inside the image. */
	if (out[0] == '.')
		out[0] = '\0';
	return 0;
}

/* TOP holds a folder for each kernel. */
static int choose_kernel(struct initrd_modules *m, const char *dir, const char *top, char kver[KVER_SIZE],
			 struct unrack_error *err)
{
	CLEANUP_BUF struct buf kernels = { 0 };
	char *has CLEANUP_FREE = NULL;
	int r = list_kernels(m->g, top, &kernels, err);

	if (r < 0)
		return r;
	has = say_kernels(&kernels);
	if (!has)
		return error_nomem(err);
	if (!kver[0] && !only_line(&kernels, kver, KVER_SIZE))
		return error_set(err, UNRACK_USAGE, "which kernel the image is for is not clear; say --kver with one of those in "
				 "%s (%s)", dir, has);
	if (!is_line(&kernels, kver))
		return error_set(err, UNRACK_USAGE, "%s has no modules of kernel %s (%s); name another folder, or another kernel "
				 "with --kver", dir, kver, has);
	if (asprintf(&m->folder, "%s/%s", strcmp(top, "/") ? top : "", kver) < 0) {
		m->folder = NULL;
		return error_nomem(err);
	}
	return 0;
}

/* DIR, whose real path is REAL, is that of one kernel: weak-updates has links into those beside it, so the folder
 * above is opened, if that may be. */
static int take_kernel(struct initrd_modules *m, const char *real, char kver[KVER_SIZE], struct unrack_error *err)
{
	char *slash = strrchr(real, '/'), *above CLEANUP_FREE = NULL;
	struct unrack_error dropped;
	struct guest *g;

	if (!kver[0] && strlen(slash + 1) < KVER_SIZE)
		strcpy(kver, slash + 1);
	above = slash == real ? strdup("/") : strndup(real, (size_t)(slash - real));
	m->folder = strdup(slash);
	if (!above || !m->folder)
		return error_nomem(err);
	if (slash[1] && guest_open_dir(above, false, &g, &dropped) == 0) {
		guest_close(m->g);
		m->g = g;
		return 0;
	}
	strcpy(m->folder, "/");
	return 0;
}

static int find_folder(struct initrd_modules *m, const char *dir, char kver[KVER_SIZE], struct unrack_error *err)
{
	static const char *const tops[] = { "/lib/modules", "/usr/lib/modules" };
	char *real CLEANUP_FREE = realpath(dir, NULL);
	struct stat st;
	int r;

	if (!real && (errno == ENOENT || errno == ENOTDIR))
		return error_set(err, UNRACK_USAGE, "there is no folder %s; name one with the kernel's modules, such as "
				 "/mnt/lib/modules, or a guest's root folder", dir);
	if (!real)
		return error_errno(err, errno, "can't open the folder %s", dir);
	if (stat(real, &st) == 0 && !S_ISDIR(st.st_mode))
		return error_set(err, UNRACK_USAGE, "%s is no folder; name one with the kernel's modules, such as /mnt/lib/modules, or "
				 "a guest's root folder", dir);
	r = guest_open_dir(real, false, &m->g, err);
	if (r < 0)
		return r;
	for (size_t k = 0; k < ARRAY_LEN(tops); k++)
		if (is_folder(m->g, tops[k]))
			return choose_kernel(m, dir, tops[k], kver, err);
	return is_of_kernel(m->g, "/", false) || is_loose(m->g) ? take_kernel(m, real, kver, err)
							 : choose_kernel(m, dir, "/", kver, err);
}

/* --- The modules ------------------------------------------------------------------------- */

/* The kernel's own links lead to /lib/modules, which a folder of kernels is in the guest. */
static int read_link(struct initrd_modules *m, const char *path, struct buf *out, struct unrack_error *err)
{
	static const char *const tops[] = { "/lib/modules/", "/usr/lib/modules/" };
	CLEANUP_BUF struct buf target = { 0 };
	struct unrack_error dropped;

	if (m->g->ops->readlink(m->g, path, &target, &dropped) < 0)
		return err->code;
	for (size_t k = 0; k < ARRAY_LEN(tops); k++) {
		size_t n = strlen(tops[k]);

		if (!strncmp(buf_str(&target), tops[k], n))
			return m->g->ops->read(m->g, buf_str(&target) + n - 1, FILE_MAX, out, err);
	}
	return err->code;
}

int initrd_modules_read(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf full = { 0 };
	struct initrd_modules *m = ctx;
	int r;

	if (buf_printf(&full, "%s/%s", m->folder, path) < 0)
		return error_nomem(err);
	r = m->g->ops->read(m->g, buf_str(&full), FILE_MAX, out, err);
	return r < 0 && err->sys_errno == ENOENT ? read_link(m, buf_str(&full), out, err) : r;
}

/* Whether a module of M that IMAGE has, too, says that it is of KVER ("vermagic=KVER SMP", "kernel_version=KVER"). */
static bool has_magic(const struct initrd_modules *m, const struct initrd *image, const char *kver)
{
	CLEANUP_BUF struct buf b = { 0 }, magic = { 0 };
	struct unrack_error dropped;
	const char *path = NULL, *at;
	char name[64];

	for (size_t k = 0; !path && k < initrd_len(image); k++) {
		module_name_of(initrd_at(image, k)->name, name);
		path = S_ISREG(initrd_at(image, k)->mode) ? module_tree_find(m->tree, name) : NULL;
	}
	if (!path || buf_printf(&magic, "=%s", kver) < 0 ||
	    initrd_modules_read((void *)(uintptr_t)m, path, &b, &dropped) < 0)
		return false;
	at = memmem(b.data, b.len, magic.data, magic.len);
	/* A NUL is behind the last byte. */
	return at && (at[magic.len] == ' ' || at[magic.len] == '\0');
}

bool initrd_modules_other(const struct initrd *image, const struct initrd_modules *m, char *out, size_t size)
{
	CLEANUP_BUF struct buf kernels = { 0 };

	if (!m->g || initrd_kernels(image, &kernels) < 0 || !kernels.len || is_line(&kernels, m->kver))
		return false;
	snprintf(out, size, "%.*s", (int)strcspn(buf_str(&kernels), "\n"), buf_str(&kernels));
	return !has_magic(m, image, out);
}

/* A module that M's kernel came with. Unless ANY, it may be loaded by that: it is in no other kernel's folder. What
 * others built may be for a kernel that is only nearly the same, however much of it there is. */
static bool is_module_of(const struct initrd_member *f, const struct initrd_modules *m, bool any)
{
	const char *top = "lib/modules/", *at = strstr(f->name, top), *path;
	size_t n = strlen(m->kver);
	char name[64];

	if (!S_ISREG(f->mode) || !f->size || (at && !any && (strncmp(at + strlen(top), m->kver, n) != 0 || at[strlen(top) + n] != '/')))
		return false;
	module_name_of(f->name, name);
	path = module_tree_find(m->tree, name);
	return path && !strncmp(path, "kernel/", 7);
}

bool initrd_modules_strange(const struct initrd *image, const struct initrd_modules *m, bool base, char *why, size_t size,
			    int *r, struct unrack_error *err)
{
	size_t tries = 0;
	bool strange = false;

	*r = 0;
	for (size_t k = 0; m->g && tries < LOOKED_AT && k < initrd_len(image); k++) {
		const struct initrd_member *f = initrd_at(image, k);
		struct unrack_error dropped = UNRACK_ERROR_INIT;
		char *text CLEANUP_FREE = NULL;

		if (!is_module_of(f, m, base))
			continue;
		tries++;
		if (module_tree_takes(m->tree, f->data, f->size, f->name, base, &text, &dropped) < 0)
			continue;
		if (!text)
			return false;
		if (!strange)
			snprintf(why, size, "%s", text);
		strange = true;
	}
	*r = module_tree_failed(m->tree, err);
	return strange && *r == 0;
}

static int read_text(struct initrd_modules *m, const char *name, struct buf *out, bool *found, struct unrack_error *err)
{
	CLEANUP_BUF struct buf path = { 0 };

	if (buf_printf(&path, "%s/%s", m->folder, name) < 0)
		return error_nomem(err);
	return guest_read_if(m->g, buf_str(&path), FILE_MAX, out, found, err);
}

/* One that is no text that could be read, such as a folder, is as good as none: the modules themselves are asked. */
static int read_index(struct initrd_modules *m, const char *name, struct buf *out, bool *found, struct unrack_error *err)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	int r = read_text(m, name, out, found, &e);

	if (r == UNRACK_DAMAGED || r == UNRACK_UNSUPPORTED)
		return *found = false, 0;
	if (r < 0)
		*err = e;
	return r;
}

/* What is in folders that links in the topmost one lead to, as depmod sees it; the kernel's source is not. */
static int add_linked(struct initrd_modules *m, struct buf *files, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	struct unrack_error dropped;
	int r = m->g->ops->list(m->g, m->folder, &names, err);

	for (size_t at = 0; r == 0 && at < names.len; at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		CLEANUP_BUF struct buf path = { 0 }, target = { 0 }, below = { 0 };

		if (!strcmp(name, "build") || !strcmp(name, "source"))
			continue;
		if (buf_printf(&path, "%s/%s", m->folder, name) < 0)
			return error_nomem(err);
		if (m->g->ops->readlink(m->g, buf_str(&path), &target, &dropped) < 0 || !is_folder(m->g, buf_str(&path)))
			continue;
		r = m->g->ops->find(m->g, buf_str(&path), &below, err);
		for (size_t b = 0; r == 0 && b < below.len; b += strlen(buf_str(&below) + b) + 1)
			if (buf_printf(files, "%s/%s", name, buf_str(&below) + b) < 0 || buf_zeros(files, 1) < 0)
				r = error_nomem(err);
	}
	return r;
}

/* Beside the modules of a guest; in other folders there is none of these. */
static int read_settings(struct initrd_modules *m, struct unrack_error *err)
{
	static const char *const names[] = { "/etc/modprobe.conf", "/etc/modules.conf", "/etc/conf.modules" };
	CLEANUP_BUF struct buf path = { 0 };
	bool found = false;
	int r;

	if (buf_printf(&path, "/boot/config-%s", m->kver) < 0)
		return error_nomem(err);
	r = guest_read_if(m->g, buf_str(&path), FILE_MAX, &m->config, &found, err);
	found = false;
	for (size_t k = 0; r == 0 && !found && k < ARRAY_LEN(names); k++)
		r = guest_read_if(m->g, names[k], FILE_MAX, &m->options, &found, err);
	return r;
}

static int read_tree(struct initrd_modules *m, struct unrack_error *err)
{
	CLEANUP_BUF struct buf files = { 0 };
	CLEANUP_BUF struct buf dep = { 0 };
	CLEANUP_BUF struct buf builtin = { 0 };
	struct module_source source = { .read = initrd_modules_read, .ctx = m };
	bool has_dep, has_builtin;
	int r = m->g->ops->find(m->g, m->folder, &files, err);

	if (r == 0)
		r = add_linked(m, &files, err);
	if (r == 0)
		r = read_index(m, "modules.dep", &dep, &has_dep, err);
	if (r == 0)
		r = read_index(m, "modules.builtin", &builtin, &has_builtin, err);
	if (r == 0)
		r = read_settings(m, err);
	if (r == 0)
		r = module_tree_new(m->kver, buf_str(&files), files.len, has_dep ? buf_str(&dep) : NULL,
				    has_builtin ? buf_str(&builtin) : NULL, &m->tree, err);
	source.config = m->config.len ? buf_str(&m->config) : NULL;
	return r < 0 ? r : module_tree_attach(m->tree, &source, err);
}

/* A folder that bears the kernel's name is believed; one of another name was named for this kernel by mistake, if
 * its modules say so. */
static int check_name(const struct initrd_modules *m, const char *dir, struct unrack_error *err)
{
	char other[KVER_SIZE];

	if (!strcmp(strrchr(m->folder, '/') + 1, m->kver) || !module_tree_other(m->tree, other, sizeof other))
		return 0;
	return error_set(err, UNRACK_USAGE, "%s has modules of kernel %s, not of kernel %s; name a folder of that one, or say "
			 "--kver %s if that is what the image is for", dir, other, m->kver, other);
}

int initrd_modules_open(const char *dir, const char *kver, const struct initrd *image, const char *file,
			struct initrd_modules *out, struct unrack_error *err)
{
	char version[KVER_SIZE] = "";
	int r;

	*out = (struct initrd_modules){ .kver = NULL };
	r = guess(kver, image, file, version, err);
	if (r == 0 && dir)
		r = find_folder(out, dir, version, err);
	if (r < 0)
		return r;
	out->kver = strdup(version);
	if (!out->kver)
		return error_nomem(err);
	if (!dir)
		return module_tree_new(version, "", 0, NULL, NULL, &out->tree, err);
	r = read_tree(out, err);
	return r < 0 ? r : check_name(out, dir, err);
}

void initrd_modules_close(struct initrd_modules *m)
{
	module_tree_free(m->tree);
	guest_close(m->g);
	buf_free(&m->config);
	buf_free(&m->options);
	free(m->folder);
	free(m->kver);
	*m = (struct initrd_modules){ .kver = NULL };
}
