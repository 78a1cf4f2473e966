/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/block_source.h"
#include "unrack/grain.h"

/* How often we look up from waiting, to see whether we should stop. */
#define LOOK_MS 100
#define END_MS 2000
/* What is skipped is read in pieces of this size, whole grains. */
#define SKIP_PIECE (16u * GRAIN_SIZE)
/* What the kernel holds for us; as much as others than root may have. */
#define PIPE_BYTES (1 << 20)

struct stream {
	struct block_source source;
	struct block_source_stream_options opt;
	char *name;
	int fd;
	uint64_t at;   /* the byte of the disk that comes next */
	uint8_t *head; /* of which bytes up to HEAD_N come again, from HEAD_AT on */
	size_t head_n, head_at;
};

/* Whether read would not wait, after at most MS. Whatever is wrong with the descriptor, read
 * tells it best; but a signal is no reason to call it. */
static bool readable(const struct stream *st, unsigned ms)
{
	struct pollfd p = { .fd = st->fd, .events = POLLIN };
	int r = poll(&p, 1, (int)ms);

	return r > 0 || (r < 0 && errno != EINTR);
}

/* What comes next from the descriptor, 1 to N bytes; *got 0: it has ended. */
static int receive(struct stream *st, uint8_t *buf, size_t n, size_t *got, struct unrack_error *err)
{
	for (;;) {
		ssize_t r;

		if (log_stop_asked(st->opt.log))
			return error_set(err, UNRACK_INTERRUPTED, "stopped at byte %llu of %s",
					 (unsigned long long)st->at, st->name);
		if (!readable(st, LOOK_MS))
			continue;
		r = read(st->fd, buf, n);
		if (r < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (r < 0)
			return error_errno(err, errno, "can't read %s at byte %llu of the disk", st->name,
					   (unsigned long long)st->at);
		*got = (size_t)r;
		return 0;
	}
}

static int ended(const struct stream *st, struct unrack_error *err)
{
	return error_set(err, UNRACK_IO, "%s ended at byte %llu of the disk, which was said to have %llu: its far "
			 "side stopped, or the size is wrong", st->name, (unsigned long long)st->at,
			 (unsigned long long)st->source.size);
}

/* Exactly N bytes from where the stream is. */
static int take(struct stream *st, uint8_t *buf, size_t n, struct unrack_error *err)
{
	while (n > 0) {
		size_t got = (size_t)min_u64(n, st->head_n - st->head_at);
		int r = 0;

		if (got > 0) {
			memcpy(buf, st->head + st->head_at, got);
			st->head_at += got;
		} else {
			r = receive(st, buf, n, &got, err);
			if (r == 0 && got == 0)
				r = ended(st, err);
		}
		if (r < 0)
			return r;
		st->at += got;
		buf += got;
		n -= got;
	}
	return 0;
}

static int skip(struct stream *st, uint64_t to, struct unrack_error *err)
{
	uint8_t *piece CLEANUP_FREE = malloc(SKIP_PIECE);
	int r = piece ? 0 : error_nomem(err);

	while (r == 0 && st->at < to) {
		uint64_t from = st->at;
		size_t n = (size_t)(min_u64(round_down(from, SKIP_PIECE) + SKIP_PIECE, to) - from);

		r = take(st, piece, n, err);
		if (r == 0 && st->opt.skipped)
			r = st->opt.skipped(st->opt.ctx, piece, n, from, err);
	}
	return r;
}

/* All bytes of the disk have come, so an error is an end as well, and so is a request to stop. */
static int check_end(const struct stream *st, struct unrack_error *err)
{
	uint8_t more;

	for (unsigned waited = 0; waited < st->opt.end_ms && !log_stop_asked(st->opt.log);
	     waited += LOOK_MS) {
		ssize_t r;

		if (!readable(st, (unsigned)min_u64(LOOK_MS, st->opt.end_ms - waited)))
			continue;
		r = read(st->fd, &more, 1);
		if (r > 0)
			return error_set(err, UNRACK_USAGE, "%s goes on behind byte %llu, so the disk is larger than was "
					 "said; give its real size, and begin in a new folder", st->name,
					 (unsigned long long)st->source.size);
		if (r == 0 || (errno != EINTR && errno != EAGAIN))
			return 0;
	}
	return 0;
}

static int stream_read(struct block_source *s, void *buf, size_t n, uint64_t off,
		       struct unrack_error *err)
{
	struct stream *st = s->ctx;
	int r;

	if (off < st->opt.offset)
		return error_set(err, UNRACK_USAGE, "byte %llu of the disk is needed, but %s begins at byte %llu; send it "
				 "from there on", (unsigned long long)off, st->name,
				 (unsigned long long)st->opt.offset);
	if (off < st->at)
		return error_set(err, UNRACK_INTERNAL, "%s was read out of order: byte %llu after byte %llu", st->name,
				 (unsigned long long)off, (unsigned long long)st->at);
	r = off > st->at ? skip(st, off, err) : 0;
	if (r == 0)
		r = take(st, buf, n, err);
	if (st->head && st->head_at == st->head_n) {
		free(st->head);
		st->head = NULL;
		st->head_n = st->head_at = 0;
	}
	return r == 0 && st->at == s->size ? check_end(st, err) : r;
}

static void stream_close(struct block_source *s)
{
	struct stream *st = s->ctx;

	close(st->fd);
	if (st->opt.release)
		st->opt.release(st->opt.ctx);
	free(st->head);
	free(st->name);
	free(st);
}

static const struct block_source_ops stream_ops = { .read = stream_read, .close = stream_close };

int block_source_open_stream(int fd, const struct block_source_stream_options *opt,
			     struct block_source **out, struct unrack_error *err)
{
	struct stream *st;

	if (opt->offset > opt->size)
		return error_set(err, UNRACK_USAGE, "%s can't begin at byte %llu of a disk of %llu bytes", opt->name,
				 (unsigned long long)opt->offset, (unsigned long long)opt->size);
	st = calloc(1, sizeof *st);
	if (!st)
		return error_nomem(err);
	st->name = strdup(opt->name);
	if (!st->name) {
		free(st);
		return error_nomem(err);
	}
	st->source = (struct block_source){ &stream_ops, opt->size, st->name, st };
	st->opt = *opt;
	st->opt.name = st->name;
	if (st->opt.end_ms == 0)
		st->opt.end_ms = END_MS;
	st->fd = fd;
	st->at = opt->offset;
	/* Fewer and larger reads, where it is a pipe and we may. */
	fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
	*out = &st->source;
	return 0;
}

int block_source_stream_head(struct block_source *s, size_t n, const void **head,
			     struct unrack_error *err)
{
	struct stream *st = s->ctx;
	uint8_t *buf;
	int r;

	if (st->at != st->opt.offset || st->head || n > s->size - st->at)
		return error_set(err, UNRACK_INTERNAL, "%s: its head of %zu bytes can't be had", st->name, n);
	buf = malloc(n ? n : 1);
	if (!buf)
		return error_nomem(err);
	r = take(st, buf, n, err);
	if (r < 0) {
		free(buf);
		return r;
	}
	st->head = buf;
	st->head_n = n;
	st->at -= n;
	*head = buf;
	return 0;
}
