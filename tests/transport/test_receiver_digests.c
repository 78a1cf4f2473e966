/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table of digests that was lost or damaged behind our back: whatever the copy is in, the same command makes
 * it whole, and the image is what the source is then. */
#include "copy.h"

#define GRAINS 33u
#define SIZE ((GRAINS - 1) * (size_t)GRAIN_SIZE + 12345)
#define TABLE "/m/unrack/d0.digests"
#define HEADER 4096u

static struct unrack_error err;
static uint8_t back[SIZE + SECTOR_SIZE];

struct rig {
	struct twin_io *twin;
	uint8_t *data;
	struct copy c;
};

static void run(struct rig *r)
{
	struct twin_source *src = twin_source_memory(r->data, SIZE);

	r->c.source[0] = twin_source(src);
	copy_run(&r->c);
	block_source_close(r->c.source[0]);
	twin_source_free(src);
}

/* Bytes that don't shrink, another content for each C. */
static void fill(struct rig *r, uint64_t grain, uint32_t c)
{
	uint32_t state = (uint32_t)grain * 2654435761u + c;

	copy_noise(r->data + grain * GRAIN_SIZE, grain_bytes(SIZE, grain), &state);
}

/* Image, digests and journal agree, and the image is the data. */
static bool is_right(struct rig *r)
{
	struct journal_info info;
	struct journal_point point;
	struct block_source *image = NULL;
	struct digest_table *t = NULL;
	struct verify_result v = { .different = 1 };
	struct digest_key key;
	bool good;

	if (journal_read(r->c.io, r->c.path[0][COPY_JOURNAL], &info, &point, &err) < 0)
		return false;
	digest_key_init(&key, info.seed);
	journal_info_free(&info);
	good = point.complete && digest_table_open(r->c.io, TABLE, SIZE, true, &t, &err) == 0 &&
	       verify_image(r->c.io, r->c.path[0][COPY_IMAGE], r->c.format, SIZE, t, &key, NULL, 0, 0, NULL, &v, &err) == 0 &&
	       v.different == 0 &&
	       vmdk_open_source(r->c.io, r->c.path[0][COPY_IMAGE], r->c.format, &image, &err) == 0 &&
	       block_source_read(image, back, SIZE, 0, &err) == 0 && memcmp(back, r->data, SIZE) == 0;
	block_source_close(image);
	digest_table_close(t);
	return good;
}

static const char *const names[] = { [DISK_FLAT] = "flat", [DISK_SPARSE] = "sparse", [DISK_STREAM] = "stream" };
enum when { FIRST, COMPLETE, DELTA, WHENS };
static const char *const whens[] = { "first pass", "complete", "delta pass" };
enum damage { GONE, EMPTY, HEADER_FLIPPED, CUT, ZEROED, FLIPPED, DAMAGES };
static const char *const damages[] = { "gone", "empty", "its header flipped", "cut off", "a page of zeros in it",
				       "a bit flipped" };

static void begin(struct rig *r, enum disk_format format, enum when when)
{
	r->data = copy_data(SIZE, COPY_MIXED, 5);
	r->twin = twin_io_new(NULL);
	r->c = (struct copy){ .disks = 1, .io = twin_io(r->twin), .dir = "/m", .workers = 2, .again = RECEIVER_ALWAYS,
			      .checkpoint_bytes = 4 * GRAIN_SIZE, .store = true, .format = format };
	for (uint64_t g = 0; g < GRAINS; g++)
		fill(r, g, 1);
	r->c.cut_after = when == FIRST ? 20 * GRAIN_SIZE : 0;
	run(r);
	if (when == DELTA) {
		for (uint64_t g = 0; g < GRAINS; g++)
			fill(r, g, 2);
		r->c.cut_after = 20 * GRAIN_SIZE;
		run(r);
	}
	r->c.cut_after = 0;
}

static void hurt(struct rig *r, enum damage damage)
{
	size_t n = 0;
	uint8_t *file = twin_io_get(r->twin, TABLE, &n);

	if (damage == HEADER_FLIPPED)
		file[17] ^= 4;
	else if (damage == CUT || damage == EMPTY)
		n = damage == CUT ? HEADER + 7 * DIGEST_SIZE : 0;
	else if (damage == ZEROED)
		memset(file + HEADER, 0, 6 * DIGEST_SIZE);
	else if (damage == FLIPPED)
		file[HEADER + 3 * DIGEST_SIZE] ^= 1;
	r->c.io->ops->unlink(r->c.io->ctx, TABLE);
	if (damage != GONE)
		twin_io_put(r->twin, TABLE, file, n);
	free(file);
}

static void trial(enum disk_format format, enum when when, enum damage damage)
{
	struct rig r;
	unsigned runs = 0;

	begin(&r, format, when);
	hurt(&r, damage);
	/* What the digests said is deleted now. A wrong table must not leave it in the image. */
	if (when != FIRST)
		memset(r.data + 2 * GRAIN_SIZE, 0, GRAIN_SIZE);
	do
		run(&r);
	while (++runs < 2 && r.c.received == UNRACK_DAMAGED);
	ok(r.c.received == 0 && r.c.sent == 0, "%s, %s, %s: the same command completes it", names[format],
	   whens[when], damages[damage]);
	if (r.c.received < 0)
		printf("# %s\n", r.c.receive_err.text);
	/* One digest for another, below what is continued, harms nobody: the next pass sends that grain. */
	if (damage == FLIPPED && when != COMPLETE && format != DISK_STREAM)
		run(&r);
	if (damage != FLIPPED || format != DISK_STREAM)
		ok(is_right(&r), "as it is then");
	buf_free(&r.c.wire);
	twin_io_free(r.twin);
	free(r.data);
}

int main(void)
{
	for (enum when w = FIRST; w < WHENS; w++) {
		for (enum damage d = GONE; d < DAMAGES; d++)
			trial(DISK_FLAT, w, d);
		trial(DISK_SPARSE, w, GONE);
	}
	/* What is complete of a stream is changed by nobody. */
	trial(DISK_STREAM, FIRST, GONE);
	trial(DISK_STREAM, FIRST, CUT);
	trial(DISK_STREAM, FIRST, FLIPPED);
	return tap_done();
}
