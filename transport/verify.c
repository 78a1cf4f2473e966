/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/block_source.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"
#include "unrack/vmdk.h"

/* Grains read and compared at a time. */
#define BATCH 32u

struct verify {
	struct block_source *source; /* the disk, maybe padded to a whole sector */
	const struct digest_key *key;
	uint8_t *data;                /* BATCH grains */
	uint64_t end;                 /* the first grain that is not compared */
	bool first_only;              /* one that differs is enough */
	struct digest want[BATCH];
};

static bool all_zero_wanted(const struct verify *v, uint64_t n)
{
	return is_zero(v->want, (size_t)n * sizeof *v->want);
}

/* Lays the entries of AFTER for the N grains from FIRST over V->want. */
static void overlay(struct verify *v, uint64_t first, uint64_t n,
		    const struct digest_after_entry *after, uint64_t n_after, uint64_t *at)
{
	while (*at < n_after && after[*at].grain < first + n) {
		if (after[*at].grain >= first)
			v->want[after[*at].grain - first] = after[*at].digest;
		++*at;
	}
}

bool verify_grain(const struct digest_key *key, const void *data, size_t size,
		  const struct digest *want)
{
	struct digest is;

	if (is_zero(data, size))
		return digest_is_zero(want);
	/* The padding to a whole sector counts as zeros, as in every digest. */
	digest_grain(key, data, size, GRAIN_SIZE, &is);
	return memcmp(&is, want, sizeof is) == 0;
}

static int compare_batch(struct verify *v, uint64_t first, uint64_t n, struct verify_result *r,
			 struct unrack_error *err)
{
	uint64_t off = first * GRAIN_SIZE, bytes = min_u64(n * GRAIN_SIZE, v->source->size - off);
	int e = block_source_read(v->source, v->data, (size_t)bytes, off, err);

	if (e < 0)
		return e;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = i * GRAIN_SIZE;

		if (verify_grain(v->key, v->data + at, (size_t)min_u64(GRAIN_SIZE, bytes - at),
				 &v->want[i]))
			continue;
		if (r->different++ == 0)
			r->first = first + i;
	}
	return 0;
}

static int compare_all(struct verify *v, struct digest_table *t, uint64_t disk_bytes,
		       const struct digest_after_entry *after, uint64_t n_after, int disk,
		       const struct log *log, struct verify_result *r, struct unrack_error *err)
{
	uint64_t grains = min_u64(v->end, grain_count(disk_bytes)), total = min_u64(grains * GRAIN_SIZE, disk_bytes);
	uint64_t data_at = 0, data_end = 0, after_at = 0;
	int e;

	for (uint64_t g = 0, n; g < grains && !(v->first_only && r->different); g += n) {
		n = min_u64(BATCH, grains - g);
		e = digest_table_read(t, g, v->want, n, err);
		if (e < 0)
			return e;
		overlay(v, g, n, after, n_after, &after_at);
		if (data_end <= g * GRAIN_SIZE) {
			e = block_source_next_data(v->source, g * GRAIN_SIZE, &data_at, &data_end, err);
			if (e < 0)
				return e;
		}
		if (data_at < (g + n) * GRAIN_SIZE || !all_zero_wanted(v, n)) {
			e = compare_batch(v, g, n, r, err);
			if (e < 0)
				return e;
		}
		r->checked += n;
		log_progress(log, &(struct log_progress){
					  .step = "verify", .disk = disk, .unit = "bytes",
					  .done = min_u64((g + n) * GRAIN_SIZE, total),
					  .total = total });
		if (log_stop_asked(log))
			return error_set(err, UNRACK_INTERRUPTED, "the check of %s was interrupted",
					 v->source->name);
	}
	return 0;
}

/* V has the source, the key, and how far to go. */
static int verify(struct verify *v, uint64_t disk_bytes, struct digest_table *t,
		  const struct digest_after_entry *after, uint64_t n_after, int disk,
		  const struct log *log, struct verify_result *r, struct unrack_error *err)
{
	CLEANUP_FREE uint8_t *data = malloc((size_t)BATCH * GRAIN_SIZE);

	*r = (struct verify_result){ 0 };
	if (!data)
		return error_nomem(err);
	v->data = data;
	return compare_all(v, t, disk_bytes, after, n_after, disk, log, r, err);
}

int verify_source(struct block_source *source, struct digest_table *t, const struct digest_key *key,
		  int disk, const struct log *log, struct verify_result *r, struct unrack_error *err)
{
	struct verify v = { .source = source, .key = key, .end = UINT64_MAX };

	return verify(&v, source->size, t, NULL, 0, disk, log, r, err);
}

int verify_source_until(struct block_source *source, struct digest_table *t, const struct digest_key *key,
			uint64_t end, int disk, const struct log *log, struct verify_result *r,
			struct unrack_error *err)
{
	struct verify v = { .source = source, .key = key, .end = end, .first_only = true };

	return verify(&v, source->size, t, NULL, 0, disk, log, r, err);
}

int verify_image(const struct io *io, const char *image, enum disk_format format, uint64_t disk_bytes,
		 struct digest_table *t, const struct digest_key *key,
		 const struct digest_after_entry *after, uint64_t n_after, int disk,
		 const struct log *log, struct verify_result *r, struct unrack_error *err)
{
	struct verify v = { .key = key, .end = UINT64_MAX };
	uint64_t want = round_up(disk_bytes, SECTOR_SIZE);
	int e = vmdk_open_source(io, image, format, &v.source, err);

	*r = (struct verify_result){ 0 };
	if (e < 0)
		return e;
	/* The disk rounded up to whole sectors, not a byte more. */
	if (v.source->size != want)
		e = error_set(err, UNRACK_DAMAGED, "%s should have %llu bytes and has %s", image,
			      (unsigned long long)want, v.source->size > want ? "more" : "fewer");
	else
		e = verify(&v, disk_bytes, t, after, n_after, disk, log, r, err);
	block_source_close(v.source);
	return e;
}
