/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lock_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "unrack/digest.h"

#define MAGIC "unrack-lock 1 "
#define SUM_DIGITS 16u

/* A small file of /proc, "" when it can't be read. */
static void read_small(const char *path, char *out, size_t size)
{
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
}

struct process {
	char state;
	long threads;
	uint64_t start;
};

/* False: there is no such process, or it can't be seen (no /proc, hidepid). */
static bool process_stat(pid_t pid, struct process *out)
{
	char path[64], text[1024], *p;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	read_small(path, text, sizeof text);
	/* The name in parentheses may have anything in it; fields count behind the last one:
	 * 3 state, 20 num_threads, 22 starttime, see proc(5). */
	p = strrchr(text, ')');
	return p && sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
				  "%ld %*d %" SCNu64, &out->state, &out->threads, &out->start) == 3;
}

static void printable(char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			*s = '_';
}

int lock_record_self(struct lock_record *r, const char *boot, struct unrack_error *err)
{
	uint8_t random[DIGEST_SEED_SIZE];
	struct process p;
	struct stat st;
	int e = digest_random_seed(random, err);

	if (e < 0)
		return e;
	memset(r, 0, sizeof *r);
	hex_encode(random, LOCK_TOKEN_DIGITS / 2, r->token);
	if (gethostname(r->host, sizeof r->host - 1) < 0)
		r->host[0] = '\0';
	printable(r->host);
	if (boot) {
		snprintf(r->boot, sizeof r->boot, "%s", boot);
	} else {
		read_small("/proc/sys/kernel/random/boot_id", r->boot, sizeof r->boot);
		r->boot[strcspn(r->boot, "\n")] = '\0';
	}
	printable(r->boot);
	if (stat("/proc/self/ns/pid", &st) == 0)
		r->pidns = st.st_ino;
	r->pid = getpid();
	if (process_stat(r->pid, &p))
		r->start = p.start;
	return 0;
}

size_t lock_record_write(const struct lock_record *r, char *out, size_t *counter_at)
{
	char lines[LOCK_RECORD_MAX - 128];
	size_t n = (size_t)snprintf(lines, sizeof lines,
				    "host=%s\nboot=%s\npidns=%" PRIu64 "\npid=%ld\nstart=%" PRIu64
				    "\ntoken=%s\n", r->host, r->boot, r->pidns, (long)r->pid, r->start,
				    r->token);

	*counter_at = (size_t)snprintf(out, LOCK_RECORD_MAX, MAGIC "%016" PRIx64 "\n%scounter=",
				       checksum64(lines, n), lines);
	return *counter_at + (size_t)snprintf(out + *counter_at, LOCK_RECORD_MAX - *counter_at,
					      "%020" PRIu64 "\n", r->counter);
}

static bool token_ok(const char *t)
{
	return strspn(t, "0123456789abcdef") == LOCK_TOKEN_DIGITS && t[LOCK_TOKEN_DIGITS] == '\0';
}

bool lock_record_parse(const char *text, size_t n, struct lock_record *r)
{
	char copy[LOCK_RECORD_MAX + 1];
	char *lines, *counter, sum[SUM_DIGITS + 1];
	long pid = 0;

	memset(r, 0, sizeof *r);
	if (n > LOCK_RECORD_MAX || n < strlen(MAGIC) + SUM_DIGITS + 1)
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	lines = copy + strlen(MAGIC) + SUM_DIGITS + 1;
	counter = strstr(lines, "\ncounter=");
	if (memcmp(copy, MAGIC, strlen(MAGIC)) != 0 || lines[-1] != '\n' || !counter)
		return false;
	counter++;
	snprintf(sum, sizeof sum, "%016" PRIx64, checksum64(lines, (size_t)(counter - lines)));
	if (memcmp(copy + strlen(MAGIC), sum, SUM_DIGITS) != 0)
		return false;
	if (sscanf(counter, "counter=%20" SCNu64, &r->counter) != 1)
		return false;
	for (char *line = lines; line < counter; line = strchr(line, '\n') + 1) {
		sscanf(line, "host=%64[^\n]", r->host);
		sscanf(line, "boot=%64[^\n]", r->boot);
		sscanf(line, "pidns=%" SCNu64, &r->pidns);
		sscanf(line, "pid=%ld", &pid);
		sscanf(line, "start=%" SCNu64, &r->start);
		sscanf(line, "token=%32[^\n]", r->token);
	}
	r->pid = (pid_t)pid;
	return pid > 0 && token_ok(r->token);
}

enum lock_life lock_record_life(const struct lock_record *r, const struct lock_record *self)
{
	struct process p;

	if (!*r->boot || strcmp(r->boot, self->boot) != 0 || !r->pidns || r->pidns != self->pidns)
		return LOCK_FOREIGN;
	if (!process_stat(r->pid, &p))
		return kill(r->pid, 0) < 0 && errno == ESRCH ? LOCK_DEAD : LOCK_ALIVE;
	/* The number was given to another process. */
	if (r->start && p.start != r->start)
		return LOCK_DEAD;
	/* A zombie holds nothing, but another thread of it may still be in a write. */
	return (p.state == 'Z' || p.state == 'X') && p.threads <= 1 ? LOCK_DEAD : LOCK_ALIVE;
}
