/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"

#define OVERLAY_MAX (128u << 20) /* unpacked; a rescue image has modules of half of that */
#define CPIO_BLOCK 512
#define LZ4_END    8 /* zeros: only a size of zero ends such a stream, wherever 4 bytes begin */

void overlay_begin(struct overlay *o, const struct initrd *base, enum archive_packing how)
{
	*o = (struct overlay){ .base = base, .how = how, .ino = 1 };
	for (size_t k = 0; k < base->items.len; k++)
		if (base->items.at[k].stored.mtime > o->mtime)
			o->mtime = base->items.at[k].stored.mtime;
}

void overlay_free(struct overlay *o)
{
	for (size_t k = 0; k < o->folders.len; k++)
		free(o->folders.at[k]);
	overlay_names_free(&o->folders);
	buf_free(&o->archive);
}

/* With the owner of OLD, if that is not NULL. */
static int put_member(struct overlay *o, const char *name, uint32_t mode, const struct initrd_member *old,
		      const void *data, size_t n, struct unrack_error *err)
{
	const struct cpio_member m = {
		.name = name, .ino = o->ino++, .mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1,
		.uid = old ? old->uid : 0, .gid = old ? old->gid : 0, .mtime = o->mtime, .data = data, .size = (uint32_t)n,
	};

	if (n > OVERLAY_MAX || o->archive.len > OVERLAY_MAX - n)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: would grow by more than %u MiB, which no initrd does",
				 o->base->name, OVERLAY_MAX >> 20);
	return cpio_write(&o->archive, &m) < 0 ? error_nomem(err) : 0;
}

static int put_folder(struct overlay *o, const char *name, struct unrack_error *err)
{
	const struct initrd_member *m = initrd_find(o->base, name);
	char *copy;

	if (m && S_ISDIR(m->mode))
		return 0;
	if (m)
		return error_set(err, UNRACK_DAMAGED, "%s: %s in it is no folder, but should be; take another copy "
				 "of this file", o->base->name, name);
	for (size_t k = 0; k < o->folders.len; k++)
		if (!strcmp(o->folders.at[k], name))
			return 0;
	copy = strdup(name);
	if (!copy || overlay_names_push(&o->folders, copy) < 0) {
		free(copy);
		return error_nomem(err);
	}
	return put_member(o, name, S_IFDIR | 0755, NULL, NULL, 0, err);
}

static bool is_plain(const char *path)
{
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && !memcmp(p, "..", 2)))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

int overlay_put(struct overlay *o, const char *path, const void *data, size_t n,
		struct unrack_error *err)
{
	char folder[IMAGE_PATH_MAX], real[IMAGE_PATH_MAX], full[2 * IMAGE_PATH_MAX];
	const char *slash = strrchr(path, '/');
	const struct initrd_member *m, *old;
	int r;

	if (!is_plain(path) || strlen(path) >= sizeof folder)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: %.200s is no name for a file in it", o->base->name, path);
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
	if (!image_real(o->base, folder, real))
		return error_set(err, UNRACK_DAMAGED, "%s: its links from /%s lead nowhere; take another copy of this "
				 "file", o->base->name, folder);
	snprintf(full, sizeof full, "%s%s%s", real, real[0] ? "/" : "", slash ? slash + 1 : path);
	if (strlen(full) >= IMAGE_PATH_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: %.200s... is too long a name for a file in it",
				 o->base->name, path);
	for (char *p = strchr(full, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		r = put_folder(o, full, err);
		*p = '/';
		if (r < 0)
			return r;
	}
	m = initrd_find(o->base, full);
	if (m && S_ISDIR(m->mode))
		return error_set(err, UNRACK_DAMAGED, "%s: %s in it is a folder, but should be a file; take another "
				 "copy of this file", o->base->name, full);
	/* A kernel writes into a file that is there, whatever other names it has, but removes a link: Linux
	 * init/initramfs.c, clean_path. dracut makes equal files one. */
	old = m && S_ISREG(m->mode) ? m : NULL;
	r = old && old->nlink > 1 ? put_member(o, full, S_IFLNK | 0777, NULL, ".", 1, err) : 0;
	return r < 0 ? r : put_member(o, full, old ? old->mode : S_IFREG | 0644, old, data, n, err);
}

int overlay_write(const struct overlay *o, struct buf *out, struct unrack_error *err)
{
	const struct cpio_member trailer = { .name = CPIO_TRAILER, .nlink = 1 };
	const struct initrd *base = o->base;
	const struct store *file = &base->streams.at[0];
	bool lz4 = base->segments.at[base->segments.len - 1].how == PACK_LZ4;
	CLEANUP_STORE struct store all = { .keep = IMAGE_KEEP_MAX };
	CLEANUP_BUF struct buf end = { 0 };
	size_t unpacked = 0;
	int r;

	for (size_t k = 1; k < base->streams.len; k++)
		unpacked += base->streams.at[k].len;
	if (cpio_write(&end, &trailer) < 0 ||
	    buf_zeros(&end, round_up(o->archive.len + end.len, CPIO_BLOCK) - o->archive.len - end.len) < 0)
		return error_nomem(err);
	if ((r = store_add(&all, o->archive.data, o->archive.len, err)) < 0 ||
	    (r = store_add(&all, end.data, end.len, err)) < 0 || (r = store_end(&all, err)) < 0)
		return r;
	if (unpacked > INITRD_UNPACKED_MAX || all.len > INITRD_UNPACKED_MAX - unpacked)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: would unpack to more than %u MiB with what it needs; "
				 "no initrd is that large", base->name, INITRD_UNPACKED_MAX >> 20);
	r = archive_pack(PACK_PLAIN, file, base->name, out, err);
	if (r == 0 && buf_zeros(out, -out->len % 4 + (lz4 ? LZ4_END : 0)) < 0)
		return error_nomem(err);
	return r < 0 ? r : archive_pack(o->how, &all, base->name, out, err);
}
