/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk's files: found or made, brought to the resume point, declared complete.
 *
 * The journal is made first. So an image without a journal is not ours, and is never
 * written; a journal without records is the beginning of a copy, whatever else is there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/size.h"
#include "receiver_parts.h"
#include "thread.h"
#include "unrack/vmdk.h"

int receiver_disk_explain(const struct receiver_disk *d, uint64_t position,
			  struct unrack_error *err)
{
	struct unrack_error was = *err, dropped;
	struct rlimit limit;
	uint64_t left, room;

	if (err->code != UNRACK_NOSPACE)
		return err->code;
	left = receiver_map_left(d, position);
	if (err->sys_errno == EFBIG && getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		error_set(err, UNRACK_NOSPACE,
			  "%.700s; this process may make files of up to %" PRIu64 " bytes: raise that limit (ulimit -f) "
			  "and run the same command again, it continues where it stopped", was.text,
			  (uint64_t)limit.rlim_cur);
	else if (err->sys_errno == EFBIG)
		error_set(err, UNRACK_NOSPACE,
			  "%.700s; no file there can hold the disk's %" PRIu64 " bytes: use another "
			  "filesystem", was.text, round_up(d->id.bytes, SECTOR_SIZE));
	else if (io_room(d->session->opt.io, d->place.image, &room, &dropped) < 0 || room >= left)
		error_set(err, UNRACK_NOSPACE,
			  "%.700s; free some space and run the same command again, it continues "
			  "where it stopped", was.text);
	else
		error_set(err, UNRACK_NOSPACE,
			  "%.700s; up to %" PRIu64 " MiB are missing: free some space and run the same "
			  "command again, it continues where it stopped", was.text,
			  div_round_up(left - room, 1 << 20));
	err->sys_errno = was.sys_errno;
	return err->code;
}

static int create_journal(struct receiver_disk *d, struct unrack_error *err)
{
	const struct io *io = d->session->opt.io;
	struct journal_info info = { .format = d->place.format, .id = d->id };
	int fd = -1, r;

	r = io_open(io, d->place.image, O_RDONLY, 0, &fd, err);
	if (r == 0) {
		io->ops->close(io->ctx, fd);
		return error_set(err, UNRACK_UNSAFE,
				 "%s exists, but no journal (%s) says that unrack wrote it; move it "
				 "away, or copy into another folder", d->place.image, d->place.journal);
	}
	if (err->sys_errno != ENOENT)
		return r;
	r = digest_random_seed(info.seed, err);
	return r < 0 ? r : journal_create(io, d->place.journal, &info, &d->journal, err);
}

/* Whether the journal, whose last record is POINT, is of this disk. */
static int check_info(const struct receiver_disk *d, const struct journal_info *info,
		      const struct journal_point *point, struct unrack_error *err)
{
	char why[256];

	if (info->format != d->place.format)
		return error_set(err, UNRACK_UNSAFE, "%s is of a copy in another format",
				 d->place.journal);
	if (identity_compare(&info->id, &d->id, why, sizeof why) == IDENTITY_DIFFERENT)
		return error_set(err, UNRACK_UNSAFE,
				 "disk %d of the folder is another disk than the one offered for it "
				 "(%s); copy into another folder", d->place.number, why);
	if (identity_is_partial(&info->id) != identity_is_partial(&d->id) && !d->place.compared &&
	    (point->complete || point->next_grain > 0))
		return error_set(err, UNRACK_UNSAFE,
				 "disk %d of the folder may be another disk than the one offered for it: it is "
				 "known by the head of a stream only; copy into another folder", d->place.number);
	return 0;
}

static int open_journal(struct receiver_disk *d, struct unrack_error *err)
{
	const struct journal_info *info;
	int r = journal_open(d->session->opt.io, d->place.journal, &d->journal, err);

	if (r == UNRACK_IO && err->sys_errno == ENOENT)
		r = create_journal(d, err);
	if (r < 0)
		return r;
	info = journal_get_info(d->journal);
	r = check_info(d, info, journal_last(d->journal), err);
	if (r < 0)
		return r;
	memcpy(d->seed, info->seed, sizeof d->seed);
	digest_key_init(&d->key, info->seed);
	d->start = *journal_last(d->journal);
	if (d->start.pass == 0)
		d->start.pass = 1;
	return 0;
}

/* The same without changing a bit. */
static int read_finished(struct receiver_disk *d, struct unrack_error *err)
{
	struct journal_info info;
	int r = journal_read(d->session->opt.io, d->place.journal, &info, &d->start, err);

	if (r < 0)
		return r;
	r = check_info(d, &info, &d->start, err);
	if (r == 0 && !d->start.complete)
		r = error_set(err, UNRACK_UNSAFE, "the copy of disk %d is not complete, and must not be changed",
			      d->place.number);
	journal_info_free(&info);
	return r;
}

static struct image_place image_place(const struct receiver_disk *d)
{
	return (struct image_place){
		.io = d->session->opt.io,
		.format = d->place.format,
		.path = d->place.image,
		.descriptor = d->place.descriptor,
		.extent = d->place.extent,
		.journal = d->place.journal,
		.disk_bytes = d->id.bytes,
	};
}

static int begin_files(struct receiver_disk *d, struct unrack_error *err)
{
	struct image_place p = image_place(d);
	int r = image_create(&p, &d->image, err);

	return r < 0 ? r : digest_table_create(p.io, d->place.digests, d->id.bytes, &d->table, err);
}

/* Nothing of a stream can be changed later: it is written anew. */
static int begin_again(struct receiver_disk *d, struct unrack_error *err)
{
	int r = receiver_check_owner(d->session, err);

	d->start = (struct journal_point){ .pass = 1 };
	if (r == 0)
		r = journal_append(d->journal, &d->start, err);
	return r < 0 ? r : begin_files(d, err);
}

/* *COMPARE: what is there has to be compared with the source. */
static int continue_files(struct receiver_disk *d, bool *compare, struct unrack_error *err)
{
	struct image_place p = image_place(d);
	uint64_t next = d->start.next_grain;
	bool lost;
	int r = receiver_digests_open(d, next, &lost, err);

	if (r == 0 && lost && d->place.format == DISK_STREAM)
		return begin_again(d, err);
	if (r == 0)
		r = image_resume(&p, &d->start, false, &d->image, err);
	if (r == 0 && lost)
		r = receiver_digests_remake(d, next, err);
	*compare |= lost;
	return r < 0 ? r : digest_table_truncate(d->table, next, err);
}

static int check_complete(const struct receiver_disk *d, struct unrack_error *err)
{
	struct image_place p = image_place(d);

	return image_check(&p, !d->place.finished, err);
}

/* An image with data everywhere, and its digests, true from the first to the last grain. *LOST: they were made
 * anew for that. */
static int reopen_files(struct receiver_disk *d, bool *lost, struct unrack_error *err)
{
	struct image_place p = image_place(d);
	uint64_t grains = grain_count(d->id.bytes);
	int r = receiver_digests_open(d, grains, lost, err);

	if (r == 0 && !*lost && d->start.complete)
		r = receiver_digests_check(d, lost, err);
	if (r == 0)
		r = image_resume(&p, &d->start, true, &d->image, err);
	return r == 0 && *lost ? receiver_digests_remake(d, grains, err) : r;
}

/* A delta pass that was interrupted. What it changed behind its last record is found out from the
 * image itself. */
static int rebuild_files(struct receiver_disk *d, bool *compare, struct unrack_error *err)
{
	uint64_t end = min_u64(d->start.next_grain + RECEIVER_TOUCHED_MAX, grain_count(d->id.bytes));
	struct block_source *image = NULL;
	bool lost;
	int r = reopen_files(d, &lost, err);

	*compare |= lost;
	if (r < 0 || lost)
		return r;
	if (r == 0)
		r = vmdk_open_source(d->session->opt.io, d->place.image, d->place.format, &image, err);
	if (r == 0)
		r = digest_table_rebuild(d->table, image, &d->key, d->start.next_grain, end,
					 d->session->opt.log, err);
	block_source_close(image);
	return r;
}

/* Another pass, from the first grain on, over what is there now. */
static void begin_pass(struct receiver_disk *d)
{
	d->start = (struct journal_point){ .pass = d->start.pass + 1 };
	d->delta = d->fresh = true;
}

static int again(struct receiver_disk *d, struct unrack_error *err)
{
	const char *why = receiver_map_changed(d);
	bool lost;
	int r;

	if (d->place.again == RECEIVER_NEVER || (d->place.again == RECEIVER_IF_CHANGED && !why))
		return check_complete(d, err);
	if (d->place.format == DISK_STREAM && !why && receiver_map_same(d))
		return check_complete(d, err);
	if (d->place.format == DISK_STREAM)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s is in the format stream and complete, and can't be changed any more; copy "
				 "into another folder", d->place.image);
	r = reopen_files(d, &lost, err);
	if (r == 0)
		begin_pass(d);
	return r;
}

/* The copy under way: from where it stood, or, if that is of no use any more, compared with the
 * source from the first grain on. */
static int go_on(struct receiver_disk *d, struct unrack_error *err)
{
	const char *why = receiver_map_changed(d);
	bool compare = why != NULL;
	int r;

	d->delta = d->start.pass > 1;
	if (d->start.next_grain == 0 && !d->delta)
		return begin_files(d, err);
	if (why && d->start.next_grain > 0)
		log_warn(d->session->opt.log, "disk %d is not continued at byte %" PRIu64 ", but compared from its "
			 "beginning on: %s", d->place.number, d->start.next_grain * GRAIN_SIZE, why);
	if (why && d->place.format == DISK_STREAM)
		return begin_again(d, err);
	r = d->delta ? rebuild_files(d, &compare, err) : continue_files(d, &compare, err);
	if (r == 0 && compare && d->start.next_grain > 0)
		begin_pass(d);
	return r;
}

/* A copy that is complete, and stays as it is: it can't be called a copy of a source that has changed since. */
static int open_finished(struct receiver_disk *d, struct unrack_error *err)
{
	const char *why = d->live ? "the source is in use" : NULL;
	int r = read_finished(d, err);

	if (r == 0)
		r = check_complete(d, err);
	if (r == 0)
		r = receiver_map_load(d, err);
	if (r == 0 && !why)
		why = receiver_map_changed(d);
	if (r == 0 && why)
		return error_set(err, UNRACK_UNSAFE, "the copy of disk %d is complete and stays as it is, but, as far as can be "
				 "told, %s%s; copy into another folder", d->place.number, why,
				 d->session->disks > 1 ? ", or other disks come with it" : "");
	return r;
}

int receiver_disk_open(struct receiver_disk *d, struct receiver *r, uint16_t index,
		       const struct message_open *m, struct unrack_error *err)
{
	struct receiver_offer offer = { .disk = index, .disks = r->disks, .machine = r->machine,
					.live = m->flags & OPEN_LIVE };
	int status;

	memset(d, 0, sizeof *d);
	d->session = r;
	d->index = index;
	d->state = m->state;
	d->live = m->flags & OPEN_LIVE;
	d->all_blocks = m->flags & OPEN_ALL_BLOCKS;
	status = identity_init(&d->id, m->bytes, m->strict, m->advisory, err);
	if (status < 0)
		return status;
	offer.id = d->id;
	status = r->host->place(r->host->ctx, &offer, &d->place, err);
	if (status < 0)
		return status;
	atomic_store(&r->owned_ms, thread_now_ms());
	if (d->place.finished)
		return open_finished(d, err);
	status = open_journal(d, err);
	if (status == 0)
		status = receiver_map_load(d, err);
	if (status == 0)
		status = d->start.complete ? again(d, err) : go_on(d, err);
	return status < 0 ? receiver_disk_explain(d, d->start.next_grain, err) : 0;
}

/* Reads the digests back as they were stored. */
static int check_whole(struct receiver_disk *d, const struct message_end *end,
		       const struct journal_point *durable, struct digest *whole,
		       struct unrack_error *err)
{
	uint64_t n;
	int r = digest_table_whole(d->table, &d->key, d->id.bytes, durable->next_grain, whole, &n, err);

	if (r < 0)
		return r;
	if (n != durable->data_grains)
		r = error_set(err, UNRACK_DAMAGED, "%s has %" PRIu64 " digests, but %" PRIu64 " grains of data were written",
			      d->place.digests, n, durable->data_grains);
	/* A copy made in one session: the sender has the same digest. */
	else if (end->first == 0 && memcmp(whole, &end->session, sizeof *whole) != 0)
		r = error_set(err, UNRACK_DAMAGED, "%s does not hold the digests that were sent", d->place.digests);
	return r < 0 ? receiver_digests_forget(d, err) : 0;
}

int receiver_disk_finish(struct receiver_disk *d, const struct message_end *end,
			 const struct journal_point *durable, struct digest *whole,
			 struct unrack_error *err)
{
	const struct receiver_host *host = d->session->host;
	struct journal_point point = *durable;
	struct unrack_error dropped;
	struct stat st;
	int r = check_whole(d, end, durable, whole, err);

	if (r == 0)
		r = receiver_still_owner(d->session, err);
	if (r == 0)
		r = image_finish(d->image, err);
	if (r == 0)
		r = receiver_check_owner(d->session, err);
	if (r < 0)
		return receiver_disk_explain(d, durable->next_grain, err);
	point.complete = true;
	point.whole = *whole;
	/* Not known (0) is allowed: it is one sign of several that somebody wrote to the image. */
	if (io_stat(d->session->opt.io, d->place.image, &st, &dropped) == 0)
		point.image_mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
				       (uint64_t)st.st_mtim.tv_nsec;
	r = journal_append(d->journal, &point, err);
	if (r < 0)
		return receiver_disk_explain(d, durable->next_grain, err);
	return host->disk_done ? host->disk_done(host->ctx, &d->place, &point, err) : 0;
}

void receiver_disk_close(struct receiver_disk *d)
{
	image_close(d->image);
	map_free(d->map);
	digest_table_close(d->table);
	journal_close(d->journal);
	identity_free(&d->id);
}
