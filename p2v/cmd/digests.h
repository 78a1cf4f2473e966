/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk's digests with all that is needed to use them. */
#ifndef CMD_DIGESTS_H
#define CMD_DIGESTS_H

#include "unrack/block_source.h"
#include "unrack/digest_table.h"
#include "unrack/journal.h"
#include "unrack/log.h"
#include "unrack/machine.h"
#include "unrack/map.h"

struct digests {
	struct journal_info info;
	struct journal_point point; /* all grains below its next_grain have digests */
	struct digest_key key;
	struct digest_table *table; /* read-only */
	struct map *map;            /* what was left out: zeros there, whatever the source has. NULL: nothing */
};

/* Of disk N. Closed by the caller also when it failed; D is zeros before. */
int digests_open(const struct machine *m, int n, struct digests *d, struct unrack_error *err);
void digests_close(struct digests *d);

/* Whether the digest of GRAIN is of the source. */
bool digests_tell(const struct digests *d, uint64_t grain);

/* Reads SOURCE as far as disk N of M is durable, and what was copied of it. UNRACK_UNSAFE: it has other bytes there. */
int digests_compare(const struct machine *m, int n, struct block_source *source, const struct log *log,
		    struct unrack_error *err);

#endif
