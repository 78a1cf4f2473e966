/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cpio.h"
#include "ext2.h"
#include "gzip.h"

#define CPIO_BLOCK 512 /* GNU cpio fills its last block */

void layout_free(struct layout *l)
{
	for (size_t k = 0; k < l->members.len; k++) {
		free(l->members.at[k].name);
		buf_free(&l->members.at[k].data);
	}
	layout_members_free(&l->members);
}

/* --- Members ---------------------------------------------------------------------------- */

static int add(struct layout *l, const char *name, uint32_t mode, struct buf *data)
{
	struct layout_member m = { .name = strdup(name), .mode = mode, .link = SIZE_MAX };

	if (data) {
		m.data = *data;
		*data = (struct buf){ 0 };
	}
	if (m.name && layout_members_push(&l->members, m) == 0)
		return 0;
	free(m.name);
	buf_free(&m.data);
	return -1;
}

int layout_folder(struct layout *l, const char *name, uint32_t mode)
{
	return add(l, name, S_IFDIR | mode, NULL);
}

int layout_file(struct layout *l, const char *name, uint32_t mode, struct buf *data)
{
	return add(l, name, S_IFREG | mode, data);
}

int layout_symlink(struct layout *l, const char *name, const char *target)
{
	CLEANUP_BUF struct buf data = { 0 };

	return buf_puts(&data, target) < 0 ? -1 : add(l, name, S_IFLNK | 0777, &data);
}

int layout_node(struct layout *l, const char *name, uint32_t mode, uint32_t major, uint32_t minor)
{
	struct layout_member *m;

	if (add(l, name, mode, NULL) < 0)
		return -1;
	m = &l->members.at[l->members.len - 1];
	m->rdev_major = major;
	m->rdev_minor = minor;
	return 0;
}

int layout_link(struct layout *l, const char *name, const char *existing)
{
	for (size_t k = 0; k < l->members.len; k++) {
		uint32_t mode = l->members.at[k].mode;

		if (strcmp(l->members.at[k].name, existing) != 0)
			continue;
		if (add(l, name, mode, NULL) < 0)
			return -1;
		l->members.at[l->members.len - 1].link = k;
		return 0;
	}
	return -1;
}

/* The numbers of files count from 1. */
static size_t file_of(const struct layout *l, size_t k)
{
	return l->members.at[k].link == SIZE_MAX ? k : l->members.at[k].link;
}

static uint32_t links_of(const struct layout *l, size_t k)
{
	const struct layout_member *m = &l->members.at[k];
	size_t len = strlen(m->name);
	uint32_t n = S_ISDIR(m->mode) ? 2 : 0;

	for (size_t i = 0; i < l->members.len; i++) {
		const struct layout_member *o = &l->members.at[i];

		if (!S_ISDIR(m->mode))
			n += file_of(l, i) == file_of(l, k);
		else if (S_ISDIR(o->mode) && !strcmp(m->name, "."))
			n += i != k && !strchr(o->name, '/');
		else if (S_ISDIR(o->mode) && !strncmp(o->name, m->name, len) && o->name[len] == '/')
			n += !strchr(o->name + len + 1, '/');
	}
	return n;
}

/* --- Containers ------------------------------------------------------------------------- */

/* A file's content comes with the last of its names, as GNU cpio writes it. */
static bool carries(const struct layout *l, size_t k)
{
	for (size_t i = k + 1; i < l->members.len; i++)
		if (file_of(l, i) == file_of(l, k))
			return false;
	return true;
}

int layout_cpio(const struct layout *l, const char *name, struct buf *out, struct unrack_error *err)
{
	static const struct cpio_member trailer = { .name = CPIO_TRAILER, .nlink = 1 };
	CLEANUP_BUF struct buf b = { 0 };

	for (size_t k = 0; k < l->members.len; k++) {
		const struct layout_member *m = &l->members.at[k], *file = &l->members.at[file_of(l, k)];
		struct cpio_member c = {
			.name = m->name, .ino = (uint32_t)file_of(l, k) + 1, .mode = m->mode,
			.nlink = links_of(l, k), .mtime = (uint32_t)l->mtime,
			.rdev_major = m->rdev_major, .rdev_minor = m->rdev_minor,
		};

		if (file->data.len > UINT32_MAX / 2)
			return error_set(err, UNRACK_UNSUPPORTED, "%s: %s is too large for an initrd", name, m->name);
		if (carries(l, k)) {
			c.data = file->data.data;
			c.size = (uint32_t)file->data.len;
		}
		if (cpio_write(&b, &c) < 0)
			return error_nomem(err);
	}
	if (cpio_write(&b, &trailer) < 0 || buf_zeros(&b, round_up(b.len, CPIO_BLOCK) - b.len) < 0)
		return error_nomem(err);
	return gzip_pack(b.data, b.len, out, err);
}

int layout_ext2(const struct layout *l, size_t kib, size_t max_kib, const char *name, struct buf *out,
		struct unrack_error *err)
{
	struct initrd_member *all CLEANUP_FREE = calloc(l->members.len + 1, sizeof *all);
	CLEANUP_BUF struct buf fs = { 0 };
	int r;

	if (!all)
		return error_nomem(err);
	for (size_t k = 0; k < l->members.len; k++) {
		const struct layout_member *m = &l->members.at[k], *file = &l->members.at[file_of(l, k)];

		all[k] = (struct initrd_member){
			.name = m->name, .mode = m->mode, .nlink = links_of(l, k), .ino = (uint32_t)file_of(l, k) + 1,
			.rdev_major = m->rdev_major, .rdev_minor = m->rdev_minor, .mtime = l->mtime,
			.data = file->data.data, .size = file->data.len,
		};
	}
	r = ext2_make(all, l->members.len, kib, max_kib, name, &fs, err);
	return r < 0 ? r : gzip_pack(fs.data, fs.len, out, err);
}
