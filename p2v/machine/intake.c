/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "intake_parts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "gate.h"

int intake_conceal(const struct intake_options *opt, const char *text, struct unrack_error *err)
{
	struct unrack_error was = *err;

	if (!opt->receive_only)
		return err->code;
	log_debug(opt->log, "%s: %s", opt->folder, was.text);
	error_set(err, was.code, "%s %s", opt->folder, text);
	err->sys_errno = was.sys_errno;
	return was.code;
}

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
			return intake_conceal(opt, "has files that unrack did not write; choose another folder", err);
		}
	return errno ? error_errno(err, errno, "can't read the folder %s", opt->folder) : 0;
}

static int open_machine(struct intake *in, struct unrack_error *err)
{
	int r = machine_open(in->opt.io, in->opt.folder, &in->m, err);

	if (r == 0 || err->sys_errno != ENOENT)
		return r < 0 ? intake_conceal(&in->opt, "can't be continued: its manifest can't be used; choose another "
					       "folder, or have somebody look at it there", err) : 0;
	r = check_strange(&in->opt, err);
	return r < 0 ? r : machine_new(in->opt.io, in->opt.folder, &in->m, err);
}

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

/* A copy of a source in use is not complete before its last pass. */
static bool is_sealed(const struct machine *m)
{
	return machine_get_state(m) != MACHINE_COPYING && machine_get_state(m) != MACHINE_LIVE;
}

/* A complete machine, for a sender who may not change one. Decided without the lock: that would
 * be a change, and could be held for as long as such a sender wants. */
static int look_for_sealed(struct intake *in, struct unrack_error *err)
{
	int r = machine_open(in->opt.io, in->opt.folder, &in->m, err);

	if (r < 0) /* no machine there, or said again by whoever opens it */
		return 0;
	in->sealed = is_sealed(in->m);
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
		r = intake_conceal(opt, "is in use by another session; wait until it ends, and run the same command again",
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
	if (r < 0 && err->sys_errno == ENOTDIR)
		return error_set(err, UNRACK_USAGE, "%s can't be a machine folder, since there is a file of that name or "
				 "above it; name a folder, which is made if it is not there", opt->folder);
	if (r < 0 && err->sys_errno == ENOENT)
		r = check_strange(opt, err);
	if (r == 0)
		r = machine_make_folder(opt->io, opt->folder, err);
	if (r == 0)
		r = take_lock(in, dir, err);
	if (r == 0)
		r = open_machine(in, err);
	if (r == 0 && opt->receive_only && is_sealed(in->m)) {
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
	intake_host_init(in);
	r = check_rights(opt, err);
	if (r == 0 && opt->receive_only)
		r = look_for_sealed(in, err);
	if (r == 0 && !in->sealed)
		r = take_folder(in, err);
	if (r == 0 && opt->session)
		r = intake_match_session(in, err);
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
		free(in->placed[n].map);
		free(in->placed[n].bad);
		lost_free(&in->placed[n].lost);
	}
	free(in);
}
