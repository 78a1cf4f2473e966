/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a new image takes the place of an old one, when each call on the way fails, and when it is not to be. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../p2v/cmd/initrd_store.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/plan.h"

static struct unrack_error err;
static char dir[] = "/tmp/unrack-store-XXXXXX";
static const char old_text[] = "the old image", new_text[] = "the new image, which is larger";

static char *in_dir(const char *name)
{
	static char paths[8][128];
	static unsigned n;

	snprintf(paths[n % 8], sizeof paths[0], "%s/%s", dir, name);
	return paths[n++ % 8];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
		printf("Bail out! cannot write %s\n", name);
		exit(1);
	}
}

/* "": there is no such file. */
static const char *get(const char *name)
{
	static char text[4][200];
	static unsigned n;
	char *t = text[n++ % 4];
	FILE *f = fopen(in_dir(name), "r");

	t[0] = '\0';
	if (f) {
		t[fread(t, 1, 199, f)] = '\0';
		fclose(f);
	}
	return t;
}

static void clear(void)
{
	static const char *const names[] = { "a.img", "a-phys.img", "a.img.unrack-new", "a-phys.img.unrack-new", "out", "out.unrack-new", "link.img" };

	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		unlink(in_dir(names[k]));
}

/* One run: FILE is replaced, or OUTPUT written. AFTER is called before the writing. */
static int run(const struct io *io, const char *output, void (*after)(void), uint64_t max)
{
	struct buf data CLEANUP_BUF = { 0 };
	struct initrd_input in;
	struct initrd_store s = { .io = io, .from = &in, .output = output, .max = max, .data = &data };
	int r = initrd_input_take(in_dir("a.img"), !output, &in, &err);

	buf_puts(&data, new_text);
	if (r == 0)
		r = initrd_store_check(&s, &err);
	if (after)
		after();
	if (r == 0 && !s.same)
		r = initrd_store_write(&s, &err);
	else if (r == 0)
		r = 1;
	initrd_store_free(&s);
	initrd_input_close(&in);
	return r;
}

static void test_places(void)
{
	struct stat st, kept;

	put("a.img", old_text);
	chmod(in_dir("a.img"), 0640);
	stat(in_dir("a.img"), &st);
	is_int(run(io_posix(), NULL, NULL, 0), 0, "in place");
	is_str(get("a.img"), new_text, "the new one is there");
	is_str(get("a-phys.img"), old_text, "the old one is kept");
	stat(in_dir("a-phys.img"), &kept);
	is_int(kept.st_ino, st.st_ino, "as the same file");
	stat(in_dir("a.img"), &st);
	is_int(st.st_mode & 07777, 0640, "with the same mode");
	is_int(st.st_nlink, 1, "they are two files");
	is_int(run(io_posix(), NULL, NULL, 0), 1, "the same once more is nothing to do");
	put("a.img", "a third one");
	is_int(run(io_posix(), NULL, NULL, 0), 0, "another one");
	is_str(get("a-phys.img"), old_text, "the oldest is kept");

	is_int(run(io_posix(), in_dir("out"), NULL, 0), 0, "elsewhere");
	is_str(get("out"), new_text, "it is there");
	is_int(run(io_posix(), in_dir("out"), NULL, 0), 1, "once more is nothing to do");
	put("out", old_text);
	is_int(run(io_posix(), in_dir("out"), NULL, 0), UNRACK_UNSAFE, "something else in the way");
	has_str(err.text, "is in the way", "is named");
	is_str(get("out"), old_text, "and left alone");
	is_int(run(io_posix(), dir, NULL, 0), UNRACK_USAGE, "a folder");
	is_int(run(io_posix(), in_dir("out"), NULL, 5), UNRACK_NOSPACE, "larger than allowed");
	has_str(err.text, "the new image would have 30 bytes, and --max-size allows 5", "is said");
	clear();
}

static void swap(void)
{
	put("other", "made anew by another program");
	rename(in_dir("other"), in_dir("a.img"));
}

static void test_others(void)
{
	struct initrd_input in;
	int fd;

	put("a.img", old_text);
	is_int(run(io_posix(), NULL, swap, 0), UNRACK_UNSAFE, "a file that changed meanwhile");
	has_str(err.text, "has changed since it was read", "is named");
	is_str(get("a.img"), "made anew by another program", "and left alone");
	is_str(get("a-phys.img"), "", "nothing is kept");
	is_str(get("a.img.unrack-new"), "", "nor left behind");
	is_int(initrd_input_take(in_dir("a.img"), true, &in, &err), 0, "while one works on it");
	is_int(run(io_posix(), NULL, NULL, 0), UNRACK_UNSAFE, "another may not");
	has_str(err.text, "is being changed by another program", "which is said");
	is_int(run(io_posix(), in_dir("out"), NULL, 0), 0, "but read it");
	initrd_input_close(&in);

	/* Two that write to one place; then the other one is gone, by kill -9 */
	put("out.unrack-new", "half of an im");
	fd = open(in_dir("out.unrack-new"), O_WRONLY);
	flock(fd, LOCK_EX);
	unlink(in_dir("out"));
	is_int(run(io_posix(), in_dir("out"), NULL, 0), UNRACK_UNSAFE, "a place that another one is writing to");
	has_str(err.text, "another unrack is writing", "which is said");
	is_str(get("out.unrack-new"), "half of an im", "and left to it");
	close(fd);
	is_int(run(io_posix(), in_dir("out"), NULL, 0), 0, "what it left behind is removed when it is gone");
	is_str(get("out"), new_text, "and the new one is whole");

	/* What has the new file's name by chance leads nowhere else. */
	put("target", old_text);
	if (symlink(in_dir("target"), in_dir("a.img.unrack-new")) < 0 || symlink(in_dir("lost"), in_dir("a-phys.img")) < 0)
		exit(1);
	is_int(run(io_posix(), NULL, NULL, 0), 0, "links in the way");
	is_str(get("target"), old_text, "are not followed");
	is_str(get("lost"), "", "not even one that leads nowhere");
	unlink(in_dir("target"));
	clear();
}

static int no_links(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	(void)from;
	(void)to;
	return -EPERM;
}

static int little_room(void *ctx, const char *path, uint64_t *bytes)
{
	(void)ctx;
	(void)path;
	*bytes = 4096;
	return 0;
}

static void test_filesystems(void)
{
	struct io_ops ops = *io_posix()->ops;
	const struct io io = { &ops, NULL };

	put("a.img", old_text);
	ops.link = no_links;
	is_int(run(&io, NULL, NULL, 0), 0, "a filesystem without hard links");
	is_str(get("a.img"), new_text, "the new one is there");
	is_str(get("a-phys.img"), old_text, "the old one is kept");
	clear();
	put("a.img", old_text);
	ops.room = little_room;
	is_int(run(&io, NULL, NULL, 0), UNRACK_NOSPACE, "a full one");
	has_str(err.text, "has 4 KiB free, and 8 KiB are needed", "is known before");
	is_str(get("a.img.unrack-new"), "", "anything is written");
	clear();
}

/* Every call fails once; then the power. */
static void test_faults(void)
{
	struct twin_io *t = twin_io_new(io_posix());
	unsigned failed = 0, wrong = 0, lost = 0, left = 0;
	bool done = false;

	for (uint64_t nth = 1; !done && nth < 50; nth++) {
		int r;

		clear();
		put("a.img", old_text);
		twin_io_free(t);
		t = twin_io_new(io_posix());
		twin_io_fault(t, (struct twin_fault){ .op = TWIN_OPS, .nth = nth, .errnum = EIO });
		r = run(twin_io(t), NULL, NULL, 0);
		done = r == 0;
		failed += r < 0;
		wrong += r < 0 && r != UNRACK_IO;
		/* The folder's sync comes last: then both have their places. */
		lost += strcmp(get("a.img"), old_text) != 0 && (strcmp(get("a.img"), new_text) != 0 ||
								 strcmp(get("a-phys.img"), old_text) != 0);
		left += get("a.img.unrack-new")[0] != 0;
	}
	ok(done && failed > 5, "each call on the way fails once (%u)", failed);
	is_int(wrong, 0, "each is an error of input or output");
	is_int(lost, 0, "the old image is always there");
	is_int(left, 0, "nothing is left behind");
	lost = 0;
	for (size_t k = 0; k <= twin_io_records(t); k++) {
		struct twin_io *after = twin_io_crash(t, k, TWIN_DROP, 1);
		size_t n = 0;
		uint8_t *data = twin_io_get(after, in_dir("a.img"), &n);

		lost += data && strcmp((char *)data, old_text) != 0 && strcmp((char *)data, new_text) != 0;
		free(data);
		twin_io_free(after);
	}
	is_int(lost, 0, "after a power failure it is one of the two, whole");
	twin_io_free(t);
	clear();
}

int main(void)
{
	char *name = plan_phys_name("/boot/initrd-1.img");

	is_str(name, "/boot/initrd-1-phys.img", "the name of what is kept");
	free(name);
	name = plan_phys_name("initrd.gz");
	is_str(name, "initrd.gz-phys.img", "without .img");
	free(name);
	if (!mkdtemp(dir))
		return 1;
	test_places();
	test_others();
	test_filesystems();
	test_faults();
	rmdir(dir);
	return tap_done();
}
