/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "stream_check.h"
#include "unrack/buf.h"
#include "unrack/digest_table.h"
#include "unrack/disk.h"
#include "unrack/grain.h"
#include "unrack/intake.h"
#include "unrack/machine.h"
#include "unrack/message.h"

#define NAME "standard input"

/* What dd counts in: every dd knows bs=1M and skip=, that of RHEL 2.1 too. */
#define DD_BLOCK (1u << 20)
/* How much is to be sent again, to see that it is the same disk: so much, or more until
 * there are some grains in it that are not zeros. */
#define OVERLAP (4u << 20)
#define OVERLAP_MAX (256u << 20)
#define OVERLAP_GRAINS 16u

/* A disk of a folder, and how much of it is there. */
struct begun {
	struct machine *m;               /* NULL: the folder is new */
	const struct machine_disk *disk; /* NULL: it has no such disk */
	uint64_t durable;                /* bytes */
	bool complete;
};

static void begun_close(struct begun *b)
{
	machine_free(b->m);
	memset(b, 0, sizeof *b);
}

static int read_point(const struct machine *m, const struct machine_disk *d, struct journal_point *p,
		      struct unrack_error *err)
{
	char *journal CLEANUP_FREE = machine_path(m, MACHINE_JOURNAL, d->n);
	int r = journal ? journal_read(machine_io(m), journal, NULL, p, err) : error_nomem(err);

	if (d->restart || (r < 0 && err->sys_errno == ENOENT)) {
		memset(p, 0, sizeof *p);
		return 0;
	}
	return r;
}

/* The disk of FOLDER that has SIZE bytes, number WISH unless that is INTAKE_ANY, and the
 * identity ID unless that is NULL. One that is complete only if there is no other. */
static int find_begun(const char *folder, int wish, uint64_t size, const struct identity *id,
		      struct begun *b, struct unrack_error *err)
{
	unsigned found[2] = { 0, 0 }; /* not complete, complete */
	int r = machine_open(io_posix(), folder, &b->m, err);

	if (r < 0)
		return err->sys_errno == ENOENT ? 0 : r;
	for (size_t i = 0; i < machine_disks(b->m); i++) {
		const struct machine_disk *d = machine_disk(b->m, i);
		struct journal_point p;

		if (d->id.bytes != size || (wish != INTAKE_ANY && d->n != wish) ||
		    (id && identity_compare(&d->id, id, NULL, 0) != IDENTITY_SAME))
			continue;
		r = read_point(b->m, d, &p, err);
		if (r < 0)
			return r;
		if (found[p.complete]++ == 0 && (!p.complete || !found[0])) {
			b->disk = d;
			b->durable = min_u64(p.next_grain * GRAIN_SIZE, size);
			b->complete = p.complete;
		}
	}
	if (found[0] > 1 || (found[0] == 0 && found[1] > 1))
		return error_set(err, UNRACK_UNSAFE, "%s has several disks of %llu bytes that the stream may be; say which "
				 "one it is with --disk N=-", folder, (unsigned long long)size);
	return 0;
}

/* --- How to go on ------------------------------------------------------------------------- */

/* How many grains from FROM to TO are not zeros. */
static int count_data(struct digest_table *t, uint64_t from, uint64_t to, unsigned *n, struct unrack_error *err)
{
	int r = 0;

	for (uint64_t g = from / GRAIN_SIZE; g < to / GRAIN_SIZE && r == 0; g++) {
		struct digest d;

		r = digest_table_read(t, g, &d, 1, err);
		*n += r == 0 && !digest_is_zero(&d);
	}
	return r;
}

/* From where the stream should begin. */
static int choose_offset(const struct begun *b, uint64_t *offset, struct unrack_error *err)
{
	char *digests CLEANUP_FREE = machine_path(b->m, MACHINE_DIGESTS, b->disk->n);
	struct digest_table *t;
	uint64_t to = b->durable;
	unsigned n = 0;
	int r;

	*offset = 0;
	if (to <= OVERLAP)
		return 0;
	if (!digests)
		return error_nomem(err);
	r = digest_table_open(machine_io(b->m), digests, b->disk->id.bytes, true, &t, err);
	if (r < 0)
		return r;
	for (uint64_t at = to; r == 0 && n < OVERLAP_GRAINS && at > 0 && to - at < OVERLAP_MAX; at = *offset) {
		*offset = at > OVERLAP ? round_down(at - OVERLAP, DD_BLOCK) : 0;
		r = count_data(t, *offset, at, &n, err);
	}
	digest_table_close(t);
	return r;
}

/* Both commands that go on. */
static int describe(const struct begun *b, int wish, struct buf *out, struct unrack_error *err)
{
	uint64_t offset;
	int r = choose_offset(b, &offset, err), e = 0;

	if (r < 0)
		return r;
	e |= buf_puts(out, "on the far side `dd if=DISK bs=1M");
	if (offset > 0)
		e |= buf_printf(out, " skip=%llu", (unsigned long long)offset / DD_BLOCK);
	e |= buf_puts(out, " | nc ...`, here `unrack copy - ");
	e |= buf_quote(out, machine_folder(b->m));
	e |= buf_printf(out, " --size %llu", (unsigned long long)b->disk->id.bytes);
	if (offset > 0)
		e |= buf_printf(out, " --offset %llu", (unsigned long long)offset);
	if (wish != INTAKE_ANY)
		e |= buf_printf(out, " --disk %d=-", wish);
	e |= buf_puts(out, "`");
	return e < 0 ? error_nomem(err) : 0;
}

int copy_stream_hint(const char *folder, int wish, uint64_t size, char **text, struct unrack_error *err)
{
	struct buf out CLEANUP_BUF = { 0 };
	struct begun b = { .m = NULL };
	int r = find_begun(folder, wish, size, NULL, &b, err);

	*text = NULL;
	if (r == 0 && b.disk && !b.complete) {
		r = describe(&b, wish, &out, err);
		if (r == 0 && b.durable > 0 &&
		    buf_printf(&out, " (%llu bytes are safe; what comes again of them tells that it is the same disk)",
			       (unsigned long long)b.durable) < 0)
			r = error_nomem(err);
		if (r == 0)
			*text = buf_steal(&out);
	}
	begun_close(&b);
	return r;
}

/* --- Opening ------------------------------------------------------------------------------ */

static int check_numbers(uint64_t size, uint64_t offset, struct unrack_error *err)
{
	if (size > MESSAGE_DISK_BYTES_MAX)
		return error_set(err, UNRACK_USAGE, "--size %llu is more than a virtual disk can have",
				 (unsigned long long)size);
	if (offset >= size)
		return error_set(err, UNRACK_USAGE, "--offset %llu is behind the end of a disk of %llu bytes (--size)",
				 (unsigned long long)offset, (unsigned long long)size);
	if (isatty(STDIN_FILENO))
		return error_set(err, UNRACK_USAGE, "the standard input is a terminal; feed it the disk, as in "
				 "`nc -l -p 9000 | unrack copy - ...`");
	return 0;
}

/* Standard input for us alone: whoever feeds it shall see that it is closed when we are done. */
static int take_input(int *fd, struct unrack_error *err)
{
	int null CLEANUP_CLOSE = open("/dev/null", O_RDONLY | O_CLOEXEC);

	*fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (*fd < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
		return error_errno(err, errno, "can't take over the " NAME);
	return 0;
}

/* Of a stream from its beginning. */
static int identify_head(struct block_source *s, struct identity *id, struct unrack_error *err)
{
	size_t n = (size_t)min_u64(s->size, DISK_HEAD_BYTES);
	const void *head;
	int r = block_source_stream_head(s, n, &head, err);

	return r < 0 ? r : disk_identify_head(head, n, NAME, s->size, id, err);
}

/* Whether the folder's disk can go on at OFFSET, which is not 0. */
static int check_offset(const struct begun *b, const char *folder, uint64_t size, uint64_t offset, int wish,
			struct unrack_error *err)
{
	struct buf how CLEANUP_BUF = { 0 };
	int r;

	if (!b->disk)
		return error_set(err, UNRACK_USAGE, "no copy of a disk of %llu bytes has begun in %s; send the disk from its "
				 "beginning, without --offset", (unsigned long long)size, folder);
	if (b->complete)
		return error_set(err, UNRACK_USAGE, "disk %d of %s is complete; leave --offset away, and all of the stream is "
				 "compared with it", b->disk->n, folder);
	/* A whole grain, or the short one at the end. */
	if (round_up(offset, GRAIN_SIZE) < b->durable)
		return 0;
	r = describe(b, wish, &how, err);
	if (r < 0)
		return r;
	if (offset <= b->durable)
		return error_set(err, UNRACK_UNSAFE, "the stream would repeat no whole 64 KiB of the %llu bytes of disk %d in %s "
				 "that are safe, and so nothing would tell whether it is of that disk; continue %s",
				 (unsigned long long)b->durable, b->disk->n, folder, buf_str(&how));
	return error_set(err, UNRACK_USAGE, "--offset %llu is too far: only %llu bytes of disk %d in %s are safe; "
			 "continue %s", (unsigned long long)offset, (unsigned long long)b->durable, b->disk->n,
			 folder, buf_str(&how));
}

/* A stream that could not even be begun, perhaps an empty one that asks how things stand: what
 * FOLDER has is said with it. */
static void tell_state(const char *folder, int wish, uint64_t size, struct unrack_error *err)
{
	struct begun b = { .m = NULL };
	struct unrack_error dropped;

	if (err->code == UNRACK_IO && find_begun(folder, wish, size, NULL, &b, &dropped) == 0 && b.m) {
		if (b.disk && b.complete)
			error_suffix(err, "; disk %d of %s is complete already", b.disk->n, folder);
		else if (!b.disk)
			error_suffix(err, "; %s has no such disk of %llu bytes", folder, (unsigned long long)size);
	}
	begun_close(&b);
}

static void announce(const struct log *log, const struct begun *b)
{
	if (!b->complete && b->durable > 0)
		log_info(log, "%llu bytes of disk %d are safe; what the stream brings of them is compared",
			 (unsigned long long)b->durable, b->disk->n);
}

/* CHECK becomes the source's, or is freed. */
static int open_source(struct cli *cli, uint64_t size, uint64_t offset, struct stream_check *check,
		       struct block_source **source, struct unrack_error *err)
{
	struct block_source_stream_options opt = { .name = NAME, .size = size, .offset = offset,
						   .skipped = stream_check_bytes, .release = stream_check_free,
						   .ctx = check, .log = &cli->log };
	int fd = -1, r = check ? take_input(&fd, err) : error_nomem(err);

	if (r == 0)
		r = block_source_open_stream(fd, &opt, source, err);
	if (r == 0)
		return 0;
	if (fd >= 0)
		close(fd);
	stream_check_free(check);
	return r;
}

int copy_stream_open(struct cli *cli, const char *folder, uint64_t size, uint64_t offset, int wish,
		     struct sender_disk *disk, struct unrack_error *err)
{
	struct stream_check *check;
	struct begun b = { .m = NULL };
	int r = check_numbers(size, offset, err);

	memset(disk, 0, sizeof *disk);
	if (r == 0)
		r = machine_check_source(folder, "/proc/self/fd/0", err);
	if (r == 0 && offset > 0)
		r = find_begun(folder, wish, size, NULL, &b, err);
	if (r == 0 && offset > 0)
		r = check_offset(&b, folder, size, offset, wish, err);
	if (r == 0) {
		check = stream_check_new(&cli->log, folder);
		r = open_source(cli, size, offset, check, &disk->source, err);
	}
	if (r == 0 && offset > 0) {
		r = identity_copy(&disk->id, &b.disk->id, err);
	} else if (r == 0) {
		r = identify_head(disk->source, &disk->id, err);
		if (r < 0)
			tell_state(folder, wish, size, err);
	}
	if (r == 0 && offset == 0)
		r = find_begun(folder, wish, size, &disk->id, &b, err);
	if (r == 0 && b.disk) {
		stream_check_disk(check, b.disk->n);
		announce(&cli->log, &b);
	}
	begun_close(&b);
	if (r < 0) {
		block_source_close(disk->source);
		identity_free(&disk->id);
		disk->source = NULL;
	}
	return r;
}
