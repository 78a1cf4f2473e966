/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/patient.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/vec.h"
#include "unrack/ranges.h"

/* How often a sector is tried that could not be read. */
#define TRIES 3u
/* What failed is read again in pieces of this size, and those that fail sector by sector. */
#define PIECE 4096u

DEFINE_VEC(lost_vec, struct patient_lost);

struct patient {
	struct block_source source, *inner;
	struct patient_options opt;
	pthread_mutex_t lock;
	struct lost_vec lost;
	size_t told;       /* of LOST, by patient_next_lost */
	uint64_t ranges, bytes;
	uint64_t last_end; /* where the last range that was counted ends */
};

/* Whether it is the medium there, and not all of the device. */
static bool is_medium(const struct unrack_error *err)
{
	switch (err->sys_errno) {
	case EIO:
	case EILSEQ:    /* protection information, checksums */
	case ENODATA:   /* how the kernel passes a medium error on */
	case EREMOTEIO: /* the target's own */
	case ETIMEDOUT:
	case EBADMSG:
		return err->code == UNRACK_IO;
	default:
		return false;
	}
}

static int stop_for(struct patient *p, uint64_t off, const char *why, struct unrack_error *err)
{
	struct unrack_error was = *err;

	error_set(err, UNRACK_IO, "%s can't be read at sector %llu (%.300s), and %s", p->source.name,
		  (unsigned long long)off / SECTOR_SIZE, strerror(was.sys_errno), why);
	err->sys_errno = was.sys_errno;
	return UNRACK_IO;
}

/* A device that has gone, or a controller that has failed, answers everything like that. */
static int check_alive(struct patient *p, uint64_t off, struct unrack_error *err)
{
	uint8_t first[SECTOR_SIZE];
	struct unrack_error dropped;

	if (block_source_reread(p->inner, first, (size_t)min_u64(sizeof first, p->source.size), 0, &dropped) == 0)
		return 0;
	return stop_for(p, off, "neither can its first sector: the device or its path has failed; look at "
			"cables and controller, then run the same command again", err);
}

/* Counts it, and refuses when it is too much. */
static int count(struct patient *p, uint64_t off, uint64_t len, struct unrack_error *err)
{
	p->ranges += p->ranges == 0 || off != p->last_end;
	p->bytes += len;
	p->last_end = off + len;
	if (p->ranges <= p->opt.max_ranges && p->bytes <= p->opt.max_bytes)
		return 0;
	error_set(err, UNRACK_IO, "%s has more bad spots than may be filled with zeros (%llu in %llu bytes): the "
		  "disk is failing; copy it with ddrescue first, or allow more with --max-bad", p->source.name,
		  (unsigned long long)p->ranges, (unsigned long long)p->bytes);
	err->sys_errno = EIO;
	return UNRACK_IO;
}

/* What one read has lost, as few ranges. */
DEFINE_VEC(range_vec, struct range);

static int lose(struct patient *p, uint8_t *buf, size_t n, uint64_t off, struct range_vec *lost,
		struct unrack_error *err)
{
	struct range *last = lost->len ? &lost->at[lost->len - 1] : NULL;
	int r;

	if (p->opt.stop)
		return stop_for(p, off, "it was asked to stop there (--on-read-error stop); the same command "
				"tries again", err);
	r = check_alive(p, off, err);
	if (r == 0) {
		pthread_mutex_lock(&p->lock);
		r = count(p, off, n, err);
		pthread_mutex_unlock(&p->lock);
	}
	if (r < 0)
		return r;
	memset(buf, 0, n);
	if (last && last->off + last->len == off)
		last->len += n;
	else if (range_vec_push(lost, (struct range){ off, n }) < 0)
		return error_nomem(err);
	return 0;
}

/* A range that is given up, unless JUDGE says that it must not be. */
static int give_up(struct patient *p, const struct range *range, struct unrack_error *err)
{
	struct patient_lost lost = { .off = range->off, .len = range->len };
	struct unrack_error why;
	int r;

	r = p->opt.judge ? p->opt.judge(p->opt.ctx, &lost, &why) : 0;
	if (r < 0 && r != UNRACK_IO) {
		*err = why;
		return r;
	}
	if (r < 0) {
		err->sys_errno = EIO;
		return stop_for(p, range->off, why.text, err);
	}
	pthread_mutex_lock(&p->lock);
	r = lost_vec_push(&p->lost, lost);
	pthread_mutex_unlock(&p->lock);
	if (r < 0)
		return error_nomem(err);
	log_warn(p->opt.log, "%s: %llu bytes at sector %llu can't be read and are filled with zeros%s%s", p->source.name,
		 (unsigned long long)lost.len, (unsigned long long)lost.off / SECTOR_SIZE, lost.what[0] ? ": " : "",
		 lost.what);
	return 0;
}

static int read_sector(struct patient *p, uint8_t *buf, size_t n, uint64_t off, struct range_vec *lost,
		       struct unrack_error *err)
{
	int r = UNRACK_IO;

	for (unsigned i = 0; i < TRIES && r < 0; i++) {
		if (log_stop_asked(p->opt.log))
			return error_set(err, UNRACK_INTERRUPTED, "stopped");
		r = block_source_reread(p->inner, buf, n, off, err);
		if (r < 0 && !is_medium(err))
			return r;
	}
	return r < 0 ? lose(p, buf, n, off, lost, err) : 0;
}

static int read_sectors(struct patient *p, uint8_t *buf, size_t n, uint64_t off, struct range_vec *lost,
			struct unrack_error *err)
{
	int r = 0;

	for (size_t done = 0; done < n && r == 0;) {
		size_t one = (size_t)min_u64(SECTOR_SIZE - (off + done) % SECTOR_SIZE, n - done);

		r = read_sector(p, buf + done, one, off + done, lost, err);
		done += one;
	}
	return r;
}

/* What failed as a whole. */
static int read_pieces(struct patient *p, uint8_t *buf, size_t n, uint64_t off, struct unrack_error *err)
{
	struct range_vec lost = { 0 };
	int r = 0;

	for (size_t done = 0; done < n && r == 0;) {
		size_t part = (size_t)min_u64(PIECE - (off + done) % PIECE, n - done);

		r = block_source_reread(p->inner, buf + done, part, off + done, err);
		if (r < 0 && is_medium(err))
			r = read_sectors(p, buf + done, part, off + done, &lost, err);
		done += part;
	}
	for (size_t i = 0; i < lost.len && r == 0; i++)
		r = give_up(p, &lost.at[i], err);
	range_vec_free(&lost);
	return r;
}

static int patient_read(struct block_source *s, void *buf, size_t n, uint64_t off,
			struct unrack_error *err)
{
	struct patient *p = s->ctx;
	int r = block_source_read(p->inner, buf, n, off, err);

	return r < 0 && is_medium(err) ? read_pieces(p, buf, n, off, err) : r;
}

static int patient_next_data(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
			     struct unrack_error *err)
{
	struct patient *p = s->ctx;

	return block_source_next_data(p->inner, off, start, end, err);
}

static void patient_close(struct block_source *s)
{
	struct patient *p = s->ctx;

	block_source_close(p->inner);
	lost_vec_free(&p->lost);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static const struct block_source_ops patient_ops = {
	.read = patient_read, .next_data = patient_next_data, .close = patient_close,
};

int patient_open(struct block_source *inner, const struct patient_options *opt,
		 struct block_source **out, struct unrack_error *err)
{
	struct patient *p = calloc(1, sizeof *p);

	if (!p)
		return error_nomem(err);
	p->inner = inner;
	p->opt = *opt;
	if (p->opt.max_ranges == 0)
		p->opt.max_ranges = PATIENT_RANGES;
	if (p->opt.max_bytes == 0)
		p->opt.max_bytes = PATIENT_BYTES;
	pthread_mutex_init(&p->lock, NULL);
	p->source = (struct block_source){ &patient_ops, inner->size, inner->name, p };
	*out = &p->source;
	return 0;
}

bool patient_next_lost(struct block_source *s, struct patient_lost *lost)
{
	struct patient *p = s->ctx;
	bool more;

	pthread_mutex_lock(&p->lock);
	more = p->told < p->lost.len;
	if (more)
		*lost = p->lost.at[p->told++];
	if (p->told == p->lost.len)
		p->lost.len = p->told = 0;
	pthread_mutex_unlock(&p->lock);
	return more;
}
