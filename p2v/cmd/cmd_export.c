/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export: a machine folder's images once more, in another format, for somewhere else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "digests.h"
#include "jobs.h"
#include "unrack/export.h"
#include "unrack/grain.h"
#include "unrack/lock.h"
#include "unrack/vmdk.h"

struct values {
	const char *output, *format;
};
static const struct option_spec options[] = {
	{ "output", 'o', OPTION_STR, "PATH", "the folder to make the images in, or a file NAME.vmdk",
	  offsetof(struct values, output) },
	{ "format", 0, OPTION_STR, "FORMAT", "flat, stream (default) or sparse", offsetof(struct values, format) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

/* Of one disk. */
struct made {
	char *path, *descriptor; /* DESCRIPTOR: flat only */
	bool there;              /* from an earlier run */
};

struct job {
	struct cli *cli;
	struct machine *m;
	struct lock *lock;
	enum disk_format format;
	char *base; /* what the files' names begin with */
	struct made made[MACHINE_DISKS_MAX];
	uint64_t data_grains, deflated_grains;
};

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static int check_output(const struct values *o, struct unrack_error *err)
{
	if (!o->output || !*o->output)
		return error_set(err, UNRACK_USAGE, "say where to with -o: a folder, or a file NAME.vmdk");
	if (ends_with(o->output, ".ova") || ends_with(o->output, ".ovf"))
		return error_set(err, UNRACK_USAGE, "%s: OVF packages are not written yet by this version; name a folder, and "
				 "export --format stream makes the disks that go into one", o->output);
	return 0;
}

/* The images must be whole, and at rest. */
static int check_state(const struct machine *m, struct unrack_error *err)
{
	switch (machine_get_state(m)) {
	case MACHINE_COPYING:
		return error_set(err, UNRACK_UNSAFE, "%s is not completely copied; run unrack copy again first",
				 machine_folder(m));
	case MACHINE_LIVE:
		return error_set(err, UNRACK_UNSAFE, "%s was copied from a source in use, so its disks are of no single "
				 "moment; copy it again while nothing uses the source", machine_folder(m));
	case MACHINE_FIXING:
	case MACHINE_UNDOING:
		return error_set(err, UNRACK_UNSAFE, "%s is in the middle of a repair; run unrack fix again first",
				 machine_folder(m));
	default:
		return 0;
	}
}

static int open_folder(struct job *j, const char *folder, struct unrack_error *err)
{
	struct lock_options lo = { .log = &j->cli->log };
	char *dir CLEANUP_FREE = NULL;
	int r = machine_open(io_posix(), folder, &j->m, err);

	if (r < 0)
		return r;
	dir = machine_path(j->m, MACHINE_UNRACK, 0);
	r = dir ? lock_take(dir, &lo, &j->lock, err) : error_nomem(err);
	if (r < 0)
		return r;
	/* Read again: whoever held the lock may have changed it. */
	machine_free(j->m);
	j->m = NULL;
	r = machine_open(io_posix(), folder, &j->m, err);
	if (r == 0)
		r = check_state(j->m, err);
	return r < 0 ? r : machine_check_files(j->m, err);
}

static int name_files(struct job *j, const char *output, struct unrack_error *err)
{
	int r = 0;

	if (ends_with(output, ".vmdk")) {
		j->base = strndup(output, strlen(output) - strlen(".vmdk"));
	} else {
		r = io_mkdir(io_posix(), output, err);
		if (r == 0 && asprintf(&j->base, "%s/%s", output, machine_name(j->m)) < 0)
			j->base = NULL;
	}
	if (r == 0 && !j->base)
		r = error_nomem(err);
	for (size_t i = 0; r == 0 && i < machine_disks(j->m); i++) {
		int n = machine_disk(j->m, i)->n;
		char number[16] = "";

		if (n > 0)
			snprintf(number, sizeof number, "_%d", n);
		if (asprintf(&j->made[i].path, "%s%s%s.vmdk", j->base, number,
			     j->format == DISK_FLAT ? "-flat" : "") < 0) {
			j->made[i].path = NULL;
			return error_nomem(err);
		}
		if (j->format == DISK_FLAT && asprintf(&j->made[i].descriptor, "%s%s.vmdk", j->base, number) < 0) {
			j->made[i].descriptor = NULL;
			return error_nomem(err);
		}
	}
	return r;
}

/* What goes on between the folder and one disk's new image. */
struct disk {
	int n;
	char *image;
	struct digests digests;
	struct digest_after_entry *after;
	uint64_t n_after;
};

static void close_disk(struct disk *d)
{
	digests_close(&d->digests);
	free(d->after);
	free(d->image);
}

static int open_disk(const struct job *j, int n, struct disk *d, struct unrack_error *err)
{
	char *after CLEANUP_FREE = machine_path(j->m, MACHINE_AFTER, n);
	int r;

	*d = (struct disk){ .n = n, .image = machine_path(j->m, MACHINE_IMAGE, n) };
	if (!after || !d->image)
		return error_nomem(err);
	r = digests_open(j->m, n, &d->digests, err);
	if (r == 0 && !d->digests.point.complete)
		r = error_set(err, UNRACK_UNSAFE, "the copy of disk %d is not complete; run unrack copy again first", n);
	return r < 0 ? r : digest_after_read(io_posix(), after, &d->after, &d->n_after, err);
}

/* Whether the files that are there are disk D in the format wanted. */
static int compare_old(const struct job *j, const struct disk *d, const struct made *made, bool *same,
		       struct unrack_error *err)
{
	struct buf text CLEANUP_BUF = { 0 };
	const char *descriptor = made->descriptor ? made->descriptor : made->path;
	struct verify_result res = { 0 };
	struct vmdk_descriptor v;
	int r = vmdk_read_descriptor(io_posix(), descriptor, &text, err);

	if (r == 0)
		r = vmdk_descriptor_parse(buf_str(&text), text.len, descriptor, &v, err);
	*same = r == 0 && !strcmp(v.create_type, vmdk_create_type(j->format));
	if (*same)
		r = verify_image(io_posix(), made->path, j->format, d->digests.info.id.bytes, d->digests.table,
				 &d->digests.key, d->after, d->n_after, d->n, &j->cli->log, &res, err);
	*same &= r == 0 && res.different == 0;
	return r;
}

/* A file that is in the way is fine when it is what would be made. */
static int look_at_old(struct job *j, const struct disk *d, struct made *made, struct unrack_error *err)
{
	const char *path = made->path;
	struct unrack_error why;
	struct stat st;
	int r = io_stat(io_posix(), path, &st, &why);

	if (r < 0 && why.sys_errno == ENOENT && made->descriptor) {
		path = made->descriptor;
		r = io_stat(io_posix(), path, &st, &why);
	}
	if (r < 0 && why.sys_errno == ENOENT)
		return 0;
	if (compare_old(j, d, made, &made->there, &why) == UNRACK_INTERRUPTED) {
		*err = why;
		return err->code;
	}
	if (!made->there)
		return error_set(err, UNRACK_UNSAFE, "%s is in the way, and is not disk %d of %s as it would be made; "
				 "remove it, or name another place with -o", path, d->n, machine_folder(j->m));
	log_info(&j->cli->log, "%s is there already, and agrees with the digests", path);
	return 0;
}

/* What unrack vm chose. */
static void find_adapter(const struct job *j, int n, char *adapter, size_t size)
{
	char *path CLEANUP_FREE = machine_path(j->m, MACHINE_DESCRIPTOR, n);
	struct buf text CLEANUP_BUF = { 0 };
	struct unrack_error dropped;
	struct vmdk_descriptor v;

	snprintf(adapter, size, "lsilogic");
	if (path && vmdk_read_descriptor(io_posix(), path, &text, &dropped) == 0 &&
	    vmdk_descriptor_parse(buf_str(&text), text.len, path, &v, &dropped) == 0 && v.adapter_type[0])
		snprintf(adapter, size, "%s", v.adapter_type);
}

static int make(struct job *j, struct disk *d, const struct made *made, struct unrack_error *err)
{
	struct export_result res = { 0 };
	char adapter[16];
	struct export_options o = {
		.io = io_posix(), .image = d->image, .from = d->digests.info.format,
		.disk_bytes = d->digests.info.id.bytes, .table = d->digests.table, .key = &d->digests.key,
		.after = d->after, .n_after = d->n_after, .to = j->format, .path = made->path,
		.descriptor = made->descriptor, .adapter = adapter, .disk = d->n, .log = &j->cli->log,
		.data_grains = min_u64(d->digests.point.data_grains + d->n_after,
				       grain_count(d->digests.info.id.bytes)),
	};
	int r;

	find_adapter(j, d->n, adapter, sizeof adapter);
	r = export_image(&o, &res, err);
	j->data_grains += res.data_grains;
	j->deflated_grains += res.deflated_grains;
	return r;
}

static int export_disk(struct job *j, size_t i, bool look, struct unrack_error *err)
{
	struct made *made = &j->made[i];
	struct disk d;
	int r = open_disk(j, machine_disk(j->m, i)->n, &d, err);

	if (r == 0 && look)
		r = look_at_old(j, &d, made, err);
	else if (r == 0 && !made->there)
		r = make(j, &d, made, err);
	close_disk(&d);
	return r;
}

static void report(const struct job *j)
{
	struct json *result = j->cli->result, *files = json_new_array();
	bool made = false;

	for (size_t i = 0; i < machine_disks(j->m); i++) {
		made |= !j->made[i].there;
		json_add_str(files, j->made[i].descriptor ? j->made[i].descriptor : j->made[i].path);
	}
	json_set(result, "files", files);
	json_set_str(result, "format", machine_format_name(j->format));
	json_set_int(result, "data_bytes", (int64_t)(j->data_grains * GRAIN_SIZE));
	json_set_int(result, "compressed_bytes", (int64_t)(j->deflated_grains * GRAIN_SIZE));
	if (!made) {
		log_info(&j->cli->log, "nothing to do: all disks of %s are there", machine_folder(j->m));
		return;
	}
	log_info(&j->cli->log, "exported %zu disk%s of %s as %s*.vmdk (%s): %.1f MiB of data, %.1f MiB of it compressed for "
		 "this", machine_disks(j->m), machine_disks(j->m) == 1 ? "" : "s", machine_folder(j->m), j->base,
		 machine_format_name(j->format), (double)j->data_grains / 16, (double)j->deflated_grains / 16);
}

static int export(struct job *j, const struct values *o, const char *folder, struct unrack_error *err)
{
	int r = open_folder(j, folder, err);

	if (r == 0)
		r = name_files(j, o->output, err);
	/* Nothing is made when something is in the way of a later disk. */
	for (int look = 1; look >= 0; look--)
		for (size_t i = 0; r == 0 && i < machine_disks(j->m); i++)
			r = export_disk(j, i, look, err);
	if (r == 0)
		report(j);
	return r;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	const struct values *o = values;
	struct job j = { .cli = cli, .format = DISK_STREAM };
	int r = check_output(o, err);

	(void)n;
	if (r == 0 && o->format)
		r = machine_format_parse(o->format, &j.format, err);
	if (r == 0)
		r = export(&j, o, operands[0], err);
	lock_release(j.lock);
	machine_free(j.m);
	for (size_t i = 0; i < MACHINE_DISKS_MAX; i++) {
		free(j.made[i].path);
		free(j.made[i].descriptor);
	}
	free(j.base);
	return r;
}

const struct command cmd_export = {
	.name = "export",
	.operands = "FOLDER",
	.summary = "make the images once more, in another format",
	.options = options,
	.values_size = sizeof(struct values),
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
