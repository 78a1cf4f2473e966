/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/digest.h"
#include "unrack/io.h"
#include "unrack/proc.h"

#define TRIAL_MS 10000
#define POLL_MS 50
#define OUTPUT_MAX (1u << 20) /* a kernel says some 60 KiB until it misses its root */
#define MEMORY_MAX 4096u      /* size of the remembered result */

/* Each accel_trial's name in the file, and the sentence for a person. */
static const struct {
	const char *name, *why;
} results[] = {
	[TRIAL_WORKS] = { "works", "KVM works here: a kernel ran on it" },
	[TRIAL_REFUSED] = { "refused", "/dev/kvm is there, but QEMU can't use it" },
	[TRIAL_BROKEN] = { "broken", "/dev/kvm is there, but broken: a kernel on it ends in a KVM "
				     "internal error" },
	[TRIAL_SILENT] = { "silent", "/dev/kvm is there, but a kernel on it did not start within 10 "
				     "seconds" },
	[TRIAL_STOPPED] = { "stopped", "the trial of /dev/kvm was not finished" },
};

/* What a kernel says that looked for a root filesystem and has none (2.6 to 6.x). */
static const char *const no_root[] = {
	"Unable to mount root fs", "No working init found", "Attempted to kill init",
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *accel_name(enum accel a)
{
	return a == ACCEL_KVM ? "kvm" : "tcg";
}

/* --- The trial ----------------------------------------------------------------------------- */

static int read_more(int fd, struct buf *b)
{
	char chunk[16384];
	ssize_t n;

	while ((n = pread(fd, chunk, sizeof chunk, (off_t)b->len)) > 0)
		if (b->len > OUTPUT_MAX || buf_append(b, chunk, (size_t)n) < 0)
			return -1;
	return 0;
}

static bool has(const struct buf *b, const char *what)
{
	return b->len && memmem(b->data, b->len, what, strlen(what));
}

/* The kernel's output and QEMU's own errors come to one file. */
static enum accel_trial watch(pid_t *pid, int fd, int limit_ms, const struct log *log)
{
	struct buf said CLEANUP_BUF = { 0 };
	int64_t end = now_ms() + limit_ms;
	int status;

	for (;;) {
		bool ended = proc_ended(*pid, &status);

		if (ended)
			*pid = 0;
		if (read_more(fd, &said) < 0)
			return TRIAL_STOPPED;
		for (size_t i = 0; i < ARRAY_LEN(no_root); i++)
			if (has(&said, no_root[i]))
				return TRIAL_WORKS;
		if (has(&said, "KVM internal error"))
			return TRIAL_BROKEN;
		if (ended)
			return TRIAL_REFUSED;
		if (log_stop_asked(log))
			return TRIAL_STOPPED;
		if (now_ms() >= end)
			return TRIAL_SILENT;
		poll(NULL, 0, POLL_MS);
	}
}

enum accel_trial accel_try(const char *qemu, const char *kernel, enum accel a, int limit_ms,
			   const struct log *log)
{
	const char *const argv[] = {
		qemu, "-accel", accel_name(a), "-cpu", "max", "-machine", "pc", "-m", "256",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", kernel, "-append", "console=ttyS0 panic=-1", NULL,
	};
	/* A file without a name: nothing is left, whatever happens to this process. */
	int fd CLEANUP_CLOSE = memfd_create("unrack-accel", MFD_CLOEXEC);
	struct unrack_error err = UNRACK_ERROR_INIT;
	enum accel_trial t;
	char path[64];
	pid_t pid;

	if (fd < 0)
		return TRIAL_STOPPED;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (proc_start(argv, path, &pid, &err) < 0)
		return TRIAL_STOPPED;
	t = watch(&pid, fd, limit_ms, log);
	if (pid)
		proc_kill(pid);
	return t;
}

char *accel_kernel(const char *pattern)
{
	char *best = NULL;
	struct timespec newest = { 0 };
	glob_t g;

	if (glob(pattern, 0, NULL, &g) != 0)
		return NULL;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct stat st;
		char *copy;

		if (stat(g.gl_pathv[i], &st) < 0 || !S_ISREG(st.st_mode) ||
		    access(g.gl_pathv[i], R_OK) < 0)
			continue;
		if (best && (st.st_mtim.tv_sec < newest.tv_sec ||
			     (st.st_mtim.tv_sec == newest.tv_sec &&
			      st.st_mtim.tv_nsec <= newest.tv_nsec)))
			continue;
		copy = strdup(g.gl_pathv[i]);
		if (!copy)
			break;
		free(best);
		best = copy;
		newest = st.st_mtim;
	}
	globfree(&g);
	return best;
}

/* --- Its result, remembered ---------------------------------------------------------------- */

static int put_file(struct buf *out, const char *what, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -1;
	return buf_printf(out, "%s %s %lld.%09ld\n", what, path, (long long)st.st_mtim.tv_sec,
			  st.st_mtim.tv_nsec);
}

int accel_memory(const char *qemu, const char *kernel, enum accel_trial t, struct buf *out)
{
	struct buf boot CLEANUP_BUF = { 0 };
	struct unrack_error err = UNRACK_ERROR_INIT;

	buf_clear(out);
	if (io_read_file(io_posix(), "/proc/sys/kernel/random/boot_id", 128, &boot, &err) < 0)
		return -1;
	if (buf_printf(out, "unrack-accel 1\nboot %s", buf_str(&boot)) < 0 ||
	    put_file(out, "qemu", qemu) < 0 || put_file(out, "kernel", kernel) < 0 ||
	    buf_printf(out, "kvm %s\n", results[t].name) < 0)
		return -1;
	return buf_printf(out, "checksum %016" PRIx64 "\n", checksum64(out->data, out->len));
}

bool accel_recall(const char *path, const char *qemu, const char *kernel, enum accel_trial *t)
{
	struct buf was CLEANUP_BUF = { 0 }, would CLEANUP_BUF = { 0 };
	struct unrack_error err = UNRACK_ERROR_INIT;

	if (io_read_file(io_posix(), path, MEMORY_MAX, &was, &err) < 0)
		return false;
	for (*t = TRIAL_WORKS; *t < TRIAL_STOPPED; (*t)++)
		if (accel_memory(qemu, kernel, *t, &would) == 0 && would.len == was.len &&
		    !memcmp(would.data, was.data, was.len))
			return true;
	return false;
}

/* Best effort: what can't be remembered is tried again. */
void accel_remember(const char *path, const char *qemu, const char *kernel, enum accel_trial t)
{
	struct buf b CLEANUP_BUF = { 0 };
	struct unrack_error err = UNRACK_ERROR_INIT;
	char *dir CLEANUP_FREE = strdup(path);

	if (t == TRIAL_STOPPED || !dir || accel_memory(qemu, kernel, t, &b) < 0)
		return;
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return;
		*p = '/';
	}
	io_replace_file(io_posix(), path, b.data, b.len, 0600, &err);
}

/* NULL where there is no home. */
static char *memory_path(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *path;

	if (cache && cache[0] == '/')
		return asprintf(&path, "%s/unrack/accel", cache) < 0 ? NULL : path;
	if (home && home[0] == '/')
		return asprintf(&path, "%s/.cache/unrack/accel", home) < 0 ? NULL : path;
	return NULL;
}

/* --- The choice ---------------------------------------------------------------------------- */

static enum accel choose(const struct log *log, const char **why)
{
	char *qemu CLEANUP_FREE = NULL, *kernel CLEANUP_FREE = NULL, *path CLEANUP_FREE = NULL;
	const char *wish = getenv("UNRACK_ACCEL");
	struct unrack_error err = UNRACK_ERROR_INIT;
	enum accel_trial t;
	int fd CLEANUP_CLOSE = -1;

	*why = "UNRACK_ACCEL says so";
	if (wish && !strcmp(wish, "kvm"))
		return ACCEL_KVM;
	if (wish && !strcmp(wish, "tcg"))
		return ACCEL_TCG;
	if (wish && *wish)
		log_warn(log, "UNRACK_ACCEL is \"%s\", but kvm and tcg are all there is; it is ignored",
			 wish);

	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		*why = errno == ENOENT ? "there is no /dev/kvm" :
					 "/dev/kvm can't be opened by this user";
		return ACCEL_TCG;
	}
	*why = "QEMU, with which /dev/kvm could be tried, is not installed";
	if (proc_find("qemu-system-x86_64", "", &qemu, &err) < 0 &&
	    proc_find("qemu-kvm", "", &qemu, &err) < 0)
		return ACCEL_TCG;
	kernel = accel_kernel("/boot/vmlinuz*");
	*why = "there is no readable kernel in /boot with which /dev/kvm could be tried";
	if (!kernel)
		return ACCEL_TCG;

	path = memory_path();
	if (!path || !accel_recall(path, qemu, kernel, &t)) {
		log_debug(log, "trying /dev/kvm with %s", kernel);
		t = accel_try(qemu, kernel, ACCEL_KVM, TRIAL_MS, log);
		if (path)
			accel_remember(path, qemu, kernel, t);
	}
	*why = results[t].why;
	return t == TRIAL_WORKS ? ACCEL_KVM : ACCEL_TCG;
}

enum accel accel_choose(const struct log *log, const char **why)
{
	const char *because;
	enum accel a = choose(log, &because);

	log_debug(log, "accelerator %s: %s", accel_name(a), because);
	if (why)
		*why = because;
	return a;
}
