/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new image takes its place: what must hold before that, and how it does. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "initrd_store.h"
#include "unrack/plan.h"

#define LABEL "security.selinux"
#define LABEL_MAX 4096
#define PIECE (1u << 20)

/* --- Before ------------------------------------------------------------------------------ */

/* What a file of N bytes takes at most: whole blocks, and for each KiB a number of a block. */
static uint64_t room_for(uint64_t n)
{
	return round_up(n, 4096) + n / 256 + 4096;
}

static int check_room(const struct initrd_store *s, uint64_t need, struct unrack_error *err)
{
	const char *slash = strrchr(s->path, '/');
	char *folder CLEANUP_FREE = !slash ? strdup(".") : slash == s->path ? strdup("/") :
				    strndup(s->path, (size_t)(slash - s->path));
	uint64_t room;
	int r;

	if (!folder)
		return error_nomem(err);
	r = io_room(s->io, folder, &room, err);
	if (r < 0 && err->sys_errno == ENOENT)
		return error_set(err, UNRACK_USAGE, "there is no folder %s; make it, or name another place with -o", folder);
	if (r < 0 || room >= need)
		return r;
	return error_set(err, UNRACK_NOSPACE, "%s has %llu KiB free, and %llu KiB are needed beside what is there; free some "
			 "space, or name another place with -o", folder, (unsigned long long)room / 1024,
			 (unsigned long long)div_round_up(need, 1024));
}

/* *THERE: whatever has the name, be it a link that leads nowhere. */
static int look_for(const struct io *io, const char *path, bool *there, struct unrack_error *err)
{
	int fd = -1, r = io_open(io, path, O_PATH | O_NOFOLLOW, 0, &fd, err);

	*there = r == 0;
	if (r < 0)
		return err->sys_errno == ENOENT ? 0 : r;
	return io_close(io, &fd, path, err);
}

static uint64_t size_of(const struct initrd_store *s)
{
	return s->data ? s->data->len : (uint64_t)s->from->st.st_size;
}

/* Whether OLD is what would be written. What can't be read is not. */
static bool is_same(const struct initrd_store *s, const struct initrd_input *old)
{
	uint8_t *piece CLEANUP_FREE = malloc(2 * PIECE);
	uint64_t size = size_of(s), at = 0;
	struct unrack_error dropped;

	if (!piece || (uint64_t)old->st.st_size != size)
		return false;
	for (size_t n; at < size; at += n) {
		const uint8_t *new = s->data ? s->data->data + at : piece + PIECE;

		n = (size_t)min_u64(size - at, PIECE);
		if (io_pread_all(s->io, old->fd, old->name, piece, n, at, &dropped) < 0 ||
		    (!s->data && io_pread_all(s->io, s->from->fd, s->from->name, piece + PIECE, n, at, &dropped) < 0) ||
		    memcmp(piece, new, n) != 0)
			return false;
	}
	return true;
}

static int check_in_place(struct initrd_store *s, struct unrack_error *err)
{
	const char *name = s->from->name, *path = s->from->path;
	size_t n = path ? strlen(path) : 0;

	if (!path)
		return error_set(err, UNRACK_USAGE, "%s is no regular file; say with -o where the new image goes", name);
	if (n > strlen(PLAN_PHYS) && !strcmp(path + n - strlen(PLAN_PHYS), PLAN_PHYS))
		return error_set(err, UNRACK_UNSAFE, "%s is what an earlier change kept, and stays as it is; say with -o where "
				 "the new image goes", name);
	s->same = s->data && is_same(s, s->from);
	s->path = strdup(path);
	s->phys = plan_phys_name(path);
	return s->path && s->phys ? look_for(s->io, s->phys, &s->phys_there, err) : error_nomem(err);
}

/* What has the name of the output already is fine when it is what would be written. */
static int check_output(struct initrd_store *s, struct unrack_error *err)
{
	struct initrd_input old = { .fd = -1 };
	bool there = false;
	struct stat st;
	int r;

	s->path = strdup(s->output);
	if (!s->path)
		return error_nomem(err);
	if (io_stat(s->io, s->output, &st, err) < 0) {
		r = err->sys_errno == ENOENT ? look_for(s->io, s->output, &there, err) : err->code;
		return r < 0 || !there ? r : error_set(err, UNRACK_UNSAFE, "%s is a symbolic link that leads nowhere; remove it, or "
						       "name another file with -o", s->output);
	}
	if (!S_ISREG(st.st_mode))
		return error_set(err, UNRACK_USAGE, "%s is no regular file; name one with -o", s->output);
	r = initrd_input_take(s->output, false, &old, err);
	s->same = r == 0 && is_same(s, &old);
	initrd_input_close(&old);
	if (r < 0 || s->same)
		return r;
	return error_set(err, UNRACK_UNSAFE, "%s is in the way, and is not what would be written; remove it, or name another "
			 "file with -o", s->output);
}

int initrd_store_check(struct initrd_store *s, struct unrack_error *err)
{
	int r;

	if (s->max && size_of(s) > s->max)
		return error_set(err, UNRACK_NOSPACE, "%s: the new image would have %llu bytes, and --max-size allows %llu",
				 s->from->name, (unsigned long long)size_of(s), (unsigned long long)s->max);
	r = s->output ? check_output(s, err) : check_in_place(s, err);
	return r < 0 || s->same ? r : check_room(s, room_for(size_of(s)), err);
}

/* --- Writing ----------------------------------------------------------------------------- */

/* Owner, mode and label of the file that FD takes the place of. */
static void dress(const struct initrd_store *s, int fd)
{
	const struct stat *st = &s->from->st;
	char label[LABEL_MAX];
	ssize_t n;

	if (fchown(fd, st->st_uid, st->st_gid) < 0)
		log_warn(s->log, "%s gets another owner: only root can give it to %u:%u", s->path, st->st_uid, st->st_gid);
	n = fgetxattr(s->from->fd, LABEL, label, sizeof label);
	if (n > 0 && fsetxattr(fd, LABEL, label, (size_t)n, 0) < 0)
		log_warn(s->log, "%s loses its SELinux label (%s); run restorecon on it", s->path, strerror(errno));
}

/* DATA NULL: FROM's own bytes. */
static int write_data(const struct initrd_store *s, int fd, const char *tmp, const struct buf *data, struct unrack_error *err)
{
	uint8_t *piece CLEANUP_FREE = NULL;
	uint64_t size = (uint64_t)s->from->st.st_size, at = 0;
	int r = 0;

	if (data)
		return io_pwrite_all(s->io, fd, tmp, data->data, data->len, 0, err);
	piece = malloc(PIECE);
	if (!piece)
		return error_nomem(err);
	for (size_t n; r == 0 && at < size; at += n) {
		n = (size_t)min_u64(size - at, PIECE);
		r = io_pread_all(s->io, s->from->fd, s->from->name, piece, n, at, err);
		if (r == 0)
			r = io_pwrite_all(s->io, fd, tmp, piece, n, at, err);
	}
	return r;
}

static int in_use(const char *tmp, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSAFE, "another unrack is writing %s; wait until it has ended", tmp);
}

static bool is_at(int fd, const char *path)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && lstat(path, &there) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

/* The new file is this run's as long as *HELD is open. Each run locks the file that it makes, and removes none that
 * is locked; so what was left behind goes, and what another run is writing stays. Where locks can't be had, none is seen. */
static int claim(const struct initrd_store *s, const char *tmp, int *fd, int *held, struct unrack_error *err)
{
	int left CLEANUP_CLOSE = open(tmp, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

	if (left >= 0 && ((flock(left, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) || !is_at(left, tmp)))
		return in_use(tmp, err);
	r = io_unlink(s->io, tmp, err);
	if (r == 0)
		r = io_open(s->io, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, fd, err);
	if (r < 0)
		return err->sys_errno == EEXIST ? in_use(tmp, err) : r;
	*held = fcntl(*fd, F_DUPFD_CLOEXEC, 0);
	if (*held < 0 || (flock(*held, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) || !is_at(*held, tmp)) {
		struct unrack_error dropped;

		r = *held < 0 ? error_errno(err, errno, "can't hold %s", tmp) : in_use(tmp, err);
		io_close(s->io, fd, tmp, &dropped);
	}
	return r;
}

/* On error nothing is left at TMP but what belongs to others. */
static int write_new(const struct initrd_store *s, const char *tmp, const struct buf *data, int *held,
		     struct unrack_error *err)
{
	mode_t mode = s->from->path ? s->from->st.st_mode & 07777 : 0600;
	struct unrack_error dropped;
	int fd = -1, r = claim(s, tmp, &fd, held, err);

	if (r < 0)
		return r;
	r = write_data(s, fd, tmp, data, err);
	if (r == 0 && s->phys)
		dress(s, fd);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = error_errno(err, errno, "can't set the mode of %s", tmp);
	if (r == 0)
		r = io_fdatasync(s->io, fd, tmp, err);
	if (r < 0)
		io_close(s->io, &fd, tmp, &dropped);
	else
		r = io_close(s->io, &fd, tmp, err);
	if (r < 0)
		io_unlink(s->io, tmp, &dropped);
	return r;
}

/* A file system without hard links: the old one is written once more, under its other name. */
static int copy_old(const struct initrd_store *s, const char *tmp, struct unrack_error *err)
{
	int held CLEANUP_CLOSE = -1, r = check_room(s, room_for((uint64_t)s->from->st.st_size), err);
	struct unrack_error dropped;

	if (r == 0)
		r = write_new(s, tmp, NULL, &held, err);
	if (r < 0)
		return r;
	r = io_rename(s->io, tmp, s->phys, err);
	if (r < 0)
		io_unlink(s->io, tmp, &dropped);
	return r;
}

/* The old file gets its other name, and keeps this one until the new file takes it. */
static int keep_old(const struct initrd_store *s, struct unrack_error *err)
{
	char *tmp CLEANUP_FREE = NULL;
	struct stat now;
	int r = io_stat(s->io, s->path, &now, err), e;

	if (r < 0)
		return r;
	if (now.st_dev != s->from->st.st_dev || now.st_ino != s->from->st.st_ino || now.st_size != s->from->st.st_size ||
	    now.st_mtim.tv_sec != s->from->st.st_mtim.tv_sec || now.st_mtim.tv_nsec != s->from->st.st_mtim.tv_nsec)
		return error_set(err, UNRACK_UNSAFE, "%s has changed since it was read; run the same command again", s->path);
	if (s->phys_there)
		return 0;
	e = s->io->ops->link(s->io->ctx, s->path, s->phys);
	if (e == 0)
		return io_fsync_parent(s->io, s->phys, err);
	if (e != -EPERM && e != -EOPNOTSUPP && e != -ENOSYS && e != -EMLINK)
		return error_errno(err, -e, "can't keep %s as %s", s->path, s->phys);
	if (asprintf(&tmp, "%s.unrack-new", s->phys) < 0) {
		tmp = NULL;
		return error_nomem(err);
	}
	return copy_old(s, tmp, err);
}

int initrd_store_write(const struct initrd_store *s, struct unrack_error *err)
{
	char *tmp CLEANUP_FREE = NULL;
	int held CLEANUP_CLOSE = -1, r;
	struct unrack_error dropped;

	if (asprintf(&tmp, "%s.unrack-new", s->path) < 0) {
		tmp = NULL;
		return error_nomem(err);
	}
	r = write_new(s, tmp, s->data, &held, err);
	if (r < 0)
		return r;
	if (log_stop_asked(s->log))
		r = error_set(err, UNRACK_INTERRUPTED, "interrupted; %s is as it was", s->path);
	if (r == 0 && s->phys)
		r = keep_old(s, err);
	if (r == 0)
		r = io_rename(s->io, tmp, s->path, err);
	if (r < 0)
		io_unlink(s->io, tmp, &dropped);
	return r;
}

void initrd_store_free(struct initrd_store *s)
{
	free(s->path);
	free(s->phys);
	s->path = s->phys = NULL;
}
