/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exports over the storage twin: what was repaired since, what fails half way, and what a power failure
 * leaves. */
#include <errno.h>

#include "copy.h"
#include "unrack/export.h"
#include "unrack/journal.h"

#define GRAINS 40u
#define SIZE (GRAINS * GRAIN_SIZE - 1000u)
#define OUT "/o/x.vmdk"

static struct unrack_error err;
static uint8_t *data;

/* A folder with a copy of DATA. */
struct rig {
	struct twin_io *twin;
	struct copy c;
	struct journal_info info;
	struct digest_key key;
	struct digest_table *table;
	struct export_options o;
	struct export_result res;
};

static void rig_open(struct rig *r, enum disk_format from, enum disk_format to)
{
	struct journal_point point;

	memset(r, 0, sizeof *r);
	r->twin = twin_io_new(NULL);
	r->c = (struct copy){ .disks = 1, .io = twin_io(r->twin), .dir = "/m", .workers = 2, .format = from };
	if (block_source_open_memory(data, SIZE, "disk", &r->c.source[0], &err) < 0)
		abort();
	copy_run(&r->c);
	if (r->c.received < 0 || journal_read(r->c.io, r->c.path[0][COPY_JOURNAL], &r->info, &point, &err) < 0 ||
	    digest_table_open(r->c.io, r->c.path[0][COPY_DIGESTS], SIZE, true, &r->table, &err) < 0)
		abort();
	digest_key_init(&r->key, r->info.seed);
	r->o = (struct export_options){ .io = r->c.io, .image = r->c.path[0][COPY_IMAGE], .from = from,
					.disk_bytes = SIZE, .data_grains = point.data_grains, .table = r->table,
					.key = &r->key, .to = to, .path = to == DISK_FLAT ? "/o/x-flat.vmdk" : OUT,
					.descriptor = to == DISK_FLAT ? OUT : NULL, .adapter = "buslogic",
					.workers = 2 };
}

static void rig_close(struct rig *r)
{
	digest_table_close(r->table);
	journal_info_free(&r->info);
	copy_free(&r->c);
	twin_io_free(r->twin);
}

static bool image_is(struct twin_io *twin, const uint8_t *want)
{
	uint8_t *is = malloc(SIZE);
	struct block_source *s;
	bool same = false;

	if (!is)
		abort();
	if (vmdk_open_source(twin_io(twin), OUT, 0, &s, &err) == 0) {
		same = s->size == round_up(SIZE, SECTOR_SIZE) && block_source_read(s, is, SIZE, 0, &err) == 0 &&
		       memcmp(is, want, SIZE) == 0;
		block_source_close(s);
	}
	free(is);
	return same;
}

static bool nothing_left(const struct rig *r)
{
	static const char *const names[] = { OUT, OUT ".new", "/o/x-flat.vmdk", "/o/x-flat.vmdk.new", OUT ".made" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (twin_io_exists(r->twin, names[i]))
			return false;
	return true;
}

static void test_formats(void)
{
	static const char *const name[] = { "", "flat", "stream", "sparse" };
	struct vmdk_descriptor d;
	struct buf text = { 0 };

	for (enum disk_format from = DISK_FLAT; from <= DISK_SPARSE; from++)
		for (enum disk_format to = DISK_FLAT; to <= DISK_SPARSE; to++) {
			struct rig r;

			rig_open(&r, from, to);
			r.o.workers = from == to ? -1 : 2;
			is_int(export_image(&r.o, &r.res, &err), 0, "%s to %s", name[from], name[to]);
			ok(image_is(r.twin, data), "is the same disk");
			is_int(r.res.deflated_grains,
			       to == DISK_STREAM && from != DISK_STREAM ? r.res.data_grains : 0,
			       "compressed only where it has to be");
			is_int(r.res.data_grains, r.o.data_grains, "with all its data");
			ok(vmdk_read_descriptor(r.c.io, OUT, &text, &err) == 0 &&
			   vmdk_descriptor_parse(buf_str(&text), text.len, OUT, &d, &err) == 0 &&
			   !strcmp(d.adapter_type, "buslogic") && !strcmp(d.create_type, vmdk_create_type(to)) &&
			   !strcmp(d.extent, to == DISK_FLAT ? "x-flat.vmdk" : "x.vmdk"),
			   "and a descriptor that says so");
			rig_close(&r);
		}
	buf_free(&text);
}

/* A repaired image: some grains are others, one has become zeros, one was zeros. */
static void test_after(void)
{
	struct digest_after_entry after[3] = { { .grain = 1 }, { .grain = 5 }, { .grain = GRAINS - 1 } };
	uint8_t *changed = malloc(SIZE);
	struct rig r;
	size_t n;
	uint8_t *image;

	rig_open(&r, DISK_FLAT, DISK_STREAM);
	memcpy(changed, data, SIZE);
	memset(changed + GRAIN_SIZE, 0, GRAIN_SIZE);
	memset(changed + 5 * GRAIN_SIZE, 'r', GRAIN_SIZE);
	memset(changed + SIZE - 7, 'e', 7);
	digest_grain(&r.key, changed + 5 * GRAIN_SIZE, GRAIN_SIZE, GRAIN_SIZE, &after[1].digest);
	digest_grain(&r.key, changed + (GRAINS - 1) * GRAIN_SIZE, GRAIN_SIZE - 1000, GRAIN_SIZE, &after[2].digest);
	image = twin_io_get(r.twin, r.o.image, &n);
	memcpy(image, changed, SIZE);
	twin_io_put(r.twin, r.o.image, image, n);
	is_int(export_image(&r.o, &r.res, &err), UNRACK_UNSAFE, "an image that changed is refused");
	has_str(err.text, "d0-flat.vmdk changed at byte 65536 of the disk since unrack wrote it", "with the place");
	ok(nothing_left(&r), "and leaves nothing");
	r.o.after = after;
	r.o.n_after = ARRAY_LEN(after);
	is_int(export_image(&r.o, &r.res, &err), 0, "not where unrack itself changed it");
	ok(image_is(r.twin, changed), "and the changes are in the new one");
	free(image);
	free(changed);
	rig_close(&r);
}

static void test_failures(enum disk_format to)
{
	static const enum twin_op ops[] = { TWIN_PWRITE, TWIN_FDATASYNC, TWIN_RENAME, TWIN_TRUNCATE, TWIN_CLOSE };
	struct rig r;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		rig_open(&r, DISK_FLAT, to);
		twin_io_fault(r.twin, (struct twin_fault){ .op = ops[i], .suffix = ".vmdk.new", .nth = 1,
							   .errnum = EIO });
		if (export_image(&r.o, &r.res, &err) == 0)
			ok(ops[i] == TWIN_TRUNCATE && to == DISK_STREAM, "a stream is never truncated");
		else
			ok(err.code == UNRACK_IO && nothing_left(&r), "a call of kind %d that fails leaves nothing", ops[i]);
		rig_close(&r);
	}
	rig_open(&r, DISK_FLAT, to);
	twin_io_space(r.twin, 100000);
	is_int(export_image(&r.o, &r.res, &err), UNRACK_NOSPACE, "no space");
	has_str(err.text, "free some space and run the same command again", "says what to do");
	ok(nothing_left(&r), "and gives back what it took");
	twin_io_heal(r.twin);
	is_int(export_image(&r.o, &r.res, &err), 0, "the same with space");
	ok(image_is(r.twin, data), "is the whole disk");
	rig_close(&r);
}

/* After any call: the name is not there, or what it names is whole. */
static void test_power_failures(enum disk_format to)
{
	unsigned torn = 0, there = 0;
	size_t before, n;
	struct rig r;

	rig_open(&r, DISK_STREAM, to);
	before = twin_io_records(r.twin);
	export_image(&r.o, &r.res, &err);
	n = twin_io_records(r.twin);
	for (size_t i = before; i <= n; i++) {
		struct twin_io *after = twin_io_crash(r.twin, i, TWIN_TORN, (uint32_t)i);

		if (twin_io_exists(after, OUT)) {
			there++;
			torn += !image_is(after, data);
		}
		twin_io_free(after);
	}
	ok(there > 0 && torn == 0, "a power failure leaves a whole image or none (%u of %zu)", there, n - before);
	rig_close(&r);
}

static void test_stop(void)
{
	atomic_bool stop = true;
	struct log log = { .stop = &stop };
	struct rig r;

	rig_open(&r, DISK_FLAT, DISK_SPARSE);
	r.o.log = &log;
	is_int(export_image(&r.o, &r.res, &err), UNRACK_INTERRUPTED, "a stop ends it");
	has_str(err.text, "the same command begins it again", "says how to go on");
	ok(nothing_left(&r), "and nothing is left");
	rig_close(&r);
}

static void test_too_large(void)
{
	struct rig r;

	rig_open(&r, DISK_FLAT, DISK_STREAM);
	r.o.data_grains = 1ull << 36;
	is_int(export_image(&r.o, &r.res, &err), UNRACK_UNSUPPORTED, "more data than a stream has room for");
	has_str(err.text, "may need more than the 2 TiB", "is told before anything is made");
	ok(nothing_left(&r), "and nothing is");
	r.o.disk_bytes = SIZE + GRAIN_SIZE;
	is_int(export_image(&r.o, &r.res, &err), UNRACK_UNSAFE, "an image of another size is refused");
	rig_close(&r);
}

int main(void)
{
	data = copy_data(SIZE, COPY_MIXED, 5);
	memset(data + 5 * GRAIN_SIZE, 0, GRAIN_SIZE);
	memset(data + GRAIN_SIZE, 'd', GRAIN_SIZE);
	test_formats();
	test_after();
	for (enum disk_format to = DISK_FLAT; to <= DISK_SPARSE; to++) {
		test_failures(to);
		test_power_failures(to);
	}
	test_stop();
	test_too_large();
	free(data);
	return tap_done();
}
