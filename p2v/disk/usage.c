/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether anybody uses a disk: mounts and swap on it, on its partitions, and on whatever
 * is built upon these (sysfs: holders; loop devices), and virtual machines that have an image open. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "unrack/disk.h"
#include "usage.h"

#define DEVICES_MAX 1024
/* QEMU locks one byte of an image for each permission that it uses (block/file-posix.c:
 * RAW_LOCK_PERM_BASE 100, BLK_PERM_WRITE is bit 1). */
#define QEMU_LOCK_WRITE 101
/* A file server whose lock service is away never answers. */
#define LOCK_SECONDS 5

struct devices {
	dev_t at[DEVICES_MAX];
	bool leaf[DEVICES_MAX]; /* nothing is built upon it */
	unsigned n;
};

static bool has(const struct devices *d, dev_t dev)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->at[i] == dev)
			return true;
	return false;
}

static bool read_dev(const char *dir, dev_t *dev)
{
	char path[4096];
	unsigned ma, mi;
	FILE *f CLEANUP_FCLOSE = NULL;

	if (snprintf(path, sizeof path, "%s/dev", dir) >= (int)sizeof path)
		return false;
	f = fopen(path, "re");
	if (!f || fscanf(f, "%u:%u", &ma, &mi) != 2)
		return false;
	*dev = makedev(ma, mi);
	return true;
}

/* DEV, its partitions, and their holders. Depth is bounded by DEVICES_MAX, since each
 * device is visited once. */
static void collect(struct devices *d, dev_t dev)
{
	char base[64], path[4096];
	DIR *dir CLEANUP_CLOSEDIR = NULL;
	DIR *holders CLEANUP_CLOSEDIR = NULL;
	struct dirent *e;
	unsigned me = d->n;
	dev_t sub;

	if (has(d, dev) || d->n == DEVICES_MAX)
		return;
	d->at[d->n] = dev;
	d->leaf[d->n++] = true;
	snprintf(base, sizeof base, "/sys/dev/block/%u:%u", major(dev), minor(dev));
	dir = opendir(base);
	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof path, "%s/%s/partition", base, e->d_name);
		if (e->d_name[0] == '.' || access(path, F_OK) < 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", base, e->d_name);
		d->leaf[me] = false;
		if (read_dev(path, &sub))
			collect(d, sub);
	}
	snprintf(path, sizeof path, "%s/holders", base);
	holders = opendir(path);
	while (holders && (e = readdir(holders))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/sys/class/block/%s", e->d_name);
		d->leaf[me] = false;
		if (read_dev(path, &sub))
			collect(d, sub);
	}
}

/* Also when a block device has two nodes. */
static bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) || S_ISBLK(b->st_mode))
		return S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Adds the loop devices that show FILE, an image or a block device, which sysfs does not call a holder of it. */
static void collect_loops(struct devices *d, const struct stat *file)
{
	DIR *dir CLEANUP_CLOSEDIR = opendir("/sys/block");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[512], backing[4096];
		FILE *f CLEANUP_FCLOSE = NULL;
		struct stat st;
		dev_t dev;

		if (strncmp(e->d_name, "loop", 4) != 0)
			continue;
		snprintf(path, sizeof path, "/sys/block/%s/loop/backing_file", e->d_name);
		f = fopen(path, "re");
		if (!f || !fgets(backing, sizeof backing, f))
			continue;
		backing[strcspn(backing, "\n")] = '\0';
		snprintf(path, sizeof path, "/sys/block/%s", e->d_name);
		if (stat(backing, &st) == 0 && same_file(&st, file) && read_dev(path, &dev))
			collect(d, dev);
	}
}

/* Those upon the devices that are known, and what is built upon them. */
static void collect_stacked_loops(struct devices *d)
{
	for (unsigned i = 0; i < d->n; i++)
		collect_loops(d, &(struct stat){ .st_mode = S_IFBLK, .st_rdev = d->at[i] });
}

/* The device of a mount: mountinfo's own number, or, for filesystems with numbers of their
 * own making (btrfs), that of the named source. */
static bool mounted(const struct devices *d, char where[256])
{
	FILE *f CLEANUP_FCLOSE = fopen("/proc/self/mountinfo", "re");
	char line[8192];

	while (f && fgets(line, sizeof line, f)) {
		unsigned ma, mi;
		char source[4096] = "";
		char *dash = strstr(line, " - ");
		struct stat st;

		if (sscanf(line, "%*d %*d %u:%u %*s %255s", &ma, &mi, where) != 3)
			continue;
		if (has(d, makedev(ma, mi)))
			return true;
		if (dash && sscanf(dash, " - %*s %4095s", source) == 1 && source[0] == '/' &&
		    stat(source, &st) == 0 && S_ISBLK(st.st_mode) && has(d, st.st_rdev))
			return true;
	}
	return false;
}

static bool swapped(const struct devices *d, char which[256])
{
	FILE *f CLEANUP_FCLOSE = fopen("/proc/swaps", "re");
	char line[4096];

	while (f && fgets(line, sizeof line, f)) {
		struct stat st;

		if (sscanf(line, "%255s", which) == 1 && which[0] == '/' && stat(which, &st) == 0 &&
		    S_ISBLK(st.st_mode) && has(d, st.st_rdev))
			return true;
	}
	return false;
}

/* The kernel lends a block device to one exclusive user: a mount, also one in another mount
 * namespace that /proc/self/mountinfo does not show, swap, a cluster's or a VM's claim. */
static bool claimed(const struct devices *d, char node[256])
{
	for (unsigned i = 0; i < d->n; i++) {
		char path[128], line[200] = "";
		FILE *f CLEANUP_FCLOSE = NULL;
		int fd CLEANUP_CLOSE = -1;

		if (!d->leaf[i])
			continue;
		snprintf(path, sizeof path, "/sys/dev/block/%u:%u/uevent", major(d->at[i]), minor(d->at[i]));
		f = fopen(path, "re");
		while (f && fgets(line, sizeof line, f) && strncmp(line, "DEVNAME=", 8) != 0)
			line[0] = '\0';
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "DEVNAME=", 8) != 0)
			continue;
		snprintf(node, 256, "/dev/%s", line + 8);
		fd = open(node, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 && errno == EBUSY)
			return true;
	}
	return false;
}

/* A question to the file server, of which whoever is the last to need it is rid. */
struct lock_question {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done, locked, given_up;
	int fd;
};

static void lock_question_free(struct lock_question *q)
{
	close(q->fd);
	pthread_cond_destroy(&q->answered);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static void *ask_for_lock(void *arg)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_LOCK_WRITE, .l_len = 1 };
	struct lock_question *q = arg;
	bool locked = fcntl(q->fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK, given_up;

	pthread_mutex_lock(&q->lock);
	q->locked = locked;
	q->done = true;
	given_up = q->given_up;
	pthread_cond_signal(&q->answered);
	pthread_mutex_unlock(&q->lock);
	if (given_up)
		lock_question_free(q);
	return NULL;
}

static bool wait_for_lock(struct lock_question *q)
{
	struct timespec until;
	bool done, locked;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOCK_SECONDS;
	pthread_mutex_lock(&q->lock);
	while (!q->done && pthread_cond_timedwait(&q->answered, &q->lock, &until) != ETIMEDOUT)
		;
	done = q->done;
	locked = q->locked;
	q->given_up = true;
	pthread_mutex_unlock(&q->lock);
	if (done)
		lock_question_free(q);
	return locked;
}

static bool open_in_qemu(const char *path)
{
	struct lock_question *q = calloc(1, sizeof *q);
	pthread_condattr_t attr;
	pthread_t thread;

	if (!q)
		return false;
	q->fd = open(path, O_RDONLY | O_CLOEXEC);
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->answered, &attr);
	pthread_condattr_destroy(&attr);
	if (q->fd < 0 || pthread_create(&thread, NULL, ask_for_lock, q) != 0) {
		lock_question_free(q);
		return false;
	}
	pthread_detach(thread);
	return wait_for_lock(q);
}

enum usage usage_of(const char *path, char what[256])
{
	struct devices d = { .n = 0 };
	struct stat st;

	what[0] = '\0';
	if (stat(path, &st) < 0)
		return USAGE_NONE;
	if (S_ISBLK(st.st_mode))
		collect(&d, st.st_rdev);
	else
		collect_loops(&d, &st);
	collect_stacked_loops(&d);
	if (mounted(&d, what))
		return USAGE_MOUNTED;
	if (swapped(&d, what))
		return USAGE_SWAP;
	if (claimed(&d, what))
		return USAGE_CLAIMED;
	return S_ISREG(st.st_mode) && open_in_qemu(path) ? USAGE_VM : USAGE_NONE;
}

int disk_check_unused(const char *path, struct unrack_error *err)
{
	char what[256];
	struct stat st;

	if (stat(path, &st) < 0)
		return error_errno(err, errno, "can't open %s", path);
	switch (usage_of(path, what)) {
	case USAGE_MOUNTED:
		return error_set(err, UNRACK_UNSAFE,
				 "%s is in use: it, or something on it, is mounted on %s; unmount it, since a "
				 "copy of a disk that changes is of no single moment", path, what);
	case USAGE_SWAP:
		return error_set(err, UNRACK_UNSAFE,
				 "%s is in use: %s on it is active swap; run swapoff %s first", path, what, what);
	case USAGE_CLAIMED:
		return error_set(err, UNRACK_UNSAFE,
				 "%s is in use: %s is claimed by something that is not mounted here, such as a "
				 "container or a virtual machine; end that first", path, what);
	case USAGE_VM:
		return error_set(err, UNRACK_UNSAFE,
				 "%s is open for writing in a virtual machine; shut that down first", path);
	case USAGE_NONE:
		break;
	}
	return 0;
}
