/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole copies, sender to receiver, that end well: all sizes and contents, several disks, sparse
 * sources, resumed and repeated copies, and the serial twin. */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"
#include "unrack/vmdk.h"

static void test_size(size_t size, enum copy_pattern pattern, int workers)
{
	uint8_t *data = copy_data(size, pattern, (uint32_t)size + pattern);
	struct twin_source *src = twin_source_memory(data, size);
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .source = { twin_source(src) }, .disks = 1, .io = twin_io(twin),
			  .dir = "/m", .workers = workers, .checkpoint_bytes = 4 * GRAIN_SIZE };

	copy_run(&c);
	ok(c.sent == 0 && c.received == 0 && !c.send_err.text[0] && !c.receive_err.text[0],
	   "%zu bytes of pattern %d are copied", size, pattern);
	ok(copy_image_is(&c, twin, 0, data, size), "the image is the source");
	ok(c.done_disks == 1 && c.all_done == 1 && c.point[0].complete &&
	   c.point[0].next_grain == grain_count(size), "and declared complete");
	is_int(c.res.read_bytes, size, "everything was read once");
	is_int(c.res.data_grains, c.point[0].data_grains, "sender and journal count the same data");
	copy_free(&c);
	twin_source_free(src);
	twin_io_free(twin);
	free(data);
}

static void test_sizes(void)
{
	static const size_t sizes[] = { 1, 511, 512, 513, 65535, 65536, 65537, 131072, 1000000,
					1048576, 1048577, 5 << 20 };

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
		for (int p = COPY_ZEROS; p <= COPY_MIXED; p++)
			test_size(sizes[i], (enum copy_pattern)p, i % 2 ? -1 : 3);
}

/* What remains besides the image: descriptor, digests, journal. */
static void test_files(void)
{
	size_t size = 1000000, n = 0;
	uint8_t *data = copy_data(size, COPY_MIXED, 4), *text;
	struct twin_source *src = twin_source_memory(data, size);
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = {
		.source = { twin_source(src) }, .disks = 1, .io = twin_io(twin), .dir = "/m"
	};
	struct vmdk_descriptor v, again;
	struct journal_info info;
	struct journal_point point;
	struct digest_table *table;
	struct digest_key key;
	struct digest d, want;
	struct unrack_error err;
	unsigned wrong = 0;

	copy_run(&c);
	is_str(c.machine, "web01", "the receiver learns the machine's name");
	text = twin_io_get(twin, "/m/d0.vmdk", &n);
	is_int(vmdk_descriptor_parse((char *)text, n, "d0.vmdk", &v, &err), 0, "there is a descriptor");
	is_str(v.extent, "d0-flat.vmdk", "of the image");
	is_str(v.adapter_type, "lsilogic", "with a neutral adapter");
	is_int(v.sectors, 1954, "whose size is rounded up to a sector and no further");
	free(text);

	is_int(journal_read(c.io, "/m/unrack/d0.journal", &info, &point, &err), 0,
	       "there is a journal");
	ok(point.complete && point.pass == 1, "that says complete");
	digest_key_init(&key, info.seed);
	journal_info_free(&info);
	is_int(digest_table_open(c.io, "/m/unrack/d0.digests", size, true, &table, &err), 0,
	       "and a table");
	for (uint64_t g = 0; g < grain_count(size); g++) {
		uint32_t bytes = grain_bytes(size, g);

		memset(&want, 0, sizeof want);
		if (!is_zero(data + g * GRAIN_SIZE, bytes))
			digest_grain(&key, data + g * GRAIN_SIZE, bytes, GRAIN_SIZE, &want);
		digest_table_read(table, g, &d, 1, &err);
		wrong += memcmp(&d, &want, sizeof d) != 0;
	}
	is_int(wrong, 0, "with the digest of every grain, and none for zeros");
	digest_table_close(table);

	/* The same disk again, from nothing but the descriptor. */
	c.io->ops->unlink(c.io->ctx, "/m/unrack/d0.journal");
	c.io->ops->unlink(c.io->ctx, "/m/d0-flat.vmdk");
	copy_run(&c);
	text = twin_io_get(twin, "/m/d0.vmdk", &n);
	vmdk_descriptor_parse((char *)text, n, "d0.vmdk", &again, &err);
	ok(c.received == 0 && again.cid == v.cid, "a descriptor that is there keeps its content ID");
	free(text);
	copy_free(&c);
	twin_source_free(src);
	twin_io_free(twin);
	free(data);
}

static void test_serial_twin(void)
{
	size_t size = 9000000, n[2];
	uint8_t *data = copy_data(size, COPY_MIXED, 77), *digests[2];
	struct copy c[2];
	struct twin_io *twin[2];

	for (int i = 0; i < 2; i++) {
		struct twin_source *src = twin_source_memory(data, size);

		twin[i] = twin_io_new(NULL);
		c[i] = (struct copy){ .source = { twin_source(src) }, .disks = 1, .dir = "/m",
				      .io = twin_io(twin[i]), .workers = i ? 4 : -1 };
		copy_fix_seed(&c[i], 0);
		copy_run(&c[i]);
		ok(c[i].sent == 0 && c[i].received == 0, "%s workers copy", i ? "four" : "no");
		ok(copy_image_is(&c[i], twin[i], 0, data, size), "the image is the source");
		digests[i] = twin_io_get(twin[i], "/m/unrack/d0.digests", &n[i]);
		copy_free(&(struct copy){ .source = { c[i].source[0] }, .disks = 1 });
		twin_source_free(src);
	}
	ok(c[0].wire.len == c[1].wire.len && c[0].wire.len > 100000 &&
	   memcmp(c[0].wire.data, c[1].wire.data, c[0].wire.len) == 0,
	   "the bytes on the wire do not depend on the workers");
	is_int(c[0].wire.len, c[0].res.sent_bytes, "and they are counted");
	ok(n[0] == n[1] && memcmp(digests[0], digests[1], n[0]) == 0, "nor do the digests");
	for (int i = 0; i < 2; i++) {
		free(digests[i]);
		twin_io_free(twin[i]);
		buf_free(&c[i].wire);
	}
	free(data);
}

static void test_stored(void)
{
	size_t size = 3000000;
	uint8_t *data = copy_data(size, COPY_TEXT, 78);
	struct twin_source *src = twin_source_memory(data, size);
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .source = { twin_source(src) }, .disks = 1, .io = twin_io(twin), .dir = "/m",
			  .store = true };

	copy_run(&c);
	ok(c.sent == 0 && c.received == 0 && copy_image_is(&c, twin, 0, data, size),
	   "a copy that is not compressed is the same");
	ok(c.res.sent_bytes > size && c.res.sent_bytes < size + 20000,
	   "with a little more than its bytes");
	copy_free(&c);
	twin_source_free(src);
	twin_io_free(twin);
	free(data);
}

static void test_adapted(void)
{
	size_t size = 20000000;
	uint8_t *data = copy_data(size, COPY_MIXED, 79);
	struct twin_source *src = twin_source_memory(data, size);
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .source = { twin_source(src) }, .disks = 1, .io = twin_io(twin), .dir = "/m",
			  .workers = 2, .adapt = true };

	copy_run(&c);
	ok(c.sent == 0 && c.received == 0 && copy_image_is(&c, twin, 0, data, size),
	   "a copy that is compressed as hard as time allows is the same");
	copy_free(&c);
	twin_source_free(src);
	twin_io_free(twin);
	free(data);
}

static void test_disks(void)
{
	static const size_t sizes[] = { 700000, 1, 1 << 20 };
	uint8_t *data[COPY_DISKS];
	struct twin_source *src[COPY_DISKS];
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .disks = COPY_DISKS, .io = twin_io(twin), .dir = "/m" };
	uint64_t first_read;

	for (unsigned i = 0; i < COPY_DISKS; i++) {
		data[i] = copy_data(sizes[i], COPY_TEXT, i);
		src[i] = twin_source_memory(data[i], sizes[i]);
		c.source[i] = twin_source(src[i]);
	}
	copy_run(&c);
	ok(c.sent == 0 && c.received == 0 && c.done_disks == 3 && c.all_done == 1 && c.res.disks == 3,
	   "three disks are one session");
	for (unsigned i = 0; i < COPY_DISKS; i++)
		ok(copy_image_is(&c, twin, i, data[i], sizes[i]), "disk %u is its source", i);
	first_read = c.res.read_bytes;
	copy_run(&c);
	ok(c.sent == 0 && c.received == 0, "a copy that is complete can be asked for again");
	ok(first_read > 0 && c.res.read_bytes == 0 && c.res.disks == 0, "nothing is read for it");
	is_int(c.res.resumed_bytes, sizes[0] + sizes[1] + sizes[2], "all of it was safe already");
	is_int(c.done_disks, 0, "and no disk is finished twice");
	copy_free(&c);
	for (unsigned i = 0; i < COPY_DISKS; i++) {
		twin_source_free(src[i]);
		free(data[i]);
	}
	twin_io_free(twin);
}

static void test_sparse(void)
{
	char dir[] = "/tmp/unrack-test-XXXXXX", path[128];
	const uint64_t size = (64ull << 30) + 1000,
		       at[] = { 0, 300 << 20, (32ull << 30) + 4096, size - 1 };
	struct twin_io *twin;
	struct block_source *file;
	struct twin_source *src;
	struct unrack_error err;
	struct copy c = { .disks = 1, .dir = dir };
	unsigned wrong = 0;
	struct stat st;
	int fd;

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof path, "%s/unrack", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/src", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (ftruncate(fd, (off_t)size) < 0)
		skip_all("the filesystem of /tmp has no files of 64 GiB");
	for (unsigned i = 0; i < ARRAY_LEN(at); i++)
		if (pwrite(fd, "x", 1, (off_t)at[i]) != 1)
			abort();
	close(fd);
	twin = twin_io_new(io_posix());
	c.io = twin_io(twin);
	if (block_source_open_file(path, NULL, &file, &err) < 0)
		abort();
	src = twin_source_wrap(file);
	c.source[0] = twin_source(src);
	copy_run(&c);
	ok(c.sent == 0 && c.received == 0, "a sparse disk of 64 GiB is copied");
	ok(c.res.read_bytes < 16 << 20, "its holes are not read");
	ok(c.res.sent_bytes < 100000, "nor sent");
	is_int(c.point[0].data_grains, 4, "four grains have data");
	fd = open(c.path[0][COPY_IMAGE], O_RDONLY);
	for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
		char x = 0;

		wrong += pread(fd, &x, 1, (off_t)at[i]) != 1 || x != 'x';
	}
	is_int(wrong, 0, "they are where they were");
	ok(fstat(fd, &st) == 0 && (uint64_t)st.st_size == round_up(size, 512) && st.st_blocks < 2000,
	   "the image is sparse too, and of the same size");
	is_int((st.st_mode & 0777) & 077, 0, "and not for everybody to read");
	ok(c.point[0].image_mtime_ns == (uint64_t)st.st_mtim.tv_sec * 1000000000u +
					 (uint64_t)st.st_mtim.tv_nsec,
	   "the journal knows its time of change");
	close(fd);
	copy_free(&c);
	twin_source_free(src);
	twin_io_free(twin);
	unlink(path);
	for (int i = 0; i < COPY_EXTENT; i++)
		unlink(c.path[0][i]);
	snprintf(path, sizeof path, "%s/unrack", dir);
	rmdir(path);
	rmdir(dir);
}

/* Small holes between data are read through, large ones end a piece. */
static int zebra_next(struct block_source *s, uint64_t off, uint64_t *start, uint64_t *end,
		      struct unrack_error *err)
{
	uint64_t stripe = off / 40000;

	(void)err;
	(void)s;
	if (stripe % 3 == 2 || (off > 2 << 20 && off < 4 << 20)) {
		if (off > 2 << 20 && off < 4 << 20)
			stripe = (4 << 20) / 40000;
		while (stripe % 3 == 2)
			stripe++;
		*start = max_u64(off, stripe * 40000);
	} else {
		*start = off;
	}
	*end = (*start / 120000) * 120000 + 80000;
	return 0;
}

struct zebra {
	struct block_source source;
	struct block_source *inner;
};

static int zebra_read(struct block_source *s, void *buf, size_t n, uint64_t off,
		      struct unrack_error *err)
{
	return block_source_read(((struct zebra *)s->ctx)->inner, buf, n, off, err);
}

static void zebra_close(struct block_source *s)
{
	block_source_close(((struct zebra *)s->ctx)->inner);
}

static void test_stripes(void)
{
	static const struct block_source_ops ops = { .read = zebra_read, .next_data = zebra_next, .close = zebra_close };
	size_t size = 6000000;
	uint8_t *data = copy_data(size, COPY_TEXT, 1);
	struct zebra z = { .source = { &ops, size, "zebra", &z } };
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .source = { &z.source }, .disks = 1, .io = twin_io(twin), .dir = "/m" };
	struct unrack_error err;
	uint64_t off = 0, start, end, last = 0;

	/* The data is zero where the source says so. */
	while (off < size) {
		block_source_next_data(&z.source, off, &start, &end, &err);
		memset(data + last, 0, min_u64(start, size) - last);
		last = off = min_u64(end, size);
	}
	block_source_open_memory(data, size, "zebra", &z.inner, &err);
	copy_run(&c);
	ok(c.sent == 0 && c.received == 0, "a source full of holes is copied");
	ok(copy_image_is(&c, twin, 0, data, size), "exactly");
	ok(c.res.read_bytes > 3000000 && c.res.read_bytes < 4600000, "without its large hole");
	copy_free(&c);
	twin_io_free(twin);
	free(data);
}

/* --- Stopped by the user --- */
static atomic_bool stop;
static uint64_t stop_at;

static int stop_hook(void *ctx, uint64_t off, size_t n)
{
	(void)ctx;
	if (off + n > stop_at)
		atomic_store(&stop, true);
	return 0;
}

static void test_stop(uint64_t at)
{
	size_t size = 4000000;
	uint8_t *data = copy_data(size, COPY_MIXED, 8);
	struct twin_source *src = twin_source_memory(data, size);
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .source = { twin_source(src) }, .disks = 1, .io = twin_io(twin), .dir = "/m",
			  .log = { .stop = &stop } };
	uint64_t first;

	stop_at = at;
	atomic_store(&stop, at == 0);
	twin_source_hook(src, stop_hook, NULL);
	copy_run(&c);
	first = c.res.read_bytes;
	is_int(c.sent, UNRACK_INTERRUPTED, "stopped at %llu: the sender says so",
	       (unsigned long long)at);
	has_str(c.send_err.text, "the same command continues", "and how to go on");
	is_int(c.received, UNRACK_INTERRUPTED, "the receiver too");
	is_int(c.all_done, 0, "nothing is complete");
	atomic_store(&stop, false);
	stop_at = UINT64_MAX;
	copy_run(&c);
	ok(c.sent == 0 && c.received == 0, "the same command completes it");
	is_int(c.res.resumed_bytes, first, "from where it was stopped");
	is_int(c.res.read_bytes, size - first, "nothing is read twice");
	ok(copy_image_is(&c, twin, 0, data, size), "the image is the source");
	copy_free(&c);
	twin_source_free(src);
	twin_io_free(twin);
	free(data);
}

/* Between two disks, or while the last one ends. */
static void test_stop_after_disk(void)
{
	uint8_t data[600] = "data";
	struct twin_source *src[2] = { twin_source_memory(data, 600), twin_source_memory(data, 600) };
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .source = { twin_source(src[0]), twin_source(src[1]) }, .disks = 2,
			  .io = twin_io(twin), .dir = "/m", .log = { .stop = &stop } };

	stop_at = 0;
	atomic_store(&stop, false);
	twin_source_hook(src[0], stop_hook, NULL);
	copy_run(&c);
	is_int(c.sent, UNRACK_INTERRUPTED, "stopped on the last byte of the first disk");
	has_str(c.send_err.text, "after 1 of 2 disks", "it is completed all the same");
	ok(c.done_disks == 1 && c.all_done == 0 && c.received == UNRACK_INTERRUPTED,
	   "the receiver has one disk");
	copy_free(&c);
	twin_source_free(src[0]);
	twin_source_free(src[1]);
	twin_io_free(twin);
}

/* --- Progress --- */
struct seen {
	pthread_mutex_t lock;
	uint64_t last, total, backwards, calls;
};

static void see(void *ctx, const struct log_progress *p)
{
	struct seen *s = ctx;

	pthread_mutex_lock(&s->lock);
	s->backwards += p->done < s->last;
	s->last = p->done;
	s->total = p->total;
	s->calls++;
	pthread_mutex_unlock(&s->lock);
}

static void test_progress(void)
{
	size_t size = 3000001;
	uint8_t *data = copy_data(size, COPY_MIXED, 9);
	struct twin_source *src = twin_source_memory(data, size);
	struct twin_io *twin = twin_io_new(NULL);
	struct seen seen = { PTHREAD_MUTEX_INITIALIZER, 0, 0, 0, 0 };
	struct log_ops ops = { .progress = see };
	struct copy c = { .source = { twin_source(src) }, .disks = 1, .io = twin_io(twin), .dir = "/m",
			  .log = { &ops, &seen, NULL }, .checkpoint_bytes = GRAIN_SIZE };

	copy_run(&c);
	ok(c.acks > 0 && seen.calls == c.acks + 1, "every acknowledgement is reported, and the start");
	is_int(seen.backwards, 0, "progress never goes back");
	ok(seen.last == size && seen.total == size, "and ends with the exact size");
	copy_free(&c);
	twin_source_free(src);
	twin_io_free(twin);
	free(data);
}

int main(void)
{
	test_sizes();
	test_files();
	test_serial_twin();
	test_stored();
	test_adapted();
	test_disks();
	test_sparse();
	test_stripes();
	test_stop(0);
	test_stop(1500000);
	test_stop(2 << 20);
	test_stop_after_disk();
	test_progress();
	return tap_done();
}
