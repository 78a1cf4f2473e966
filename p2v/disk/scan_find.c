/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "scan_look.h"

#define FOLDER_MAX 4096u /* images of one folder */

/* Takes over PATH and DIR. */
static int add_disk(struct scan *s, char *path, char *dir, struct unrack_error *err)
{
	struct look *d = calloc(1, sizeof *d);

	if (!d || !path || look_vec_push(&s->disks, d) < 0) {
		free(d);
		free(path);
		free(dir);
		return error_nomem(err);
	}
	d->path = path;
	d->dir = dir;
	if (stat(path, &d->st) < 0)
		d->st.st_mode = 0;
	return 0;
}

int scan_find_machine(struct scan *s, struct unrack_error *err)
{
	struct scan_names names;
	int r = scan_sysfs_list(s->root, &names, err);

	for (unsigned i = 0; r == 0 && i < names.n; i++) {
		char *dir = NULL;

		if (asprintf(&dir, "%s/block/%s", s->root->sys, names.at[i]) < 0)
			r = error_nomem(err);
		else
			r = add_disk(s, scan_sysfs_node(s->root, names.at[i]), dir, err);
	}
	if (r == 0)
		scan_names_free(&names);
	return r;
}

static bool is_image_name(const char *name)
{
	static const char *const ends[] = { ".img", ".raw", ".dd", ".bin", ".vmdk", ".qcow", ".qcow2", ".vhd", ".vhdx" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && dot != name && i < ARRAY_LEN(ends); i++)
		if (!strcasecmp(dot, ends[i]))
			return true;
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* The images in a folder, by their names; the rest is counted. */
static int add_folder(struct scan *s, const char *folder, struct unrack_error *err)
{
	DIR *dir CLEANUP_CLOSEDIR = opendir(folder);
	struct scan_names names = { NULL, 0 };
	unsigned others = 0;
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!dir)
		return error_errno(err, errno, "can't read the folder %s", folder);
	while (r == 0 && names.n < FOLDER_MAX && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (!is_image_name(e->d_name))
			others++;
		else if (scan_names_add(&names, e->d_name) < 0)
			r = error_nomem(err);
	}
	if (names.n > 1)
		qsort(names.at, names.n, sizeof *names.at, by_text);
	for (unsigned i = 0; i < names.n && r == 0; i++) {
		char *path = NULL;

		if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", names.at[i]) < 0)
			r = error_nomem(err);
		else
			r = add_disk(s, path, NULL, err);
	}
	if (others)
		scan_warn(s->warnings, "%u file%s in %s %s not looked at, since the name does not end as an image's does "
			  "(.img, .raw, .dd, .bin, .vmdk); name such an image itself", others, others == 1 ? "" : "s", folder,
			  others == 1 ? "is" : "are");
	if (names.n == FOLDER_MAX)
		scan_warn(s->warnings, "%s has more than %u images; the others are not looked at", folder, FOLDER_MAX);
	scan_names_free(&names);
	return r;
}

int scan_find_named(struct scan *s, const char *path, struct unrack_error *err)
{
	char link[PATH_MAX], *dir = NULL;
	struct stat st;

	if (stat(path, &st) < 0)
		st.st_mode = 0;
	if (S_ISDIR(st.st_mode))
		return add_folder(s, path, err);
	if (S_ISBLK(st.st_mode)) {
		snprintf(link, sizeof link, "%s/dev/block/%u:%u", s->root->sys, major(st.st_rdev), minor(st.st_rdev));
		dir = realpath(link, NULL);
	}
	return add_disk(s, strdup(path), dir, err);
}
