/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* diskN.digests of a disk that the folder has: opened, or, where it is lost or damaged, made anew from the image.
 * What is in the image then need not be of the source any more, so a pass over all of it has to follow. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "receiver_parts.h"
#include "unrack/vmdk.h"

/* Whether the digests below END can be read. */
static int try_open(struct receiver_disk *d, uint64_t end, struct unrack_error *err)
{
	struct digest last;
	int r = digest_table_open(d->session->opt.io, d->place.digests, d->id.bytes, false, &d->table, err);

	/* One that was cut off has lost its end. */
	return r < 0 || end == 0 ? r : digest_table_read(d->table, end - 1, &last, 1, err);
}

static void drop(struct receiver_disk *d)
{
	digest_table_close(d->table);
	d->table = NULL;
}

int receiver_digests_open(struct receiver_disk *d, uint64_t end, bool *lost, struct unrack_error *err)
{
	int r = try_open(d, end, err);

	*lost = r == UNRACK_DAMAGED || (r == UNRACK_IO && err->sys_errno == ENOENT);
	if (!*lost)
		return r;
	log_warn(d->session->opt.log, "the digests of disk %d (%s) are missing or damaged: they are made anew, and all of "
		 "the copy is compared with its source", d->place.number, d->place.digests);
	drop(d);
	return 0;
}

static int make(const struct receiver_disk *d, const char *path, uint64_t end, struct unrack_error *err)
{
	struct block_source *image = NULL;
	struct digest_table *t = NULL;
	int r = vmdk_open_source(d->session->opt.io, d->place.image, d->place.format, &image, err);

	if (r == 0)
		r = digest_table_create(d->session->opt.io, path, d->id.bytes, &t, err);
	if (r == 0)
		r = digest_table_rebuild(t, image, &d->key, 0, end, d->session->opt.log, err);
	digest_table_close(t);
	block_source_close(image);
	return r;
}

int receiver_digests_remake(struct receiver_disk *d, uint64_t end, struct unrack_error *err)
{
	const struct io *io = d->session->opt.io;
	CLEANUP_FREE char *path = NULL;
	int r;

	if (asprintf(&path, "%s.new", d->place.digests) < 0)
		return error_nomem(err);
	/* Never half a table under its name: the next run would take it for a whole one. */
	r = make(d, path, end, err);
	if (r == 0)
		r = io_rename(io, path, d->place.digests, err);
	if (r == 0)
		r = io_fsync_parent(io, d->place.digests, err);
	return r < 0 ? r : digest_table_open(io, d->place.digests, d->id.bytes, false, &d->table, err);
}

int receiver_digests_check(struct receiver_disk *d, bool *lost, struct unrack_error *err)
{
	struct digest whole;
	uint64_t n;
	int r = digest_table_whole(d->table, &d->key, d->id.bytes, d->start.next_grain, &whole, &n, err);

	*lost = r == 0 && memcmp(&whole, &d->start.whole, sizeof whole) != 0;
	if (!*lost)
		return r;
	log_warn(d->session->opt.log, "the digests of disk %d (%s) have changed since its copy was complete: they are made "
		 "anew", d->place.number, d->place.digests);
	drop(d);
	return 0;
}

int receiver_digests_forget(struct receiver_disk *d, struct unrack_error *err)
{
	struct unrack_error dropped;

	if (io_unlink(d->session->opt.io, d->place.digests, &dropped) < 0)
		return error_suffix(err, "; remove it, and run the same command again");
	return error_suffix(err, "; it was removed: run the same command again, which makes it anew and compares all of the "
			    "copy with its source");
}
