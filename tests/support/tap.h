/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TAP for C tests, read by prove. A test program calls ok() and friends, and ends with
 * `return tap_done();`. Every check has a name that says the behaviour. What failed is also told on
 * stderr, which prove shows. */
#ifndef TAP_H
#define TAP_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5), unused)) static bool tap_check(bool good, const char *file,
								     int line, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good) {
		tap_failed++;
		fprintf(stderr, "# %s:%d: test %d failed\n", file, line, tap_count);
	}
	fflush(stdout);
	return good;
}

#define ok(cond, ...) tap_check(!!(cond), __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...)                                                          \
	do {                                                                            \
		long long g_ = (long long)(got), w_ = (long long)(want);                \
		if (!ok(g_ == w_, __VA_ARGS__))                                         \
			fprintf(stderr, "# got %lld, want %lld\n", g_, w_);                      \
	} while (0)

#define is_str(got, want, ...)                                                          \
	do {                                                                            \
		const char *g_ = (got), *w_ = (want);                                   \
		if (!ok(g_ && !strcmp(g_, w_), __VA_ARGS__))                            \
			fprintf(stderr, "# got  \"%s\"\n# want \"%s\"\n", g_ ? g_ : "(null)", w_); \
	} while (0)

/* The text contains WANT: for error sentences. */
#define has_str(got, want, ...)                                                         \
	do {                                                                            \
		const char *g_ = (got), *w_ = (want);                                   \
		if (!ok(g_ && strstr(g_, w_), __VA_ARGS__))                             \
			fprintf(stderr, "# \"%s\"\n# does not contain \"%s\"\n",          \
				g_ ? g_ : "(null)", w_);                                \
	} while (0)

#define skip_all(...)                                                                   \
	do {                                                                            \
		printf("1..0 # SKIP ");                                                 \
		printf(__VA_ARGS__);                                                    \
		printf("\n");                                                           \
		exit(0);                                                                \
	} while (0)

/* Whether all cases are tried (UNRACK_TESTS=all, as `make check` sets it), or those that take no time. */
__attribute__((unused)) static bool tap_all(void)
{
	const char *s = getenv("UNRACK_TESTS");

	return s && !strcmp(s, "all");
}

/* A new folder for a test of many small files or syncs: in memory if possible. Whoever asks removes it. */
__attribute__((unused)) static void tap_folder(char *out, size_t size, const char *name)
{
	snprintf(out, size, "%s/unrack-%s-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", name);
	if (!mkdtemp(out)) {
		printf("Bail out! no folder %s\n", out);
		exit(1);
	}
}

/* Somebody else writes N bytes into a file, long after all that was written before: the clock of many kernels' files
 * stands still for some milliseconds, in which a test may do much. */
__attribute__((unused)) static void tap_overwrite(const char *path, const void *data, size_t n, off_t off)
{
	int fd = open(path, O_WRONLY);
	struct timespec t[2];
	struct stat st;

	if (fd < 0 || pwrite(fd, data, n, off) != (ssize_t)n || fstat(fd, &st) < 0) {
		printf("Bail out! can't write to %s\n", path);
		exit(1);
	}
	t[0] = st.st_atim;
	t[1] = st.st_mtim;
	t[1].tv_sec += 10;
	futimens(fd, t);
	close(fd);
}

__attribute__((unused)) static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
