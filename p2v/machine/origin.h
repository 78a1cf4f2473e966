/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose bytes a disk of the folder has, where streams are involved and identities don't tell. */
#ifndef P2V_MACHINE_ORIGIN_H
#define P2V_MACHINE_ORIGIN_H

#include "unrack/intake.h"

/* UNRACK_DAMAGED: ID is of a stream, and none is offered here. */
int origin_check_offer(const struct intake_options *opt, const struct identity *id, struct unrack_error *err);

/* Of disk N of M, whose last record is POINT: whether OFFER may continue it, or find it
 * complete. UNRACK_UNSAFE: it has other bytes, or that can't be found out.
 *
 * If nothing of it is durable it becomes the offered disk, and is marked to be restarted.
 * *compared, for struct receiver_place: identities alone would not do, but more was or will
 * be compared. */
int origin_settle(const struct intake_options *opt, struct machine *m, int n, const struct receiver_offer *offer,
		  const struct journal_point *point, bool *compared, struct unrack_error *err);

#endif
