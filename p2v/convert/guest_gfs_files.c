/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of a guest in disk images.
 *
 * Under emulation a call that runs a program in the appliance takes a tenth of a second, and
 * one that does not takes a thousandth (measured, libguestfs 1.48). So files are read with
 * pread and written with write and write_append, not with download and upload. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/tempfile.h"
#include "guest_gfs.h"

#define CHUNK (2u << 20) /* a message has at most 4 MiB */

static bool is_missing(struct gfs *c)
{
	int e = guestfs_last_errno(c->h);

	return e == ENOENT || e == ENOTDIR;
}

static int stat_by(struct guest *g, const char *path, bool follow, struct guest_stat *out,
		   struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	guestfs_h *h = gfs_begin(c);
	struct guestfs_statns *st = follow ? guestfs_statns(h, path) : guestfs_lstatns(h, path);
	bool missing = !st && is_missing(c);
	int r = gfs_end(c, st || missing, "look at", path, err);

	memset(out, 0, sizeof *out);
	if (r == 0 && st) {
		out->type = guest_type_of((uint32_t)st->st_mode);
		out->mode = (uint32_t)st->st_mode & 07777;
		out->uid = (uint32_t)st->st_uid;
		out->gid = (uint32_t)st->st_gid;
		out->size = (uint64_t)st->st_size;
		out->mtime = st->st_mtime_sec;
		out->ino = (uint64_t)st->st_ino;
	}
	if (st)
		guestfs_free_statns(st);
	return r;
}

static int gfs_lstat(struct guest *g, const char *path, struct guest_stat *st, struct unrack_error *err)
{
	return stat_by(g, path, false, st, err);
}

static int gfs_stat(struct guest *g, const char *path, struct guest_stat *st, struct unrack_error *err)
{
	return stat_by(g, path, true, st, err);
}

static int gfs_readlink(struct guest *g, const char *path, struct buf *target, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	char *text CLEANUP_FREE = guestfs_readlink(gfs_begin(c), path);
	int r = gfs_end(c, text, "read the link", path, err);

	buf_clear(target);
	if (r < 0)
		return r;
	return buf_puts(target, text) < 0 ? error_nomem(err) : 0;
}

/* The state of a file that is about to be read or written: opening a pipe would wait for
 * ever. *missing is set when there is none. */
static int stat_file(struct guest *g, const char *path, struct guest_stat *st, bool *missing,
		     struct unrack_error *err)
{
	int r = gfs_stat(g, path, st, err);

	*missing = r == 0 && st->type == GUEST_NONE;
	if (r < 0 || *missing)
		return r;
	if (st->type != GUEST_FILE)
		return error_set(err, UNRACK_DAMAGED, "the guest's %s is not a regular file", path);
	return 0;
}

/* What comes at byte AT; *DATA is malloc'd. */
static int read_piece(struct gfs *c, const char *path, const struct guest_stat *st, uint64_t at, char **data, size_t *n,
		      struct unrack_error *err)
{
	int r;

	*n = 0;
	*data = guestfs_pread(gfs_begin(c), path, CHUNK, (int64_t)at, n);
	r = gfs_end(c, *data, "read", path, err);
	if (r == 0 && *n == 0)
		return error_set(err, UNRACK_DAMAGED, "the guest's %s ends after %llu of its %llu bytes", path,
				 (unsigned long long)at, (unsigned long long)st->size);
	return r;
}

static int gfs_read(struct guest *g, const char *path, uint64_t limit, struct buf *out,
		    struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	struct guest_stat st;
	bool missing;
	int r;

	if (read_cache_get(&c->files, path, limit, out))
		return 0;
	r = stat_file(g, path, &st, &missing, err);
	buf_clear(out);
	if (r == 0 && missing)
		r = error_errno(err, ENOENT, "can't open the guest's %s", path);
	if (r == 0 && st.size > limit)
		r = error_set(err, UNRACK_DAMAGED, "the guest's %s is larger than the %llu bytes it may have",
			      path, (unsigned long long)limit);
	while (r == 0 && out->len < st.size) {
		char *data CLEANUP_FREE = NULL;
		size_t n;

		r = read_piece(c, path, &st, out->len, &data, &n, err);
		if (r == 0 && buf_append(out, data, n) < 0)
			r = error_nomem(err);
	}
	if (r == 0)
		read_cache_put(&c->files, path, out);
	return r;
}

#define COPY "a copy of the guest's file"

/* All of the file to where TO stands. */
static int copy_file(struct gfs *c, const char *path, const struct guest_stat *st, int to, struct unrack_error *err)
{
	int r = 0;

	for (uint64_t at = 0; r == 0 && at < st->size;) {
		char *data CLEANUP_FREE = NULL;
		size_t n;

		r = read_piece(c, path, st, at, &data, &n, err);
		if (r == 0)
			r = tempfile_add(to, COPY, data, n, err);
		if (r == 0)
			at += n;
	}
	if (r == 0 && lseek(to, 0, SEEK_SET) < 0)
		r = error_errno(err, errno, "can't read %s %s", COPY, path);
	return r;
}

static int gfs_open(struct guest *g, const char *path, uint64_t limit, int *fd, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	struct guest_stat st;
	bool missing;
	int r;

	*fd = read_cache_open(&c->files, path, limit);
	if (*fd >= 0)
		return 0;
	r = stat_file(g, path, &st, &missing, err);
	if (r < 0)
		return r;
	if (missing)
		return error_errno(err, ENOENT, "can't open the guest's %s", path);
	if (st.size > limit)
		return error_set(err, UNRACK_UNSUPPORTED, "the guest's %s has more than the %llu MiB that it may have", path,
				 (unsigned long long)limit >> 20);
	r = tempfile_open(COPY, fd, err);
	if (r < 0)
		return r;
	r = copy_file(c, path, &st, *fd, err);
	if (r == 0) {
		read_cache_keep(&c->files, path, *fd, st.size);
		return 0;
	}
	close(*fd);
	*fd = -1;
	return r;
}

static int names_of(struct guest *g, const char *path, bool below, struct buf *names,
		    struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	guestfs_h *h = gfs_begin(c);
	char **list = below ? guestfs_find(h, path) : guestfs_ls(h, path);
	int r = gfs_end(c, list, "list", path, err);

	buf_clear(names);
	if (r == 0 && (appliance_add_names(list, below, names) < 0 || guest_sort_names(names) < 0))
		r = error_nomem(err);
	gfs_free_strings(list);
	return r;
}

static int gfs_list(struct guest *g, const char *path, struct buf *names, struct unrack_error *err)
{
	return names_of(g, path, false, names, err);
}

static int gfs_find(struct guest *g, const char *path, struct buf *names, struct unrack_error *err)
{
	return names_of(g, path, true, names, err);
}

static int gfs_getxattr(struct guest *g, const char *path, const char *name, struct buf *value,
			struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	size_t n = 0;
	char *data CLEANUP_FREE = guestfs_getxattr(gfs_begin(c), path, name, &n);
	int e = data ? 0 : guestfs_last_errno(c->h);
	int r = gfs_end(c, data || e == ENODATA || e == EOPNOTSUPP, "read the label of", path, err);

	buf_clear(value);
	if (r < 0 || !data)
		return r;
	return buf_append(value, data, n) < 0 ? error_nomem(err) : 0;
}

/* Owner, mode and label of a file that has just been made. */
static int dress_new(struct guest *g, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		     const char *label_from, struct unrack_error *err)
{
	CLEANUP_BUF struct buf label = { 0 };
	struct gfs *c = gfs_of(g);
	int r = gfs_end(c, guestfs_chown(gfs_begin(c), (int)uid, (int)gid, path) == 0, "set the owner of", path, err);

	if (r == 0)
		r = gfs_end(c, guestfs_chmod(gfs_begin(c), (int)(mode & 07777), path) == 0, "set the mode of", path, err);
	if (r < 0 || !label_from)
		return r;
	r = gfs_getxattr(g, label_from, "security.selinux", &label, err);
	if (r < 0 || label.len == 0)
		return r;
	return gfs_end(c, guestfs_setxattr(gfs_begin(c), "security.selinux", (const char *)label.data,
				       (int)label.len, path) == 0, "set the label of", path, err);
}

/* Before each change. */
static int refuse_read_only(struct guest *g, const char *path, struct unrack_error *err)
{
	read_cache_drop(&gfs_of(g)->files);
	if (g->writable)
		return 0;
	return error_set(err, UNRACK_INTERNAL, "the guest is open for reading, %s can't be changed", path);
}

static int gfs_append(struct guest *g, const char *path, const void *data, size_t n, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = refuse_read_only(g, path, err);

	for (size_t at = 0, k; r == 0 && at < n; at += k) {
		k = n - at < CHUNK ? n - at : CHUNK;
		r = gfs_end(c, guestfs_write_append(gfs_begin(c), path, (const char *)data + at, k) == 0, "write", path, err);
	}
	return r;
}

static int gfs_write(struct guest *g, const char *path, const void *data, size_t n, uint32_t mode,
		     uint32_t uid, uint32_t gid, const char *label_from, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	size_t first = n < CHUNK ? n : CHUNK;
	struct guest_stat st;
	bool missing;
	int r = refuse_read_only(g, path, err);

	if (r == 0)
		r = stat_file(g, path, &st, &missing, err);
	if (r < 0)
		return r;
	/* The first piece opens the file with O_TRUNC, which keeps the inode and its labels. */
	r = gfs_end(c, guestfs_write(gfs_begin(c), path, data, first) == 0, "write", path, err);
	if (r == 0)
		r = gfs_append(g, path, (const char *)data + first, n - first, err);
	return r == 0 && missing ? dress_new(g, path, mode, uid, gid, label_from, err) : r;
}

static int gfs_rename(struct guest *g, const char *from, const char *to, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = refuse_read_only(g, from, err);

	return r < 0 ? r : gfs_end(c, guestfs_rename(gfs_begin(c), from, to) == 0, "rename", from, err);
}

static int gfs_unlink(struct guest *g, const char *path, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = refuse_read_only(g, path, err);

	return r < 0 ? r : gfs_end(c, guestfs_rm(gfs_begin(c), path) == 0, "remove", path, err);
}

static int gfs_symlink(struct guest *g, const char *target, const char *path, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = refuse_read_only(g, path, err);

	return r < 0 ? r : gfs_end(c, guestfs_ln_s(gfs_begin(c), target, path) == 0, "make the link", path, err);
}

/* What is read afterwards comes from the disks, not from the appliance's memory: a write
 * that the kernel could not bring there shows. */
static int gfs_sync(struct guest *g, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r;

	read_cache_drop(&c->files);
	r = g->writable ? gfs_end(c, guestfs_sync(gfs_begin(c)) == 0, "write back", "filesystems", err) : 0;
	if (r < 0 || !g->writable)
		return r;
	return gfs_end(c, guestfs_drop_caches(gfs_begin(c), 3) == 0, "write back", "filesystems", err);
}

static int gfs_finish(struct guest *g, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = gfs_end(c, guestfs_umount_all(gfs_begin(c)) == 0, "unmount", "filesystems", err);

	if (r < 0)
		return r;
	/* QEMU ends here; its process number may then be another's. */
	c->pid = 0;
	return gfs_end(c, guestfs_shutdown(gfs_begin(c)) == 0, "shut down the appliance of", "disks", err);
}

static void gfs_close(struct guest *g)
{
	struct gfs *c = gfs_of(g);

	appliance_watch_stop(c->watch);
	read_cache_drop(&c->files);
	if (c->h)
		guestfs_close(c->h);
	for (unsigned i = 0; i < c->n_disks; i++)
		free(c->heads[i]);
	free(c->heads);
	free(c->sizes);
	free(c);
	free(g);
}

const struct guest_ops guest_gfs_files = {
	.lstat = gfs_lstat,
	.stat = gfs_stat,
	.readlink = gfs_readlink,
	.read = gfs_read,
	.open = gfs_open,
	.list = gfs_list,
	.find = gfs_find,
	.write = gfs_write,
	.append = gfs_append,
	.rename = gfs_rename,
	.unlink = gfs_unlink,
	.symlink = gfs_symlink,
	.getxattr = gfs_getxattr,
	.sync = gfs_sync,
	.finish = gfs_finish,
	.close = gfs_close,
};
