/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether the images are still what unrack wrote. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/digest_table.h"
#include "unrack/machine.h"

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* NAME-000001.vmdk, and its parts */
static bool snapshot_name(const char *s)
{
	const char *dash = strrchr(s, '-');

	if (!dash || strspn(dash + 1, "0123456789") != 6)
		return false;
	return !strcmp(dash + 7, ".vmdk");
}

/* What ESX leaves beside the images of a machine that runs, ran, or has a snapshot. */
static bool is_trace(const char *s)
{
	static const char *const ends[] = { ".nvram", ".vswp", ".vmss", ".vmsn", ".vmem", "-delta.vmdk",
					    "-sesparse.vmdk", "-ctk.vmdk", ".lck" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (ends_with(s, ends[i]))
			return true;
	return !strncmp(s, ".lck-", 5) || (!strncmp(s, "vmware", 6) && ends_with(s, ".log")) ||
	       snapshot_name(s);
}

/* The descriptor of a machine that is called like a snapshot ("web01-000001") is none. */
static bool is_own(const struct machine *m, const char *s)
{
	size_t n = strlen(machine_name(m));

	return !strncmp(s, machine_name(m), n) && !strcmp(s + n, ".vmdk");
}

int machine_check_traces(const struct machine *m, struct unrack_error *err)
{
	DIR *dir CLEANUP_CLOSEDIR = io_opendir(machine_io(m), machine_folder(m), err);
	struct dirent *e;

	if (!dir)
		return err->code;
	while ((errno = 0, e = readdir(dir)))
		if (is_trace(e->d_name) && !is_own(m, e->d_name))
			return error_set(err, UNRACK_UNSAFE,
					 "%s/%s shows that the virtual machine may have run since unrack wrote its "
					 "images", machine_folder(m), e->d_name);
	return errno ? error_errno(err, errno, "can't read the folder %s", machine_folder(m)) : 0;
}

static int changed(const char *image, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSAFE, "%s changed since unrack wrote it; it may have run", image);
}

/* All bytes of the image against the digests of the source, overlaid by what unrack itself
 * has replaced since. */
static int check_digests(const struct machine *m, int n, const char *image,
			 const struct journal_info *info, const struct log *log,
			 struct unrack_error *err)
{
	CLEANUP_FREE char *digests = machine_path(m, MACHINE_DIGESTS, n);
	CLEANUP_FREE char *after_path = machine_path(m, MACHINE_AFTER, n);
	CLEANUP_FREE struct digest_after_entry *after = NULL;
	struct digest_table *t = NULL;
	struct verify_result result;
	struct digest_key key;
	uint64_t n_after = 0;
	int r;

	if (!digests || !after_path)
		return error_nomem(err);
	r = digest_after_read(machine_io(m), after_path, &after, &n_after, err);
	if (r == 0)
		r = digest_table_open(machine_io(m), digests, info->id.bytes, true, &t, err);
	if (r < 0)
		return r;
	digest_key_init(&key, info->seed);
	r = verify_image(machine_io(m), image, info->format, info->id.bytes, t, &key, after, n_after, n, log,
			 &result, err);
	digest_table_close(t);
	if (r == 0 && result.different > 0)
		r = changed(image, err);
	return r;
}

/* True when size and time stamp are as they were noted. */
static bool stamp_same(const struct stat *st, const struct machine_disk *d,
		       const struct journal_point *p)
{
	uint64_t want = d->image_mtime_ns ? d->image_mtime_ns : p->image_mtime_ns;
	uint64_t is = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;

	return want != 0 && want == is;
}

/* The image of a copy that its journal says is complete. */
static int check_image(const struct machine *m, const struct machine_disk *d, const struct journal_info *info,
		       const struct journal_point *point, enum machine_check how, const struct log *log,
		       struct unrack_error *err)
{
	CLEANUP_FREE char *image = machine_path(m, MACHINE_IMAGE, d->n);
	struct stat st;
	int r = image ? io_stat(machine_io(m), image, &st, err) : error_nomem(err);

	if (r < 0 && err->sys_errno == ENOENT)
		return error_set(err, UNRACK_UNSAFE, "%s is missing, though its copy was complete", image);
	if (r < 0)
		return r;
	if (d->format == DISK_FLAT && (uint64_t)st.st_size != round_up(info->id.bytes, SECTOR_SIZE))
		return changed(image, err);
	if (how == MACHINE_CHECK_FULL || !stamp_same(&st, d, point))
		return check_digests(m, d->n, image, info, log, err);
	return 0;
}

static int check_disk(const struct machine *m, const struct machine_disk *d, enum machine_check how,
		      const struct log *log, struct unrack_error *err)
{
	CLEANUP_FREE char *journal = machine_path(m, MACHINE_JOURNAL, d->n);
	struct journal_info info;
	struct journal_point point;
	int r = journal ? journal_read(machine_io(m), journal, &info, &point, err) : error_nomem(err);

	if (r < 0)
		return r;
	if (point.complete)
		r = check_image(m, d, &info, &point, how, log, err);
	else
		r = error_set(err, UNRACK_UNSAFE, "the copy of disk %d in %s is not complete; continue it first",
			      d->n, machine_folder(m));
	journal_info_free(&info);
	return r;
}

int machine_check_files(const struct machine *m, struct unrack_error *err)
{
	static const enum machine_file files[] = { MACHINE_IMAGE, MACHINE_JOURNAL };
	struct unrack_error why;
	struct stat st;

	for (size_t i = 0; machine_get_state(m) != MACHINE_COPYING && i < machine_disks(m); i++)
		for (size_t k = 0; k < ARRAY_LEN(files) && !machine_disk(m, i)->due; k++) {
			CLEANUP_FREE char *path = machine_path(m, files[k], machine_disk(m, i)->n);

			if (!path)
				return error_nomem(err);
			if (io_stat(machine_io(m), path, &st, &why) < 0 && why.sys_errno == ENOENT)
				return error_set(err, UNRACK_UNSAFE, "%s is missing, though its copy was complete; put it "
						 "back, or copy the machine again", path);
		}
	return 0;
}

int machine_image_unchanged(struct machine *m, int n, enum machine_check how,
			    const struct log *log, struct unrack_error *err)
{
	int r = machine_check_traces(m, err);

	for (size_t i = 0; r == 0 && i < machine_disks(m); i++)
		if (n < 0 || machine_disk(m, i)->n == n)
			r = check_disk(m, machine_disk(m, i), how, log, err);
	return r;
}

/* The journal of disk N says that a pass over it has begun. */
static bool under_way(const struct machine *m, int n)
{
	CLEANUP_FREE char *journal = machine_path(m, MACHINE_JOURNAL, n);
	struct journal_point point = { .complete = true };
	struct unrack_error dropped;

	return journal && journal_read(machine_io(m), journal, NULL, &point, &dropped) == 0 && !point.complete;
}

/* Who changes an image notes that before, and its time stamp behind. A disk that is due is not noted again: whoever
 * has read its image found it complete. */
static bool same_images(const struct machine *a, const struct machine *b)
{
	if (machine_get_state(a) != machine_get_state(b) || machine_disks(a) != machine_disks(b))
		return false;
	for (size_t i = 0; i < machine_disks(a); i++) {
		const struct machine_disk *d = machine_disk(a, i), *e = machine_disk(b, i);

		if (d->n != e->n || d->due != e->due || d->restart != e->restart ||
		    d->image_mtime_ns != e->image_mtime_ns || (d->due && under_way(b, d->n)))
			return false;
	}
	return true;
}

int machine_check_still(const struct machine *m, struct unrack_error *err)
{
	struct machine *now = NULL;
	int r = machine_open(machine_io(m), machine_folder(m), &now, err);

	if (r == 0 && !same_images(m, now))
		r = error_set(err, UNRACK_UNSAFE, "another unrack has begun to change %s since this one looked at it; run the "
			      "same command again when that has ended", machine_folder(m));
	machine_free(now);
	return r;
}
