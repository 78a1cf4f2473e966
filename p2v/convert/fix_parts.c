/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fix_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/disk.h"

#define LEFTOVER_MS 10000

struct fix_path fix_path(const struct fix_job *job, enum fix_file file, int disk, unsigned generation)
{
	struct fix_path p;
	char name[64];

	switch (file) {
	case FIX_FILE_STATE:
		strcpy(name, "state");
		break;
	case FIX_FILE_PLAN:
		strcpy(name, "plan");
		break;
	case FIX_FILE_LOG:
		strcpy(name, "log");
		break;
	case FIX_FILE_OVERLAY:
		snprintf(name, sizeof name, "overlay-disk%d", disk);
		break;
	case FIX_FILE_AFTER:
		snprintf(name, sizeof name, "disk%d.after", disk);
		break;
	default:
		snprintf(name, sizeof name, generation > 1 ? "undo-disk%d.%u" : "undo-disk%d", disk, generation);
		break;
	}
	snprintf(p.s, sizeof p.s, "%.*s/%s", (int)FIX_WORK_MAX, job->work, name);
	return p;
}

void fix_step(const struct fix_job *job, const char *fmt, ...)
{
	time_t now = time(NULL);
	char step[256], when[32] = "";
	struct tm tm;
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(step, sizeof step, fmt, ap);
	va_end(ap);
	log_debug(job->log, "fix of %s: %s", job->name, step);
	f = fopen(fix_path(job, FIX_FILE_LOG, 0, 0).s, "ae");
	if (f) {
		if (gmtime_r(&now, &tm))
			strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
		fprintf(f, "%s %s\n", when, step);
		fclose(f);
	}
	if (job->at_step)
		job->at_step(job->at_step_ctx, step);
}

int fix_record(const struct fix_job *job, struct fix_state *s, enum fix_phase phase,
	       struct unrack_error *err)
{
	int r = job->lock ? lock_check(job->lock, err) : 0;

	if (r < 0)
		return r;
	s->phase = phase;
	r = fix_state_write(job->io, fix_path(job, FIX_FILE_STATE, 0, 0).s, s, err);
	if (r == 0)
		fix_step(job, "%s", fix_phase_name(phase));
	return r;
}

static int stamp_of(const struct fix_image *im, struct fix_stamp *out, struct unrack_error *err)
{
	struct stat st;

	if (stat(im->path, &st) < 0)
		return error_errno(err, errno, "can't open %s", im->path);
	out->disk = im->disk;
	out->bytes = (uint64_t)st.st_size;
	out->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

int fix_stamp(const struct fix_job *job, struct fix_stamps *s, struct unrack_error *err)
{
	s->n = 0;
	for (unsigned i = 0; i < job->n && i < MACHINE_DISKS_MAX; i++) {
		int r = stamp_of(&job->images[i], &s->at[i], err);

		if (r < 0)
			return r;
		s->n++;
	}
	return 0;
}

bool fix_stamp_same(const struct fix_job *job, const struct fix_stamps *s)
{
	struct unrack_error dropped;
	struct fix_stamp now;

	if (s->n != job->n)
		return false;
	for (unsigned i = 0; i < job->n; i++)
		if (stamp_of(&job->images[i], &now, &dropped) < 0 || now.disk != s->at[i].disk ||
		    now.bytes != s->at[i].bytes || now.mtime_ns != s->at[i].mtime_ns)
			return false;
	return true;
}

int fix_set_machine(const struct fix_job *job, enum machine_state to, struct unrack_error *err)
{
	if (!job->machine || machine_get_state(job->machine) == to)
		return 0;
	return machine_set_state(job->machine, to, err);
}

/* The last component of an overlay's name. */
static const char *overlay_name(const struct fix_path *p)
{
	return strrchr(p->s, '/') + 1;
}

int fix_make_overlays(const struct fix_job *job, const char *folder, struct guest_image *at,
		      struct unrack_error *err)
{
	char *real CLEANUP_FREE = realpath(folder, NULL);
	int r = 0;

	memset(at, 0, job->n * sizeof *at);
	if (!real)
		return error_errno(err, errno, "can't open the folder %s", folder);
	for (unsigned i = 0; r == 0 && i < job->n; i++) {
		struct fix_path p = fix_path(job, FIX_FILE_OVERLAY, job->images[i].disk, 0);
		char *path = NULL;

		if (asprintf(&path, "%s/%s", real, overlay_name(&p)) < 0)
			return error_nomem(err);
		at[i].path = path;
		at[i].format = "qcow2";
		r = overlay_create(path, job->images[i].path, job->log, err);
	}
	return r;
}

void fix_free_overlays(const struct fix_job *job, struct guest_image *at)
{
	for (unsigned i = 0; i < job->n; i++)
		free((char *)at[i].path);
}

int fix_remove_overlays(const struct fix_job *job, const char *folder, struct unrack_error *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < job->n; i++) {
		struct fix_path p = fix_path(job, FIX_FILE_OVERLAY, job->images[i].disk, 0), full;

		if (snprintf(full.s, sizeof full.s, "%s/%s", folder, overlay_name(&p)) >= (int)sizeof full.s)
			return error_set(err, UNRACK_USAGE, "the path %.64s... is too long", folder);
		r = io_unlink(job->io, full.s, err);
	}
	return r;
}

int fix_digest_key(const struct fix_job *job, const struct fix_state *s, int disk,
		   struct digest_key *key, struct unrack_error *err)
{
	struct journal_info info;
	struct journal_point point;
	char *path CLEANUP_FREE = NULL;
	int r;

	if (!job->machine) {
		digest_key_init(key, s->seed);
		return 0;
	}
	path = machine_path(job->machine, MACHINE_JOURNAL, disk);
	if (!path)
		return error_nomem(err);
	r = journal_read(job->io, path, &info, &point, err);
	if (r < 0)
		return r;
	digest_key_init(key, info.seed);
	journal_info_free(&info);
	return 0;
}

/* Nobody else uses the images. The qemu-img of a fix that was killed may take a moment to
 * end, so an unfinished commit waits for that. */
static int check_images(const struct fix_job *job, enum fix_phase phase, struct unrack_error *err)
{
	for (unsigned i = 0; i < job->n; i++) {
		const struct fix_image *im = &job->images[i];
		int r = disk_check_unused(im->path, err);

		for (int ms = 0; r == UNRACK_UNSAFE && phase == FIX_COMMITTING && ms < LEFTOVER_MS; ms += 100) {
			usleep(100000);
			r = disk_check_unused(im->path, err);
		}
		if (r < 0)
			return r;
		if (im->bytes % SECTOR_SIZE)
			return error_set(err, UNRACK_UNSUPPORTED, "%s has %llu bytes, which is no whole number of "
					 "512-byte sectors; fill it up with truncate -s %%512", im->path,
					 (unsigned long long)im->bytes);
	}
	return 0;
}

/* The files beside the state say that there was one. A repair that began without it would
 * save what the first one wrote as the original. */
static int check_lost(const struct fix_job *job, const struct fix_state *s, struct unrack_error *err)
{
	for (unsigned i = 0; s->phase == FIX_NONE && i < job->n; i++) {
		struct fix_path after = fix_path(job, FIX_FILE_AFTER, job->images[i].disk, 0);

		if (access(after.s, F_OK) == 0)
			return error_set(err, UNRACK_DAMAGED, "%s is missing, but %s was repaired; put that file "
					 "back, or copy the machine anew", fix_path(job, FIX_FILE_STATE, 0, 0).s,
					 job->images[i].path);
	}
	return 0;
}

int fix_check_formats(const struct fix_job *job, struct unrack_error *err)
{
	for (unsigned i = 0; i < job->n; i++)
		if (job->images[i].format != DISK_FLAT)
			return error_set(err, UNRACK_UNSUPPORTED, "%s is no flat image, and only those are repaired; %s",
					 job->images[i].path,
					 job->machine ? "make some with unrack export --format flat, and work on them"
						      : "make a raw image of it first, with qemu-img convert -O raw");
	return 0;
}

int fix_begin(const struct fix_job *from, struct fix_job *job, struct fix_state *s,
	      struct unrack_error *err)
{
	struct lock_options opt = { .log = from->log };
	struct fix_path folder;
	int r = 0;

	*job = *from;
	memset(s, 0, sizeof *s);
	r = fix_check_formats(job, err);
	if (r < 0)
		return r;
	snprintf(folder.s, sizeof folder.s, "%s", job->work);
	*strrchr(folder.s, '/') = '\0';
	if (!job->machine)
		r = io_mkdir(io_posix(), folder.s, err);
	if (r == 0)
		r = io_mkdir(io_posix(), job->work, err);
	if (r == 0 && !job->machine && !job->lock)
		r = lock_take(folder.s, &opt, &job->lock, err);
	if (r == 0)
		r = fix_state_read(job->io, fix_path(job, FIX_FILE_STATE, 0, 0).s, s, err);
	if (r == 0)
		r = check_lost(job, s, err);
	return r < 0 ? r : check_images(job, s->phase, err);
}

void fix_end(const struct fix_job *from, struct fix_job *job, struct fix_state *s)
{
	/* The folders of a bare image go when nothing was begun, or all is undone. */
	if (job->lock != from->lock) {
		struct unrack_error dropped;
		struct fix_path folder;

		if (access(fix_path(job, FIX_FILE_STATE, 0, 0).s, F_OK) < 0)
			io_unlink(job->io, fix_path(job, FIX_FILE_LOG, 0, 0).s, &dropped);
		lock_release(job->lock);
		snprintf(folder.s, sizeof folder.s, "%s", job->work);
		*strrchr(folder.s, '/') = '\0';
		if (rmdir(job->work) == 0)
			rmdir(folder.s);
	}
	fix_state_free(s);
}
