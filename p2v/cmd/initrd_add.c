/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* initrd add: an image that loads what a target needs, in place of the old one or elsewhere. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd_initrd.h"
#include "initrd_files.h"
#include "initrd_guest.h"
#include "initrd_input.h"
#include "initrd_modules.h"
#include "initrd_rename.h"
#include "initrd_root.h"
#include "initrd_store.h"
#include "initrd_text.h"
#include "initrd_wanted.h"
#include "results.h"

#define RAMDISK_TOLD 4096 /* KiB: what every kernel that takes one gives it unasked */

struct job {
	struct cli *cli;
	const struct initrd_options *o;
	struct initrd_input in;   /* FILE; closed if there is none, which is fine when it is made anew */
	struct initrd_input base; /* closed: there is none */
	const struct initrd_input *from; /* the one that is opened; if none is, FILE */
	struct initrd_modules m;
	struct initrd_wanted want;
	struct initrd_root root;
	struct initrd_renames renames;
	struct initrd_files files;
	struct buf new, summary;
	bool changed; /* else NEW is empty */
};

/* --- The new image ----------------------------------------------------------------------- */

static int check_asked(const struct initrd_options *o, struct unrack_error *err)
{
	bool disk = o->target.esx || o->target.scsi || o->driver.n;

	if (o->base && o->guest)
		return error_set(err, UNRACK_USAGE, "--base and --guest do not go together");
	if (o->guest && (o->rename.n || o->file.n))
		return error_set(err, UNRACK_USAGE, "--guest takes names and files from the guest; change them there, or say --root");
	if (o->target.nic && !disk)
		return error_set(err, UNRACK_USAGE, "a network card's driver is loaded from the root filesystem, so an initrd needs "
				 "none; if it is to have one all the same, name it with --driver");
	if (disk || o->rename.n || o->file.n)
		return 0;
	return error_set(err, UNRACK_USAGE, "say what the image shall get: --driver NAME, or a target such as --esx 6.7 or "
			 "--scsi pvscsi, or --rename OLD=NEW, or --file NAME=FILE");
}

/* What a driver is for has to be true: else the image would load it for nothing. */
static int check_drivers(const struct job *j, struct unrack_error *err)
{
	char why[400];

	for (size_t k = 0; k < j->want.n; k++)
		if (initrd_wanted_refused(&j->want.drivers[k], &j->m, why, sizeof why))
			return error_set(err, UNRACK_UNSUPPORTED, "%s%s", why, j->want.drivers[k].disk ?
					 "; take another --scsi, or name a driver with --driver" : "");
	return 0;
}

/* A name that root has now counts as its new one, if it gets that. */
static int check_root(const struct job *j, struct unrack_error *err)
{
	const struct disk_device *d = initrd_wanted_disk(&j->want);
	const char *root = j->root.device;
	char text[400];

	for (size_t k = 0; k < j->renames.n; k++)
		if (!strcmp(j->renames.pairs[k][0], j->root.device))
			root = j->renames.pairs[k][1] ? j->renames.pairs[k][1] : "";
	if (!initrd_root_strange(root, d))
		return 0;
	initrd_root_say_strange(root, d, text, sizeof text);
	return error_set(err, UNRACK_UNSUPPORTED, "%s: %s", j->from->name, text);
}

/* Modules of a kernel that is not the image's would only fill it. */
static int check_kernel(const struct job *j, struct unrack_error *err)
{
	char other[128], why[400];
	int r;

	if (!j->want.n || j->o->guest)
		return 0;
	if (!j->o->base && initrd_get_kind(j->from->image) == INITRD_NASH && initrd_modules_other(j->from->image, &j->m, other, sizeof other))
		return error_set(err, UNRACK_UNSUPPORTED, "%s holds modules of kernel %s, so one of kernel %s would not be loaded with "
				 "it; name that kernel's modules with --modules and --kver", j->from->name, other, j->m.kver);
	if (!initrd_modules_strange(j->from->image, &j->m, j->o->base != NULL, why, sizeof why, &r, err))
		return r;
	return error_set(err, UNRACK_UNSUPPORTED, "%s is of another machine or build than these modules (%s); name %s",
			 j->from->name, why, j->o->base ? "an image of the same system with --base" :
			 "those of its own kernel with --modules");
}

/* A name that is nowhere is no error, since a second run has nothing to rename; but it may be misspelt. */
static int tell_unknown_names(const struct job *j, struct unrack_error *err)
{
	struct initrd_answer a = { 0 };
	int r;

	if (!j->renames.n)
		return 0;
	r = initrd_check(j->from->image, j->m.tree, NULL, 0, &a, err);
	if (r < 0)
		return r;
	for (size_t k = 0; k < j->renames.n; k++)
		if (!initrd_rename_mentioned(&a, j->renames.pairs[k][0]))
			log_info(&j->cli->log, "%s does not mention %s", j->from->name, j->renames.pairs[k][0]);
	initrd_answer_free(&a);
	return 0;
}

static int change(struct job *j, struct unrack_error *err)
{
	const struct initrd_change c = {
		.tree = j->m.tree, .wanted = j->want.names, .n_wanted = j->want.n,
		.read_module = initrd_modules_read, .ctx = &j->m,
		.devices = (const char *const (*)[2])j->renames.pairs, .n_devices = j->renames.n,
		.files = j->files.at, .n_files = j->files.n,
		.modules_conf = j->m.options.len ? buf_str(&j->m.options) : NULL,
		.ramdisk_max = (size_t)j->o->ramdisk_size << 10,
		.needs = j->root.known ? &j->root.needs : NULL,
	};
	int r = check_drivers(j, err);

	if (r == 0)
		r = check_root(j, err);
	if (r == 0)
		r = check_kernel(j, err);
	if (r == 0)
		r = tell_unknown_names(j, err);
	if (r < 0)
		return r;
	if (!j->o->base && !j->o->guest)
		return initrd_change(j->from->image, &c, &j->new, &j->changed, &j->summary, err);
	j->changed = true;
	if (j->o->guest)
		return initrd_guest_make(j->o->guest, j->from->name, &j->root, &j->m, &j->want, c.ramdisk_max, &j->new,
					 &j->summary, err);
	return initrd_rebase(j->from->image, &c, &j->new, &j->summary, err);
}

/* --- Where it goes ------------------------------------------------------------------------ */

/* How large the kernel's RAM disk has to be for the new image. One made from nothing is what is told of. */
static int tell_new(const struct job *j, struct unrack_error *err)
{
	struct initrd_answer a = { 0 };
	struct initrd *new = NULL;
	int r;

	if (j->from->image && !initrd_is_ramdisk(j->from->image))
		return 0;
	r = initrd_open(j->new.data, j->new.len, j->from->name, &new, err);
	if (r == 0)
		r = initrd_check(new, j->m.tree, NULL, 0, &a, err);
	if (r == 0 && !j->from->image)
		json_set(j->cli->result, "image", initrd_text_image_json(new, j->from->name, j->new.len));
	initrd_close(new);
	if (r < 0)
		return r;
	if (!j->from->image && initrd_root_strange(a.root, initrd_wanted_disk(&j->want))) {
		char text[400];

		initrd_root_say_strange(a.root, initrd_wanted_disk(&j->want), text, sizeof text);
		log_warn(&j->cli->log, "without root= among the kernel's arguments, %s; say it with --root", text);
	}
	if (a.ramdisk_kib > RAMDISK_TOLD)
		log_info(&j->cli->log, "the kernel's RAM disk must have %zu KiB for it; 2.4.9 of RHEL 2.1 has %d and that of RHEL 3 "
			 "8192, unless ramdisk_size= among its arguments says another number", a.ramdisk_kib, RAMDISK_TOLD);
	initrd_answer_free(&a);
	return 0;
}

static void report(const struct job *j, const struct initrd_store *s, bool written)
{
	const struct log *log = &j->cli->log;
	struct json *result = j->cli->result;
	const char *path = s->path ? s->path : j->from->name;
	int64_t bytes = j->changed ? (int64_t)j->new.len : (int64_t)j->from->st.st_size;

	if (s->phys && written)
		log_info(log, s->phys_there ? "%s, which was there already, stays as it is" : "the old image is kept as %s", s->phys);
	if (written)
		log_info(log, "wrote %s, %lld bytes", path, (long long)bytes);
	json_set_bool(result, "changed", j->changed && !s->same);
	json_set_bool(result, "written", written);
	json_set_str(result, "output", path);
	json_set_str(result, "kept", written && s->phys ? s->phys : NULL);
	json_set_int(result, "bytes", bytes);
	json_set_str(result, "diff", buf_str(&j->summary));
}

static int put(struct job *j, struct initrd_store *s, struct unrack_error *err)
{
	bool write = (j->changed || j->o->output) && !s->same && !j->o->dry_run;
	int r = j->changed ? tell_new(j, err) : 0;

	if (r < 0)
		return r;
	if (!s->same)
		terminal_answer(j->cli->terminal, "%s", buf_str(&j->summary));
	if (!j->changed)
		terminal_answer(j->cli->terminal, "nothing to do: %s is right as it is\n", j->from->name);
	else if (s->same)
		terminal_answer(j->cli->terminal, "nothing to do: %s is that already\n", s->path);
	if (write)
		r = initrd_store_write(s, err);
	if (r == 0)
		report(j, s, write);
	return r;
}

static int store(struct job *j, struct unrack_error *err)
{
	bool there = j->in.fd >= 0;
	struct initrd_store s = {
		.io = io_posix(), .log = &j->cli->log, .from = there ? &j->in : j->from,
		.output = j->o->output || there ? j->o->output : j->in.name, .max = j->o->max_size,
		/* What is right as it is goes elsewhere unchanged. */
		.data = j->changed ? &j->new : NULL,
	};
	int r = 0;

	if (j->changed || j->o->output)
		r = initrd_store_check(&s, err);
	if (r == 0)
		r = put(j, &s, err);
	initrd_store_free(&s);
	return r;
}

/* --- All ---------------------------------------------------------------------------------- */

/* What is made anew needs a base or nothing: then FILE is only what is replaced, and need not be any good. */
static int open_files(struct job *j, const char *file, struct unrack_error *err)
{
	bool change = !j->o->output && !j->o->dry_run;
	int r;

	j->from = j->o->base ? &j->base : &j->in;
	if (!j->o->base && !j->o->guest)
		return initrd_input_open(file, change, &j->in, err);
	r = initrd_input_take(file, change, &j->in, err);
	if (r < 0 && err->sys_errno != ENOENT)
		return r;
	return j->o->base ? initrd_input_open(j->o->base, false, &j->base, err) : 0;
}

static int add(struct job *j, const char *file, struct unrack_error *err)
{
	const struct initrd_options *o = j->o;
	struct json *result = j->cli->result;
	int r = initrd_rename_parse(&o->rename, &j->renames, err);

	if (r == 0)
		r = initrd_files_read(&o->file, &j->files, err);
	if (r == 0)
		r = initrd_root_parse(o->root, o->root_fs, o->args, &j->root, err);
	if (r == 0)
		r = open_files(j, file, err);
	if (r == 0)
		r = initrd_modules_open(o->modules ? o->modules : o->guest, o->kver, o->base ? NULL : j->from->image, file, &j->m,
					err);
	if (r == 0)
		r = initrd_wanted_choose(&o->target, &o->driver, &j->m, &j->want, err);
	if (r < 0)
		return r;
	if (j->from->image)
		json_set(result, "image", initrd_text_image_json(j->from->image, j->from->name, j->from->st.st_size));
	initrd_wanted_json(&j->want, &j->m, result);
	if (j->want.has_target) {
		results_target(j->cli, &j->want.target, true);
		log_info(&j->cli->log, "%s", j->want.target.why);
	}
	r = change(j, err);
	return r == 0 ? store(j, err) : r;
}

int initrd_add_run(struct cli *cli, const struct initrd_options *o, char **files, int n, struct unrack_error *err)
{
	struct job j = { .cli = cli, .o = o, .in.fd = -1, .base.fd = -1 };
	int r = check_asked(o, err);

	(void)n;
	if (r == 0)
		r = add(&j, files[0], err);
	buf_free(&j.new);
	buf_free(&j.summary);
	initrd_files_free(&j.files);
	initrd_rename_free(&j.renames);
	initrd_modules_close(&j.m);
	initrd_input_close(&j.base);
	initrd_input_close(&j.in);
	return r;
}
