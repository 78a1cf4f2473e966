/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole copies, sender to receiver, over files in memory. */
#include "copy.h"

static void is_copied(const char *what, size_t size, enum copy_pattern pattern, int workers)
{
	uint8_t *data = copy_data(size, pattern, (uint32_t)size + pattern);
	struct twin_source *src = twin_source_memory(data, size);
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .source = { twin_source(src) }, .disks = 1, .io = twin_io(twin),
			  .dir = "/m", .workers = workers, .checkpoint_bytes = 4 * GRAIN_SIZE };

	copy_run(&c);
	is_int(c.sent, 0, "%s: sent", what);
	is_int(c.received, 0, "%s: received", what);
	is_str(c.send_err.text, "", "%s: the sender has nothing to complain", what);
	is_str(c.receive_err.text, "", "%s: nor has the receiver", what);
	ok(copy_image_is(&c, twin, 0, data, size), "%s: the image is the source", what);
	ok(c.done_disks == 1 && c.all_done == 1 && c.point[0].complete, "%s: declared complete", what);
	is_int(c.point[0].next_grain, grain_count(size), "%s: up to its last grain", what);
	is_int(c.res.read_bytes, size, "%s: everything was read", what);
	copy_free(&c);
	twin_source_free(src);
	twin_io_free(twin);
	free(data);
}

int main(void)
{
	static const size_t sizes[] = { 1, 511, 512, 65535, 65536, 65537, 1000000, 5 << 20 };

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
		for (int p = COPY_ZEROS; p <= COPY_MIXED; p++) {
			char what[64];

			snprintf(what, sizeof what, "%zu bytes, pattern %d", sizes[i], p);
			is_copied(what, sizes[i], (enum copy_pattern)p, i % 2 ? -1 : 3);
		}
	return tap_done();
}
