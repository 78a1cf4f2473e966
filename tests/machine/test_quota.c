/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "folder_fixture.h"
#include "unrack/quota.h"

#define KIB 1024u
#define MIB (1024u * 1024u)

static struct unrack_error err;
static struct fixture f;
static char data[MIB];

static char *at(const char *name)
{
	static char path[2][512];
	static unsigned i;

	i = (i + 1) % 2;
	snprintf(path[i], sizeof path[i], "%s/%s", f.root, name);
	return path[i];
}

static void put(const char *path, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		fixture_die("put");
	close(fd);
}

static struct quota *start(const struct io *io, const char *folder, uint64_t limit)
{
	struct quota *q = NULL;

	if (quota_open(io, folder, limit, &q, &err) < 0)
		fixture_die(err.text);
	return q;
}

/* How much of the limit is taken at the beginning. */
static uint64_t used(const struct io *io, const char *folder)
{
	struct quota *q = start(io, folder, 1000 * MIB);
	uint64_t left = quota_left(q);

	quota_close(q);
	return 1000 * MIB - left;
}

static void test_counting(void)
{
	int fd;

	is_int(used(io_posix(), f.root), 0, "an empty folder takes nothing");
	put(at("a"), 10 * KIB);
	is_int(used(io_posix(), f.root), 12 * KIB, "a file takes its blocks");
	put(at("empty"), 0);
	is_int(used(io_posix(), f.root), 16 * KIB, "an empty one takes one");
	mkdir(at("sub"), 0700);
	is_int(used(io_posix(), f.root), 20 * KIB, "so does a folder");
	put(at("sub/b"), 20 * KIB);
	is_int(used(io_posix(), f.root), 40 * KIB, "files in it count too");
	if (link(at("sub/b"), at("c")) < 0)
		fixture_die("link");
	is_int(used(io_posix(), f.root), 40 * KIB, "a second name does not");
	if (symlink("/usr", at("usr")) < 0)
		fixture_die("symlink");
	is_int(used(io_posix(), f.root), 44 * KIB, "a link counts as itself");
	fd = open(at("hole"), O_WRONLY | O_CREAT, 0600);
	if (ftruncate(fd, (off_t)62 << 40) < 0 && ftruncate(fd, (off_t)1 << 40) < 0)
		fixture_die("ftruncate");
	close(fd);
	is_int(used(io_posix(), f.root), 48 * KIB, "so does a hole of many tebibytes");
	is_int(used(io_posix(), at("sub")), 20 * KIB, "of a folder below only its own");
}

static void test_depth(void)
{
	struct quota *q = NULL;
	char path[400];
	size_t n = (size_t)snprintf(path, sizeof path, "%s", at("deep"));

	for (int i = 0; i < 32; i++) {
		mkdir(path, 0700);
		n += (size_t)snprintf(path + n, sizeof path - n, "/d");
	}
	is_int(quota_open(io_posix(), f.root, MIB, &q, &err), 0, "folders 32 deep");
	quota_close(q);
	mkdir(path, 0700);
	is_int(quota_open(io_posix(), f.root, MIB, &q, &err), UNRACK_UNSUPPORTED, "deeper ones");
	has_str(err.text, "can't keep to the quota: folders lie more than 32 deep in each other", "the sentence");
	is_int(quota_open(io_posix(), "/nonexistent", MIB, &q, &err), UNRACK_IO, "no folder");
}

static void test_limit(const struct io *inner, const char *folder, const char *name, const char *title)
{
	uint64_t before = used(inner, folder), limit = before + 3 * MIB - 4 * KIB;
	struct quota *q = start(inner, folder, limit);
	const struct io *io = quota_io(q);
	uint64_t room = 0;
	char path[128], want[400];
	int fd = -1;

	printf("# %s\n", title);
	snprintf(path, sizeof path, "%s%s", name, "image");
	is_int(quota_left(q), limit - before, "what is left");
	ok(io_room(io, folder, &room, &err) == 0 && room <= limit - before, "is the room there");
	is_int(io_open(io, path, O_RDWR | O_CREAT | O_TRUNC, 0600, &fd, &err), 0, "a file is made");
	is_int(io_truncate(io, fd, path, 1024ull * MIB, &err), 0, "of any size");
	is_int(io_pwrite_all(io, fd, path, data, MIB, 0, &err), 0, "a first MiB");
	for (int i = 0; i < 4; i++)
		if (io_pwrite_all(io, fd, path, data, MIB, 0, &err) < 0)
			break;
	is_int(io_pwrite_all(io, fd, path, data, MIB, MIB, &err), 0,
	       "what is written again and again counts once");
	is_int(io_pwrite_all(io, fd, path, data, MIB, 2 * MIB, &err), UNRACK_NOSPACE, "what is too much is refused");
	snprintf(want, sizeof want, "can't write %s at byte 2097152: the quota is %.1f MiB, of which %.1f MiB are "
		 "taken: have it raised, or what is no longer needed removed", path, (double)limit / MIB,
		 (double)(before + 2 * MIB) / MIB);
	is_str(err.text, want, "the sentence names limit and use");
	is_int(err.sys_errno, EDQUOT, "and the errno");
	is_int(io_pwrite_all(io, fd, path, data, 512 * KIB, 2 * MIB, &err), 0, "less of it fits");
	is_int(io_pwrite_all(io, fd, path, data, 520 * KIB, 2 * MIB + 512 * KIB, &err), UNRACK_NOSPACE, "and no more");
	is_int(io_zero(io, fd, path, 0, MIB, &err), 0, "space is given back");
	is_int(io_pwrite_all(io, fd, path, data, 520 * KIB, 2 * MIB + 512 * KIB, &err), 0, "then there is room again");
	io_close(io, &fd, path, &err);
	is_int(io_unlink(io, path, &err), 0, "the file goes");
	quota_close(q);
	is_int(used(inner, folder), before, "and all is as before");
}

static void test_full(void)
{
	struct quota *q = start(io_posix(), f.root, used(io_posix(), f.root));
	const struct io *io = quota_io(q);
	char path[256], folder[280];
	int fd = -1, n = 0;

	snprintf(path, sizeof path, "%s", at("record"));
	is_int(quota_left(q), 0, "nothing is left");
	is_int(io_replace_file(io, path, data, 4000, 0600, &err), 0, "a record is still written");
	is_int(io_open(io, path, O_RDWR | O_CREAT, 0600, &fd, &err), 0, "and opened");
	is_int(io_pwrite_all(io, fd, path, data, 4097, 0, &err), UNRACK_NOSPACE, "nothing larger");
	for (unsigned i = 0; i < 2000 && io_pwrite_all(io, fd, path, data, 4096, i * 4096, &err) == 0; i++)
		n++;
	ok(n > 200 && n <= 256, "of small ones 1 MiB at most (%d)", n);
	has_str(err.text, "the quota is ", "then these are refused too");
	snprintf(folder, sizeof folder, "%s/new", f.root);
	is_int(io_mkdir(io, folder, &err), UNRACK_NOSPACE, "and folders");
	has_str(err.text, "can't make the folder", "with the same words");
	is_int(io_replace_file(io, path, "x", 1, 0600, &err), UNRACK_NOSPACE, "and files");
	io_close(io, &fd, path, &err);
	is_int(io_mkdir(io, f.folder, &err), 0, "but a folder that is there is fine");
	is_int(io_open(io, path, O_RDWR | O_CREAT, 0600, &fd, &err), 0, "and a file that is there is opened");
	io_close(io, &fd, path, &err);
	is_int(machine_check_space(io, f.root, 0, MIB, NULL, &err), UNRACK_NOSPACE, "which is told beforehand");
	has_str(err.text, "has 0 bytes free, and at least 1.0 MiB are needed: the quota is ", "with the limit");
	has_str(err.text, "; free some space", "and what to do");
	quota_close(q);
	q = start(io_posix(), f.root, 1);
	is_int(quota_left(q), 0, "a limit that was passed long ago leaves nothing");
	quota_close(q);
	unlink(path);
}

/* Two that write under one limit see each other after 64 MiB. */
static void test_two(void)
{
	struct twin_io *t = twin_io_new(io_posix());
	struct quota *q = start(twin_io(t), f.root, 500 * MIB);
	char path[256], other[256];
	uint64_t opened, left;
	int fd = -1;

	twin_io_quiet(t);
	snprintf(path, sizeof path, "%s", at("mine"));
	snprintf(other, sizeof other, "%s", at("theirs"));
	io_open(quota_io(q), path, O_RDWR | O_CREAT, 0600, &fd, &err);
	put(other, MIB);
	left = quota_left(q);
	opened = twin_io_count(t, TWIN_OPEN);
	for (int i = 0; i < 64; i++)
		io_pwrite_all(quota_io(q), fd, path, data, MIB, 0, &err);
	is_int(twin_io_count(t, TWIN_OPEN), opened, "64 MiB are written without looking");
	ok(left - quota_left(q) >= 63 * MIB, "and counted");
	io_pwrite_all(quota_io(q), fd, path, data, MIB, 0, &err);
	is_int(twin_io_count(t, TWIN_OPEN), opened + 1, "then it is measured");
	ok(left - quota_left(q) < 4 * MIB && left - quota_left(q) >= 2 * MIB, "with what the other one wrote");
	/* A folder that can't be looked at any more: what was known counts. */
	twin_io_fault(t, (struct twin_fault){ .op = TWIN_OPEN, .nth = 1, .onwards = true, .errnum = EIO });
	left = quota_left(q);
	for (int i = 0; i < 70; i++)
		io_pwrite_all(quota_io(q), fd, path, data, MIB, 0, &err);
	ok(left - quota_left(q) == 70 * MIB, "if that fails, nothing is forgotten");
	twin_io_heal(t);
	io_close(quota_io(q), &fd, path, &err);
	quota_close(q);
	twin_io_free(t);
	unlink(path);
	unlink(other);
}

static void *writer(void *arg)
{
	struct quota *q = arg;
	struct unrack_error e;
	char path[256];
	int fd = -1;

	snprintf(path, sizeof path, "%s/%lx", f.root, (unsigned long)pthread_self());
	if (io_open(quota_io(q), path, O_RDWR | O_CREAT, 0600, &fd, &e) < 0)
		return NULL;
	for (unsigned i = 0; i < 100 && io_pwrite_all(quota_io(q), fd, path, data, 64 * KIB, i * 64 * KIB, &e) == 0; i++)
		;
	io_close(quota_io(q), &fd, path, &e);
	return NULL;
}

/* Past the page cache or not: where the storage below can, this can. */
static void test_direct(void)
{
	struct quota *q = start(io_posix(), f.root, used(io_posix(), f.root) + MIB);
	int fd = open(at("direct"), O_WRONLY | O_CREAT, 0600);
	bool can = io_direct(io_posix(), fd, true);

	io_direct(io_posix(), fd, false);
	is_int(io_direct(quota_io(q), fd, true), can, "the same way to write");
	is_int((fcntl(fd, F_GETFL) & O_DIRECT) != 0, can, "is taken below");
	close(fd);
	quota_close(q);
}

static void test_threads(void)
{
	uint64_t before = used(io_posix(), f.root);
	struct quota *q = start(io_posix(), f.root, before + 8 * MIB);
	pthread_t thread[3];
	uint64_t after;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, writer, q);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	quota_close(q);
	after = used(io_posix(), f.root);
	/* What the two others were just writing when it was measured may not have been there yet; and files have maps. */
	ok(after <= before + 8 * MIB + 3 * 64 * KIB && after >= before + 7 * MIB, "threads share the limit (%llu)",
	   (unsigned long long)(after - before));
}

int main(void)
{
	struct io *beneath = NULL;

	memset(data, 'd', sizeof data);
	fixture_root(&f, "web01");
	test_counting();
	test_depth();
	fixture_close(&f);
	fixture_root(&f, "web01");
	mkdir(f.folder, 0700);
	put(at("web01/file"), 100 * KIB);
	test_limit(io_posix(), f.root, at(""), "over the real table");
	if (io_open_beneath(f.root, &beneath, &err) == 0) {
		test_limit(beneath, ".", "", "beneath a folder");
		test_limit(beneath, "web01", "web01/", "beneath a folder in it");
	}
	if (beneath && symlink(f.root, at("loop")) == 0) {
		struct quota *q = start(beneath, ".", MIB);
		int fd = -1;

		is_int(io_open(quota_io(q), "loop/new", O_RDWR | O_CREAT, 0600, &fd, &err), UNRACK_UNSAFE,
		       "the inner table's refusals");
		has_str(err.text, "a symbolic link is in the way", "and words remain");
		quota_close(q);
	}
	test_full();
	test_two();
	test_threads();
	test_direct();
	io_close_beneath(beneath);
	quota_close(NULL);
	fixture_close(&f);
	return tap_done();
}
