/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/intake.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "gate.h"
#include "match.h"
#include "origin.h"
#include "unrack/grain.h"
#include "unrack/lock.h"
#include "unrack/vmdk.h"

/* The paths that the receiver is given live here until the session ends. */
struct placed {
	bool taken;
	char *image, *descriptor, *journal, *digests;
};

struct intake {
	struct intake_options opt;
	struct receiver_host host;
	struct lock *lock;
	struct log quiet;  /* the caller's stop flag, and nobody to tell who holds the lock */
	struct machine *m;
	struct placed placed[MACHINE_DISKS_MAX];     /* by number */
	struct match_result plan[MACHINE_DISKS_MAX]; /* by offer, when the session is known */
	bool started, complete;
	/* Receive-only, and the machine is complete: nothing is written, not even a lock. */
	bool sealed;
};

/* What a folder holds is not for senders who are trusted with nothing. They get the code of ERR,
 * and TEXT instead of its own, which is for whoever looks after the folder. */
static int conceal(const struct intake_options *opt, const char *text, struct unrack_error *err)
{
	struct unrack_error was = *err;

	if (!opt->receive_only)
		return err->code;
	log_debug(opt->log, "%s: %s", opt->folder, was.text);
	error_set(err, was.code, "%s %s", opt->folder, text);
	err->sys_errno = was.sys_errno;
	return was.code;
}

/* --- The folder ------------------------------------------------------------------------- */

/* Without a manifest a folder may only have what an interrupted beginning leaves. */
static int check_strange(const struct intake_options *opt, struct unrack_error *err)
{
	DIR *dir CLEANUP_CLOSEDIR = io_opendir(opt->io, opt->folder, err);
	struct dirent *e;

	if (!dir)
		return err->sys_errno == ENOENT ? 0 : err->code;
	while ((errno = 0, e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, "unrack") != 0) {
			error_set(err, UNRACK_UNSAFE,
				  "%s has files that unrack did not write, such as %s; choose another folder",
				  opt->folder, e->d_name);
			return conceal(opt, "has files that unrack did not write; choose another folder", err);
		}
	return errno ? error_errno(err, errno, "can't read the folder %s", opt->folder) : 0;
}

static int open_machine(struct intake *in, struct unrack_error *err)
{
	int r = machine_open(in->opt.io, in->opt.folder, &in->m, err);

	if (r == 0 || err->sys_errno != ENOENT)
		return r < 0 ? conceal(&in->opt, "can't be continued: its manifest can't be used; choose another "
					       "folder, or have somebody look at it there", err) : 0;
	r = check_strange(&in->opt, err);
	return r < 0 ? r : machine_new(in->opt.io, in->opt.folder, &in->m, err);
}

/* --- Which disk ------------------------------------------------------------------------- */

static int match_session(struct intake *in, struct unrack_error *err)
{
	const struct identity *offers[MACHINE_DISKS_MAX];
	const char *names[MACHINE_DISKS_MAX];
	char index[MACHINE_DISKS_MAX][32];
	int numbers[MACHINE_DISKS_MAX];
	unsigned n = in->opt.n_session;
	struct match match = { .m = in->m, .offers = offers, .n = n, .names = names, .numbers = numbers,
			       .same_disk = in->opt.same_disk };
	int r = 0;

	if (n > MACHINE_DISKS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "a virtual machine has at most %u disks, not %u",
				 MACHINE_DISKS_MAX, n);
	for (unsigned i = 0; i < n && r == 0; i++) {
		snprintf(index[i], sizeof index[i], "source %u", i);
		names[i] = in->opt.names ? in->opt.names[i] : index[i];
		numbers[i] = in->opt.numbers && i < in->opt.n_numbers ? in->opt.numbers[i] : INTAKE_ANY;
		offers[i] = &in->opt.session[i];
		r = origin_check_offer(&in->opt, offers[i], err);
	}
	return r < 0 ? r : match_disks(&match, in->plan, err);
}

static int match_offer(struct intake *in, const struct receiver_offer *offer,
		       struct match_result *out, struct unrack_error *err)
{
	const struct identity *id = &offer->id;
	char index[32];
	const char *name = index;
	bool taken[MACHINE_DISKS_MAX];
	struct match match = { .m = in->m, .offers = &id, .n = 1, .names = &name, .taken = taken,
			       .same_disk = in->opt.same_disk };
	int r = origin_check_offer(&in->opt, id, err);

	if (r < 0)
		return r;
	/* The plan was made for exactly these. */
	if (in->opt.session) {
		if (offer->disks != in->opt.n_session || offer->disk >= in->opt.n_session ||
		    identity_is_partial(&in->opt.session[offer->disk]) != identity_is_partial(id) ||
		    identity_compare(&in->opt.session[offer->disk], id, NULL, 0) != IDENTITY_SAME)
			return error_set(err, UNRACK_DAMAGED, "source %u is not one of those that were announced",
					 offer->disk);
		*out = in->plan[offer->disk];
		return 0;
	}
	snprintf(index, sizeof index, "source %u", offer->disk);
	for (unsigned n = 0; n < MACHINE_DISKS_MAX; n++)
		taken[n] = in->placed[n].taken;
	if (in->opt.numbers && offer->disk < in->opt.n_numbers)
		match.numbers = &in->opt.numbers[offer->disk];
	return match_disks(&match, out, err);
}

/* Either of the two, by what is known. */
static int which_disk(struct intake *in, const struct receiver_offer *offer, struct match_result *out,
		     struct unrack_error *err)
{
	int r = offer ? match_offer(in, offer, out, err) : match_session(in, err);

	return r == UNRACK_UNSAFE ? conceal(&in->opt, "holds another machine, or disks that can't be told apart; "
					    "choose another folder, or say which disk is which with --disk "
					    "N=SOURCE", err) : r;
}

/* --- What may be done to it ------------------------------------------------------------- */

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

/* May disks be written in this state? */
static bool writable_state(enum machine_state s)
{
	return s == MACHINE_COPYING || s == MACHINE_COPIED;
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
	static const enum machine_file files[] = { MACHINE_JOURNAL, MACHINE_IMAGE, MACHINE_DIGESTS };
	struct machine_disk d = *machine_find_disk(in->m, n);
	int r = remove_fix(in, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
		r = unlink_file(in, files[i], n, err);
	d.restart = false;
	if (r == 0)
		r = machine_put_disk(in->m, &d, err);
	return r < 0 ? r : machine_save(in->m, err);
}

/* Begins the copy of disk N again, of all disks if they were fixed: what is left of a fix
 * would be a mixture. The manifest says so first, so that the next run completes a removal
 * that was interrupted. */
static int restart(struct intake *in, int n, struct unrack_error *err)
{
	bool all = !writable_state(machine_get_state(in->m));
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

/* A disk that is complete: nothing will be written, if nobody else has written. */
static int check_complete(struct intake *in, int n, struct unrack_error *err)
{
	enum machine_state state = machine_get_state(in->m);
	/* While other disks are still being copied the time stamp will do: reading it all
	 * each time such a copy is continued would take as long as copying. */
	enum machine_check how = state == MACHINE_COPYING ? MACHINE_CHECK_QUICK : MACHINE_CHECK_FULL;
	struct unrack_error was;
	int r = machine_image_unchanged(in->m, n, how, in->opt.log, err);

	if (r != UNRACK_UNSAFE)
		return r;
	if (state == MACHINE_FIXING || state == MACHINE_UNDOING)
		return gone_on(in, err);
	was = *err;
	if (in->opt.receive_only)
		return conceal(&in->opt, "was used by something else since; choose another folder", err);
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

	if (!writable_state(machine_get_state(in->m)))
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
	return conceal(&in->opt, "can't be continued like this; choose another folder", err);
}

/* What is known of disk N, which the folder has: whether it may be written, and whether it
 * has to begin again. *left: bytes that are not durable yet. */
static int check_known(struct intake *in, const struct match_result *match,
		       const struct receiver_offer *offer, uint64_t *left, bool *compared,
		       struct unrack_error *err)
{
	const struct machine_disk d = *machine_find_disk(in->m, match->number);
	CLEANUP_FREE char *journal = machine_path(in->m, MACHINE_JOURNAL, d.n);
	struct journal_point point = { .next_grain = 0 };
	int r = journal ? journal_read(in->opt.io, journal, NULL, &point, err) : error_nomem(err);

	if (r < 0 && err->sys_errno != ENOENT)
		return r;
	r = check_format(in, &d, err);
	if (r < 0)
		return r;
	if (point.complete && !d.restart)
		r = check_complete(in, d.n, err);
	else if (!writable_state(machine_get_state(in->m)))
		r = gone_on(in, err);
	else if (!in->opt.discard_changes && (r = machine_check_traces(in->m, err)) == UNRACK_UNSAFE)
		r = conceal(&in->opt, "was used by something else since; choose another folder", err);
	if (r == 0 && match->changed)
		r = accept_change(in, d.n, &offer->id, err);
	if (r == 0)
		r = origin_settle(&in->opt, in->m, d.n, offer, &point, compared, err);
	if (r == UNRACK_UNSAFE && *compared)
		r = conceal(&in->opt, "holds a copy that came as a stream, and is not continued like this; choose another "
			    "folder", err);
	if (r == 0 && machine_find_disk(in->m, d.n)->restart) {
		point.next_grain = 0;
		point.complete = false;
		r = remove_files(in, d.n, err);
	}
	*left = point.complete ? 0 : offer->id.bytes - min_u64(point.next_grain * GRAIN_SIZE, offer->id.bytes);
	return r;
}

static int add_disk(struct intake *in, int n, const struct receiver_offer *offer,
		    struct unrack_error *err)
{
	struct machine_disk d = { .n = n, .id = offer->id, .stream = in->opt.stream };
	int r;

	if (!writable_state(machine_get_state(in->m)))
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

static int disk_is_complete(const struct intake *in, int n, bool *complete, struct unrack_error *err)
{
	CLEANUP_FREE char *journal = machine_path(in->m, MACHINE_JOURNAL, n);
	struct journal_point point = { .complete = false };
	int r = journal ? journal_read(in->opt.io, journal, NULL, &point, err) : error_nomem(err);

	*complete = r == 0 && point.complete && !machine_find_disk(in->m, n)->restart;
	return r < 0 && err->sys_errno == ENOENT ? 0 : r;
}

/* --- The receiver's questions ----------------------------------------------------------- */

static int fill_place(struct intake *in, int n, bool compared, struct receiver_place *place,
		      struct unrack_error *err)
{
	struct placed *p = &in->placed[n];

	p->image = machine_path(in->m, MACHINE_IMAGE, n);
	p->descriptor = machine_path(in->m, MACHINE_DESCRIPTOR, n);
	p->journal = machine_path(in->m, MACHINE_JOURNAL, n);
	p->digests = machine_path(in->m, MACHINE_DIGESTS, n);
	if (!p->image || !p->descriptor || !p->journal || !p->digests)
		return error_nomem(err);
	*place = (struct receiver_place){
		.number = n,
		.format = machine_find_disk(in->m, n)->format,
		.image = p->image,
		.descriptor = p->descriptor,
		.extent = strrchr(p->image, '/') + 1,
		.journal = p->journal,
		.digests = p->digests,
		.finished = in->sealed,
		.compared = compared,
	};
	return 0;
}

/* A disk for a machine that is complete, and stays as it is. */
static int check_sealed(struct intake *in, const struct match_result *match, struct unrack_error *err)
{
	bool complete = false;
	int r = match->new ? 0 : disk_is_complete(in, match->number, &complete, err);

	if (r == 0 && (!complete || machine_disk_is_vague(machine_find_disk(in->m, match->number))))
		return error_set(err, UNRACK_UNSAFE,
				 "%s is complete, and nothing more is copied into it; choose another folder",
				 in->opt.folder);
	return r;
}

static int place_disk(struct intake *in, const struct match_result *match, const struct receiver_offer *offer,
		      bool *compared, struct unrack_error *err)
{
	uint64_t left = offer->id.bytes;
	int r = match->new ? add_disk(in, match->number, offer, err)
			   : check_known(in, match, offer, &left, compared, err);

	if (r == 0 && left > 0)
		r = machine_check_space(in->opt.io, in->opt.folder, 0, left, in->opt.log, err);
	if (r == 0 && left > 0 && !in->started) {
		in->started = true;
		r = machine_step(in->m, "copy", "running", err);
	}
	return r;
}

static int on_place(void *ctx, const struct receiver_offer *offer, struct receiver_place *place,
		    struct unrack_error *err)
{
	struct intake *in = ctx;
	struct match_result match = { .number = 0 };
	bool compared = false;
	int r = in->sealed ? 0 : lock_check(in->lock, err);

	if (r == 0)
		r = which_disk(in, offer, &match, err);
	if (r == 0 && in->placed[match.number].taken)
		r = error_set(err, UNRACK_USAGE, "two sources are disk %d of %s", match.number,
			      in->opt.folder);
	if (r == 0)
		r = in->sealed ? check_sealed(in, &match, err) : place_disk(in, &match, offer, &compared, err);
	if (r < 0)
		return r;
	in->placed[match.number].taken = true;
	return fill_place(in, match.number, compared, place, err);
}

static int on_check_owner(void *ctx, struct unrack_error *err)
{
	struct intake *in = ctx;

	return in->sealed ? 0 : lock_check(in->lock, err);
}

static int on_disk_done(void *ctx, const struct receiver_place *place,
			const struct journal_point *point, struct unrack_error *err)
{
	struct intake *in = ctx;
	int r = machine_stamp_image(in->m, place->number, err);

	(void)point;
	return r < 0 ? r : machine_save(in->m, err);
}

static int on_all_done(void *ctx, struct unrack_error *err)
{
	struct intake *in = ctx;
	bool all = true;
	int r = on_check_owner(in, err);

	for (size_t i = 0; r == 0 && i < machine_disks(in->m); i++) {
		int n = machine_disk(in->m, i)->n;
		bool complete = false;

		r = disk_is_complete(in, n, &complete, err);
		if (r == 0 && !complete)
			log_info(in->opt.log, "disk %d of %s is still to be copied", n, in->opt.folder);
		all = all && complete;
	}
	if (r < 0)
		return r;
	in->complete = all;
	if (all && machine_get_state(in->m) == MACHINE_COPYING) {
		r = machine_set_state(in->m, MACHINE_COPIED, err);
		in->started = true; /* perhaps by a session that ended just before this */
	}
	if (r == 0 && in->started)
		r = machine_step(in->m, "copy", all ? "done" : "incomplete", err);
	if (r == 0)
		in->started = false;
	return r;
}

/* --- Life ------------------------------------------------------------------------------- */

static char *below(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static int check_rights(const struct intake_options *opt, struct unrack_error *err)
{
	if (!opt->receive_only)
		return 0;
	if (opt->same_disk || opt->discard_changes)
		return error_set(err, UNRACK_UNSAFE,
				 "--%s is not for senders here; ask whoever looks after the folder %s",
				 opt->same_disk ? "same-disk" : "discard-changes", opt->folder);
	return gate_check_folder(opt->io, opt->folder, err);
}

/* A complete machine, for a sender who may not change one. Decided without the lock: that would
 * be a change, and could be held for as long as such a sender wants. */
static int look_for_sealed(struct intake *in, struct unrack_error *err)
{
	int r = machine_open(in->opt.io, in->opt.folder, &in->m, err);

	if (r < 0) /* no machine there, or said again by whoever opens it */
		return 0;
	in->sealed = machine_get_state(in->m) != MACHINE_COPYING;
	if (!in->sealed) {
		machine_free(in->m);
		in->m = NULL;
	}
	return 0;
}

static int take_lock(struct intake *in, const char *dir, struct unrack_error *err)
{
	const struct intake_options *opt = &in->opt;
	struct lock_options lock = { .stale_ms = opt->stale_ms, .wait_ms = opt->wait_ms, .io = opt->io,
				     .log = opt->receive_only ? &in->quiet : opt->log };
	int r = lock_take(dir, &lock, &in->lock, err);

	/* Else it is about the folder, not about its owner. */
	if (r == UNRACK_UNSAFE && (err->sys_errno == 0 || err->sys_errno == EBUSY))
		r = conceal(opt, "is in use by another session; wait until it ends, and run the same command again",
			    err);
	return r;
}

static int take_folder(struct intake *in, struct unrack_error *err)
{
	const struct intake_options *opt = &in->opt;
	CLEANUP_FREE char *dir = below(opt->folder, "unrack");
	CLEANUP_FREE char *manifest = below(opt->folder, "unrack/manifest.json");
	struct stat st;
	int r;

	if (!dir || !manifest)
		return error_nomem(err);
	/* First, so that nothing is made in a folder that is somebody else's. */
	r = io_stat(opt->io, manifest, &st, err);
	if (r < 0 && err->sys_errno == ENOENT)
		r = check_strange(opt, err);
	if (r == 0)
		r = machine_make_folder(opt->io, opt->folder, err);
	if (r == 0)
		r = take_lock(in, dir, err);
	if (r == 0)
		r = open_machine(in, err);
	if (r == 0 && opt->receive_only && machine_get_state(in->m) != MACHINE_COPYING) {
		in->sealed = true; /* by the one for whom we waited */
		lock_release(in->lock);
		in->lock = NULL;
	}
	return r;
}

int intake_open(const struct intake_options *opt, struct intake **out, struct unrack_error *err)
{
	struct intake *in = calloc(1, sizeof *in);
	int r;

	if (!in)
		return error_nomem(err);
	in->opt = *opt;
	in->quiet.stop = opt->log ? opt->log->stop : NULL;
	in->host = (struct receiver_host){ .place = on_place, .check_owner = on_check_owner,
					   .disk_done = on_disk_done, .all_done = on_all_done, .ctx = in };
	r = check_rights(opt, err);
	if (r == 0 && opt->receive_only)
		r = look_for_sealed(in, err);
	if (r == 0 && !in->sealed)
		r = take_folder(in, err);
	if (r == 0 && opt->session)
		r = which_disk(in, NULL, NULL, err);
	if (r < 0) {
		intake_close(in, r);
		return r;
	}
	*out = in;
	return 0;
}

const struct receiver_host *intake_host(struct intake *in)
{
	return &in->host;
}

struct machine *intake_machine(struct intake *in)
{
	return in->m;
}

bool intake_complete(const struct intake *in)
{
	return in->complete;
}

void intake_close(struct intake *in, int result)
{
	struct unrack_error dropped;

	if (!in)
		return;
	/* For people only: what is durable does not depend on it. Not if the lock was lost: the
	 * manifest is another's then. */
	if (in->started && lock_check(in->lock, &dropped) == 0)
		machine_step(in->m, "copy", result < 0 && result != UNRACK_INTERRUPTED ? "failed" : "interrupted",
			     &dropped);
	lock_release(in->lock);
	machine_free(in->m);
	for (size_t n = 0; n < MACHINE_DISKS_MAX; n++) {
		free(in->placed[n].image);
		free(in->placed[n].descriptor);
		free(in->placed[n].journal);
		free(in->placed[n].digests);
	}
	free(in);
}
