/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest in disk images, by libguestfs: one appliance for all of them. Only these files, guest_gfs*,
 * include libguestfs. */
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "guest_gfs.h"
#include "guest_parts.h"
#include "unrack/accel.h"

#define HEAD_BYTES 65536u

/* --- Devices: /dev/sda, /dev/sdb, ... in the order of the images ------------------------------------------------------------------------------- */

static int app_partitions(void *ctx, struct buf *names, struct unrack_error *err)
{
	struct gfs *c = ctx;
	char **list = guestfs_list_partitions(gfs_begin(c));
	int r = gfs_end(c, list, "list", "partitions", err);

	buf_clear(names);
	if (r == 0 && (appliance_add_names(list, false, names) < 0 || appliance_add_whole_disks(list, c->n_disks, names) < 0))
		r = error_nomem(err);
	gfs_free_strings(list);
	return r;
}

static int app_volumes(void *ctx, struct buf *names, struct unrack_error *err)
{
	struct gfs *c = ctx;
	char **list = guestfs_lvs(gfs_begin(c));
	int r = gfs_end(c, list, "list", "logical volumes", err);

	buf_clear(names);
	if (r == 0 && appliance_add_names(list, false, names) < 0)
		r = error_nomem(err);
	gfs_free_strings(list);
	return r;
}

static int app_head(void *ctx, const char *device, uint8_t *head, size_t n, size_t *got,
		    struct unrack_error *err)
{
	struct gfs *c = ctx;
	size_t read = 0;
	char *data CLEANUP_FREE = guestfs_pread_device(gfs_begin(c), device, (int)n, 0, &read);
	int r = gfs_end(c, data, "read", device, err);

	*got = read < n ? read : n;
	if (r == 0)
		memcpy(head, data, *got);
	return r;
}

static int app_mkmountpoint(void *ctx, const char *path, struct unrack_error *err)
{
	struct gfs *c = ctx;

	return gfs_end(c, guestfs_mkmountpoint(gfs_begin(c), path) == 0, "make a place for", "filesystems", err);
}

static int app_mount(void *ctx, const char *device, const char *fstype, bool writable,
		     const char *where, struct unrack_error *err)
{
	struct gfs *c = ctx;
	const char *options = appliance_mount_options(fstype, writable);
	bool good = guestfs_mount_vfs(gfs_begin(c), options, fstype, device, where) == 0;
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

	return gfs_end(c, guestfs_umount_all(gfs_begin(c)) == 0, "unmount", "filesystems", err);
}

static int app_space(void *ctx, const char *where, uint64_t *bytes, uint64_t *inodes,
		     struct unrack_error *err)
{
	struct gfs *c = ctx;
	struct guestfs_statvfs *v = guestfs_statvfs(gfs_begin(c), where);
	int r = gfs_end(c, v, "look at", where, err);

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
	bool good = guestfs_launch(gfs_begin(c)) == 0;
	int r = appliance_ended(appliance_watch_end(c->watch), err);

	if (r == UNRACK_IO)
		return appliance_too_slow(c->console.text, GFS_LAUNCH_SECONDS, err);
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
		size = guestfs_blockdev_getsize64(gfs_begin(c), name);
		r = gfs_end(c, size >= 0, "look at", name, err);
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
	g->ops = &guest_gfs_files;
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
