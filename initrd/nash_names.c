/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nash_names.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "line_list.h"

static void set_word(char *out, size_t size, const struct nash_word *w)
{
	snprintf(out, size, "%.*s", (int)min_u64(w->n, size), w->p);
}

/* --- Root ------------------------------------------------------------------------------- */

/* "/dev/cciss/c0d0p2" of "cciss!c0d0p2", as sysfs calls it: that is what mkinitrd 5 writes for LABEL= and
 * UUID=, and nash looks for in /sys/block. */
static void set_node(char *out, size_t size, const struct nash_word *w)
{
	snprintf(out, size, "/dev/%.*s", (int)min_u64(w->n, size), w->p);
	for (char *p = out; (p = strchr(p, '!'));)
		*p = '/';
}

/* mkrootdev of nash 5 names the device, unless root= on the kernel's command line names
 * another. Before 5, and in mount lines, /dev/root stands for what root= says. */
static void find_root(const struct nash_line *l, struct initrd_answer *out)
{
	struct nash_word w[2], fs;
	size_t n = nash_arguments(l, w);

	if (l->command == NASH_MKROOTDEV ? n < 1 : !nash_mounts_root(l) || n < 2)
		return;
	if (nash_option(l, "-t", &fs))
		set_word(out->root_fs, sizeof out->root_fs, &fs);
	if (l->command == NASH_MKROOTDEV && !memchr(w[0].p, '=', w[0].n) && !memchr(w[0].p, '/', w[0].n))
		set_node(out->root, sizeof out->root, &w[0]);
	else if (!nash_word_is(&w[0], "/dev/root"))
		set_word(out->root, sizeof out->root, &w[0]);
}

/* Folders of /dev that hold other disks than volumes. */
static bool is_disk_folder(const char *p, size_t n)
{
	static const char *const names[] = {
		"cciss", "ida", "rd", "i2o", "ataraid", "disk", "md", "loop", "mpath", "iseries", "block",
	};

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (strlen(names[k]) == n && !memcmp(p, names[k], n))
			return true;
	return false;
}

/* "vg" of "vg-root"; "--" in it stands for "-", as device-mapper escapes. */
static bool mapped_group(const char *name, char out[INITRD_GROUP_MAX])
{
	size_t n = 0;

	for (const char *p = name; *p && n + 1 < INITRD_GROUP_MAX; p++) {
		if (*p == '-' && *++p != '-') {
			out[n] = '\0';
			return n > 0 && *p;
		}
		out[n++] = *p;
	}
	return false;
}

bool initrd_volume_group(const char *root, char out[INITRD_GROUP_MAX])
{
	const char *p = root + 5, *slash;

	if (strncmp(root, "/dev/", 5) != 0)
		return false;
	slash = strchr(p, '/');
	if (!slash || slash == p || !slash[1] || strchr(slash + 1, '/') || slash - p >= INITRD_GROUP_MAX ||
	    is_disk_folder(p, (size_t)(slash - p)))
		return false;
	if (!strncmp(p, "mapper/", 7))
		return mapped_group(slash + 1, out);
	memcpy(out, p, (size_t)(slash - p));
	out[slash - p] = '\0';
	return true;
}

bool nash_names_array(const char *root)
{
	return !strncmp(root, "/dev/md", 7) && (root[7] == '/' || (root[7] >= '0' && root[7] <= '9'));
}

/* --- Volumes, arrays, other devices ----------------------------------------------------- */

/* Groups and volumes of `lvm vgchange -ay ... vg`; without any, all of them. */
static int put_volumes(const struct nash_line *l, struct buf *out)
{
	bool changes = false, activates = false, any = false;
	enum { NO_VALUE, ACTIVATION, OTHER_VALUE } value = NO_VALUE;
	struct nash_word w;
	size_t at = 0;

	while (nash_next(l, &at, &w)) {
		bool option = w.n && w.p[0] == '-';

		if (nash_word_is(&w, "vgchange") || nash_word_is(&w, "lvchange") ||
		    nash_word_is(&w, "/bin/vgchange") || nash_word_is(&w, "/sbin/vgchange")) {
			changes = true;
		} else if (option && w.n > 1 && w.p[1] == 'a') {
			activates = w.p[w.n - 1] == 'y';
			value = w.n == 2 ? ACTIVATION : NO_VALUE;
		} else if (value != NO_VALUE) {
			if (value == ACTIVATION)
				activates = w.n && w.p[w.n - 1] == 'y';
			value = NO_VALUE;
		} else if (nash_word_is(&w, "--config")) {
			value = OTHER_VALUE;
		} else if (changes && !option && activates) {
			any = true;
			if (line_list_add(out, w.p, w.n) < 0)
				return -1;
		}
	}
	return changes && activates && !any ? line_list_add(out, "*", 1) : 0;
}

/* Words like /dev/sda2 that are neither told of already nor nodes which every system has. */
static int mention(const struct nash_line *l, struct initrd_answer *out)
{
	static const char *const common[] = {
		"/dev/root", "/dev/pts", "/dev/shm", "/dev/mapper", "/dev/null", "/dev/console",
	};
	struct nash_word w;
	size_t at = 0;

	while (nash_next(l, &at, &w)) {
		bool device = w.n > 5 && !memcmp(w.p, "/dev/", 5);

		for (size_t k = 0; k < ARRAY_LEN(common); k++)
			device &= !nash_word_is(&w, common[k]);
		if (!device || nash_word_is(&w, out->root) || nash_word_is(&w, out->resume))
			continue;
		if (line_list_add(&out->mentions, w.p, w.n) < 0)
			return -1;
	}
	return 0;
}

/* --- Filesystems ------------------------------------------------------------------------ */

static bool is_filesystem(const char *module)
{
	/* of disks, over the network, and under others, that RHEL 2.1 to 5 have as modules */
	static const char *const names[] = {
		"ext2", "ext3", "ext4", "ext4dev", "xfs", "jfs", "reiserfs", "gfs", "gfs2", "ocfs2",
		"vfat", "msdos", "minix", "nfs", "cramfs", "romfs", "squashfs", "iso9660", "isofs", "udf",
	};

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (!strcmp(module, names[k]))
			return true;
	return false;
}

static int put_filesystem(const struct nash_line *l, const struct initrd *image, struct buf *out)
{
	char name[64];

	if (!loads_file(image, l) || !loads_module(l, name) || !is_filesystem(name))
		return 0;
	return line_list_add(out, name, strlen(name));
}

/* nash 5 may mount what mkrootdev wrote into /etc/fstab. */
size_t nash_names_mount(const struct nash *s)
{
	for (size_t k = s->lines.len; k > 0; k--)
		if (nash_mounts_root(&s->lines.at[k - 1]))
			return k - 1;
	return s->lines.len;
}

size_t nash_names_last(const struct nash *s, enum nash_command command)
{
	size_t end = nash_names_mount(s);

	for (size_t k = end; k > 0; k--)
		if (s->lines.at[k - 1].command == command)
			return k - 1;
	return end;
}

/* The line before END that loads NAME. */
static size_t line_of(const struct nash *s, const struct initrd *image, const char *name, size_t end,
		      bool assume_files)
{
	char other[64];

	for (size_t k = 0; k < end; k++)
		if (loads_module(&s->lines.at[k], other) && modules_same_name(name, other) &&
		    loads_can(image, &s->lines.at[k], assume_files))
			return k;
	return LOADS_NONE;
}

int nash_names_module(const struct nash *s, const struct initrd *image, const struct module_tree *tree,
		      const char *name, size_t end, bool assume_files, char lost[64], struct unrack_error *err)
{
	struct module_list list;
	int r;

	lost[0] = '\0';
	if (!module_tree_find(tree, name) || module_tree_builtin(tree, name))
		return 0;
	r = module_tree_closure(tree, &name, 1, &list, err);
	if (r < 0)
		return r == UNRACK_MISSING || r == UNRACK_UNSUPPORTED ? 0 : r;
	for (size_t k = 0; k < list.n && !lost[0]; k++) {
		char needed[64];

		module_name_of(list.paths[k], needed);
		if (line_of(s, image, needed, end, assume_files) == LOADS_NONE)
			memcpy(lost, needed, sizeof needed);
	}
	module_list_free(&list);
	return 0;
}

/* --- All of it -------------------------------------------------------------------------- */

static int find_in_line(const struct nash_line *l, const struct initrd *image, struct initrd_answer *out)
{
	struct nash_word w[2];

	switch (l->command) {
	case NASH_OTHER:
	case NASH_ECHO:
	case NASH_MAKE:
		return 0;
	case NASH_INSMOD:
		return put_filesystem(l, image, &out->filesystems);
	case NASH_LVM:
		return put_volumes(l, &out->volumes) < 0 ? -1 : mention(l, out);
	case NASH_RAID:
		return nash_arguments(l, w) && line_list_add(&out->arrays, w[0].p, w[0].n) < 0 ? -1
											   : mention(l, out);
	default:
		return mention(l, out);
	}
}

int nash_names_find(const struct nash *s, const struct initrd *image, struct initrd_answer *out)
{
	struct nash_word w[2];

	for (size_t k = 0; k < s->lines.len; k++) {
		const struct nash_line *l = &s->lines.at[k];

		find_root(l, out);
		if (l->command == NASH_RESUME && nash_arguments(l, w))
			set_word(out->resume, sizeof out->resume, &w[0]);
	}
	for (size_t k = 0; k < s->lines.len; k++)
		if (find_in_line(&s->lines.at[k], image, out) < 0)
			return -1;
	return 0;
}
