/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "generate.h"
#include "module_file.h"

/* mkinitrd of RHEL 5 works with umask 077. */
static uint32_t mode_of(const struct generate *g, uint32_t mode)
{
	return g->release == NASH_EL5 ? mode & 0700 : mode;
}

static int check_size(const struct generate *g, struct unrack_error *err)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < g->layout.members.len; k++)
		sum += g->layout.members.at[k].data.len;
	if (sum > GENERATE_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: would have more than %u MiB unpacked, which no initrd of "
				 "RHEL 2.1 to 5 has", g->recipe->name, GENERATE_MAX >> 20);
	return 0;
}

/* --- Programs --------------------------------------------------------------------------- */

static int read_file(const struct generate *g, const char *path, struct buf *out, bool *found,
		     struct unrack_error *err)
{
	int r;

	buf_clear(out);
	err->sys_errno = 0;
	r = g->recipe->read_file(g->recipe->ctx, path, out, err);
	*found = r == 0;
	return r < 0 && err->sys_errno == ENOENT ? 0 : r;
}

#define PT_INTERP 3

/* In an image there are no libraries: a program that names an interpreter does not start there.
 * Source: elf(5); programs of PCs only. */
static int check_static(const struct buf *b, const char *path, bool *is_static, struct unrack_error *err)
{
	const uint8_t *p = b->data;
	bool is64 = b->len > 4 && p[4] == 2;
	uint64_t at;
	unsigned n, size;

	*is_static = true;
	if (b->len < 64 || memcmp(p, "\177ELF", 4) != 0)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is no program; install the package that it is of again", path);
	at = is64 ? get_le64(p + 32) : get_le32(p + 28);
	size = get_le16(p + (is64 ? 54 : 42));
	n = get_le16(p + (is64 ? 56 : 44));
	for (unsigned k = 0; k < n; k++) {
		uint64_t header = at + (uint64_t)k * size;

		if (header < at || header > b->len - 4)
			return error_set(err, UNRACK_DAMAGED, "%s: is cut short; install the package that it is of again", path);
		if (get_le32(p + header) == PT_INTERP)
			*is_static = false;
	}
	return 0;
}

/* The first of PATHS that is there and is static, as NAME of the image. */
static int put_program(struct generate *g, const char *name, const char *const *paths, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	const char *dynamic = NULL;

	for (size_t k = 0; paths[k]; k++) {
		bool found, is_static = false;
		int r = read_file(g, paths[k], &b, &found, err);

		if (r == 0 && found)
			r = check_static(&b, paths[k], &is_static, err);
		if (r < 0)
			return r;
		if (is_static)
			return layout_file(&g->layout, name, mode_of(g, 0755), &b) < 0 ? error_nomem(err) : 0;
		if (found)
			dynamic = paths[k];
	}
	if (dynamic)
		return error_set(err, UNRACK_UNSUPPORTED, "%s needs shared libraries, and there is no %s in the guest; an "
				 "initrd needs one that does not", dynamic, paths[0]);
	return error_set(err, UNRACK_MISSING, "there is no %s in the guest, which an initrd needs", paths[0]);
}

static int put_programs(struct generate *g, struct unrack_error *err)
{
	static const char *const nash[] = { "/sbin/nash", NULL };
	static const char *const insmod[] = { "/sbin/insmod.static", "/sbin/insmod", NULL };
	int r = put_program(g, "bin/nash", nash, err);

	if (r == 0)
		r = put_program(g, "bin/insmod", insmod, err);
	if (r == 0 && layout_symlink(&g->layout, g->release == NASH_EL21 ? "sbin/modprobe" : "bin/modprobe",
				     g->release == NASH_EL21 ? "/bin/nash" : "/sbin/nash") < 0)
		return error_nomem(err);
	return r;
}

/* What the guest has at "/" and NAME, with its place; *FOUND: it is there. */
static int put_config(struct generate *g, const char *name, bool *found, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	char path[80];
	int r;

	snprintf(path, sizeof path, "/%s", name);
	r = read_file(g, path, &b, found, err);
	if (r == 0 && *found && layout_file(&g->layout, name, mode_of(g, 0644), &b) < 0)
		return error_nomem(err);
	return r;
}

/* RHEL 4 leaves udev out if the guest has none. */
static int put_udev(struct generate *g, struct unrack_error *err)
{
	static const char *const udev[] = { "/sbin/udev.static", NULL };
	struct layout *l = &g->layout;
	bool found;
	int r;

	r = put_program(g, "bin/udev", udev, err);
	if (r == UNRACK_MISSING || r == UNRACK_UNSUPPORTED)
		return 0;
	if (r == 0 && (layout_symlink(l, "bin/udevstart", "udev") < 0 ||
		       layout_symlink(l, "bin/hotplug", "/sbin/nash") < 0 ||
		       layout_folder(l, "etc/udev", 0755) < 0))
		return error_nomem(err);
	if (r == 0)
		r = put_config(g, "etc/udev/udev.conf", &found, err);
	g->udev = r == 0;
	return r;
}

/* LVM 1 has one program that looks at its name; the nodes of its volumes come from the kernel. */
static int put_lvm1(struct generate *g, struct unrack_error *err)
{
	static const char *const wrapper[] = { "/sbin/vgwrapper", NULL };
	struct layout *l = &g->layout;
	int r = put_program(g, "bin/vgwrapper", wrapper, err);

	if (r < 0)
		return r;
	if (layout_link(l, "bin/vgscan", "bin/vgwrapper") < 0 || layout_link(l, "bin/vgchange", "bin/vgwrapper") < 0 ||
	    layout_node(l, "dev/lvm", S_IFBLK | 0644, 109, 0) < 0)
		return error_nomem(err);
	return 0;
}

static int put_lvm2(struct generate *g, struct unrack_error *err)
{
	static const char *const lvm[] = { "/sbin/lvm.static", "/usr/sbin/lvm.static", "/sbin/lvm", NULL };
	bool found;
	int r = put_program(g, "bin/lvm", lvm, err);

	if (r == 0 && layout_folder(&g->layout, "etc/lvm", mode_of(g, 0755)) < 0)
		return error_nomem(err);
	return r < 0 ? r : put_config(g, "etc/lvm/lvm.conf", &found, err);
}

/* --- Folders and nodes ------------------------------------------------------------------ */

static int put_folders(struct generate *g)
{
	static const char *const el21[] = { "lib", "bin", "sbin", "etc", "dev", "loopfs", "proc", "sysroot", NULL };
	static const char *const el3[] = { "lib", "bin", "etc", "dev", "loopfs", "proc", "sysroot", NULL };
	static const char *const el4[] = { "lib", "bin", "etc", "dev", "loopfs", "proc", "sys", "sysroot", NULL };
	static const char *const el5[] = { "lib", "bin", "etc", "dev", "proc", "sys", "sysroot", NULL };
	static const char *const *const all[] = { el21, el3, el4, el5 };
	int bad = layout_folder(&g->layout, ".", 0700);

	for (const char *const *p = all[g->release]; *p; p++)
		bad |= layout_folder(&g->layout, *p, mode_of(g, 0755));
	/* `ln -s bin sbin` of 2.1 found a folder there */
	return bad | layout_symlink(&g->layout, g->release == NASH_EL21 ? "sbin/bin" : "sbin", "bin");
}

struct node {
	const char *name;
	char type;
	unsigned major, minor;
};

static int put_node(struct generate *g, const struct node *n)
{
	char name[80];

	snprintf(name, sizeof name, "dev/%s", n->name);
	return layout_node(&g->layout, name, (n->type == 'b' ? S_IFBLK : S_IFCHR) | mode_of(g, 0644), n->major,
			   n->minor);
}

static int put_series(struct generate *g, const char *name, unsigned from, unsigned to, unsigned minor)
{
	int bad = 0;

	for (unsigned k = from; k <= to; k++) {
		char full[16];
		struct node n = { full, 'c', 4, minor + k };

		snprintf(full, sizeof full, "%s%u", name, k);
		bad |= put_node(g, &n);
	}
	return bad;
}

static int put_nodes(struct generate *g)
{
	static const struct node old[] = {
		{ "console", 'c', 5, 1 }, { "null", 'c', 1, 3 }, { "ram", 'b', 1, 1 }, { "systty", 'c', 4, 0 },
	};
	static const struct node el5[] = {
		{ "ram0", 'b', 1, 0 }, { "ram1", 'b', 1, 1 }, { "null", 'c', 1, 3 }, { "zero", 'c', 1, 5 },
		{ "systty", 'c', 4, 0 }, { "tty", 'c', 5, 0 }, { "console", 'c', 5, 1 }, { "ptmx", 'c', 5, 2 },
		{ "rtc", 'c', 10, 135 },
	};
	int bad = 0;

	if (g->release < NASH_EL5) {
		for (size_t k = 0; k < sizeof old / sizeof *old; k++)
			bad |= put_node(g, &old[k]);
		return bad | put_series(g, "tty", 1, 4, 0);
	}
	bad = layout_folder(&g->layout, "dev/mapper", mode_of(g, 0755));
	for (size_t k = 0; k < sizeof el5 / sizeof *el5; k++)
		bad |= put_node(g, &el5[k]);
	return bad | layout_symlink(&g->layout, "dev/ram", "ram1") | put_series(g, "tty", 0, 12, 0) |
	       put_series(g, "ttyS", 0, 3, 64);
}

/* raidautorun opens the nodes of arrays. */
static int put_arrays(struct generate *g, struct unrack_error *err)
{
	for (size_t k = 0; k < g->recipe->n_arrays; k++) {
		const char *path = g->recipe->arrays[k];
		struct node n = { path + 5, 'b', 9, 0 };
		char end;

		if (sscanf(path, "/dev/md%u%c", &n.minor, &end) != 1 || n.minor > 255)
			return error_set(err, UNRACK_UNSUPPORTED, "%s is not called /dev/md and a number up to 255, as an "
					 "array that the kernel starts is", path);
		if (put_node(g, &n) < 0)
			return error_nomem(err);
	}
	return 0;
}

/* --- All -------------------------------------------------------------------------------- */

static int put_modules(struct generate *g, struct unrack_error *err)
{
	const struct initrd_recipe *r = g->recipe;

	for (size_t k = 0; k < g->modules.n; k++) {
		CLEANUP_BUF struct buf b = { 0 };
		char file[MODULE_FILE_NAME], name[90];
		int e = module_file_read(r->tree, r->read_module, r->ctx, g->modules.paths[k], &b, err);

		if (e < 0)
			return e;
		module_file_name(g->modules.paths[k], file);
		snprintf(name, sizeof name, "lib/%s", file);
		if (layout_file(&g->layout, name, mode_of(g, 0644), &b) < 0)
			return error_nomem(err);
		e = check_size(g, err);
		if (e < 0)
			return e;
	}
	return 0;
}

int generate_files(struct generate *g, struct unrack_error *err)
{
	bool found;
	int r;

	g->layout.mtime = g->recipe->mtime;
	if (put_folders(g) < 0)
		return error_nomem(err);
	r = put_programs(g, err);
	if (r == 0 && g->release == NASH_EL5)
		r = put_config(g, "etc/fstab.sys", &found, err);
	if (r == 0 && g->release == NASH_EL4)
		r = put_udev(g, err);
	if (r == 0)
		r = put_modules(g, err);
	if (r == 0 && put_nodes(g) < 0)
		r = error_nomem(err);
	if (r == 0)
		r = put_arrays(g, err);
	if (r == 0 && g->recipe->n_groups)
		r = g->release <= NASH_EL3 ? put_lvm1(g, err) : put_lvm2(g, err);
	if (r == 0 && (generate_script(g) < 0 ||
		       layout_file(&g->layout, g->script_name, mode_of(g, 0755), &g->script) < 0))
		r = error_nomem(err);
	return r == 0 ? check_size(g, err) : r;
}
