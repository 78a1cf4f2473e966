/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dracut_root.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "dracut_check.h"
#include "line_list.h"

#define MDADM_CONF_MAX (64u << 10) /* the bytes of it that count */

/* --- The kernel's arguments ------------------------------------------------------------- */

/* The value of WORD if it begins with KEY and "="; NULL: it does not. */
static const char *value_of(const char *word, size_t n, const char *key, size_t *len)
{
	size_t k = strlen(key);

	if (n <= k + 1 || memcmp(word, key, k) != 0 || word[k] != '=')
		return NULL;
	*len = n - k - 1;
	return word + k + 1;
}

static bool is_word(const char *word, size_t n, const char *s)
{
	return n == strlen(s) && !memcmp(word, s, n);
}

/* As dracut's getargbool: the last of "KEY" and "KEY=0"; NO (may be NULL) turns it off. */
static bool is_on(const struct buf *arguments, const char *key, const char *no, bool on)
{
	const char *p = buf_str(arguments), *end = p + arguments->len, *word, *v;
	size_t n, len;

	while (dracut_word(&p, end, &word, &n)) {
		if ((v = value_of(word, n, key, &len)))
			on = !is_word(v, len, "0") && !is_word(v, len, "no") && !is_word(v, len, "off");
		else if (is_word(word, n, key))
			on = true;
		else if (no && is_word(word, n, no))
			on = false;
	}
	return on;
}

/* The values of KEY and OLD, its name in dracut 004. */
static int add_values(const struct buf *arguments, const char *key, const char *old, struct buf *out)
{
	const char *p = buf_str(arguments), *end = p + arguments->len, *word, *v;
	size_t n, len;

	while (dracut_word(&p, end, &word, &n))
		if (((v = value_of(word, n, key, &len)) || (v = value_of(word, n, old, &len))) &&
		    line_list_add(out, v, len) < 0)
			return -1;
	return 0;
}

/* --- What is in the image --------------------------------------------------------------- */

/* From dracut 024 on nothing is activated that no argument names, unless rd.auto is given:
 * the script that reads the arguments asks for that; of LVM in hooks/cmdline, of md in hooks/pre-trigger. */
static bool asks_for_auto(const struct dracut *d, const char *script)
{
	const struct initrd_member *m;
	size_t tail = strlen(script);

	for (size_t k = 0; (m = image_next(d->image, &k));) {
		size_t n = strlen(m->name);

		if (S_ISREG(m->mode) && n >= tail && !strcmp(m->name + n - tail, script) &&
		    strstr(m->name, "/hooks/"))
			return image_holds(d->image, m, "rd.auto", NULL);
	}
	return false;
}

static bool is_held(const struct dracut *d, const char *module)
{
	return d->own && module_tree_find(d->own, module);
}

/* Whether it is a module that the kernel has as a file and the image has not. */
static bool lacks(const struct dracut *d, const struct module_tree *tree, const char *module)
{
	return !is_held(d, module) && !module_tree_builtin(tree, module) && module_tree_find(tree, module);
}

static const char *const raids[] = { "raid1", "raid10", "raid456", "raid0", "linear" };

/* Of RAID's levels the one that root has is not known; dracut puts in those that were in use. */
static bool lacks_raids(const struct dracut *d, const struct module_tree *tree)
{
	bool any = false;

	for (size_t k = 0; k < ARRAY_LEN(raids); k++) {
		if (is_held(d, raids[k]) || module_tree_builtin(tree, raids[k]))
			return false;
		any |= module_tree_find(tree, raids[k]) != NULL;
	}
	return any;
}

/* The module that mounts filesystems of the kind FS; from RHEL 7 on ext4 is that of all three. */
static const char *module_of(const struct module_tree *tree, const char *fs)
{
	if ((!strcmp(fs, "ext2") || !strcmp(fs, "ext3")) && !module_tree_find(tree, fs) &&
	    !module_tree_builtin(tree, fs))
		return "ext4";
	return fs;
}

size_t dracut_root_modules(const struct dracut *d, const struct module_tree *tree,
			   const struct initrd_needs *needs, const char *names[DRACUT_ROOT_MODULES])
{
	size_t n = 0;

	if (needs && needs->root_fs && lacks(d, tree, module_of(tree, needs->root_fs)))
		names[n++] = module_of(tree, needs->root_fs);
	if (needs && needs->root_on_lvm && lacks(d, tree, "dm_mod"))
		names[n++] = "dm_mod";
	if (needs && needs->root_on_md && lacks(d, tree, "md_mod"))
		names[n++] = "md_mod";
	for (size_t k = 0; k < ARRAY_LEN(raids) && needs && needs->root_on_md && lacks_raids(d, tree); k++)
		if (module_tree_find(tree, raids[k]))
			names[n++] = raids[k];
	return n;
}

/* --- md --------------------------------------------------------------------------------- */

/* "ARRAY /dev/md0 UUID=..." of mdadm.conf. */
static int add_nodes(const struct dracut *d, struct buf *out)
{
	static const char *const names[] = { "etc/mdadm.conf", "etc/mdadm/mdadm.conf" };
	const struct initrd_member *m = image_file(d->image, names[0]);
	const char *p, *end, *word;
	bool array = false;
	size_t n;

	m = m ? m : image_file(d->image, names[1]);
	p = m ? (const char *)m->data : "";
	end = p + (m ? min_u64(m->size, MDADM_CONF_MAX) : 0);
	while (dracut_word(&p, end, &word, &n)) {
		if (array && n > 5 && !memcmp(word, "/dev/", 5) && line_list_add(out, word, n) < 0)
			return -1;
		array = n >= 4 && !strncasecmp(word, "ARRAY", n);
	}
	return 0;
}

static int explain_arrays(const struct dracut *d, const struct module_tree *tree,
			  const struct initrd_needs *needs, const struct buf *arguments, struct buf *out,
			  struct reasons *why)
{
	bool wanted = needs && needs->root_on_md, known = needs && needs->arguments;
	bool tool = dracut_tool(d, "mdadm"), rule = dracut_has_rule(d, "mdadm", "");
	bool off = !is_on(arguments, "rd.md", "rd_NO_MD", true);

	if (tool && !off && (add_values(arguments, "rd.md.uuid", "rd_MD_UUID", out) < 0))
		return -1;
	if (tool && !off && !out->len &&
	    (!known || !asks_for_auto(d, "parse-md.sh") || is_on(arguments, "rd.auto", NULL, false)) &&
	    add_nodes(d, out) < 0)
		return -1;
	if (!wanted)
		return 0;
	if (!tool)
		reasons_add(why, INITRD_LINK_ARRAY, "array", "root is on md, and mdadm is not in it");
	else if (!rule)
		reasons_add(why, INITRD_LINK_ARRAY, "array", "root is on md, and no rule of udev in it runs mdadm");
	else if (lacks(d, tree, "md_mod") || lacks_raids(d, tree))
		reasons_add(why, INITRD_LINK_ARRAY, "array", "root is on md, and the modules of RAID are not in it");
	else if (off)
		reasons_add(why, INITRD_LINK_ARRAY, "array", "root is on md, which the kernel's arguments turn off");
	else if (known && !out->len && asks_for_auto(d, "parse-md.sh") && !is_on(arguments, "rd.auto", NULL, false))
		reasons_add(why, INITRD_LINK_ARRAY, "array", "root is on md, and no rd.md.uuid= is among the kernel's "
			    "arguments; it starts only arrays that are named so");
	return 0;
}

/* --- LVM -------------------------------------------------------------------------------- */

/* Whether VOLUMES, groups and volumes, have NAME ("vg/root") or its group. */
static bool has_volume(const struct buf *volumes, const char *name)
{
	return line_list_has(volumes, "*", 1) || line_list_has(volumes, name, strlen(name)) || line_list_has(volumes, name, strcspn(name, "/"));
}

/* What keeps root's volume from being activated, though all tools are there. */
static void explain_volume(const struct initrd_needs *needs, const struct buf *volumes, struct reasons *why)
{
	if (needs->arguments && !volumes->len)
		reasons_add(why, INITRD_LINK_VOLUME, "volume", "root is on LVM, and no rd.lvm.lv= is among the "
			    "kernel's arguments; it activates only volumes that are named so");
	else if (needs->arguments && needs->root_volume && !has_volume(volumes, needs->root_volume))
		reasons_add(why, INITRD_LINK_VOLUME, "volume", "root is on the volume %s, and the kernel's arguments "
			    "name only others for it to activate", needs->root_volume);
}

static int explain_volumes(const struct dracut *d, const struct module_tree *tree,
			   const struct initrd_needs *needs, const struct buf *arguments, struct buf *out,
			   struct reasons *why)
{
	bool tool = dracut_tool(d, "lvm"), scan = dracut_has_rule(d, "lvm_scan", "");
	bool off = !is_on(arguments, "rd.lvm", "rd_NO_LVM", true);

	if (tool && !off && (add_values(arguments, "rd.lvm.lv", "rd_LVM_LV", out) < 0 ||
			     add_values(arguments, "rd.lvm.vg", "rd_LVM_VG", out) < 0))
		return -1;
	if (tool && !off && !out->len &&
	    (!asks_for_auto(d, "parse-lvm.sh") || is_on(arguments, "rd.auto", NULL, false)) &&
	    line_list_add(out, "*", 1) < 0)
		return -1;
	if (!needs || !needs->root_on_lvm)
		return 0;
	if (!tool)
		reasons_add(why, INITRD_LINK_VOLUME, "volume", "root is on LVM, and lvm is not in it");
	else if (!scan && !dracut_has_rule(d, "LVM2_member", "lvm"))
		reasons_add(why, INITRD_LINK_VOLUME, "volume", "root is on LVM, and no rule of udev in it activates volumes");
	else if (scan && !dracut_tool(d, "lvm_scan"))
		reasons_add(why, INITRD_LINK_VOLUME, "volume", "root is on LVM, and lvm_scan, which its rules of udev run, "
			    "is not in it");
	else if (lacks(d, tree, "dm_mod"))
		reasons_add(why, INITRD_LINK_VOLUME, "volume", "root is on LVM, and dm_mod is not in it");
	else if (off)
		reasons_add(why, INITRD_LINK_VOLUME, "volume", "root is on LVM, which the kernel's arguments turn off");
	else
		explain_volume(needs, out, why);
	return 0;
}

/* --- The filesystem --------------------------------------------------------------------- */

static const char *const filesystems[] = {
	"ext2", "ext3", "ext4", "xfs", "btrfs", "reiserfs", "jfs", "gfs2", "nfs", "squashfs", "overlay",
};

bool dracut_is_filesystem(const char *module)
{
	for (size_t k = 0; k < ARRAY_LEN(filesystems); k++)
		if (!strcmp(filesystems[k], module))
			return true;
	return false;
}

static int add_filesystems(const struct dracut *d, struct buf *out)
{
	for (size_t k = 0; k < ARRAY_LEN(filesystems); k++)
		if (is_held(d, filesystems[k]) && buf_printf(out, "%s\n", filesystems[k]) < 0)
			return -1;
	return 0;
}

static void explain_filesystem(const struct dracut *d, const struct module_tree *tree, const char *fs,
			       struct reasons *why)
{
	const char *module = module_of(tree, fs);

	if (lacks(d, tree, module))
		reasons_add(why, INITRD_LINK_FILESYSTEM, "filesystem", "root is %s, and %s is not in it", fs, module);
	else if (is_held(d, module))
		dracut_explain_file(d, INITRD_LINK_FILESYSTEM, module, why);
}

/* --- All -------------------------------------------------------------------------------- */

int dracut_explain_root(const struct dracut *d, const struct module_tree *tree,
			const struct initrd_needs *needs, struct initrd_answer *out,
			struct reasons *why, struct unrack_error *err)
{
	CLEANUP_BUF struct buf arguments = { 0 };

	/* /proc/cmdline comes last, and counts. */
	if (buf_append(&arguments, d->arguments.data, d->arguments.len) < 0 ||
	    buf_printf(&arguments, "%s\n", needs && needs->arguments ? needs->arguments : "") < 0 ||
	    explain_arrays(d, tree, needs, &arguments, &out->arrays, why) < 0 ||
	    explain_volumes(d, tree, needs, &arguments, &out->volumes, why) < 0 ||
	    add_filesystems(d, &out->filesystems) < 0)
		return error_nomem(err);
	if (needs && needs->root_fs)
		explain_filesystem(d, tree, needs->root_fs, why);
	return 0;
}
