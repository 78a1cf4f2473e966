/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cleanup.h"
#include "copy.h"
#include "unrack/lost.h"
#include "unrack/machine.h"

int copy_count_lost(struct copy_job *j, struct unrack_error *err)
{
	struct machine *m;
	int r = machine_open(io_posix(), j->dest, &m, err);

	j->stats.lost_bytes = j->stats.lost_ranges = 0;
	for (size_t i = 0; r == 0 && i < machine_disks(m); i++) {
		char *path CLEANUP_FREE = machine_path(m, MACHINE_BAD, machine_disk(m, i)->n);
		struct lost lost = { .n = 0 };

		r = path ? lost_read(io_posix(), path, &lost, err) : error_nomem(err);
		j->stats.lost_bytes += lost_bytes(&lost);
		j->stats.lost_ranges += lost.n;
		lost_free(&lost);
	}
	if (r == 0 || m)
		machine_free(m);
	return r;
}
