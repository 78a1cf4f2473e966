/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A main program for fuzzers where there is no libFuzzer: runs the given files, and those in
 * the given folders, and then changes of them, always the same ones for the same seed.
 *
 *	-runs=N            how many changed inputs; 0 by default
 *	-max_total_time=S  or as many as go into S seconds
 *	-seed=N  -max_len=N  -timeout=S (for one input)
 *	-artifact_prefix=P an input that makes the program die is written to Pcrash-SEED-RUN, or Pcrash-file-N;
 *			   by default into the folder unrack-fuzz of TMPDIR
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define FILES_MAX 1024
#define PATH_SIZE 1024

struct input {
	uint8_t *data;
	size_t n;
};

static struct input corpus[FILES_MAX];
static unsigned files;
static struct input now; /* what runs, for the handlers */
static char prefix[PATH_SIZE - 64], folder[PATH_SIZE - 64]; /* FOLDER: to be made, or "" */
static char crash_name[PATH_SIZE];
static unsigned long run, runs, seconds, seed = 1, max_len = 8192, timeout = 60;
static uint64_t state;

/* ASan's and UBSan's, when they are there. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void keep_input(void)
{
	int fd;

	if (folder[0])
		mkdir(folder, 0700);
	fd = open(crash_name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return;
	if (write(fd, now.data, now.n) == (ssize_t)now.n)
		dprintf(STDERR_FILENO, "the input is in %s\n", crash_name);
	close(fd);
}

static void on_signal(int sig)
{
	if (sig == SIGALRM)
		dprintf(STDERR_FILENO, "an input takes longer than %lu s\n", timeout);
	keep_input();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void run_one(const uint8_t *data, size_t n)
{
	now.data = fuzz_copy(data, n);
	now.n = n;
	alarm((unsigned)timeout);
	LLVMFuzzerTestOneInput(now.data, n);
	alarm(0);
	free(now.data);
}

static void add_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct input in = { NULL, 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || files == FILES_MAX) {
		fprintf(stderr, "can't use %s\n", path);
		exit(2);
	}
	in.data = malloc((size_t)st.st_size + 1);
	if (!in.data || read(fd, in.data, (size_t)st.st_size) != st.st_size)
		exit(2);
	in.n = (size_t)st.st_size;
	close(fd);
	corpus[files++] = in;
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void add(const char *path)
{
	struct dirent **list;
	char name[PATH_SIZE];
	struct stat st;
	int n;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		add_file(path);
		return;
	}
	n = scandir(path, &list, visible, alphasort); /* in an order that is always the same */
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
		add_file(name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return below ? (uint32_t)(state >> 16) % below : 0;
}

/* Makes room for N bytes at AT in the M bytes of BUF; gives the new length. */
static size_t open_gap(uint8_t *buf, size_t m, size_t at, size_t n)
{
	if (m + n > max_len)
		return m;
	memmove(buf + at + n, buf + at, m - at);
	return m + n;
}

static size_t change(uint8_t *buf, size_t n)
{
	static const uint32_t values[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000,
					   0x7fffffff, 0x80000000, 0xffffffff };
	size_t at = rnd((uint32_t)n), len = rnd((uint32_t)(n - at)) % 32 + 1, more;
	const struct input *other = &corpus[rnd(files)];

	if (len > n - at)
		len = n - at;
	switch (rnd(8)) {
	case 0: /* a bit */
		if (n)
			buf[at] ^= (uint8_t)(1u << rnd(8));
		break;
	case 1: /* a byte */
		if (n)
			buf[at] = (uint8_t)rnd(256);
		break;
	case 2: /* a number that often is a limit */
		if (n - at >= 4)
			put_le32(buf + at, values[rnd(ARRAY_LEN(values))]);
		break;
	case 3: /* the end is cut off */
		n = at;
		break;
	case 4: /* a piece is missing */
		memmove(buf + at, buf + at + len, n - at - len);
		n -= len;
		break;
	case 5: /* something is put in */
		more = open_gap(buf, n, at, len);
		for (size_t i = 0; i < more - n; i++)
			buf[at + i] = (uint8_t)rnd(256);
		n = more;
		break;
	case 6: /* a piece comes twice */
		more = open_gap(buf, n, at, len);
		if (more != n)
			memmove(buf + at, buf + at + len, len);
		n = more;
		break;
	default: /* the end of another input */
		len = rnd((uint32_t)other->n);
		if (at + other->n - len <= max_len) {
			memcpy(buf + at, other->data + len, other->n - len);
			n = at + other->n - len;
		}
	}
	return n;
}

static void run_changed(uint8_t *buf)
{
	const struct input *from = &corpus[rnd(files)];
	size_t n = from->n < max_len ? from->n : max_len;

	memcpy(buf, from->data, n);
	for (unsigned i = rnd(4) + 1; i > 0; i--)
		n = change(buf, n);
	snprintf(crash_name, sizeof crash_name, "%scrash-%lu-%lu", prefix, seed, run);
	run_one(buf, n);
}

static void option(const char *arg)
{
	static const struct {
		const char *name;
		unsigned long *value;
	} known[] = { { "-runs=", &runs }, { "-max_total_time=", &seconds }, { "-seed=", &seed },
		      { "-max_len=", &max_len }, { "-timeout=", &timeout } };

	for (unsigned i = 0; i < ARRAY_LEN(known); i++)
		if (!strncmp(arg, known[i].name, strlen(known[i].name))) {
			*known[i].value = strtoul(arg + strlen(known[i].name), NULL, 10);
			return;
		}
	if (!strncmp(arg, "-artifact_prefix=", 17)) {
		snprintf(prefix, sizeof prefix, "%s", arg + 17);
		folder[0] = '\0';
		return;
	}
	fprintf(stderr, "%s is no option\n", arg);
	exit(2);
}

/* Never where the program happens to be started, which may be a repository. */
static void default_prefix(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%.*s/unrack-fuzz", (int)sizeof folder - 20, tmp && tmp[0] ? tmp : "/tmp");
	snprintf(prefix, sizeof prefix, "%.*s/", (int)sizeof prefix - 2, folder);
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	time_t end;
	uint8_t *buf;

	default_prefix();
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-')
			option(argv[i]);
		else
			add(argv[i]);
	if (files == 0) {
		fprintf(stderr, "usage: %s [-runs=N] [-seed=N] FILE|FOLDER...\n", argv[0]);
		return 2;
	}
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(keep_input);
	else
		for (unsigned i = 0; i < ARRAY_LEN(signals); i++)
			signal(signals[i], on_signal);
	signal(SIGABRT, on_signal);
	signal(SIGALRM, on_signal);
	for (unsigned i = 0; i < files; i++) {
		snprintf(crash_name, sizeof crash_name, "%scrash-file-%u", prefix, i);
		run_one(corpus[i].data, corpus[i].n);
	}
	state = seed * 0x9e3779b97f4a7c15u | 1;
	end = time(NULL) + (time_t)seconds;
	buf = malloc(max_len);
	while (buf && (run < runs || (seconds && time(NULL) < end))) {
		run++;
		run_changed(buf);
	}
	printf("%u files and %lu changes of them\n", files, run);
	free(buf);
	for (unsigned i = 0; i < files; i++)
		free(corpus[i].data);
	return 0;
}
