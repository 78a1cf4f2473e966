/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "unrack/edit.h"

#define FILE_MAX (64u << 20) /* a program, a configuration file */
#define ARRAYS_MAX 16
#define GROUPS_MAX 2         /* of root and of swap */

struct job {
	struct guest *g;
	const struct initrd_modules *m;
	struct fstab_entry *fstab;
	size_t n_fstab;
	char groups[GROUPS_MAX][256], arrays[ARRAYS_MAX][64];
	const char *group_names[GROUPS_MAX], *array_names[ARRAYS_MAX];
	size_t n_groups, n_arrays;
};

int initrd_guest_release(const char *kver)
{
	unsigned a = 0, b = 0, c = 0;

	if (sscanf(kver, "%u.%u.%u", &a, &b, &c) < 3 || a != 2)
		return 0;
	if (b == 4)
		return c < 18 ? 2 : 3; /* 2.4.9, 2.4.21 */
	return b != 6 || c >= 32 ? 0 : c < 18 ? 4 : 5; /* 2.6.9, 2.6.18 */
}

/* --- The guest's files --------------------------------------------------------------------- */

static int read_module(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	struct job *j = ctx;

	return initrd_modules_read((void *)(uintptr_t)j->m, path, out, err);
}

static int read_file(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	struct job *j = ctx;

	return j->g->ops->read(j->g, path, FILE_MAX, out, err);
}

/* "Red Hat Enterprise Linux ES release 4 (Nahant Update 8)" */
static int find_release(struct job *j, int *release, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	const char *p;
	bool found;
	int r = guest_read_if(j->g, "/etc/redhat-release", 4096, &b, &found, err);

	p = r == 0 && found ? strstr(buf_str(&b), "release ") : NULL;
	*release = p ? atoi(p + strlen("release ")) : initrd_guest_release(j->m->kver);
	if (r == 0 && (*release < 2 || *release > 5))
		r = error_set(err, UNRACK_UNSUPPORTED, "images of kernel %s are made by dracut, and not from nothing; take one of "
			      "another kernel, or the rescue image, with --base", j->m->kver);
	return r;
}

static const struct fstab_entry *find_entry(const struct job *j, const char *where, const char *type)
{
	for (size_t k = 0; k < j->n_fstab; k++)
		if (where ? !strcmp(j->fstab[k].where, where) : !strcmp(j->fstab[k].type, type))
			return &j->fstab[k];
	return NULL;
}

static int read_fstab(struct job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	bool found;
	int r = guest_read_if(j->g, "/etc/fstab", 1u << 20, &b, &found, err);

	return r == 0 && found ? fstab_parse(buf_str(&b), b.len, &j->fstab, &j->n_fstab, err) : r;
}

/* --- What root is on ------------------------------------------------------------------------ */

static void add_group(struct job *j, const char *device)
{
	struct unrack_error dropped;
	struct initrd_root r;

	if (initrd_root_parse(device, NULL, NULL, &r, &dropped) < 0 || !r.needs.root_volume)
		return;
	*strchr(r.volume, '/') = '\0';
	if (j->n_groups && !strcmp(j->groups[0], r.volume))
		return;
	strcpy(j->groups[j->n_groups], r.volume);
	j->group_names[j->n_groups] = j->groups[j->n_groups];
	j->n_groups++;
}

static void add_array(struct job *j, const char *p, size_t n)
{
	if (n >= sizeof j->arrays[0] || n < 8 || strncmp(p, "/dev/md", 7) != 0 || j->n_arrays == ARRAYS_MAX)
		return;
	snprintf(j->arrays[j->n_arrays], sizeof j->arrays[0], "%.*s", (int)n, p);
	for (size_t k = 0; k < j->n_arrays; k++)
		if (!strcmp(j->arrays[k], j->arrays[j->n_arrays]))
			return;
	j->array_names[j->n_arrays] = j->arrays[j->n_arrays];
	j->n_arrays++;
}

/* Groups of volumes may be on any of the arrays that the guest knows: "ARRAY /dev/md0 ..." of mdadm.conf(5),
 * "raiddev /dev/md0" of raidtab(5). */
static int add_arrays(struct job *j, struct unrack_error *err)
{
	static const char *const files[][2] = { { "/etc/mdadm.conf", "ARRAY" }, { "/etc/raidtab", "raiddev" } };
	int r = 0;

	for (size_t k = 0; r == 0 && k < 2; k++) {
		CLEANUP_BUF struct buf b = { 0 };
		size_t n = strlen(files[k][1]);
		bool found;

		r = guest_read_if(j->g, files[k][0], 1u << 20, &b, &found, err);
		for (const char *p = buf_str(&b); r == 0 && *p; p += strcspn(p, "\n"), p += *p == '\n') {
			const char *s = p + strspn(p, " \t");

			if (strncasecmp(s, files[k][1], n) != 0 || (s[n] != ' ' && s[n] != '\t'))
				continue;
			s += n + strspn(s + n, " \t");
			add_array(j, s, strcspn(s, " \t\n"));
		}
	}
	return r;
}

/* --- All ------------------------------------------------------------------------------------- */

static int make(struct job *j, struct initrd_recipe *recipe, const struct initrd_root *given, struct buf *out,
		struct buf *summary, struct unrack_error *err)
{
	const struct fstab_entry *root = find_entry(j, "/", NULL), *swap = find_entry(j, NULL, "swap");
	const char *device = given->device[0] ? given->device : root ? root->device : NULL;
	const char *kind = given->fs[0] ? given->fs : root ? root->type : NULL;
	struct guest_stat st;
	int r;

	if (!device || !kind)
		return error_set(err, UNRACK_USAGE, "the guest's /etc/fstab does not tell its root; say it with --root and --root-fs");
	recipe->root = device;
	recipe->root_fs = kind;
	recipe->root_options = root ? root->options : NULL;
	recipe->resume = swap ? swap->device : NULL;
	add_group(j, device);
	if (swap)
		add_group(j, swap->device);
	if (!strncmp(device, "/dev/md", 7))
		add_array(j, device, strlen(device));
	r = j->n_groups ? add_arrays(j, err) : 0;
	/* The same files make the same image, whenever that is. */
	if (r == 0)
		r = j->g->ops->stat(j->g, "/etc/fstab", &st, err);
	if (r < 0)
		return r;
	recipe->mtime = st.mtime;
	recipe->groups = j->group_names;
	recipe->n_groups = j->n_groups;
	recipe->arrays = j->array_names;
	recipe->n_arrays = j->n_arrays;
	return initrd_make(recipe, out, summary, err);
}

int initrd_guest_make(const char *dir, const char *name, const struct initrd_root *root, const struct initrd_modules *m,
		      const struct initrd_wanted *want, size_t ramdisk_max, struct buf *out, struct buf *summary,
		      struct unrack_error *err)
{
	struct job j = { .m = m };
	struct initrd_recipe recipe = {
		.name = name, .tree = m->tree, .wanted = want->names, .n_wanted = want->n, .read_module = read_module,
		.read_file = read_file, .ctx = &j, .ramdisk_max = ramdisk_max,
	};
	int r = guest_open_dir(dir, false, &j.g, err);

	if (r < 0)
		return r;
	r = find_release(&j, &recipe.release, err);
	if (r == 0)
		r = read_fstab(&j, err);
	if (r == 0)
		r = make(&j, &recipe, root, out, summary, err);
	fstab_free(j.fstab, j.n_fstab);
	guest_close(j.g);
	return r;
}
