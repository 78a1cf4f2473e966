/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest in disk images, by libguestfs: one appliance for all of them. The only file that
 * includes libguestfs.
 *
 * Under emulation a call that runs a program in the appliance takes a tenth of a second, and
 * one that does not takes a thousandth (measured, libguestfs 1.48). So files are read with
 * pread and written with write and write_append, not with download and upload. */
#include <errno.h>
#include <guestfs.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "appliance_answer.h"
#include "base/cleanup.h"
#include "guest_parts.h"
#include "read_cache.h"
#include "unrack/accel.h"

#define LAUNCH_SECONDS 300 /* the first one also builds the appliance */
#define CALL_SECONDS 600   /* a long journal may be replayed */
#define CHUNK (2u << 20)   /* a message has at most 4 MiB */
#define HEAD_BYTES 65536u

struct gfs {
	guestfs_h *h;
	struct appliance_watch *watch;
	pid_t pid; /* QEMU, once it runs */
	const struct log *log;
	struct appliance_console console;
	struct read_cache files;
	uint64_t *sizes;
	uint8_t **heads;
	unsigned n_disks;
};

static struct gfs *gfs_of(struct guest *g)
{
	return g->ctx;
}

static guestfs_h *begin(struct gfs *c)
{
	appliance_watch_begin(c->watch, c->pid, c->pid ? CALL_SECONDS : LAUNCH_SECONDS);
	return c->h;
}

/* Ends a call that began with begin(); GOOD says how it went. */
static int end(struct gfs *c, bool good, const char *doing, const char *what, struct unrack_error *err)
{
	int e = guestfs_last_errno(c->h), r = appliance_ended(appliance_watch_end(c->watch), err);

	if (r < 0 || good)
		return r;
	return appliance_call_failed(e, guestfs_last_error(c->h), doing, what, err);
}

static bool is_missing(struct gfs *c)
{
	int e = guestfs_last_errno(c->h);

	return e == ENOENT || e == ENOTDIR;
}

static void free_strings(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* --- Files --------------------------------------------------------------------------------- */

static int stat_by(struct guest *g, const char *path, bool follow, struct guest_stat *out,
		   struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	guestfs_h *h = begin(c);
	struct guestfs_statns *st = follow ? guestfs_statns(h, path) : guestfs_lstatns(h, path);
	bool missing = !st && is_missing(c);
	int r = end(c, st || missing, "look at", path, err);

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
	char *text CLEANUP_FREE = guestfs_readlink(begin(c), path);
	int r = end(c, text, "read the link", path, err);

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

static int gfs_read(struct guest *g, const char *path, uint64_t limit, struct buf *out,
		    struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	struct guest_stat st;
	bool missing;
	int r;

	if (read_cache_get(&c->files, path, out) && out->len <= limit)
		return 0;
	r = stat_file(g, path, &st, &missing, err);
	buf_clear(out);
	if (r == 0 && missing)
		r = error_errno(err, ENOENT, "can't open the guest's %s", path);
	if (r == 0 && st.size > limit)
		r = error_set(err, UNRACK_DAMAGED, "the guest's %s is larger than the %llu bytes it may have",
			      path, (unsigned long long)limit);
	while (r == 0 && out->len < st.size) {
		size_t n = 0;
		char *data CLEANUP_FREE = guestfs_pread(begin(c), path, CHUNK, (int64_t)out->len, &n);

		r = end(c, data, "read", path, err);
		if (r == 0 && n == 0)
			r = error_set(err, UNRACK_DAMAGED, "the guest's %s ends after %zu of its %llu bytes", path,
				      out->len, (unsigned long long)st.size);
		if (r == 0 && buf_append(out, data, n) < 0)
			r = error_nomem(err);
	}
	if (r == 0)
		read_cache_put(&c->files, path, out);
	return r;
}

static int names_of(struct guest *g, const char *path, bool below, struct buf *names,
		    struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	guestfs_h *h = begin(c);
	char **list = below ? guestfs_find(h, path) : guestfs_ls(h, path);
	int r = end(c, list, "list", path, err);

	buf_clear(names);
	if (r == 0 && (appliance_add_names(list, below, names) < 0 || guest_sort_names(names) < 0))
		r = error_nomem(err);
	free_strings(list);
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
	char *data CLEANUP_FREE = guestfs_getxattr(begin(c), path, name, &n);
	int e = data ? 0 : guestfs_last_errno(c->h);
	int r = end(c, data || e == ENODATA || e == EOPNOTSUPP, "read the label of", path, err);

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
	int r = end(c, guestfs_chown(begin(c), (int)uid, (int)gid, path) == 0, "set the owner of", path, err);

	if (r == 0)
		r = end(c, guestfs_chmod(begin(c), (int)(mode & 07777), path) == 0, "set the mode of", path, err);
	if (r < 0 || !label_from)
		return r;
	r = gfs_getxattr(g, label_from, "security.selinux", &label, err);
	if (r < 0 || label.len == 0)
		return r;
	return end(c, guestfs_setxattr(begin(c), "security.selinux", (const char *)label.data,
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

static int gfs_write(struct guest *g, const char *path, const void *data, size_t n, uint32_t mode,
		     uint32_t uid, uint32_t gid, const char *label_from, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	const char *from = data;
	struct guest_stat st;
	bool missing;
	int r = refuse_read_only(g, path, err);

	if (r == 0)
		r = stat_file(g, path, &st, &missing, err);
	if (r < 0)
		return r;
	/* The first piece opens the file with O_TRUNC, which keeps the inode and its labels. */
	for (size_t at = 0, k; r == 0 && (at < n || at == 0); at += k) {
		guestfs_h *h = begin(c);

		k = n - at < CHUNK ? n - at : CHUNK;
		r = end(c, (at ? guestfs_write_append(h, path, from + at, k) : guestfs_write(h, path, from, k)) == 0,
			"write", path, err);
		if (n == 0)
			break;
	}
	return r == 0 && missing ? dress_new(g, path, mode, uid, gid, label_from, err) : r;
}

static int gfs_rename(struct guest *g, const char *from, const char *to, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = refuse_read_only(g, from, err);

	return r < 0 ? r : end(c, guestfs_rename(begin(c), from, to) == 0, "rename", from, err);
}

static int gfs_unlink(struct guest *g, const char *path, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = refuse_read_only(g, path, err);

	return r < 0 ? r : end(c, guestfs_rm(begin(c), path) == 0, "remove", path, err);
}

static int gfs_symlink(struct guest *g, const char *target, const char *path, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = refuse_read_only(g, path, err);

	return r < 0 ? r : end(c, guestfs_ln_s(begin(c), target, path) == 0, "make the link", path, err);
}

/* What is read afterwards comes from the disks, not from the appliance's memory: a write
 * that the kernel could not bring there shows. */
static int gfs_sync(struct guest *g, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r;

	read_cache_drop(&c->files);
	r = g->writable ? end(c, guestfs_sync(begin(c)) == 0, "write back", "filesystems", err) : 0;
	if (r < 0 || !g->writable)
		return r;
	return end(c, guestfs_drop_caches(begin(c), 3) == 0, "write back", "filesystems", err);
}

static int gfs_finish(struct guest *g, struct unrack_error *err)
{
	struct gfs *c = gfs_of(g);
	int r = end(c, guestfs_umount_all(begin(c)) == 0, "unmount", "filesystems", err);

	if (r < 0)
		return r;
	/* QEMU ends here; its process number may then be another's. */
	c->pid = 0;
	return end(c, guestfs_shutdown(begin(c)) == 0, "shut down the appliance of", "disks", err);
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

static const struct guest_ops gfs_ops = {
	.lstat = gfs_lstat,
	.stat = gfs_stat,
	.readlink = gfs_readlink,
	.read = gfs_read,
	.list = gfs_list,
	.find = gfs_find,
	.write = gfs_write,
	.rename = gfs_rename,
	.unlink = gfs_unlink,
	.symlink = gfs_symlink,
	.getxattr = gfs_getxattr,
	.sync = gfs_sync,
	.finish = gfs_finish,
	.close = gfs_close,
};

/* --- Devices: /dev/sda, /dev/sdb, ... in the order of the images ------------------------------------------------------------------------------- */

static int app_partitions(void *ctx, struct buf *names, struct unrack_error *err)
{
	struct gfs *c = ctx;
	char **list = guestfs_list_partitions(begin(c));
	int r = end(c, list, "list", "partitions", err);

	buf_clear(names);
	if (r == 0 && (appliance_add_names(list, false, names) < 0 || appliance_add_whole_disks(list, c->n_disks, names) < 0))
		r = error_nomem(err);
	free_strings(list);
	return r;
}

static int app_volumes(void *ctx, struct buf *names, struct unrack_error *err)
{
	struct gfs *c = ctx;
	char **list = guestfs_lvs(begin(c));
	int r = end(c, list, "list", "logical volumes", err);

	buf_clear(names);
	if (r == 0 && appliance_add_names(list, false, names) < 0)
		r = error_nomem(err);
	free_strings(list);
	return r;
}

static int app_head(void *ctx, const char *device, uint8_t *head, size_t n, size_t *got,
		    struct unrack_error *err)
{
	struct gfs *c = ctx;
	size_t read = 0;
	char *data CLEANUP_FREE = guestfs_pread_device(begin(c), device, (int)n, 0, &read);
	int r = end(c, data, "read", device, err);

	*got = read < n ? read : n;
	if (r == 0)
		memcpy(head, data, *got);
	return r;
}

static int app_mkmountpoint(void *ctx, const char *path, struct unrack_error *err)
{
	struct gfs *c = ctx;

	return end(c, guestfs_mkmountpoint(begin(c), path) == 0, "make a place for", "filesystems", err);
}

static int app_mount(void *ctx, const char *device, const char *fstype, bool writable,
		     const char *where, struct unrack_error *err)
{
	struct gfs *c = ctx;
	const char *options = appliance_mount_options(fstype, writable);
	bool good = guestfs_mount_vfs(begin(c), options, fstype, device, where) == 0;
	int r = appliance_ended(appliance_watch_end(c->watch), err);
	char line[256];

	if (r < 0 || good)
		return r;
	appliance_first_line(guestfs_last_error(c->h), line);
	return error_set(err, UNRACK_DAMAGED, "%s", line);
}

static int app_umount_all(void *ctx, struct unrack_error *err)
{
	struct gfs *c = ctx;

	return end(c, guestfs_umount_all(begin(c)) == 0, "unmount", "filesystems", err);
}

static int app_space(void *ctx, const char *where, uint64_t *bytes, uint64_t *inodes,
		     struct unrack_error *err)
{
	struct gfs *c = ctx;
	struct guestfs_statvfs *v = guestfs_statvfs(begin(c), where);
	int r = end(c, v, "look at", where, err);

	if (r == 0) {
		*bytes = (uint64_t)v->bavail * (uint64_t)v->frsize;
		*inodes = (uint64_t)v->ffree;
	}
	if (v)
		guestfs_free_statvfs(v);
	return r;
}

static const struct appliance_ops app_ops = {
	.partitions = app_partitions,
	.volumes = app_volumes,
	.head = app_head,
	.mkmountpoint = app_mkmountpoint,
	.mount = app_mount,
	.umount_all = app_umount_all,
	.space = app_space,
};

/* --- Start --------------------------------------------------------------------------------- */

/* Keeps the end of what the appliance says, for the error sentence. */
static void on_message(guestfs_h *h, void *opaque, uint64_t event, int handle, int flags,
		       const char *text, size_t n, const uint64_t *array, size_t array_len)
{
	struct gfs *c = opaque;

	(void)h, (void)event, (void)handle, (void)flags, (void)array, (void)array_len;
	appliance_console_add(&c->console, text, n);
}

static int configure(struct gfs *c, const struct guest_image *images, unsigned n, bool writable,
		     struct unrack_error *err)
{
	const char *why = "";
	char line[256];
	bool good;

	guestfs_set_error_handler(c->h, NULL, NULL);
	guestfs_set_pgroup(c->h, 1); /* Ctrl-C is for us, not for QEMU */
	guestfs_set_event_callback(c->h, on_message, GUESTFS_EVENT_APPLIANCE | GUESTFS_EVENT_LIBRARY, 0, c);
	good = guestfs_set_backend(c->h, "direct") == 0;
	if (accel_choose(c->log, &why) == ACCEL_TCG)
		good = good && guestfs_set_backend_setting(c->h, "force_tcg", "1") == 0;
	for (unsigned i = 0; good && i < n; i++) {
		/* Overlays are thrown away unless they are whole, and synced by whoever keeps them. */
		struct guestfs_add_drive_opts_argv opt = {
			.bitmask = GUESTFS_ADD_DRIVE_OPTS_FORMAT_BITMASK | GUESTFS_ADD_DRIVE_OPTS_READONLY_BITMASK |
				   (writable ? GUESTFS_ADD_DRIVE_OPTS_CACHEMODE_BITMASK : 0),
			.format = images[i].format,
			.readonly = !writable,
			.cachemode = "unsafe",
		};

		good = guestfs_add_drive_opts_argv(c->h, images[i].path, &opt) == 0;
	}
	if (!good) {
		int r = appliance_programs(err);

		if (r < 0)
			return r;
		appliance_first_line(guestfs_last_error(c->h), line);
		return error_set(err, UNRACK_IO, "libguestfs refuses to start: %s", line);
	}
	log_info(c->log, "starting the appliance that reads the guest's filesystems (%s)", why);
	return 0;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int launch(struct gfs *c, struct unrack_error *err)
{
	double begun = seconds();
	bool good = guestfs_launch(begin(c)) == 0;
	int r = appliance_ended(appliance_watch_end(c->watch), err);

	if (r == UNRACK_IO)
		return appliance_too_slow(c->console.text, LAUNCH_SECONDS, err);
	if (r < 0)
		return r;
	if (!good)
		return appliance_explain(guestfs_last_error(c->h), c->console.text, err);
	c->pid = guestfs_get_pid(c->h);
	log_debug(c->log, "the appliance was ready after %.2f seconds", seconds() - begun);
	return 0;
}

static int read_disks(struct gfs *c, unsigned n, struct unrack_error *err)
{
	c->sizes = calloc(n, sizeof *c->sizes);
	c->heads = calloc(n, sizeof *c->heads);
	if (!c->sizes || !c->heads)
		return error_nomem(err);
	c->n_disks = n;
	for (unsigned i = 0; i < n; i++) {
		int64_t size;
		size_t got;
		char name[16];
		int r;

		guest_parts_disk_name(i, name);
		c->heads[i] = calloc(1, HEAD_BYTES);
		if (!c->heads[i])
			return error_nomem(err);
		r = app_head(c, name, c->heads[i], HEAD_BYTES, &got, err);
		if (r < 0)
			return r;
		size = guestfs_blockdev_getsize64(begin(c), name);
		r = end(c, size >= 0, "look at", name, err);
		if (r < 0)
			return r;
		c->sizes[i] = (uint64_t)size;
	}
	return 0;
}

static int start_watch(struct gfs *c, const char *image, bool writable, struct unrack_error *err)
{
	char *folder CLEANUP_FREE = strdup(image);

	if (!folder)
		return error_nomem(err);
	return appliance_watch_start(writable ? dirname(folder) : NULL, c->log, &c->watch, err);
}

int guest_open_images(const struct guest_image *images, unsigned n, bool writable,
		      const struct log *log, struct guest **out, struct unrack_error *err)
{
	struct guest *g = calloc(1, sizeof *g);
	struct gfs *c = calloc(1, sizeof *c);
	struct appliance a = { .ops = &app_ops, .ctx = c };
	int r;

	if (!g || !c) {
		free(g);
		free(c);
		return error_nomem(err);
	}
	g->ops = &gfs_ops;
	g->ctx = c;
	g->writable = writable;
	c->log = log;
	r = appliance_check_images(images, n, err);
	if (r == 0)
		r = start_watch(c, images[0].path, writable, err);
	if (r == 0 && !(c->h = guestfs_create_flags(GUESTFS_CREATE_NO_CLOSE_ON_EXIT)))
		r = error_nomem(err);
	if (r == 0)
		r = configure(c, images, n, writable, err);
	if (r == 0)
		r = launch(c, err);
	if (r == 0)
		r = read_disks(c, n, err);
	if (r == 0) {
		g->disks = n;
		g->disk_sizes = c->sizes;
		g->disk_heads = (const uint8_t *const *)c->heads;
		r = guest_mount_all(g, &a, log, err);
	}
	if (r < 0) {
		guest_close(g);
		return r;
	}
	*out = g;
	return 0;
}
