/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an earlier pass has read of a place that can't be read any more. */
#include "../support/twins.h"
#include "intake_fixture.h"
#include "base/size.h"
#include "unrack/lost.h"

#define DISK (4 * GRAIN_SIZE)

static struct identity id;

static int lost(struct intake *in, const struct receiver_place *place, uint64_t off, uint64_t len, bool over)
{
	const struct receiver_host *h = intake_host(in);

	return h->lost(h->ctx, place, off, len, "/etc/motd", over, &err);
}

static void forget(struct intake *in, const struct receiver_place *place)
{
	const struct receiver_host *h = intake_host(in);

	is_int(h->begin(h->ctx, place, 0, &err), 0, "a pass begins");
}

/* The text that diskN.bad has for its range I. */
static const char *said_of(const struct fixture *f, size_t i)
{
	static char text[LOST_WHAT_MAX];
	struct lost l = { .n = 0 };

	lost_read(io_posix(), in_folder(f, "unrack/disk0.bad"), &l, &err);
	snprintf(text, sizeof text, "%s", i < l.n ? l.at[i].what : "(none)");
	lost_free(&l);
	return text;
}

static void read_kept(const struct fixture *f, void *to, size_t n, uint64_t off)
{
	int fd = open(in_folder(f, "unrack/disk0.kept"), O_RDONLY | O_CLOEXEC);

	memset(to, 0xee, n);
	if (fd < 0 || pread(fd, to, n, (off_t)off) < 0)
		fixture_die("disk0.kept can't be read");
	close(fd);
}

/* A folder with one whole disk, whose image is zeros but for "earlier" in the sector at GRAIN_SIZE + 512. */
static struct intake *begin(struct fixture *f, const struct io *io, struct receiver_place *place)
{
	struct intake_options opt;
	int fd;

	fixture_root(f, "web01");
	opt = options(f);
	is_int(session(&opt, &id, 1), 0, "a first pass");
	opt.io = io;
	opt.discard_changes = true;
	opt.same_disk = true;
	struct intake *in = open_or_die(&opt);
	if (offer(in, 0, 1, &id, place) < 0)
		fixture_die(err.text);
	fd = open(place->image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 0) < 0 || ftruncate(fd, DISK) < 0 ||
	    pwrite(fd, "earlier", 7, GRAIN_SIZE + 512) != 7)
		fixture_die("the image can't be written");
	close(fd);
	forget(in, place);
	return in;
}

static void test_kept(void)
{
	struct receiver_place place;
	struct fixture f;
	char sectors[1024];
	struct intake *in = begin(&f, io_posix(), &place);

	is_int(lost(in, &place, 512, 512, true), 0, "a place where the earlier pass had zeros");
	is_int(access(in_folder(&f, "unrack/disk0.kept"), F_OK), -1, "has nothing that is to be kept");
	is_str(said_of(&f, 0), "/etc/motd", "nor is that said");
	is_int(lost(in, &place, GRAIN_SIZE, 1024, true), 0, "one where it had something");
	read_kept(&f, sectors, sizeof sectors, GRAIN_SIZE);
	ok(is_zero(sectors, 512) && !memcmp(sectors + 512, "earlier", 8), "keeps that, where it was");
	has_str(said_of(&f, 1), "/etc/motd; disk0.kept has what an earlier pass could read", "and it is said");

	/* The pass writes its zeros and is interrupted; the next one finds only them. */
	is_int(truncate(place.image, 0) | truncate(place.image, DISK), 0, "zeros in their place");
	forget(in, &place);
	is_int(lost(in, &place, GRAIN_SIZE, 1024, true), 0, "the same in the pass behind");
	read_kept(&f, sectors, sizeof sectors, GRAIN_SIZE);
	ok(is_zero(sectors, 512) && !memcmp(sectors + 512, "earlier", 8), "is still kept");
	has_str(said_of(&f, 0), "disk0.kept", "and said");

	/* What is lost of a first pass is no matter of an earlier one. */
	is_int(lost(in, &place, 2 * GRAIN_SIZE, 512, false), 0, "a loss where no pass was before");
	is_str(said_of(&f, 1), "/etc/motd", "is said as it is");
	is_int(disk_done(in, &place), 0, "the disk is done");
	read_kept(&f, sectors, sizeof sectors, GRAIN_SIZE);
	ok(is_zero(sectors, 512) && !memcmp(sectors + 512, "earlier", 8), "what is kept stays while its place is lost");
	forget(in, &place);
	is_int(disk_done(in, &place), 0, "a pass that loses nothing");
	is_int(access(in_folder(&f, "unrack/disk0.kept"), F_OK), -1, "ends that");
	intake_close(in, UNRACK_INTERRUPTED);
	fixture_close(&f);
}

/* What a pass could read again is in the image: a later one must not find what was there before that. */
static void test_read_again(void)
{
	struct receiver_place place;
	struct fixture f;
	char sectors[1024];
	struct intake *in = begin(&f, io_posix(), &place);
	int fd = open(place.image, O_WRONLY | O_CLOEXEC);

	is_int(pwrite(fd, "another", 7, 2 * GRAIN_SIZE), 7, "something stands in two places");
	is_int(lost(in, &place, GRAIN_SIZE, 1024, true), 0, "of which a pass loses the one");
	is_int(lost(in, &place, 2 * GRAIN_SIZE, 512, true), 0, "and the other");
	is_int(disk_done(in, &place), 0, "and is complete");
	forget(in, &place);
	is_int(lost(in, &place, 2 * GRAIN_SIZE, 512, true), 0, "the next one reads the first of them");
	is_int(disk_done(in, &place), 0, "and is complete, too");
	read_kept(&f, sectors, sizeof sectors, GRAIN_SIZE);
	ok(is_zero(sectors, sizeof sectors), "so nothing older is kept of that");
	read_kept(&f, sectors, sizeof sectors, 2 * GRAIN_SIZE);
	is_str(sectors, "another", "and all of the other");
	is_int(access(in_folder(&f, "unrack/disk0.kept.new"), F_OK), -1, "nothing else is left");
	is_int(pwrite(fd, "earlier", 7, GRAIN_SIZE), 7, "what it has read there");
	forget(in, &place);
	is_int(lost(in, &place, GRAIN_SIZE, 1024, true), 0, "is what is kept when that is lost again");
	read_kept(&f, sectors, sizeof sectors, GRAIN_SIZE);
	ok(!memcmp(sectors, "earlier", 8), "from its own place");
	forget(in, &place);
	is_int(lost(in, &place, 0, 512, true), 0, "a pass that loses only what nobody had");
	is_int(disk_done(in, &place), 0, "when it is complete");
	is_int(access(in_folder(&f, "unrack/disk0.kept"), F_OK), -1, "leaves no file");
	close(fd);
	intake_close(in, UNRACK_INTERRUPTED);
	fixture_close(&f);
}

/* Zeros come only when what they take the place of is durable. */
static void test_failures(void)
{
	static const enum twin_op ops[] = { TWIN_PWRITE, TWIN_FDATASYNC, TWIN_FSYNCDIR };

	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		struct twin_io *t = twin_io_new(io_posix());
		struct receiver_place place;
		struct fixture f;
		struct intake *in = begin(&f, twin_io(t), &place);

		twin_io_fault(t, (struct twin_fault){ .op = ops[i], .nth = 1, .errnum = EIO });
		is_int(lost(in, &place, GRAIN_SIZE, 1024, true), UNRACK_IO, "what can't be kept stops the pass");
		has_str(err.text, "unrack", "and the sentence says where");
		is_str(said_of(&f, 0), "(none)", "nothing is said of a loss yet");
		twin_io_heal(t);
		twin_io_fault(t, (struct twin_fault){ .op = ops[i], .nth = 1, .errnum = ENOSPC });
		is_int(lost(in, &place, GRAIN_SIZE, 1024, true), UNRACK_NOSPACE, "so does what has no room");
		has_str(err.text, "; free some space and run the same command again", "with what to do");
		twin_io_heal(t);
		is_int(lost(in, &place, GRAIN_SIZE, 1024, true), 0, "when it can be, it goes on");
		has_str(said_of(&f, 0), "disk0.kept", "with the bytes kept");
		intake_close(in, UNRACK_INTERRUPTED);
		twin_io_free(t);
		fixture_close(&f);
	}
}

int main(void)
{
	id = disk(DISK, "mbr=a\n", "");
	test_kept();
	test_read_again();
	test_failures();
	identity_free(&id);
	return tap_done();
}
