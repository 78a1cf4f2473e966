/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/io.h"

#define CANARY "what nobody may read or write"

static struct unrack_error err;
static char base[64], root[80], outside[80], canary[96];
static struct io *io;

static char *in_root(const char *name)
{
	static char path[4][256];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof path[i], "%s/%s", root, name);
	return path[i];
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) < 0) {
		printf("Bail out! can't write %s\n", path);
		exit(1);
	}
}

static bool has(const char *path, const char *text)
{
	char is[256] = "";
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(is, 1, sizeof is - 1, f) : 0;

	if (f)
		fclose(f);
	return f && n == strlen(text) && !strcmp(is, text);
}

/* Nothing but the canary, as it was. */
static bool outside_untouched(void)
{
	DIR *d = opendir(outside);
	struct dirent *e;
	struct stat st;
	int n = 0;

	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n == 1 && has(canary, CANARY) && stat(canary, &st) == 0 && st.st_nlink <= 2;
}

static int try_open(const char *path, int flags)
{
	int r = io->ops->open(io->ctx, path, flags, 0600);

	if (r >= 0)
		io->ops->close(io->ctx, r);
	return r < 0 ? r : 0;
}

static void test_plain_use(void)
{
	struct buf b = { 0 };
	struct stat st;
	uint64_t room = 0;
	DIR *d;

	is_int(io_mkdir(io, "web01", &err), 0, "a folder is made");
	is_int(io_mkdir(io, "web01/unrack/", &err), 0, "one in it, with a slash at the end");
	is_int(io_mkdir(io, "web01", &err), 0, "one that exists is fine");
	is_int(io_replace_file(io, "web01/unrack/m", "hello", 5, 0640, &err), 0, "a file is replaced");
	ok(has(in_root("web01/unrack/m"), "hello"), "it is in the folder");
	ok(stat(in_root("web01/unrack/m"), &st) == 0 && (st.st_mode & 0777) == 0640, "with its mode");
	is_int(io_replace_file(io, "top", "t", 1, 0600, &err), 0, "and one at the top");
	ok(io_read_file(io, "./web01//unrack/m", 99, &b, &err) == 0 && !strcmp(buf_str(&b), "hello"),
	   "it is read, also by a clumsy path");
	ok(io_stat(io, "top", &st, &err) == 0 && st.st_size == 1, "stat");
	ok((d = io_opendir(io, ".", &err)) != NULL, "the root itself is listed");
	closedir(d);
	ok(io_room(io, "web01", &room, &err) == 0 && room > 0, "there is room");
	is_int(io->ops->link(io->ctx, "top", "web01/second"), 0, "a second name");
	is_int(io_rename(io, "web01/second", "web01/third", &err), 0, "rename");
	is_int(io_unlink(io, "web01/third", &err), 0, "unlink");
	is_int(io_unlink(io, "web01/third", &err), 0, "of a missing file is fine");
	is_int(try_open("web01/none", O_RDONLY), -ENOENT, "a missing file");
	is_int(io->ops->fsyncdir(io->ctx, "web01"), 0, "a folder is synced");
	is_int(io->ops->fsyncdir(io->ctx, "none"), -ENOENT, "one that is not there is not");
	is_int(io_mkdir(io, "top", &err), UNRACK_USAGE, "a file is no folder");
	buf_free(&b);
}

static void test_ways_out(void)
{
	/* Only what may be lost: a fault here really does these things. */
	char by_proc[sizeof canary + 32];
	const char *const out[] = { "../outside/canary", "web01/../../outside/canary", canary, by_proc,
				    "..", "/", "web01/../.." };
	char name[300], longer[5000];

	snprintf(by_proc, sizeof by_proc, "/proc/self/root%s", canary);

	for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
		is_int(try_open(out[i], O_RDONLY), -EXDEV, "%s is not opened", out[i]);
		ok(io->ops->rename(io->ctx, "top", out[i]) < 0, "nothing is renamed to it");
		ok(io->ops->rename(io->ctx, out[i], "stolen") < 0, "nor is it renamed");
		ok(io->ops->link(io->ctx, out[i], "stolen") < 0, "nor linked");
		ok(io->ops->unlink(io->ctx, out[i]) < 0, "nor removed");
		ok(io->ops->mkdir(io->ctx, out[i], 0700) < 0, "nor made");
		ok(io->ops->fsyncdir(io->ctx, out[i]) < 0, "nor synced");
	}
	is_int(io_unlink(io, "../outside/canary", &err), UNRACK_UNSAFE, "this is a refusal");
	has_str(err.text, "can't remove ../outside/canary: the path leaves the folder that it has to stay in",
		"the sentence");
	is_int(try_open("../new", O_RDWR | O_CREAT), -EXDEV, "nothing is created above it");
	ok(try_open("", O_RDONLY) < 0 && io->ops->unlink(io->ctx, "") < 0, "the empty path");
	ok(io->ops->unlink(io->ctx, ".") < 0 && io->ops->mkdir(io->ctx, "web01/..", 0700) < 0, "no name at its end");
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	is_int(try_open(name, O_RDONLY), -ENAMETOOLONG, "a name that is too long");
	is_int(io->ops->mkdir(io->ctx, name, 0700), -ENAMETOOLONG, "or to be made");
	for (size_t i = 0; i < sizeof longer - 1; i++)
		longer[i] = i % 2 ? '/' : '.';
	longer[sizeof longer - 1] = '\0';
	is_int(try_open(longer, O_RDONLY), -ENAMETOOLONG, "a path that is too long");
	ok(io->ops->unlink(io->ctx, longer) < 0, "or to be removed");
	ok(outside_untouched(), "nothing happened outside");
}

static void test_symlinks(void)
{
	struct buf b = { 0 };
	struct stat st;

	symlink(canary, in_root("to-file"));
	symlink(outside, in_root("to-folder"));
	symlink("../outside/new", in_root("dangling"));
	symlink("top", in_root("to-inside"));
	is_int(try_open("to-file", O_RDONLY), -ELOOP, "a symbolic link is not read");
	is_int(try_open("to-file", O_RDWR | O_CREAT | O_TRUNC), -ELOOP, "nor written, nor truncated");
	is_int(try_open("to-inside", O_RDONLY), -ELOOP, "also one that stays inside");
	is_int(try_open("dangling", O_WRONLY | O_CREAT), -ELOOP, "nor created through");
	is_int(try_open("to-folder/canary", O_RDONLY), -ELOOP, "one on the way");
	is_int(io->ops->mkdir(io->ctx, "to-folder/new", 0700), -ELOOP, "no folder is made through it");
	is_int(io->ops->mkdir(io->ctx, "dangling", 0700), -EEXIST, "nor in its place");
	is_int(io->ops->unlink(io->ctx, "to-folder/canary"), -ELOOP, "nothing is removed through it");
	is_int(io->ops->rename(io->ctx, "top", "to-folder/top"), -ELOOP, "nor renamed");
	is_int(io->ops->rename(io->ctx, "to-folder/canary", "top"), -ELOOP, "nor fetched");
	is_int(io->ops->link(io->ctx, "to-folder/canary", "stolen"), -ELOOP, "nor linked");
	is_int(io->ops->fsyncdir(io->ctx, "to-folder"), -ELOOP, "nor synced");
	is_int(io_read_file(io, "to-file", 99, &b, &err), UNRACK_UNSAFE, "this is a refusal");
	has_str(err.text, "can't open to-file: a symbolic link is in the way, and none is followed here",
		"the sentence");
	is_int(io_mkdir(io, "to-folder", &err), UNRACK_UNSAFE, "a link is no folder that exists");
	is_int(io_stat(io, "to-file", &st, &err), UNRACK_UNSAFE, "nothing is told of what is behind it");
	is_int(io_replace_file(io, "to-file", "x", 1, 0600, &err), 0, "replacing a file");
	ok(lstat(in_root("to-file"), &st) == 0 && S_ISREG(st.st_mode), "replaces the link itself");
	symlink(canary, in_root("to-file.new"));
	is_int(io_replace_file(io, "to-file", "y", 1, 0600, &err), UNRACK_UNSAFE, "but does not begin at one");
	is_int(io_unlink(io, "to-file.new", &err), 0, "a link can be removed");
	ok(outside_untouched(), "nothing happened outside");
	is_int(symlink(base, in_root("up")), 0, "a link to above");
	is_int(try_open("up/outside/canary", O_RDONLY), -ELOOP, "leads nowhere");
	is_int(try_open("web01/../up/outside/canary", O_RDONLY), -ELOOP, "also behind dots");
	buf_free(&b);
}

static void test_strange_files(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd = -1;
	struct stat st;

	mkfifo(in_root("fifo"), 0600);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", in_root("socket"));
	bind(s, (struct sockaddr *)&a, sizeof a);
	is_int(try_open("fifo", O_RDONLY), -ENXIO, "a pipe stops no reader");
	is_int(try_open("fifo", O_WRONLY | O_CREAT | O_TRUNC), -ENXIO, "and no writer");
	is_int(try_open("fifo", O_RDWR), -ENXIO, "and is nothing to keep open");
	is_int(try_open("socket", O_RDWR), -ENXIO, "a socket");
	is_int(io_stat(io, "fifo", &st, &err), UNRACK_UNSAFE, "not even to be looked at");
	has_str(err.text, "can't look at fifo: it is neither a file nor a folder", "the sentence");
	close(s);

	if (link(canary, in_root("hard")) == 0) {
		is_int(try_open("hard", O_RDWR | O_CREAT | O_TRUNC), -ENOTUNIQ, "a second name of another's file");
		is_int(try_open("hard", O_WRONLY), -ENOTUNIQ, "is not opened for writing");
		ok(has(canary, CANARY), "and not truncated");
		is_int(io_open(io, "hard", O_RDWR, 0, &fd, &err), UNRACK_UNSAFE, "this is a refusal");
		has_str(err.text, "can't open hard: the file has a second name (a hard link)", "the sentence");
		is_int(try_open("hard", O_RDONLY), 0, "reading it is another matter");
		unlink(in_root("hard"));
	}
	is_int(io_open(io, "own", O_RDWR | O_CREAT | O_EXCL, 0600, &fd, &err), 0, "a file of ours");
	is_int(io->ops->link(io->ctx, "own", "own2"), 0, "gets a second name");
	is_int(io_pwrite_all(io, fd, "own", "z", 1, 0, &err), 0, "and is written through its first descriptor");
	io_close(io, &fd, "own", &err);
	put(in_root("long"), "a long text");
	is_int(try_open("long", O_RDWR | O_CREAT | O_TRUNC), 0, "truncating works");
	ok(has(in_root("long"), ""), "where it may");
}

/* --- Races ------------------------------------------------------------------------------ */

static atomic_bool racing;

/* Keeps putting links to the outside where a folder and a file are, and back. */
static void *swap(void *arg)
{
	(void)arg;
	while (racing) {
		rename(in_root("race/dir"), in_root("race/aside"));
		symlink(outside, in_root("race/dir"));
		symlink(canary, in_root("race/file.tmp"));
		rename(in_root("race/file.tmp"), in_root("race/file"));
		unlink(in_root("race/dir"));
		rename(in_root("race/aside"), in_root("race/dir"));
		unlink(in_root("race/file"));
	}
	return NULL;
}

/* One round of all operations on what is being swapped. */
static void operate(unsigned *done, unsigned *refused)
{
	static const char text[] = "written by the test";
	int r[8], fd;

	fd = io->ops->open(io->ctx, "race/dir/new", O_RDWR | O_CREAT | O_TRUNC, 0600);
	r[0] = fd;
	if (fd >= 0) {
		io->ops->pwrite(io->ctx, fd, text, sizeof text, 0);
		io->ops->close(io->ctx, fd);
	}
	fd = io->ops->open(io->ctx, "race/file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	r[1] = fd;
	if (fd >= 0) {
		io->ops->pwrite(io->ctx, fd, text, sizeof text, 0);
		io->ops->close(io->ctx, fd);
	}
	r[2] = io->ops->rename(io->ctx, "race/dir/new", "race/dir/newer");
	r[3] = io->ops->unlink(io->ctx, "race/dir/canary");
	r[4] = io->ops->mkdir(io->ctx, "race/dir/folder", 0700);
	r[5] = io->ops->link(io->ctx, "race/dir/newer", "race/dir/linked");
	r[6] = io->ops->unlink(io->ctx, "race/dir/linked");
	r[7] = io->ops->fsyncdir(io->ctx, "race/dir/../dir");
	for (size_t i = 0; i < sizeof r / sizeof *r; i++) {
		*done += r[i] >= 0;
		*refused += r[i] == -ELOOP;
	}
}

static void test_races(void)
{
	unsigned done = 0, refused = 0;
	pthread_t thread;

	mkdir(in_root("race"), 0700);
	mkdir(in_root("race/dir"), 0700);
	racing = true;
	pthread_create(&thread, NULL, swap, NULL);
	for (int i = 0; i < 200 || ((done < 50 || refused < 50) && i < 4000000); i++)
		operate(&done, &refused);
	racing = false;
	pthread_join(thread, NULL);
	ok(done >= 50, "some of the operations worked (%u)", done);
	ok(refused >= 50, "some met a link and were refused (%u)", refused);
	ok(outside_untouched(), "not one of them reached the outside");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	struct io *none = NULL;
	int r;

	strcpy(base, access("/dev/shm", W_OK) == 0 ? "/dev/shm/unrack-beneath-XXXXXX" : "/tmp/unrack-beneath-XXXXXX");
	if (!mkdtemp(base))
		skip_all("no temporary folder");
	snprintf(root, sizeof root, "%s/root", base);
	snprintf(outside, sizeof outside, "%s/outside", base);
	snprintf(canary, sizeof canary, "%s/canary", outside);
	mkdir(root, 0700);
	mkdir(outside, 0700);
	put(canary, CANARY);
	r = io_open_beneath(root, &io, &err);
	if (r == UNRACK_MISSING)
		skip_all("%s", err.text);
	is_int(r, 0, "a folder is opened");
	test_plain_use();
	test_ways_out();
	test_symlinks();
	test_strange_files();
	test_races();
	io_close_beneath(io);
	io_close_beneath(NULL);
	is_int(io_open_beneath(canary, &none, &err), UNRACK_IO, "a file is no root");
	is_int(io_open_beneath("/nonexistent", &none, &err), UNRACK_IO, "nor is what is missing");
	has_str(err.text, "can't open the folder /nonexistent", "the sentence");
	nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
