/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "intake_parts.h"
#include "origin.h"
#include "unrack/grain.h"
#include "unrack/vmdk.h"

static int gone_on(const struct intake *in, struct unrack_error *err)
{
	const char *state = machine_state_name(machine_get_state(in->m));

	if (machine_get_state(in->m) == MACHINE_FIXING || machine_get_state(in->m) == MACHINE_UNDOING)
		return error_set(err, UNRACK_UNSAFE,
				 "%s is in the middle of a fix (%s); complete that first, with unrack fix",
				 in->opt.folder, state);
	return error_set(err, UNRACK_UNSAFE,
			 "%s has gone on (it is %s), and nothing more is copied into it; choose another folder",
			 in->opt.folder, state);
}

bool intake_disk_writable(enum machine_state s)
{
	return s == MACHINE_COPYING || s == MACHINE_COPIED || s == MACHINE_LIVE;
}

static int unlink_file(struct intake *in, enum machine_file file, int n, struct unrack_error *err)
{
	CLEANUP_FREE char *path = machine_path(in->m, file, n);

	return path ? io_unlink(in->opt.io, path, err) : error_nomem(err);
}

/* What a fix left: it is about all disks, and about images that are gone. Its log stays. */
static int remove_fix(struct intake *in, struct unrack_error *err)
{
	CLEANUP_FREE char *folder = machine_path(in->m, MACHINE_FIX, 0);
	DIR *dir CLEANUP_CLOSEDIR = folder ? io_opendir(in->opt.io, folder, err) : NULL;
	struct dirent *e;
	int r = 0;

	if (!folder)
		return error_nomem(err);
	if (!dir)
		return err->sys_errno == ENOENT ? 0 : err->code;
	while (r == 0 && (e = readdir(dir))) {
		CLEANUP_FREE char *path = NULL;

		if (e->d_name[0] == '.' || !strcmp(e->d_name, "log"))
			continue;
		if (asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			return error_nomem(err);
		r = io_unlink(in->opt.io, path, err);
	}
	return r;
}

/* Takes the files of a disk away that are marked so in the manifest, and then the mark. */
static int remove_files(struct intake *in, int n, struct unrack_error *err)
{
	static const enum machine_file files[] = { MACHINE_JOURNAL, MACHINE_IMAGE, MACHINE_DIGESTS, MACHINE_MAP, MACHINE_BAD,
						   MACHINE_KEPT };
	struct machine_disk d = *machine_find_disk(in->m, n);
	int r = remove_fix(in, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
		r = unlink_file(in, files[i], n, err);
	d.restart = d.due = d.live = false;
	if (r == 0)
		r = machine_put_disk(in->m, &d, err);
	return r < 0 ? r : machine_save(in->m, err);
}

/* Begins the copy of disk N again, of all disks if they were fixed: what is left of a fix
 * would be a mixture. The manifest says so first, so that the next run completes a removal
 * that was interrupted. */
static int restart(struct intake *in, int n, struct unrack_error *err)
{
	bool all = !intake_disk_writable(machine_get_state(in->m));
	int r = 0;

	for (size_t i = 0; r == 0 && i < machine_disks(in->m); i++) {
		struct machine_disk d = *machine_disk(in->m, i);

		d.restart |= all || d.n == n;
		d.image_mtime_ns = d.restart ? 0 : d.image_mtime_ns;
		r = machine_put_disk(in->m, &d, err);
	}
	if (r == 0)
		r = machine_set_state(in->m, MACHINE_COPYING, err);
	return r;
}

/* A disk that is complete: nobody else has written to it. */
static int check_complete(struct intake *in, int n, struct unrack_error *err)
{
	enum machine_state state = machine_get_state(in->m);
	/* Where every byte is looked at anyway, all of the image counts. Else its time stamp must do:
	 * reading it each time that a copy is continued or compared would take as long as copying. */
	bool all = in->opt.stream || machine_disk_is_vague(machine_find_disk(in->m, n));
	enum machine_check how = all && state != MACHINE_COPYING ? MACHINE_CHECK_FULL : MACHINE_CHECK_QUICK;
	struct unrack_error was;
	int r = machine_image_unchanged(in->m, n, how, in->opt.log, err);

	if (r != UNRACK_UNSAFE)
		return r;
	if (state == MACHINE_FIXING || state == MACHINE_UNDOING)
		return gone_on(in, err);
	was = *err;
	if (in->opt.receive_only)
		return intake_conceal(&in->opt, "was used by something else since; choose another folder", err);
	if (!in->opt.discard_changes)
		return error_set(err, UNRACK_UNSAFE,
				 "%.700s; choose another folder, or write over it with --discard-changes", was.text);
	log_warn(in->opt.log, "%s; it is copied again, as --discard-changes asks", was.text);
	return restart(in, n, err);
}

/* --same-disk: the disk is the one it was, its content is not. */
static int accept_change(struct intake *in, int n, const struct identity *id,
			 struct unrack_error *err)
{
	struct machine_disk d = *machine_find_disk(in->m, n);
	int r;

	if (!intake_disk_writable(machine_get_state(in->m)))
		return gone_on(in, err);
	log_warn(in->opt.log, "disk %d has changed since its copy began, and is copied again", n);
	d.id = *id;
	d.stream = in->opt.stream;
	r = machine_put_disk(in->m, &d, err);
	return r < 0 ? r : restart(in, n, err);
}

static int check_format(const struct intake *in, const struct machine_disk *d, struct unrack_error *err)
{
	if (in->opt.format == 0 || in->opt.format == d->format)
		return 0;
	error_set(err, UNRACK_USAGE,
		  "disk %d of %s is a copy in the format %s; leave --format out to go on with it, or choose "
		  "another folder", d->n, in->opt.folder, machine_format_name(d->format));
	return intake_conceal(&in->opt, "can't be continued like this; choose another folder", err);
}

/* A complete machine, all of whose disks get another pass: from here on, until it is over, it is
 * under way, also if it is interrupted. */
static int begin_pass(struct intake *in, int n, struct unrack_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < machine_disks(in->m); i++) {
		struct machine_disk d = *machine_disk(in->m, i);

		if (machine_disk_is_vague(&d) || d.format == DISK_STREAM)
			continue;
		for (unsigned p = 0; in->opt.session && p < in->opt.n_session; p++)
			d.due |= in->plan[p].number == d.n;
		d.due |= d.n == n;
		r = machine_put_disk(in->m, &d, err);
	}
	in->over_all = true;
	return r < 0 ? r : machine_set_state(in->m, MACHINE_COPYING, err);
}

/* Disk N is complete. */
static int decide_again(struct intake *in, int n, struct intake_verdict *v, struct unrack_error *err)
{
	const struct machine_disk *d = machine_find_disk(in->m, n);
	bool continued = machine_get_state(in->m) == MACHINE_COPYING && !in->over_all;

	/* What was compared byte by byte needs nothing else. */
	if (v->compared)
		v->again = RECEIVER_NEVER;
	/* Of a session that is continued, a part that is done. */
	else if (continued && !d->due)
		v->again = RECEIVER_IF_CHANGED;
	else
		v->again = RECEIVER_ALWAYS;
	/* A stream can't be changed: it is as it should be, or the receiver refuses. */
	if (v->again != RECEIVER_ALWAYS || d->format == DISK_STREAM || d->due)
		return 0;
	return begin_pass(in, n, err);
}

/* Whether disk D may be written, where its copy stands at POINT. */
static int check_state(struct intake *in, const struct machine_disk *d, const struct journal_point *point,
		       struct unrack_error *err)
{
	int r;

	if (point->complete && !d->restart) {
		r = check_complete(in, d->n, err);
		if (r < 0 || machine_find_disk(in->m, d->n)->restart)
			return r;
	}
	if (!intake_disk_writable(machine_get_state(in->m)))
		return gone_on(in, err);
	if (point->complete || in->opt.discard_changes)
		return 0;
	r = machine_check_traces(in->m, err);
	return r == UNRACK_UNSAFE ? intake_conceal(&in->opt, "was used by something else since; choose another folder",
						   err) : r;
}

/* What is known of a disk that the folder has: whether it may be written, and whether it has to
 * begin again. */
static int check_known(struct intake *in, const struct match_result *match,
		       const struct receiver_offer *offer, struct intake_verdict *v, struct unrack_error *err)
{
	const struct machine_disk d = *machine_find_disk(in->m, match->number);
	CLEANUP_FREE char *journal = machine_path(in->m, MACHINE_JOURNAL, d.n);
	struct journal_point point = { .next_grain = 0 };
	int r = journal ? journal_read(in->opt.io, journal, NULL, &point, err) : error_nomem(err);

	if (r < 0 && err->sys_errno != ENOENT)
		return r;
	r = check_format(in, &d, err);
	if (r == 0)
		r = check_state(in, &d, &point, err);
	if (r == 0 && match->changed)
		r = accept_change(in, d.n, &offer->id, err);
	if (r == 0)
		r = origin_settle(&in->opt, in->m, d.n, offer, &point, &v->compared, err);
	if (r == UNRACK_UNSAFE && v->compared)
		r = intake_conceal(&in->opt, "holds a copy that came as a stream, and is not continued like this; choose another "
			    "folder", err);
	if (r == 0 && machine_find_disk(in->m, d.n)->restart) {
		point.next_grain = 0;
		point.complete = false;
		r = remove_files(in, d.n, err);
	}
	v->left = point.complete ? 0 : offer->id.bytes - min_u64(point.next_grain * GRAIN_SIZE, offer->id.bytes);
	if (r == 0 && point.complete)
		r = decide_again(in, d.n, v, err);
	return r;
}

static int add_disk(struct intake *in, int n, const struct receiver_offer *offer,
		    struct unrack_error *err)
{
	struct machine_disk d = { .n = n, .id = offer->id, .stream = in->opt.stream, .live = offer->live };
	int r;

	if (!intake_disk_writable(machine_get_state(in->m)))
		return gone_on(in, err);
	d.format = in->opt.format;
	if (!d.format) /* as the folder's others */
		d.format = machine_disks(in->m) ? machine_disk(in->m, 0)->format : DISK_FLAT;
	r = vmdk_check_size(d.format, offer->id.bytes, grain_count(offer->id.bytes), err);
	if (r < 0)
		return error_prefix(err, "disk %d", n);
	r = machine_put_disk(in->m, &d, err);
	return r < 0 ? r : machine_set_state(in->m, MACHINE_COPYING, err);
}

/* From its first grain on the copy is of no single moment. */
static int note_live(struct intake *in, int n, struct unrack_error *err)
{
	struct machine_disk d = *machine_find_disk(in->m, n);
	int r;

	if (d.live)
		return 0;
	d.live = true;
	r = machine_put_disk(in->m, &d, err);
	return r < 0 ? r : machine_save(in->m, err);
}

int intake_disk_decide(struct intake *in, const struct match_result *match, const struct receiver_offer *offer,
		       struct intake_verdict *v, struct unrack_error *err)
{
	int r;

	*v = (struct intake_verdict){ .left = offer->id.bytes };
	r = match->new ? add_disk(in, match->number, offer, err) : check_known(in, match, offer, v, err);
	if (r == 0 && offer->live && (v->left > 0 || v->again == RECEIVER_ALWAYS))
		r = note_live(in, match->number, err);
	return r;
}

int intake_disk_is_complete(const struct intake *in, int n, bool *complete, struct unrack_error *err)
{
	const struct machine_disk *d = machine_find_disk(in->m, n);
	CLEANUP_FREE char *journal = machine_path(in->m, MACHINE_JOURNAL, n);
	struct journal_point point = { .complete = false };
	int r = journal ? journal_read(in->opt.io, journal, NULL, &point, err) : error_nomem(err);

	*complete = r == 0 && point.complete && !d->restart && !d->due;
	return r < 0 && err->sys_errno == ENOENT ? 0 : r;
}
