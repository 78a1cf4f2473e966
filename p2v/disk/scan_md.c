/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays, as far as what a member tells of the others. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "md_super.h"
#include "scan_groups.h"

bool scan_md_read(struct block_source *s, uint64_t off, uint64_t bytes, struct scan_md *out)
{
	struct md_super *md CLEANUP_FREE = malloc(sizeof *md);
	struct unrack_error dropped;

	if (!md || md_super_read(s, off, bytes, md, &dropped) < 0)
		return false;
	snprintf(out->uuid, sizeof out->uuid, "%s", md->uuid);
	out->level = md->level;
	out->disks = md->disks;
	out->events = md->events;
	return true;
}

const char *scan_md_level(const struct scan_md *md, char out[16])
{
	return md_super_level(md->level, out);
}
