/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "export_parts.h"
#include "image.h"
#include "source_sparse.h"
#include "unrack/pool.h"
#include "unrack/vmdk.h"

#define WORKERS_MAX 8u
#define ITEMS_SPARE 4u
/* So often all is brought to stable storage, so that not everything waits for the end. */
#define SYNC_GRAINS 4096u

struct export {
	const struct export_options *o;
	struct export_result *res;
	struct export_setup setup;
	struct block_source *source;
	struct image *image;
	struct pool *pool;
	struct export_item *items;
	void **list;
	unsigned n;
	char *path, *descriptor; /* under which it is made */
	/* How far the producer is: */
	uint64_t grain, grains, data_at, data_end, after_at;
	uint64_t unsynced;
};

static void free_items(struct export *e)
{
	for (unsigned i = 0; e->items && i < e->n; i++) {
		free(e->items[i].data);
		free(e->items[i].packed);
	}
	free(e->items);
	free(e->list);
}

static int make_items(struct export *e, unsigned workers, struct unrack_error *err)
{
	e->n = workers + ITEMS_SPARE;
	e->items = calloc(e->n, sizeof *e->items);
	e->list = calloc(e->n, sizeof *e->list);
	if (!e->items || !e->list)
		return error_nomem(err);
	for (unsigned i = 0; i < e->n; i++) {
		struct export_item *it = &e->items[i];

		if (posix_memalign((void **)&it->data, IO_DIRECT_ALIGN, EXPORT_PIECE) != 0)
			it->data = NULL;
		if (e->setup.pack)
			it->packed = malloc((size_t)EXPORT_GRAINS * SOURCE_STREAM_MAX);
		if (!it->data || (e->setup.pack && !it->packed))
			return error_nomem(err);
		e->list[i] = it;
	}
	return 0;
}

/* The digests of the N grains from FIRST. */
static int wanted(struct export *e, uint64_t first, unsigned n, struct digest *want, struct unrack_error *err)
{
	const struct export_options *o = e->o;
	int r = digest_table_read(o->table, first, want, n, err);

	for (; r == 0 && e->after_at < o->n_after && o->after[e->after_at].grain < first + n; e->after_at++)
		if (o->after[e->after_at].grain >= first)
			want[o->after[e->after_at].grain - first] = o->after[e->after_at].digest;
	return r;
}

/* The next piece that is not zeros by its digests and in the image. *count 0: there is none. */
static int find_piece(struct export *e, struct export_item *item, struct unrack_error *err)
{
	int r = 0;

	item->count = 0;
	while (r == 0 && e->grain < e->grains) {
		unsigned n = (unsigned)min_u64(EXPORT_GRAINS, e->grains - e->grain);
		uint64_t off = e->grain * GRAIN_SIZE;

		r = wanted(e, e->grain, n, item->want, err);
		if (r == 0 && e->data_end <= off)
			r = block_source_next_data(e->source, off, &e->data_at, &e->data_end, err);
		if (r < 0)
			return r;
		item->first = e->grain;
		e->grain += n;
		if (e->data_at < off + (uint64_t)n * GRAIN_SIZE || !is_zero(item->want, n * sizeof *item->want)) {
			item->count = n;
			break;
		}
		if (log_stop_asked(e->o->log))
			break;
	}
	return r;
}

static void report(const struct export *e, uint64_t grain)
{
	log_progress(e->o->log, &(struct log_progress){
					.step = "export", .disk = e->o->disk, .unit = "bytes",
					.done = min_u64(grain * GRAIN_SIZE, e->o->disk_bytes),
					.total = e->o->disk_bytes });
}

static int write_item(struct export *e, const struct export_item *item, struct unrack_error *err)
{
	int r = item->m.count ? image_write(e->image, &item->m, item->data, err) : 0;

	e->res->data_grains += item->m.count;
	e->res->deflated_grains += item->deflated;
	e->unsynced += item->m.count;
	if (r == 0 && e->unsynced >= SYNC_GRAINS) {
		e->unsynced = 0;
		r = image_sync(e->image, err);
	}
	report(e, item->first + item->count);
	return r;
}

/* Feeds the pool as long as it takes something, and writes what comes out. */
static int move_all(struct export *e, struct unrack_error *err)
{
	bool fed = false;
	void *next;
	int r = 0;

	while (r == 0) {
		struct export_item *item = fed ? NULL : pool_take(e->pool, 0);

		if (log_stop_asked(e->o->log))
			return error_set(err, UNRACK_INTERRUPTED, "the export of %s was interrupted; the same command "
					 "begins it again", e->o->image);
		if (item) {
			r = find_piece(e, item, err);
			fed = e->grain >= e->grains;
			if (r == 0 && item->count)
				pool_submit(e->pool);
			if (r == 0 && fed)
				pool_finish(e->pool);
			continue;
		}
		r = pool_next(e->pool, &next, err);
		if (r == 0 && !next)
			return 0;
		if (r == 0)
			r = write_item(e, next, err);
		if (r == 0)
			pool_release(e->pool);
	}
	return r;
}

static int run(struct export *e, struct unrack_error *err)
{
	unsigned workers = pool_workers(e->o->workers, WORKERS_MAX);
	struct pool_options po = { .workers = workers, .worker_new = export_worker,
				   .worker_free = export_worker_free, .work = export_work, .ctx = &e->setup };
	int r = make_items(e, workers, err);

	if (r < 0)
		return r;
	po.items = e->list;
	po.n = e->n;
	r = pool_open(&po, &e->pool, err);
	if (r < 0)
		return r;
	r = move_all(e, err);
	pool_close(e->pool);
	if (r == 0)
		report(e, e->grains);
	return r;
}

/* --- Files -------------------------------------------------------------------------------- */

static int open_source(struct export *e, struct unrack_error *err)
{
	const struct export_options *o = e->o;
	uint64_t want = round_up(o->disk_bytes, SECTOR_SIZE);
	int r = vmdk_open_source(o->io, o->image, o->from, &e->source, err);

	if (r == 0 && e->source->size != want)
		return error_set(err, UNRACK_UNSAFE, "%s has a disk of %" PRIu64 " bytes and had one of %" PRIu64
				 ": it changed since unrack wrote it", o->image, e->source->size, want);
	return r;
}

static int open_image(struct export *e, struct unrack_error *err)
{
	const struct export_options *o = e->o;
	const char *slash = strrchr(o->path, '/');
	struct image_place p = { .io = o->io, .format = o->to, .descriptor = e->descriptor, .path = e->path,
				 .extent = slash ? slash + 1 : o->path, .adapter = o->adapter, .journal = o->path,
				 .disk_bytes = o->disk_bytes };
	int r = vmdk_check_size(o->to, o->disk_bytes, o->data_grains, err);

	if (r == 0 && asprintf(&e->path, "%s.new", o->path) < 0) {
		e->path = NULL;
		r = error_nomem(err);
	}
	if (r == 0 && o->descriptor && asprintf(&e->descriptor, "%s.made", o->descriptor) < 0) {
		e->descriptor = NULL;
		r = error_nomem(err);
	}
	p.path = e->path;
	p.descriptor = e->descriptor;
	return r < 0 ? r : image_create(&p, &e->image, err);
}

static int put_in_place(struct export *e, struct unrack_error *err)
{
	int r = image_sync(e->image, err);

	if (r == 0)
		r = image_finish(e->image, err);
	if (r == 0)
		r = io_rename(e->o->io, e->path, e->o->path, err);
	if (r == 0 && e->descriptor)
		r = io_rename(e->o->io, e->descriptor, e->o->descriptor, err);
	return r;
}

static void remove_made(const struct export *e)
{
	struct unrack_error dropped;

	if (e->path)
		io_unlink(e->o->io, e->path, &dropped);
	if (e->descriptor)
		io_unlink(e->o->io, e->descriptor, &dropped);
}

int export_image(const struct export_options *o, struct export_result *res, struct unrack_error *err)
{
	struct export e = { .o = o, .res = res, .grains = grain_count(o->disk_bytes) };
	int r = open_source(&e, err);

	*res = (struct export_result){ 0 };
	e.setup = (struct export_setup){ .o = o, .source = e.source };
	if (r == 0)
		r = open_image(&e, err);
	if (r == 0) {
		e.setup.pack = !image_wants_inflated(e.image);
		r = run(&e, err);
		if (r == 0)
			r = put_in_place(&e, err);
		if (r < 0)
			error_suffix_room(err);
	}
	image_close(e.image);
	if (r < 0)
		remove_made(&e);
	block_source_close(e.source);
	free_items(&e);
	free(e.path);
	free(e.descriptor);
	return r;
}
