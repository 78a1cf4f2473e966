/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a stream repeats of a disk of a folder, against the folder's digests. */
#include <unistd.h>

#include "../../p2v/cmd/stream_check.h"
#include "../support/tap.h"
#include "base/size.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"
#include "unrack/machine.h"

/* The last grain is short. Three grains are data: 1, 2 and the last one. */
#define GRAINS 6u
#define SIZE ((GRAINS - 1) * GRAIN_SIZE + 700u)

static struct unrack_error err;
static char dir[] = "/tmp/unrack-check-XXXXXX", folder[64];
static uint8_t disk[SIZE], copy[SIZE];
static char said[2000];
static uint64_t progress;

static void on_message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	snprintf(said + strlen(said), sizeof said - strlen(said), "%s%s\n", level == LOG_WARN ? "warning: " : "", text);
}

static void on_progress(void *ctx, const struct log_progress *p)
{
	(void)ctx;
	progress = p->done;
}

static const struct log_ops ops = { on_message, on_progress };
static const struct log log_here = { .ops = &ops };

static void must(int r)
{
	if (r < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
}

/* A folder whose disk 3 is durable up to grain DURABLE. */
static void make(uint64_t durable)
{
	const struct io *io = io_posix();
	struct journal_info info = { .format = DISK_FLAT, .seed = { 1, 2, 3 } };
	struct journal_point point = { .next_grain = durable, .pass = 1 };
	struct machine_disk d = { .n = 3, .format = DISK_FLAT };
	struct digest_table *t;
	struct digest_key key;
	struct journal *j;
	struct machine *m;
	char *path;

	snprintf(folder, sizeof folder, "%s/m%u", dir, (unsigned)durable);
	must(machine_make_folder(io, folder, &err));
	must(machine_new(io, folder, &m, &err));
	must(identity_init(&info.id, SIZE, "mbr=1\n", NULL, &err));
	d.id = info.id;
	must(machine_put_disk(m, &d, &err));
	must(machine_save(m, &err));
	path = machine_path(m, MACHINE_JOURNAL, 3);
	must(journal_create(io, path, &info, &j, &err));
	must(journal_append(j, &point, &err));
	journal_close(j);
	free(path);
	path = machine_path(m, MACHINE_DIGESTS, 3);
	must(digest_table_create(io, path, SIZE, &t, &err));
	digest_key_init(&key, info.seed);
	for (uint64_t g = 0; g < durable; g++) {
		struct digest dg = { { 0 } };

		if (!is_zero(disk + g * GRAIN_SIZE, grain_bytes(SIZE, g)))
			digest_grain(&key, disk + g * GRAIN_SIZE, grain_bytes(SIZE, g), GRAIN_SIZE, &dg);
		must(digest_table_write(t, g, &dg, 1, &err));
	}
	must(digest_table_sync(t, &err));
	digest_table_close(t);
	free(path);
	identity_free(&info.id);
	machine_free(m);
}

/* Shows the bytes FROM to TO of COPY, in pieces that end at multiples of PIECE. */
static int shows(int number, uint64_t from, uint64_t to, uint64_t piece)
{
	struct stream_check *c = stream_check_new(&log_here, folder);
	int r = 0;

	said[0] = '\0';
	progress = 0;
	if (number >= 0)
		stream_check_disk(c, number);
	for (uint64_t at = from, end; r == 0 && at < to; at = end) {
		end = min_u64(round_down(at, piece) + piece, to);
		r = stream_check_bytes(c, copy + at, (size_t)(end - at), at, &err);
	}
	stream_check_free(c);
	return r;
}

static void change(uint64_t at)
{
	memcpy(copy, disk, SIZE);
	copy[at] ^= 1;
}

int main(void)
{
	char text[200];

	if (!mkdtemp(dir))
		abort();
	memset(disk + GRAIN_SIZE, 'a', 2 * GRAIN_SIZE);
	disk[SIZE - 1] = 'z';
	memcpy(copy, disk, SIZE);
	make(GRAINS);
	make(4);

	is_int(shows(3, 0, 4 * GRAIN_SIZE, GRAIN_SIZE), 0, "what was copied agrees");
	has_str(said, "the stream agrees with disk 3 up to byte 262144, and goes on from there\n", "which is told");
	is_int(progress, 4 * GRAIN_SIZE, "as is how far it is");
	is_int(shows(3, 0, 4 * GRAIN_SIZE, 4 * GRAIN_SIZE), 0, "in one piece, too");
	is_int(shows(3, 1000, 4 * GRAIN_SIZE, 2 * GRAIN_SIZE), 0, "and from the middle of a grain on");
	is_int(shows(3, GRAIN_SIZE, 3 * GRAIN_SIZE, GRAIN_SIZE), 0, "less than all of it");
	is_str(said, "", "is not the end yet");
	is_int(shows(3, 3 * GRAIN_SIZE, 4 * GRAIN_SIZE, GRAIN_SIZE), 0, "zeros agree with zeros");
	has_str(said, "warning: what the stream repeats of disk 3 is zeros only", "but tell nothing");
	is_int(shows(3, 4 * GRAIN_SIZE - 5, 4 * GRAIN_SIZE, GRAIN_SIZE), UNRACK_UNSAFE, "less than a grain can't be compared");
	has_str(err.text, "the stream repeats no whole 64 KiB of disk 3 of ", "and is not enough");
	is_str(said, "", "nor said to be anything");
	is_int(shows(3, 3 * GRAIN_SIZE + 1, 4 * GRAIN_SIZE, 4 * GRAIN_SIZE), UNRACK_UNSAFE, "not even a byte less");
	is_int(shows(3, 2 * GRAIN_SIZE + 1, 4 * GRAIN_SIZE, GRAIN_SIZE), 0, "a grain behind a part of one");
	has_str(said, "warning: what the stream repeats of disk 3 is zeros only", "is, if of zeros, with a warning");
	is_int(shows(-1, 0, GRAIN_SIZE, GRAIN_SIZE), UNRACK_UNSAFE, "a disk that nobody knew of");
	has_str(err.text, "another copy into", "has been begun meanwhile");

	for (unsigned g = 0; g < 4; g++) {
		change(g * GRAIN_SIZE + 77);
		snprintf(text, sizeof text, "the stream is not the disk that %s was begun with: the 64 KiB from byte %u on differ",
			 folder, g * GRAIN_SIZE);
		is_int(shows(3, 0, 4 * GRAIN_SIZE, 2 * GRAIN_SIZE), UNRACK_UNSAFE, "one bit of grain %u", g);
		has_str(err.text, text, "is found");
	}
	change(77);
	is_int(shows(3, 78, 4 * GRAIN_SIZE, GRAIN_SIZE), 0, "what lies before the stream does not matter");
	memset(copy, 0, SIZE);
	is_int(shows(3, 0, 4 * GRAIN_SIZE, GRAIN_SIZE), UNRACK_UNSAFE, "zeros where data was");

	snprintf(folder, sizeof folder, "%s/m%u", dir, GRAINS);
	memcpy(copy, disk, SIZE);
	is_int(shows(3, 0, SIZE, GRAIN_SIZE), 0, "a short last grain agrees");
	has_str(said, "up to byte 328380", "to its end");
	change(SIZE - 1);
	is_int(shows(3, 0, SIZE, GRAIN_SIZE), UNRACK_UNSAFE, "or differs");

	snprintf(text, sizeof text, "%s/unrack/disk3.digests", folder);
	unlink(text);
	is_int(shows(3, 0, SIZE, GRAIN_SIZE), UNRACK_IO, "without digests nothing can be compared");
	has_str(err.text, "disk3.digests", "and what is missing is named");
	snprintf(text, sizeof text, "rm -rf %s", dir);
	ok(system(text) == 0, "(cleaned up)");
	return tap_done();
}
