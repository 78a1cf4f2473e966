/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that comes through a pipe, a socket or a file: what is delivered and what is skipped,
 * where it ends, and what happens when it ends elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../support/tap.h"
#include "base/size.h"
#include "unrack/block_source.h"
#include "unrack/grain.h"

#define SIZE (3 * 1048576 + 777u)

static struct unrack_error err;
static uint8_t *disk, *buf;

/* --- The far side ------------------------------------------------------------------------- */

enum kind { PIPE, SOCKET, PLAIN };
static const char *const kinds[] = { "a pipe", "a socket", "a file" };

struct feeder {
	pthread_t thread;
	int fd;
	const uint8_t *data;
	size_t n, piece;
	bool hold; /* keep the line open at the end */
};

static void *feed(void *arg)
{
	struct feeder *f = arg;
	size_t at = 0;

	while (at < f->n) {
		ssize_t r = write(f->fd, f->data + at, min_u64(f->piece, f->n - at));

		if (r < 0)
			break;
		at += (size_t)r;
	}
	if (!f->hold)
		close(f->fd);
	return NULL;
}

/* N bytes at DATA will come from *fd, in pieces. */
static void start(struct feeder *f, enum kind kind, const uint8_t *data, size_t n, size_t piece, int *fd)
{
	char path[] = "/tmp/unrack-stream-XXXXXX";
	int pair[2];

	f->data = data;
	f->n = n;
	f->piece = piece;
	if (kind == PLAIN) {
		*fd = mkstemp(path);
		if (*fd < 0 || write(*fd, data, n) != (ssize_t)n || lseek(*fd, 0, SEEK_SET) != 0)
			abort();
		unlink(path);
		return;
	}
	if (kind == PIPE ? pipe(pair) : socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		abort();
	*fd = pair[0];
	f->fd = pair[1];
	if (pthread_create(&f->thread, NULL, feed, f) != 0)
		abort();
}

static void stop(struct feeder *f, enum kind kind)
{
	if (kind == PLAIN)
		return;
	pthread_join(f->thread, NULL);
	if (f->hold)
		close(f->fd);
}

/* --- This side ---------------------------------------------------------------------------- */

struct seen {
	unsigned pieces, ragged; /* pieces that end neither at a grain nor at END */
	uint64_t from, to, end;
	bool gap, wrong;
	int refuse_at; /* the piece that is not liked; 0: none */
	unsigned released;
};

static int on_skipped(void *ctx, const void *data, size_t n, uint64_t off, struct unrack_error *e)
{
	struct seen *s = ctx;

	if (s->pieces++ == 0)
		s->from = off;
	else
		s->gap |= off != s->to;
	s->to = off + n;
	s->ragged += s->to % GRAIN_SIZE != 0 && s->to != s->end;
	s->wrong |= memcmp(data, disk + off, n) != 0;
	return (int)s->pieces == s->refuse_at ? error_set(e, UNRACK_UNSAFE, "not that disk") : 0;
}

static void on_release(void *ctx)
{
	((struct seen *)ctx)->released++;
}

static struct block_source *open_at(int fd, uint64_t offset, struct seen *seen, const struct log *log)
{
	struct block_source_stream_options opt = { .name = "standard input", .size = SIZE, .offset = offset,
						   .skipped = seen ? on_skipped : NULL,
						   .release = seen ? on_release : NULL, .ctx = seen, .log = log,
						   .end_ms = 20 };
	struct block_source *s = NULL;

	if (block_source_open_stream(fd, &opt, &s, &err) < 0)
		abort();
	return s;
}

static bool reads(struct block_source *s, uint64_t off, size_t n)
{
	memset(buf, 0xee, n + 1);
	return block_source_read(s, buf, n, off, &err) == 0 && !memcmp(buf, disk + off, n) && buf[n] == 0xee;
}

static void test_whole(enum kind kind, size_t piece)
{
	struct feeder f = { .hold = false };
	struct block_source *s;
	uint64_t from, to;
	unsigned wrong = 0;
	int fd;

	start(&f, kind, disk, SIZE, piece, &fd);
	s = open_at(fd, 0, NULL, NULL);
	is_str(s->name, "standard input", "%s: it has its name", kinds[kind]);
	is_int(s->size, SIZE, "and the size that was said");
	block_source_next_data(s, 5, &from, &to, &err);
	ok(from == 5 && to == SIZE, "it is all data");
	for (uint64_t at = 0, n; at < SIZE; at += n) {
		n = min_u64(300001, SIZE - at);
		wrong += !reads(s, at, n);
	}
	is_int(wrong, 0, "%s in pieces of %zu bytes is delivered exactly", kinds[kind], piece);
	is_int(block_source_read(s, buf, 1, SIZE - 1, &err), UNRACK_INTERNAL, "but only once");
	has_str(err.text, "standard input was read out of order: byte 3146504 after byte 3146505", "says the error");
	block_source_close(s);
	stop(&f, kind);
}

/* From OFFSET on, and the first byte that is read is FIRST. */
static void test_skip(uint64_t offset, uint64_t first)
{
	struct feeder f = { .hold = false };
	struct seen seen = { .end = first };
	struct block_source *s;
	int fd;

	start(&f, PIPE, disk + offset, SIZE - offset, 5000, &fd);
	s = open_at(fd, offset, &seen, NULL);
	ok(reads(s, first, 1000), "a stream from %llu on is read at %llu", (unsigned long long)offset,
	   (unsigned long long)first);
	if (first > offset)
		ok(seen.from == offset && seen.to == first && !seen.gap && !seen.wrong && !seen.ragged,
		   "what lies between is shown, in pieces that end at whole grains");
	else
		is_int(seen.pieces, 0, "nothing is skipped");
	ok(reads(s, first + 1000, SIZE - first - 1000), "and the rest is read");
	is_int(seen.released, 0, "the context is kept");
	block_source_close(s);
	is_int(seen.released, 1, "until the end");
	stop(&f, PIPE);
}

static void test_gaps(void)
{
	struct feeder f = { .hold = false };
	struct seen seen = { .end = 2 << 20 };
	struct block_source *s;
	int fd;

	start(&f, PIPE, disk, SIZE, 65536, &fd);
	s = open_at(fd, 0, &seen, NULL);
	ok(reads(s, 0, 1 << 20) && seen.pieces == 0, "nothing is left out at first");
	ok(reads(s, 2 << 20, 100), "then a MiB is");
	ok(seen.from == 1 << 20 && seen.to == 2 << 20 && !seen.wrong, "which is shown");
	block_source_close(s);
	stop(&f, PIPE);

	start(&f, PIPE, disk, SIZE, 65536, &fd);
	seen = (struct seen){ .refuse_at = 2, .end = 3 << 20 };
	s = open_at(fd, 0, &seen, NULL);
	is_int(block_source_read(s, buf, 100, 3 << 20, &err), UNRACK_UNSAFE, "who does not like what is shown");
	is_str(err.text, "not that disk", "says why");
	is_int(seen.pieces, 2, "and is shown nothing more");
	block_source_close(s);
	stop(&f, PIPE);
}

static void test_order(void)
{
	struct feeder f = { .hold = false };
	struct block_source_stream_options opt = { .name = "it", .size = 10, .offset = 11 };
	struct block_source *s = NULL;
	int fd;

	is_int(block_source_open_stream(0, &opt, &s, &err), UNRACK_USAGE, "a stream can't begin behind the disk");
	has_str(err.text, "it can't begin at byte 11 of a disk of 10 bytes", "says the error");
	start(&f, PIPE, disk + 1000, SIZE - 1000, 65536, &fd);
	s = open_at(fd, 1000, NULL, NULL);
	is_int(block_source_read(s, buf, 10, 999, &err), UNRACK_USAGE, "what lies before the stream");
	has_str(err.text, "byte 999 of the disk is needed, but standard input begins at byte 1000", "is not had from it");
	ok(reads(s, 1000, 10), "what it begins with is");
	is_int(block_source_read(s, buf, 10, 1005, &err), UNRACK_INTERNAL, "and not twice");
	ok(reads(s, 1010, 10), "it is still where it was");
	is_int(block_source_read(s, buf, 2, SIZE - 1, &err), UNRACK_DAMAGED, "nor what lies behind its end");
	block_source_close(s);
	stop(&f, PIPE);
}

static void test_head(void)
{
	struct feeder f = { .hold = false };
	struct seen seen = { .end = 200000 };
	const void *head;
	struct block_source *s;
	int fd;

	start(&f, PIPE, disk, SIZE, 7777, &fd);
	s = open_at(fd, 0, NULL, NULL);
	is_int(block_source_stream_head(s, 100000, &head, &err), 0, "the head of a stream");
	ok(!memcmp(head, disk, 100000), "is shown beforehand");
	is_int(block_source_stream_head(s, 10, &head, &err), UNRACK_INTERNAL, "once");
	ok(reads(s, 0, 60000) && reads(s, 60000, SIZE - 60000), "and comes again");
	is_int(block_source_stream_head(s, 0, &head, &err), UNRACK_INTERNAL, "not when reading has begun");
	block_source_close(s);
	stop(&f, PIPE);

	start(&f, PIPE, disk, SIZE, 7777, &fd);
	s = open_at(fd, 0, &seen, NULL);
	ok(block_source_stream_head(s, 100000, &head, &err) == 0 && reads(s, 200000, 100), "a head that is skipped");
	ok(seen.from == 0 && seen.to == 200000 && !seen.wrong && !seen.gap, "is among what is shown");
	block_source_close(s);
	stop(&f, PIPE);

	start(&f, PIPE, disk, 999, 7777, &fd);
	s = open_at(fd, 0, NULL, NULL);
	is_int(block_source_stream_head(s, 1000, &head, &err), UNRACK_IO, "a stream shorter than its head");
	has_str(err.text, "ended at byte 999", "says where it ended");
	block_source_close(s);
	stop(&f, PIPE);
}

static void test_early(enum kind kind)
{
	struct feeder f = { .hold = false };
	struct block_source *s;
	int fd;

	start(&f, kind, disk + 1000, 1234567, 65536, &fd);
	s = open_at(fd, 1000, NULL, NULL);
	ok(reads(s, 1000, 1000000), "%s that ends early gives what it has", kinds[kind]);
	is_int(block_source_read(s, buf, 1000000, 1001000, &err), UNRACK_IO, "then it has ended");
	is_str(err.text, "standard input ended at byte 1235567 of the disk, which was said to have 3146505: its far "
	       "side stopped, or the size is wrong", "and the sentence says where");
	block_source_close(s);
	stop(&f, kind);
}

static void test_long(enum kind kind)
{
	struct feeder f = { .hold = false };
	uint8_t *more = malloc(SIZE + 1);
	struct block_source *s;
	int fd;

	memcpy(more, disk, SIZE);
	more[SIZE] = 0;
	start(&f, kind, more, SIZE + 1, 65536, &fd);
	s = open_at(fd, 0, NULL, NULL);
	ok(reads(s, 0, SIZE - 1), "%s that is too long is not known by its beginning", kinds[kind]);
	is_int(block_source_read(s, buf, 1, SIZE - 1, &err), UNRACK_USAGE, "but by its end");
	has_str(err.text, "standard input goes on behind byte 3146505, so the disk is larger than was said",
		"says the error");
	block_source_close(s);
	stop(&f, kind);
	free(more);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_silent(enum kind kind)
{
	struct feeder f = { .hold = true };
	double began = seconds();
	struct block_source *s;
	int fd;

	start(&f, kind, disk, SIZE, 65536, &fd);
	s = open_at(fd, 0, NULL, NULL);
	ok(reads(s, 0, SIZE), "%s that stays open at the end has ended", kinds[kind]);
	ok(seconds() - began >= 0.02, "after it was waited for more");
	block_source_close(s);
	stop(&f, kind);
}

static atomic_bool stopped;

static void on_signal(int sig)
{
	(void)sig;
	atomic_store(&stopped, true);
}

/* By a signal that ends the waiting, as ^C does. */
static void *ask_to_stop(void *waiting)
{
	usleep(20000);
	pthread_kill(*(pthread_t *)waiting, SIGUSR1);
	return NULL;
}

static void test_stop(void)
{
	struct log log = { .stop = &stopped };
	struct feeder f = { .hold = true };
	struct block_source *s;
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t thread, me = pthread_self();
	int fd;

	sigaction(SIGUSR1, &sa, NULL);
	start(&f, PIPE, disk, 1000, 1000, &fd);
	s = open_at(fd, 0, NULL, &log);
	if (pthread_create(&thread, NULL, ask_to_stop, &me) != 0)
		abort();
	is_int(block_source_read(s, buf, 2000, 0, &err), UNRACK_INTERRUPTED, "waiting ends when we are to stop");
	has_str(err.text, "stopped at byte 1000 of standard input", "says the error");
	pthread_join(thread, NULL);
	block_source_close(s);
	stop(&f, PIPE);
	atomic_store(&stopped, false);

	/* All has come: there is nothing left to be stopped. */
	start(&f, SOCKET, disk + SIZE - 9, 9, 9, &fd);
	s = open_at(fd, SIZE - 9, NULL, &log);
	ok(reads(s, SIZE - 9, 9), "a stream that is whole when we are to stop is whole");
	block_source_close(s);
	stop(&f, SOCKET);
}

static void test_errors(void)
{
	struct block_source *s;
	int pair[2], dir = open("/", O_RDONLY);

	s = open_at(dir, 0, NULL, NULL);
	is_int(block_source_read(s, buf, 10, 0, &err), UNRACK_IO, "what can't be read");
	ok(err.sys_errno == EISDIR && strstr(err.text, "can't read standard input at byte 0 of the disk: Is a dir"),
	   "says why");
	block_source_close(s);
	/* A descriptor that does not wait: the source does. */
	if (pipe2(pair, O_NONBLOCK) < 0 || write(pair[1], disk, 500) != 500)
		abort();
	close(pair[1]);
	s = open_at(pair[0], 0, NULL, NULL);
	ok(reads(s, 0, 500), "one that does not wait is read all the same");
	is_int(block_source_read(s, buf, 1, 500, &err), UNRACK_IO, "to its end");
	block_source_close(s);
	ok(fcntl(pair[0], F_GETFD) < 0 && errno == EBADF, "and closed with the source");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	alarm(900); /* who waits for ever has failed */
	disk = malloc(SIZE);
	buf = malloc(SIZE + 1);
	for (uint32_t i = 0, x = 7; i < SIZE; i++) {
		x = x * 1103515245 + 12345;
		disk[i] = (uint8_t)(x >> 16);
	}
	for (enum kind k = PIPE; k <= PLAIN; k++) {
		test_whole(k, 1 << 20);
		test_early(k);
		test_long(k);
	}
	test_whole(PIPE, 777);
	test_whole(SOCKET, 511);
	test_silent(PIPE);
	test_silent(SOCKET);
	test_skip(0, 0);
	test_skip(0, 2 * GRAIN_SIZE);
	test_skip(0, SIZE - 2000);
	test_skip(1000, GRAIN_SIZE);         /* not a sector, a part of the first grain */
	test_skip(GRAIN_SIZE - 1, 1 << 20);
	test_skip(1000, 1001);               /* within one grain */
	test_skip(3 * 512, 10 * GRAIN_SIZE + 512);
	test_skip(1 << 20, 2 << 20);
	test_skip(1234567, 1234567);
	test_gaps();
	test_order();
	test_head();
	test_stop();
	test_errors();
	free(disk);
	free(buf);
	return tap_done();
}
