/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../transport/image_stream.h"
#include "crash.h"
#include "unrack/deflate.h"

static struct image_place place_in(struct twin_io *twin)
{
	return (struct image_place){ .io = twin_io(twin), .format = DISK_STREAM, .path = "/m/x.vmdk",
				     .extent = "x.vmdk", .journal = "/m/x.journal", .disk_bytes = 1200 * GRAIN_SIZE };
}

/* Grains of noise, which don't shrink: FIRST and the N - 1 after it, stored. */
static int put(struct image *im, uint64_t first, unsigned n, struct unrack_error *e)
{
	static uint8_t z[16][DEFLATE_GRAIN_MAX];
	struct message_grains m = { .first = first, .span = (uint16_t)n, .count = (uint16_t)n };
	struct deflate *d = deflate_open(DEFLATE_STORE);
	uint8_t *noise = copy_data(n * GRAIN_SIZE, COPY_NOISE, (uint32_t)first + 1);

	for (unsigned i = 0; i < n; i++) {
		m.grain[i].place = (uint16_t)i;
		m.grain[i].size = (uint32_t)deflate_grain(d, noise + (size_t)i * GRAIN_SIZE, z[i]);
		m.grain[i].z = z[i];
	}
	free(noise);
	deflate_close(d);
	return image_write(im, &m, NULL, e);
}

/* The file after twenty grains in two tables, and what the journal would say. */
static struct journal_point made(struct twin_io *twin)
{
	struct image_place p = place_in(twin);
	struct journal_point at = { .next_grain = 700, .data_grains = 20, .pass = 1 };
	struct image *im = NULL;
	struct unrack_error e;

	if (image_create(&p, &im, &e) < 0 || put(im, 3, 16, &e) < 0 || put(im, 600, 4, &e) < 0 ||
	    image_sync(im, &e) < 0)
		abort();
	at.image_length = image_length(im);
	image_close(im);
	return at;
}

static void test_length(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct journal_point at = made(twin);
	size_t n;

	free(twin_io_get(twin, "/m/x.vmdk", &n));
	is_int(at.image_length, n, "what the journal notes is the file's length");
	is_int(n, 65536 + 20 * 66048 + 512 + 2048, "a grain that grew takes 129 sectors, a table four and its marker");
	twin_io_free(twin);
}

/* Byte AT of the file becomes another one, and the file SIZE bytes long (0: as it is). */
static void refuses(size_t at, size_t size, const char *text, const char *what)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct journal_point point = made(twin);
	struct image_place p = place_in(twin);
	struct image *im = NULL;
	struct unrack_error e = UNRACK_ERROR_INIT;
	size_t n;
	uint8_t *file = twin_io_get(twin, "/m/x.vmdk", &n);

	file[at] ^= 1;
	twin_io_put(twin, "/m/x.vmdk", file, size ? size : n);
	free(file);
	is_int(image_resume(&p, &point, false, &im, &e), UNRACK_DAMAGED, "%s", what);
	has_str(e.text, text, "which is said");
	has_str(e.text, "remove ", "with what to do");
	twin_io_free(twin);
}

static void test_damage(void)
{
	const size_t table = 65536 + 16 * 66048;

	refuses(13, 0, "its header is not that of this disk", "another disk's header");
	refuses(65536, 0, "a grain is out of place", "a grain between two");
	refuses(65536 + 4, 0, "a grain is out of place", "one far behind the disk");
	refuses(65536 + 11, 0, "a grain is too long", "one that is too long");
	refuses(table + 8, 0, "a grain is out of place", "a marker that is none");
	refuses(table + 12, 0, "there is no grain", "a marker of another kind");
	refuses(table + 512, 0, "a grain table is not that of its grains", "a table that says something else");
	refuses(40000, table, "is shorter than the", "a file that was cut");
	refuses(40000, table + 600, "is shorter than the", "also within a table");
}

static void test_counts(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct journal_point at = made(twin);
	struct image_place p = place_in(twin);
	struct image *im = NULL;
	struct unrack_error e = UNRACK_ERROR_INIT;

	at.data_grains++;
	is_int(image_resume(&p, &at, false, &im, &e), UNRACK_DAMAGED, "fewer grains than the journal counts");
	has_str(e.text, "/m/x.vmdk has 20 grains of data, but /m/x.journal says 21", "which is said");
	at.data_grains--;
	at.next_grain = 603;
	is_int(image_resume(&p, &at, false, &im, &e), UNRACK_DAMAGED, "grains that the journal does not know");
	at.next_grain = 700;
	is_int(image_resume(&p, &at, true, &im, &e), UNRACK_UNSUPPORTED, "no pass over what is there");
	is_int(image_resume(&p, &at, false, &im, &e), 0, "it goes on");
	is_int(put(im, 650, 1, &e), UNRACK_INTERNAL, "but not backwards");
	image_close(im);
	twin_io_free(twin);
}

/* A file of 2 TiB is not at hand: the image believes that it is almost there. */
static void test_limit(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct image_place p = place_in(twin);
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct image *im = NULL;
	struct stream *s;

	if (image_create(&p, &im, &e) < 0)
		abort();
	s = (struct stream *)im;
	s->base = round_down(VMDK_FILE_MAX - 200000, IO_DIRECT_ALIGN);
	is_int(put(im, 3, 1, &e), 0, "a grain for which there is room below 2 TiB");
	is_int(put(im, 4, 1, &e), UNRACK_UNSUPPORTED, "one for which there is none is refused while it is written");
	has_str(e.text, "/m/x.vmdk would grow beyond 2 TiB", "with the reason");
	has_str(e.text, "--format flat", "and what to do");
	image_close(im);
	is_int(vmdk_check_size(DISK_STREAM, 1800ull << 30, 1800ull << 14, &e), 0, "1.8 TiB fit, whatever they are");
	is_int(vmdk_check_size(DISK_STREAM, 2ull << 40, 2ull << 24, &e), UNRACK_UNSUPPORTED, "2 TiB may not");
	has_str(e.text, "then unrack export", "but perhaps later");
	is_int(vmdk_check_size(DISK_STREAM, 8ull << 40, 1ull << 14, &e), 0, "8 TiB with 1 GiB of data do");
	is_int(vmdk_check_size(DISK_FLAT, 60ull << 40, 60ull << 24, &e), 0, "flat takes all");
	twin_io_free(twin);
}

int main(void)
{
	make_data();
	crash_image(DISK_STREAM, "d0.vmdk");
	test_length();
	test_damage();
	test_counts();
	test_limit();
	free_data();
	return tap_done();
}
