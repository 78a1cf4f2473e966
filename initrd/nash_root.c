/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nash_root.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "line_list.h"
#include "nash_grammar.h"
#include "nash_names.h"

struct way {
	const struct nash *s;
	const struct initrd *image;
	const struct module_tree *tree;
	const char *script;
	const struct initrd_answer *out;
	struct reasons *why;
};

/* --- What root is ----------------------------------------------------------------------- */

/* The value of root= among the kernel's arguments; nash takes the first one. */
static void argument_root(const char *arguments, char *out, size_t size)
{
	for (const char *p = arguments; *p; p += strcspn(p, " \t\n")) {
		p += strspn(p, " \t\n");
		if (!strncmp(p, "root=", 5)) {
			snprintf(out, size, "%.*s", (int)min_u64(strcspn(p + 5, " \t\n"), size), p + 5);
			return;
		}
	}
}

/* Before nash 5, root= counts only where the script names no device. */
static void find_root(const struct way *w, const struct initrd_needs *needs, char *root, size_t size)
{
	bool baked = w->out->root[0] != '\0';

	snprintf(root, size, "%s", w->out->root);
	if (needs && needs->arguments && (!baked || nash_release_of(w->s) == NASH_EL5))
		argument_root(needs->arguments, root, size);
}

/* --- Links ------------------------------------------------------------------------------ */

/* Whether the kernel has NAME as a file, and the script does not load it before the last COMMAND. */
static int lacks(const struct way *w, const char *name, enum nash_command command, bool *answer,
		 struct unrack_error *err)
{
	char lost[64];
	int r = nash_names_module(w->s, w->image, w->tree, name, nash_names_last(w->s, command), false, lost,
				  err);

	*answer = lost[0] != '\0';
	return r;
}

static int explain_arrays(const struct way *w, struct unrack_error *err)
{
	static const char *const levels[] = { "raid1", "raid0", "raid5", "raid456", "raid10", "linear" };
	bool any = false, lacking = true, lost;
	int r = 0;

	if (!w->out->arrays.len) {
		reasons_add(w->why, INITRD_LINK_ARRAY, "array", "root is on md, and %s starts no array: there is no "
			    "\"raidautorun\"", w->script);
		return 0;
	}
	for (size_t k = 0; r == 0 && k < ARRAY_LEN(levels); k++) {
		if (!module_tree_find(w->tree, levels[k]))
			continue;
		r = lacks(w, levels[k], NASH_RAID, &lost, err);
		any = true;
		lacking &= lost;
	}
	if (r == 0 && any && lacking)
		reasons_add(w->why, INITRD_LINK_ARRAY, "array", "root is on md, and %s loads no module of RAID "
			    "before \"raidautorun\"", w->script);
	return r;
}

/* VOLUME: "vg/root", or a group. */
static int explain_volume(const struct way *w, const char *volume, struct unrack_error *err)
{
	bool lvm1 = nash_release_of(w->s) <= NASH_EL3, lost;
	const char *tool = lvm1 ? "vgchange" : "lvm", *module = lvm1 ? "lvm-mod" : "dm-mod";
	size_t group = strcspn(volume, "/");
	int r = lacks(w, module, NASH_LVM, &lost, err);

	if (r < 0)
		return r;
	if (!w->out->volumes.len)
		reasons_add(w->why, INITRD_LINK_VOLUME, "volume", "root is on LVM, and %s activates no volume group",
			    w->script);
	else if (*volume && !line_list_has(&w->out->volumes, "*", 1) &&
		 !line_list_has(&w->out->volumes, volume, group) &&
		 !line_list_has(&w->out->volumes, volume, strlen(volume)))
		reasons_add(w->why, INITRD_LINK_VOLUME, "volume", "root is on the volume group %.*s, and %s activates "
			    "only others", (int)min_u64(group, 128), volume, w->script);
	else if (!nash_grammar_program(w->image, tool))
		reasons_add(w->why, INITRD_LINK_VOLUME, "volume", "root is on LVM, and bin/%s is not in the image", tool);
	else if (lost)
		reasons_add(w->why, INITRD_LINK_VOLUME, "volume", "root is on LVM, and %s does not load %s before it "
			    "activates volumes", w->script, module);
	return 0;
}

static int explain_filesystem(const struct way *w, const char *fs, struct unrack_error *err)
{
	char lost[64], path[80];
	int r = nash_names_module(w->s, w->image, w->tree, fs, nash_names_mount(w->s), false, lost, err);

	if (r < 0 || !lost[0])
		return r;
	snprintf(path, sizeof path, "lib/%s.%s", lost, nash_release_of(w->s) <= NASH_EL3 ? "o" : "ko");
	reasons_add(w->why, INITRD_LINK_FILESYSTEM, "filesystem",
		    initrd_find(w->image, path) ? "root is %s, and %s never loads %s, though %s is in the image"
						: "root is %s, and %s does not load %s: %s is not in the image",
		    fs, w->script, lost, path);
	return 0;
}

static bool is_ext(const char *fs)
{
	return !strncmp(fs, "ext", 3);
}

/* The script mounts root as one kind, and is said to be another. One driver of the ext family may mount another's. */
static void explain_kind(const struct way *w, const char *is)
{
	const char *as = w->out->root_fs;

	if (!is || !*is || !*as || !strcmp(is, as) || (is_ext(is) && is_ext(as)) || strchr(is, ',') || strchr(as, ',') ||
	    !strcmp(is, "auto") || !strcmp(as, "auto"))
		return;
	reasons_add(w->why, INITRD_LINK_FILESYSTEM, "filesystem", "root is %s, and %s mounts it as %s", is, w->script, as);
}

static void explain_network(const struct way *w, const char *fs)
{
	if (!strcmp(fs, "nfs") && nash_names_last(w->s, NASH_NETWORK) == nash_names_mount(w->s))
		reasons_add(w->why, INITRD_LINK_ROOT, "root", "root is on NFS, and %s brings up no network before it mounts it",
			    w->script);
}

int nash_root_explain(const struct nash *s, const struct initrd *image, const struct module_tree *tree,
		      const struct initrd_needs *needs, const char *script,
		      const struct initrd_answer *out, struct reasons *why, struct unrack_error *err)
{
	const struct way w = { s, image, tree, script, out, why };
	const char *fs = out->root_fs[0] ? out->root_fs : needs && needs->root_fs ? needs->root_fs : "";
	char root[256], volume[INITRD_GROUP_MAX] = "";
	bool on_lvm;
	int r = 0;

	find_root(&w, needs, root, sizeof root);
	if ((needs && needs->root_on_md) || nash_names_array(root))
		r = explain_arrays(&w, err);
	on_lvm = initrd_volume_group(root, volume) || (needs && needs->root_on_lvm);
	if (r == 0 && on_lvm)
		r = explain_volume(&w, needs && needs->root_volume ? needs->root_volume : volume, err);
	if (r == 0)
		explain_network(&w, fs);
	if (r == 0)
		explain_kind(&w, needs ? needs->root_fs : NULL);
	return r == 0 && fs[0] ? explain_filesystem(&w, fs, err) : r;
}
