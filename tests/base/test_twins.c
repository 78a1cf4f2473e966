/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The twins are what other tests lean on: that they fail, forget and remember as told. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/tap.h"
#include "../support/twins.h"

static struct unrack_error err;

static int put_file(const struct io *io, const char *path, const char *text, bool sync)
{
	int fd = -1, r = io_open(io, path, O_RDWR | O_CREAT, 0666, &fd, &err);

	if (r == 0)
		r = io_pwrite_all(io, fd, path, text, strlen(text), 0, &err);
	if (r == 0 && sync)
		r = io_fdatasync(io, fd, path, &err);
	if (fd >= 0)
		io->ops->close(io->ctx, fd);
	return r;
}

static void file_is(struct twin_io *t, const char *path, const char *want, const char *what)
{
	char *got = (char *)twin_io_get(t, path, NULL);

	if (want)
		is_str(got, want, "%s", what);
	else
		ok(!got, "%s", what);
	free(got);
}

static void test_faults(void)
{
	struct twin_io *t = twin_io_new(NULL);
	const struct io *io = twin_io(t);

	twin_io_fault(t, (struct twin_fault){ TWIN_PWRITE, ".b", 2, false, EIO });
	ok(put_file(io, "d/x.a", "1", false) == 0 && put_file(io, "d/x.b", "1", false) == 0,
	   "calls before the nth and of other files succeed");
	is_int(put_file(io, "d/x.b", "2", false), UNRACK_IO, "the nth fails");
	has_str(err.text, "can't write d/x.b at byte 0: Input/output error", "with its error");
	is_int(put_file(io, "d/x.b", "3", false), 0, "the next succeeds again");
	twin_io_fault(t, (struct twin_fault){ TWIN_OPS, NULL, 1, true, EROFS });
	ok(put_file(io, "d/y", "1", false) < 0 && put_file(io, "d/y", "1", false) < 0,
	   "from there onwards everything fails");
	twin_io_heal(t);
	twin_io_space(t, 3);
	is_int(put_file(io, "d/z", "12345", false), UNRACK_NOSPACE, "no space after 3 bytes");
	file_is(t, "d/z", "123", "the write before it was short");
	twin_io_heal(t);
	twin_io_short(t, 2);
	is_int(put_file(io, "d/z", "abcde", false), 0, "short counts are no error");
	file_is(t, "d/z", "abcde", "and everything arrives");
	is_int(put_file(io, "d/none/../q", "", false), 0, "folders need not exist");
	ok(io_open(io, "d/missing", O_RDONLY, 0, &(int){ 0 }, &err) < 0 && err.sys_errno == ENOENT,
	   "a missing file is missing");
	twin_io_free(t);
}

static void test_crash(void)
{
	struct twin_io *t = twin_io_new(NULL), *c;
	const struct io *io = twin_io(t);
	bool whole = true;
	size_t before;
	int fd;

	twin_io_put(t, "d/a", "old", 3);
	is_int(put_file(io, "d/a", "new", false), 0, "a file is overwritten");
	c = twin_io_crash(t, twin_io_records(t), TWIN_DROP, 0);
	file_is(c, "d/a", "old", "without a sync the old content may come back");
	twin_io_free(c);
	c = twin_io_crash(t, twin_io_records(t), TWIN_KEEP, 0);
	file_is(c, "d/a", "new", "or the new one stay");
	twin_io_free(c);

	before = twin_io_records(t);
	is_int(io_replace_file(io, "d/a", "safe", 4, 0666, &err), 0, "a file is replaced");
	for (size_t n = before; n <= twin_io_records(t); n++) {
		for (uint32_t seed = 0; seed < 8; seed++) {
			char *got;

			c = twin_io_crash(t, n, TWIN_TORN, seed);
			got = (char *)twin_io_get(c, "d/a", NULL);
			whole &= got && (!strcmp(got, "old") || !strcmp(got, "new") || !strcmp(got, "safe"));
			free(got);
			twin_io_free(c);
		}
	}
	ok(whole, "a power failure leaves one of the contents, whole");
	c = twin_io_crash(t, twin_io_records(t), TWIN_DROP, 0);
	file_is(c, "d/a", "safe", "after its syncs the replaced file is durable");
	twin_io_free(c);

	is_int(put_file(io, "d/n", "text", true), 0, "a new file is written and synced");
	c = twin_io_crash(t, twin_io_records(t), TWIN_DROP, 0);
	file_is(c, "d/n", NULL, "but its name is not durable before the folder's sync");
	twin_io_free(c);
	is_int(io_fsync_parent(io, "d/n", &err), 0, "the folder is synced");
	c = twin_io_crash(t, twin_io_records(t), TWIN_DROP, 0);
	file_is(c, "d/n", "text", "now it is");
	io = twin_io(c);
	is_int(put_file(io, "d/n", "more", false), 0, "what was recovered can be written to");
	twin_io_free(t);
	t = twin_io_crash(c, twin_io_records(c), TWIN_DROP, 0);
	file_is(t, "d/n", "text", "and fail again");
	twin_io_free(c);
	io = twin_io(t);

	twin_io_fault(t, (struct twin_fault){ TWIN_FDATASYNC, NULL, 1, false, EIO });
	fd = io->ops->open(io->ctx, "d/n", O_RDWR, 0);
	is_int(io->ops->pwrite(io->ctx, fd, "XY", 2, 0), 2, "two bytes are overwritten");
	is_int(io->ops->fdatasync(io->ctx, fd), -EIO, "their sync fails");
	is_int(io->ops->fdatasync(io->ctx, fd), 0, "a second one succeeds");
	io->ops->close(io->ctx, fd);
	c = twin_io_crash(t, twin_io_records(t), TWIN_DROP, 0);
	file_is(c, "d/n", "text", "which proves nothing");
	twin_io_free(c);
	twin_io_free(t);
}

static void test_torn_sectors(void)
{
	struct twin_io *t = twin_io_new(NULL);
	const struct io *io = twin_io(t);
	char text[2048 + 1];
	bool some_kept = false, some_lost = false, mixed = false;

	memset(text, 'n', 2048);
	text[2048] = '\0';
	is_int(put_file(io, "d/a", text, false), 0, "four sectors are written");
	io_fsync_parent(io, "d/a", &err);
	for (uint32_t seed = 0; seed < 32; seed++) {
		struct twin_io *c = twin_io_crash(t, twin_io_records(t), TWIN_TORN, seed);
		size_t n = 0, kept = 0;
		char *got = (char *)twin_io_get(c, "d/a", &n);

		for (size_t i = 0; i < n; i += 512) {
			bool whole = !memcmp(got + i, text, 512);

			kept += whole;
			if (!whole && got[i])
				mixed = true;
		}
		some_kept |= kept > 0;
		some_lost |= kept < 4;
		free(got);
		twin_io_free(c);
	}
	ok(some_kept && some_lost && !mixed, "a torn write keeps some sectors, each whole");
	twin_io_free(t);
}

static void test_real(void)
{
	char dir[] = "/tmp/unrack-twins-XXXXXX", path[64];
	struct twin_io *t = twin_io_new(io_posix()), *c;

	if (!mkdtemp(dir))
		exit(1);
	snprintf(path, sizeof path, "%s/a", dir);
	put_file(io_posix(), path, "before", true);
	is_int(put_file(twin_io(t), path, "after.", false), 0, "a real file is overwritten");
	is_int(twin_io_count(t, TWIN_PWRITE), 1, "one write was counted");
	is_str(twin_io_record(t, 1).path, path, "and recorded");
	c = twin_io_crash(t, twin_io_records(t), TWIN_DROP, 0);
	file_is(c, path, "before", "what was in it before is known");
	unlink(path);
	twin_io_dump(c, dir, dir);
	is_int(access(path, F_OK), 0, "and can be written out");
	twin_io_free(c);
	twin_io_free(t);
	unlink(path);
	rmdir(dir);
}

static void test_source(void)
{
	uint8_t data[4096] = { 1, 2, 3 }, buf[64];
	struct twin_source *t = twin_source_memory(data, sizeof data);
	struct block_source *s = twin_source(t);

	twin_source_bad(t, 512, 512, EIO, 1);
	is_int(s->ops->read(s, buf, 3, 0, &err), 0, "a good range is read");
	ok(!memcmp(buf, data, 3), "with its content");
	is_int(s->ops->read(s, buf, 64, 500, &err), UNRACK_IO, "a bad one fails");
	has_str(err.text, "at byte 500: Input/output error", "with its error");
	is_int(s->ops->read(s, buf, 64, 500, &err), 0, "as often as told");
	ok(twin_source_was_read(t, 560, 1) && !twin_source_was_read(t, 600, 100),
	   "what was asked for is known");
	is_int(twin_source_reads(t), 3, "so is how often");
	is_int(twin_source_bytes(t), 67, "and how much was delivered");
	s->ops->close(s);
	ok(twin_source_closed(t), "the twin knows when it was closed");
	twin_source_free(t);
}

int main(void)
{
	test_faults();
	test_crash();
	test_torn_sectors();
	test_real();
	test_source();
	return tap_done();
}
