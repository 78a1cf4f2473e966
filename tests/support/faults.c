/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For LD_PRELOAD: storage that fails, and a clock that is wrong, under the real program. Which file is
 * concerned, the end of its path says; all others are as they are. From the environment:
 *
 *   FAULT_FILE    "-flat.vmdk": files whose path ends so
 *   FAULT_ERRNO   what fails fails with this (default EIO)
 *   FAULT_READ    "OFF+LEN,...": reads that touch these bytes fail
 *   FAULT_TIMES   so often (default: always)
 *   FAULT_GONE    once a read has come to this byte, each later one fails, wherever it is
 *   FAULT_HOLD    "OFF+LEN,...": reads that touch these bytes wait until the file FAULT_UNTIL is there
 *   FAULT_KILL    a word: the process is killed when a file that has it in it has got its name
 *   FAULT_WRITE   writes at and behind this byte fail
 *   FAULT_SYNC    the Nth fdatasync or fsync fails, and what was written since the one before is lost, as the
 *                 kernel drops it; the next one succeeds
 *   FAULT_PLAIN   1: no O_DIRECT, no SEEK_DATA and SEEK_HOLE, no fallocate, as on NFSv3
 *   FAULT_LOCK    1: questions about locks are never answered, as by an NFS server whose lock service is away
 *   FAULT_CLOCK   seconds that the wall clock is ahead
 *   FAULT_AFTER   from so many seconds after the start on; before that it is right
 *   FAULT_LOG     a file that gets a line for each fault
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* What a file had where it was written since its last sync, newest first. */
struct undo {
	struct undo *next;
	off_t off;
	ssize_t n;
	char old[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct undo *undo;
static unsigned syncs;
static long times = -1;
static bool gone;

#define REAL(type, name, ...) \
	static type (*real)(__VA_ARGS__); \
	if (!real) \
		real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static bool ours(int fd)
{
	const char *suffix = getenv("FAULT_FILE");
	char link[64], path[4096];
	size_t k = suffix ? strlen(suffix) : 0;
	ssize_t n;

	if (!suffix)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path);
	return n >= (ssize_t)k && !memcmp(path + n - k, suffix, k);
}

static bool ours_path(const char *path)
{
	const char *suffix = getenv("FAULT_FILE");
	size_t n = strlen(path), k = suffix ? strlen(suffix) : 0;

	return suffix && n >= k && !strcmp(path + n - k, suffix);
}

static int fault(const char *what, int fd, off_t off)
{
	const char *e = getenv("FAULT_ERRNO"), *path = getenv("FAULT_LOG");
	FILE *f = path ? fopen(path, "a") : NULL;

	if (f) {
		fprintf(f, "%s %d %lld\n", what, fd, (long long)off);
		fclose(f);
	}
	errno = e ? atoi(e) : EIO;
	return -1;
}

/* --- Reading -------------------------------------------------------------------------------- */

/* Whether [OFF, OFF + N) touches one of the RANGES, which may be NULL. */
static bool touches(const char *ranges, off_t off, size_t n)
{
	bool hit = false;

	for (const char *s = ranges; s && *s && !hit; s += strcspn(s, ","), s += *s == ',') {
		long long from = 0, len = 0;

		if (sscanf(s, "%lld+%lld", &from, &len) == 2)
			hit = off < from + len && from < off + (long long)n;
	}
	return hit;
}

/* Those whose times are over do not count. */
static bool is_bad(off_t off, size_t n)
{
	bool bad = touches(getenv("FAULT_READ"), off, n);
	const char *t = getenv("FAULT_TIMES");

	if (!bad || !t)
		return bad;
	pthread_mutex_lock(&lock);
	if (times < 0)
		times = atol(t);
	bad = times > 0;
	times -= bad;
	pthread_mutex_unlock(&lock);
	return bad;
}

static void hold(off_t off, size_t n)
{
	const char *until = getenv("FAULT_UNTIL");

	if (until && touches(getenv("FAULT_HOLD"), off, n))
		while (access(until, F_OK) < 0)
			usleep(10000);
}

static bool is_gone(off_t off, size_t n)
{
	const char *s = getenv("FAULT_GONE");

	if (s && off + (long long)n > atoll(s))
		gone = true;
	return gone;
}

ssize_t pread64(int fd, void *buf, size_t n, off_t off)
{
	REAL(ssize_t, "pread64", int, void *, size_t, off_t);
	if (ours(fd)) {
		hold(off, n);
		if (is_gone(off, n) || is_bad(off, n))
			return fault("read", fd, off);
	}
	return real(fd, buf, n, off);
}

ssize_t pread(int fd, void *buf, size_t n, off_t off)
{
	return pread64(fd, buf, n, off);
}

/* --- Writing -------------------------------------------------------------------------------- */

static void keep(int fd, off_t off, size_t n)
{
	REAL(ssize_t, "pread64", int, void *, size_t, off_t);
	struct undo *u = calloc(1, sizeof *u + n);
	char path[64];
	int plain;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	plain = open(path, O_RDONLY | O_CLOEXEC); /* without O_DIRECT */
	if (u && plain >= 0) {
		real(plain, u->old, n, off); /* behind the end there are zeros */
		u->off = off;
		u->n = (ssize_t)n;
		pthread_mutex_lock(&lock);
		u->next = undo;
		undo = u;
		pthread_mutex_unlock(&lock);
	}
	if (plain >= 0)
		close(plain);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off_t off)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
	const char *s = getenv("FAULT_WRITE");

	if (!ours(fd))
		return real(fd, buf, n, off);
	if (s && off + (long long)n > atoll(s))
		return fault("write", fd, off);
	if (getenv("FAULT_SYNC"))
		keep(fd, off, n);
	return real(fd, buf, n, off);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	return pwrite64(fd, buf, n, off);
}

/* What was written since the last sync: lost, if LOSE, or on the disk. */
static void settle(int fd, bool lose)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
	char path[64];
	int plain = -1;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (lose)
		plain = open(path, O_WRONLY | O_CLOEXEC);
	while (undo) {
		struct undo *u = undo;

		undo = u->next;
		if (plain >= 0 && real(plain, u->old, (size_t)u->n, u->off) != u->n)
			abort();
		free(u);
	}
	if (plain >= 0)
		close(plain);
}

static int sync_with(int (*real)(int), int fd)
{
	const char *s = getenv("FAULT_SYNC");
	bool fails;

	if (!s || !ours(fd))
		return real(fd);
	pthread_mutex_lock(&lock);
	fails = ++syncs == (unsigned)atoi(s);
	settle(fd, fails);
	pthread_mutex_unlock(&lock);
	return fails ? fault("sync", fd, 0) : real(fd);
}

int fdatasync(int fd)
{
	REAL(int, "fdatasync", int);
	return sync_with(real, fd);
}

int fsync(int fd)
{
	REAL(int, "fsync", int);
	return sync_with(real, fd);
}

/* Small files: what has its name is whole. */
static bool has_word(const char *path, const char *word)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof text, f) : 0;

	if (f)
		fclose(f);
	return n && memmem(text, n, word, strlen(word));
}

int rename(const char *from, const char *to)
{
	REAL(int, "rename", const char *, const char *);
	const char *word = getenv("FAULT_KILL");
	int r = real(from, to);

	if (r == 0 && word && ours_path(to) && has_word(to, word))
		raise(SIGKILL);
	return r;
}

/* --- What a filesystem can't do --------------------------------------------------------------- */

static int open_with(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
	if (flags & O_DIRECT && getenv("FAULT_PLAIN") && ours_path(path)) {
		errno = EINVAL;
		return -1;
	}
	return real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	REAL(int, "open64", const char *, int, ...);
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_with(real, path, flags, mode);
}

off_t lseek64(int fd, off_t off, int whence)
{
	REAL(off_t, "lseek64", int, off_t, int);
	if ((whence == SEEK_DATA || whence == SEEK_HOLE) && getenv("FAULT_PLAIN") && ours(fd)) {
		errno = EINVAL;
		return -1;
	}
	return real(fd, off, whence);
}

int fallocate64(int fd, int mode, off_t off, off_t n)
{
	REAL(int, "fallocate64", int, int, off_t, off_t);
	if (getenv("FAULT_PLAIN") && ours(fd)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return real(fd, mode, off, n);
}

int fcntl64(int fd, int cmd, ...)
{
	REAL(int, "fcntl64", int, int, ...);
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (cmd == F_OFD_GETLK && getenv("FAULT_LOCK") && ours(fd))
		for (;;)
			pause();
	return real(fd, cmd, arg);
}

/* --- The clock ------------------------------------------------------------------------------ */

static struct timespec begun; /* on the clock that nobody sets */

__attribute__((constructor)) static void begin(void)
{
	clock_gettime(CLOCK_MONOTONIC, &begun);
}

static long ahead(void)
{
	const char *s = getenv("FAULT_CLOCK"), *after = getenv("FAULT_AFTER");
	struct timespec now;

	if (s && after) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - begun.tv_sec < atol(after))
			return 0;
	}
	return s ? atol(s) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	REAL(int, "clock_gettime", clockid_t, struct timespec *);
	int r = real(clock, ts);

	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ts->tv_sec += ahead();
	return r;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	REAL(int, "gettimeofday", struct timeval *, void *);
	int r = real(tv, tz);

	if (r == 0)
		tv->tv_sec += ahead();
	return r;
}

time_t time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t)
		*t = ts.tv_sec;
	return ts.tv_sec;
}
