/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ext2_path.h"

#include <string.h>
#include <sys/stat.h>

#include "ext2_layout.h"

#define NAME_MAX_EXT2 255

static int no_path(const char *path, const char *why, struct unrack_error *err)
{
	return error_set(err, UNRACK_USAGE, "%s: cannot be put into the image: %s", path, why);
}

/* The next part of a path; *P is behind it. */
static int next_name(const char **p, const char *path, char name[NAME_MAX_EXT2 + 1], struct unrack_error *err)
{
	size_t n = strcspn(*p, "/");
	bool dots = (n == 1 || n == 2) && (*p)[0] == '.' && (*p)[n - 1] == '.';

	if (n == 0 || n > NAME_MAX_EXT2 || dots)
		return no_path(path, "it is no path of files from the root folder on", err);
	memcpy(name, *p, n);
	name[n] = '\0';
	*p += n;
	return 0;
}

/* The folder that PATH's last part, NAME, is in. */
static int find_parent(struct ext2_fs *f, const char *path, const struct initrd_member *m, uint32_t *dir,
		       char name[NAME_MAX_EXT2 + 1], struct unrack_error *err)
{
	const struct initrd_member folder = { .mode = S_IFDIR | 0755, .mtime = m->mtime };
	const char *p = path;
	int r;

	*dir = EXT2_LAYOUT_ROOT;
	for (;; p++) {
		uint32_t next;

		r = next_name(&p, path, name, err);
		if (r || !*p)
			return r;
		r = ext2_fs_find(f, *dir, name, &next, err);
		if (r == EXT2_FS_NO_NAME)
			r = ext2_fs_put(f, *dir, name, &folder, &next, err);
		if (r)
			return r;
		if (!ext2_fs_is_folder(f, next))
			return no_path(path, "on its way there is something else than a folder", err);
		*dir = next;
	}
}

/* Makes NAME free in DIR, unless it and M are folders: then INODE is that one, else 0. */
static int make_room(struct ext2_fs *f, uint32_t dir, const char *name, const char *path,
		     const struct initrd_member *m, uint32_t *inode, struct unrack_error *err)
{
	uint32_t old;
	int r = ext2_fs_find(f, dir, name, &old, err);

	*inode = 0;
	if (r)
		return r == EXT2_FS_NO_NAME ? 0 : r;
	if (!ext2_fs_is_folder(f, old) && !S_ISDIR(m->mode))
		return ext2_fs_unlink(f, dir, name, old, err);
	if (!ext2_fs_is_folder(f, old) || !S_ISDIR(m->mode))
		return no_path(path, "a folder would take the place of a file, or a file that of a folder", err);
	*inode = old;
	return 0;
}

int ext2_path_put(struct ext2_fs *f, const char *path, const struct initrd_member *m, uint32_t *inode,
		  struct unrack_error *err)
{
	char name[NAME_MAX_EXT2 + 1];
	uint32_t dir;
	int r = find_parent(f, path, m, &dir, name, err);

	if (r == 0)
		r = make_room(f, dir, name, path, m, inode, err);
	if (r)
		return r;
	return *inode ? ext2_fs_set(f, *inode, m, err) : ext2_fs_put(f, dir, name, m, inode, err);
}

int ext2_path_link(struct ext2_fs *f, const char *path, const struct initrd_member *m, uint32_t inode,
		   struct unrack_error *err)
{
	char name[NAME_MAX_EXT2 + 1];
	uint32_t dir, none;
	int r = find_parent(f, path, m, &dir, name, err);

	if (r == 0)
		r = make_room(f, dir, name, path, m, &none, err);
	return r ? r : ext2_fs_link(f, dir, name, inode, err);
}
