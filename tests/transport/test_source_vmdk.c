/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMDKs as sources: those that qemu-img makes, ours, and such as are not whole. */
#include <unistd.h>

#include "../../transport/image.h"
#include "../../transport/vmdk_format.h"
#include "copy.h"
#include "unrack/proc.h"

static struct unrack_error err;
static char dir[] = "/tmp/unrack-vmdk-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][96];
	static unsigned i;

	snprintf(path[++i % 4], sizeof path[0], "%s/%s", dir, name);
	return path[i % 4];
}

/* --- Of another program ------------------------------------------------------------------------- */

static bool reads_as(const char *path, const uint8_t *data, size_t n)
{
	size_t size = (size_t)round_up(n, SECTOR_SIZE);
	struct block_source *s;
	uint64_t start, end, at = 0;
	uint8_t *is = calloc(1, size);
	bool same;

	if (!is || vmdk_open_source(io_posix(), path, 0, &s, &err) < 0) {
		printf("# %s\n", err.text);
		free(is);
		return false;
	}
	/* In odd pieces, and then what next_data calls data. */
	same = s->size == size;
	for (size_t piece = 1; same && at < size; at += piece, piece = piece * 3 % 100003 + 1) {
		piece = (size_t)min_u64(piece, size - at);
		same = block_source_read(s, is + at, piece, at, &err) == 0;
	}
	same = same && memcmp(is, data, n) == 0 && is_zero(is + n, size - n);
	for (at = 0; same && at < size; at = end) {
		same = block_source_next_data(s, at, &start, &end, &err) == 0 && is_zero(is + at, (size_t)(start - at));
		if (start == size)
			break;
	}
	block_source_close(s);
	free(is);
	return same;
}

static void test_qemu(void)
{
	static const char *const kinds[] = { "monolithicSparse", "streamOptimized", "monolithicFlat" };
	static const size_t sizes[] = { 1000000, (40 << 20) + 512 };
	const char *raw = in_dir("raw"), *path = in_dir("q.vmdk");
	char *qemu_img = NULL;
	char option[64];

	if (proc_find("qemu-img", "qemu-utils", &qemu_img, &err) < 0) {
		ok(true, "images by qemu-img # SKIP no qemu-img");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t *data = copy_data(sizes[i], COPY_ZEROS, 1), *some = copy_data(400000, COPY_MIXED, 3);

		/* Data at both ends, and in between nothing. */
		memcpy(data, some, min_u64(sizes[i], 400000));
		memcpy(data + sizes[i] - min_u64(sizes[i], 100000), some, min_u64(sizes[i], 100000));
		io_replace_file(io_posix(), raw, data, sizes[i], 0600, &err);
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			snprintf(option, sizeof option, "subformat=%s", kinds[k]);
			ok(proc_check((const char *const[]){ qemu_img, "convert", "-f", "raw", "-O", "vmdk", "-o", option,
							      raw, path, NULL }, NULL, 600, NULL, &err) == 0 &&
			   reads_as(path, data, sizes[i]), "%s by qemu-img, of %zu bytes", kinds[k], sizes[i]);
		}
		free(data);
		free(some);
	}
	ok(proc_check((const char *const[]){ qemu_img, "create", "-q", "-f", "vmdk", "-o",
					      "subformat=twoGbMaxExtentSparse", in_dir("two.vmdk"), "3G", NULL }, NULL, 600, NULL,
		      &err) == 0, "a VMDK in two files");
	struct block_source *s;
	is_int(vmdk_open_source(io_posix(), in_dir("two.vmdk"), 0, &s, &err), UNRACK_UNSUPPORTED, "is refused");
	has_str(err.text, "describes a disk of type twoGbMaxExtentSparse with 2 extents", "with the reason");
	is_int(vmdk_open_source(io_posix(), in_dir("two-s001.vmdk"), 0, &s, &err), UNRACK_UNSUPPORTED, "so is one of them");
	has_str(err.text, "is an extent of a VMDK in several files", "with the reason");
	free(qemu_img);
}

/* --- Ours, and changes of them -------------------------------------------------------------------- */

static struct twin_io *twin;
static struct image_place place = { .path = "/m/x.vmdk", .extent = "x.vmdk", .journal = "/m/x.journal",
				    .disk_bytes = 600 * GRAIN_SIZE };

/* Grains 3 and 520 have data. */
static uint8_t *made(enum disk_format format, size_t *n)
{
	struct deflate *d = deflate_open(DEFLATE_BEST);
	uint8_t *data = copy_data(GRAIN_SIZE, COPY_TEXT, 4), z[DEFLATE_GRAIN_MAX];
	struct message_grains m = { .span = 1, .count = 1, .grain = { { .z = z } } };
	struct image *im;

	twin = twin_io_new(NULL);
	place.io = twin_io(twin);
	place.format = format;
	m.grain[0].size = (uint32_t)deflate_grain(d, data, z);
	if (image_create(&place, &im, &err) < 0)
		abort();
	for (m.first = 3; m.first < 1000; m.first += 517)
		if (image_write(im, &m, data, &err) < 0)
			abort();
	if (image_sync(im, &err) < 0 || image_finish(im, &err) < 0)
		abort();
	image_close(im);
	free(data);
	deflate_close(d);
	return twin_io_get(twin, place.path, n);
}

/* The file with LEN bytes at AT replaced by VALUE, and SIZE bytes long (0: as it is). */
static void refuses(enum disk_format format, size_t at, unsigned len, uint64_t value, size_t size, int code,
		    const char *text)
{
	struct block_source *s = NULL;
	size_t n;
	uint8_t *file = made(format, &n), grain[GRAIN_SIZE];
	int r;

	if (size)
		n = size;
	if (at + len > n)
		abort();
	for (unsigned i = 0; i < len; i++)
		file[at + i] = (uint8_t)(value >> 8 * i);
	twin_io_put(twin, place.path, file, n);
	r = vmdk_open_source(twin_io(twin), place.path, 0, &s, &err);
	if (r == 0)
		r = block_source_read(s, grain, sizeof grain, 3 * GRAIN_SIZE, &err);
	is_int(r, code, "%s", text);
	has_str(err.text, text, "is what it says");
	block_source_close(s);
	free(file);
	twin_io_free(twin);
}

static void test_refusals(void)
{
	const enum disk_format stream = DISK_STREAM, sparse = DISK_SPARSE;
	struct vmdk_layout l;

	vmdk_layout(600 * VMDK_GRAIN_SECTORS, &l);
	refuses(stream, 4, 4, 4, 0, UNRACK_UNSUPPORTED, "is a VMDK with version 4");
	refuses(stream, 8, 4, 0x70001, 0, UNRACK_UNSUPPORTED, "is a VMDK with flags");
	refuses(stream, 8, 4, 0x10001, 0, UNRACK_UNSUPPORTED, "is a VMDK with flags");
	refuses(stream, 12, 8, 0, 0, UNRACK_DAMAGED, "its disk can't have 0 sectors");
	refuses(stream, 12, 8, UINT64_MAX, 0, UNRACK_DAMAGED, "its disk can't have");
	refuses(stream, 20, 8, 0, 0, UNRACK_UNSUPPORTED, "grains of sectors: 0");
	refuses(stream, 20, 8, 96, 0, UNRACK_UNSUPPORTED, "grains of sectors: 96");
	refuses(stream, 36, 8, 1 << 20, 0, UNRACK_DAMAGED, "its descriptor can't be where it says");
	refuses(stream, 44, 4, 0, 0, UNRACK_UNSUPPORTED, "grain tables of 0");
	refuses(stream, 77, 2, 2, 0, UNRACK_UNSUPPORTED, "compression 2");
	refuses(stream, 73, 1, '\r', 0, UNRACK_DAMAGED, "was transferred as text");
	refuses(stream, 512, 1, '!', 0, UNRACK_DAMAGED, "is not a VMDK descriptor");
	refuses(stream, 65536, 8, 128, 0, UNRACK_DAMAGED, "there is no such grain where its table says (byte 196608 of the disk)");
	refuses(stream, 65536 + 8, 4, 1 << 20, 0, UNRACK_DAMAGED, "a grain is too long");
	refuses(stream, 65536 + 20, 4, 0, 0, UNRACK_DAMAGED, "x.vmdk is damaged at byte 196608 of the disk: its compressed bytes");
	refuses(stream, 0, 0, 0, 65536, UNRACK_DAMAGED, "it has no footer, so it is not whole");
	refuses(stream, 0, 0, 0, 1024, UNRACK_DAMAGED, "1024");
	refuses(sparse, 56, 8, 1 << 30, 0, UNRACK_DAMAGED, "its directory lies behind its end");
	refuses(sparse, (size_t)l.gd * SECTOR_SIZE, 4, UINT32_MAX, 0, UNRACK_DAMAGED, "a grain table lies behind its end");
	refuses(sparse, (size_t)l.gts * SECTOR_SIZE + 12, 4, UINT32_MAX, 0, UNRACK_DAMAGED, "it ends within a grain");
}

static void test_child(void)
{
	struct block_source *s = NULL;
	struct buf text = { 0 };
	char *parent;
	size_t n;

	free(made(DISK_SPARSE, &n));
	vmdk_read_descriptor(place.io, place.path, &text, &err);
	parent = strstr((char *)text.data, "parentCID=ffffffff");
	memcpy(parent, "parentCID=12345678", 18);
	is_int(vmdk_replace_descriptor(place.io, place.path, &text, &err), 0, "a descriptor is replaced in its file");
	is_int(vmdk_open_source(place.io, place.path, 0, &s, &err), UNRACK_UNSUPPORTED, "that of a snapshot is refused");
	has_str(err.text, "is a snapshot, which holds only what changed in another VMDK", "with the reason");
	for (unsigned i = 0; i < 2000; i++)
		buf_puts(&text, "# long\n");
	is_int(vmdk_replace_descriptor(place.io, place.path, &text, &err), UNRACK_UNSUPPORTED, "a long one has no room");
	has_str(err.text, "x.vmdk has no room for a longer descriptor", "which is said");
	is_int(vmdk_read_descriptor(place.io, "/m/none", &text, &err), UNRACK_IO, "of a file that is not there");
	twin_io_free(twin);

	/* One beside its data is a file of its own. */
	twin = twin_io_new(NULL);
	vmdk_descriptor_write(DISK_FLAT, "x-flat.vmdk", 1000, "ide", 7, &text, &err);
	twin_io_put(twin, "/m/x.vmdk", "# Disk DescriptorFile\n", 22);
	is_int(vmdk_replace_descriptor(twin_io(twin), "/m/x.vmdk", &text, &err), 0, "a text is replaced as a file");
	twin_io_put(twin, "/m/x-flat.vmdk", "data", 4);
	is_int(vmdk_open_source(twin_io(twin), "/m/x.vmdk", 0, &s, &err), UNRACK_DAMAGED, "whose data has another size");
	has_str(err.text, "/m/x-flat.vmdk has 4 bytes, but /m/x.vmdk says 1024", "is told so");
	is_int(vmdk_open_source(twin_io(twin), "/m/x.vmdk", DISK_FLAT, &s, &err), 0, "a disk that looks like one");
	is_int(s->size, text.len, "is one of bytes where that is known");
	block_source_close(s);
	buf_free(&text);
	twin_io_free(twin);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_qemu();
	test_refusals();
	test_child();
	for (const char *const *f = (const char *const[]){ "raw", "q.vmdk", "q-flat.vmdk", "two.vmdk", "two-s001.vmdk",
							     "two-s002.vmdk", NULL }; *f; f++)
		unlink(in_dir(*f));
	rmdir(dir);
	return tap_done();
}
