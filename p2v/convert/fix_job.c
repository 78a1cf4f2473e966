/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "fix_parts.h"
#include "unrack/vmdk.h"

void fix_report_free(struct fix_report *r)
{
	json_free(r->guest);
	json_free(r->target);
	json_free(r->edits);
	json_free(r->warnings);
	json_free(r->verdict);
	buf_free(&r->text);
	buf_free(&r->diff);
	memset(r, 0, sizeof *r);
}

void fix_job_free(struct fix_job *job)
{
	for (unsigned i = 0; i < job->n; i++)
		free(job->images[i].path);
	free(job->images);
	free(job->name);
	free(job->work);
	memset(job, 0, sizeof *job);
}

/* Takes over PATH. */
static int add_image(struct fix_job *job, char *path, int disk, enum disk_format format,
		     struct unrack_error *err)
{
	struct fix_image *im = &job->images[job->n];
	struct block_source *source;
	struct stat st;
	int r;

	if (!path)
		return error_nomem(err);
	im->path = path;
	im->disk = disk;
	im->format = format;
	job->n++;
	if (stat(path, &st) < 0)
		return error_errno(err, errno, "can't open %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, UNRACK_USAGE, "%s is not an image file; copy a disk first, and work on "
				 "the copy", path);
	im->bytes = (uint64_t)st.st_size;
	if (format == DISK_FLAT)
		return 0;
	r = vmdk_open_source(job->io, path, format, &source, err);
	if (r < 0)
		return r;
	im->bytes = source->size;
	block_source_close(source);
	return 0;
}

const char *fix_image_format(const struct fix_image *im)
{
	return im->format == DISK_FLAT ? "raw" : "vmdk";
}

static int set_work(struct fix_job *job, char *work, struct unrack_error *err)
{
	job->work = work;
	if (!work || !job->name)
		return error_nomem(err);
	if (strlen(work) > FIX_WORK_MAX)
		return error_set(err, UNRACK_USAGE, "the path %.64s... is too long", work);
	return 0;
}

int fix_job_from_machine(struct machine *m, const struct log *log, struct fix_job *job,
			 struct unrack_error *err)
{
	size_t n = machine_disks(m);
	int r = 0;

	memset(job, 0, sizeof *job);
	if (n == 0 || machine_get_state(m) == MACHINE_COPYING)
		return error_set(err, UNRACK_UNSAFE, "%s is not completely copied; run unrack copy again first",
				 machine_folder(m));
	job->machine = m;
	job->io = machine_io(m);
	job->log = log;
	job->name = strdup(machine_name(m));
	job->images = calloc(n, sizeof *job->images);
	if (!job->images)
		r = error_nomem(err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct machine_disk *d = machine_disk(m, i);

		r = add_image(job, machine_path(m, MACHINE_IMAGE, d->n), d->n, d->format, err);
	}
	if (r == 0)
		r = set_work(job, machine_path(m, MACHINE_FIX, 0), err);
	/* The folder's path without a slash at its end, as those of the files in it have none. */
	if (r == 0 && job->work[strlen(job->work) - 1] == '/')
		job->work[strlen(job->work) - 1] = '\0';
	if (r < 0)
		fix_job_free(job);
	return r;
}

/* Formats that would be taken for raw disks and torn. */
static const char *foreign_format(const uint8_t *head, size_t n)
{
	static const struct {
		size_t at;
		const char *magic, *name;
	} formats[] = {
		{ 0, "COWD", "an ESX sparse VMDK" },
		{ 0, "QFI\xfb", "a qcow2 image" },		    { 0, "conectix", "a VHD image" },
		{ 0, "vhdxfile", "a VHDX image" },		    { 64, "\x7f\x10\xda\xbe", "a VDI image" },
	};

	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (n >= formats[i].at + strlen(formats[i].magic) &&
		    !memcmp(head + formats[i].at, formats[i].magic, strlen(formats[i].magic)))
			return formats[i].name;
	return NULL;
}

/* The file with the disk's data: PATH itself, or the extent that a descriptor names. */
static int find_extent(const struct io *io, const char *path, char **out, enum disk_format *format,
		       struct unrack_error *err)
{
	uint8_t head[512];
	enum vmdk_kind kind = VMDK_RAW;
	const char *foreign;
	uint64_t bytes;
	size_t got = 0;
	int fd = -1, r = io_open(io, path, O_RDONLY, 0, &fd, err);

	if (r < 0)
		return r;
	r = vmdk_probe(io, fd, path, &kind, err);
	if (r == 0)
		r = io_pread_some(io, fd, path, head, sizeof head, 0, &got, err);
	io->ops->close(io->ctx, fd);
	if (r < 0)
		return r;
	foreign = foreign_format(head, got);
	if (foreign)
		return error_set(err, UNRACK_UNSUPPORTED, "%s is %s; make a raw image of it first, with qemu-img "
				 "convert -O raw", path, foreign);
	/* Which of the two it is makes no difference here. */
	*format = kind == VMDK_SPARSE ? DISK_SPARSE : DISK_FLAT;
	if (kind == VMDK_TEXT)
		return vmdk_find_extent(io, path, out, &bytes, err);
	*out = strdup(path);
	return *out ? 0 : error_nomem(err);
}

int fix_job_from_image(const char *path, const struct io *io, const struct log *log,
		       struct fix_job *job, struct unrack_error *err)
{
	const char *slash = strrchr(path, '/');
	char *real CLEANUP_FREE = NULL, *extent = NULL, *work = NULL;
	enum disk_format format = DISK_FLAT;
	struct stat st;
	int r;

	memset(job, 0, sizeof *job);
	job->io = io;
	job->log = log;
	if (stat(path, &st) < 0)
		return error_errno(err, errno, "can't open %s", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, UNRACK_USAGE, "%s is a folder, but not a machine folder: it has no "
				 "unrack/manifest.json", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, UNRACK_USAGE, "%s is not an image file; copy a disk first, and work on "
				 "the copy", path);
	r = find_extent(io, path, &extent, &format, err);
	if (r < 0)
		return r;
	job->name = strdup(slash ? slash + 1 : path);
	job->images = calloc(1, sizeof *job->images);
	if (!job->images) {
		free(extent);
		r = error_nomem(err);
	} else {
		r = add_image(job, extent, 0, format, err);
	}
	/* Whatever name, link or descriptor it was called by, a file has one work folder. */
	if (r == 0 && !(real = realpath(job->images[0].path, NULL)))
		r = error_errno(err, errno, "can't open %s", job->images[0].path);
	if (r == 0) {
		if (asprintf(&work, "%s.unrack/fix", real) < 0)
			work = NULL;
		r = set_work(job, work, err);
	}
	if (r < 0)
		fix_job_free(job);
	return r;
}
