/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "digests.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/grain.h"

void digests_close(struct digests *d)
{
	digest_table_close(d->table);
	map_free(d->map);
	journal_info_free(&d->info);
}

int digests_open(const struct machine *m, int n, struct digests *d, struct unrack_error *err)
{
	char *journal CLEANUP_FREE = machine_path(m, MACHINE_JOURNAL, n);
	char *digests CLEANUP_FREE = machine_path(m, MACHINE_DIGESTS, n);
	char *map CLEANUP_FREE = machine_path(m, MACHINE_MAP, n);
	int r;

	if (!journal || !digests || !map)
		return error_nomem(err);
	r = journal_read(machine_io(m), journal, &d->info, &d->point, err);
	if (r < 0)
		return r;
	digest_key_init(&d->key, d->info.seed);
	r = map_read(machine_io(m), map, d->info.id.bytes, &d->map, NULL, err);
	if (r < 0 && err->sys_errno != ENOENT)
		return r;
	return digest_table_open(machine_io(m), digests, d->info.id.bytes, true, &d->table, err);
}

bool digests_tell(const struct digests *d, uint64_t grain)
{
	uint64_t first, end;

	map_next_used(d->map, d->info.id.bytes, grain, &first, &end);
	return first == grain;
}

int digests_compare(const struct machine *m, int n, struct block_source *source, const struct log *log,
		    struct unrack_error *err)
{
	struct digests d = { .table = NULL };
	struct block_source *mapped = NULL;
	struct verify_result res = { 0 };
	int r = digests_open(m, n, &d, err);

	if (r == 0 && d.map)
		r = block_source_open_mapped(source, d.map, &mapped, err);
	if (r == 0)
		r = verify_source_until(mapped ? mapped : source, d.table, &d.key, d.point.next_grain, n, log, &res, err);
	if (r == 0 && res.different)
		r = error_set(err, UNRACK_UNSAFE, "%s is not what disk %d of %s was copied from: the 64 KiB from byte %llu "
			      "on differ; copy into another folder, or if it is another disk of this machine, say which "
			      "with --disk", source->name, n, machine_folder(m),
			      (unsigned long long)res.first * GRAIN_SIZE);
	if (r == 0)
		log_info(log, "%s agrees with disk %d up to byte %llu", source->name, n,
			 (unsigned long long)min_u64(d.point.next_grain * GRAIN_SIZE, source->size));
	block_source_close(mapped);
	digests_close(&d);
	return r;
}
