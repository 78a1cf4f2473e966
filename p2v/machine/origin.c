/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "origin.h"

#include <stdio.h>

#include "base/size.h"
#include "unrack/grain.h"

int origin_check_offer(const struct intake_options *opt, const struct identity *id, struct unrack_error *err)
{
	if (!identity_is_partial(id) || opt->stream)
		return 0;
	return error_set(err, UNRACK_DAMAGED, "the sender's identity of a disk is that of a stream, and no stream is "
			 "copied over the network");
}

static int compare(const struct intake_options *opt, const struct machine *m, int n, unsigned offer,
		   const struct journal_point *point, struct unrack_error *err)
{
	const struct machine_disk *d = machine_find_disk(m, n);
	char index[32];
	const char *name = opt->names ? opt->names[offer] : index;

	snprintf(index, sizeof index, "source %u", offer);
	if (!opt->compare)
		return machine_unknown_source(m, n, name, point->complete, err);
	log_info(opt->log, "%s is compared with the %llu bytes that are there of disk %d, before anything else", name,
		 (unsigned long long)min_u64(point->next_grain * GRAIN_SIZE, d->id.bytes), n);
	return opt->compare(opt->ctx, offer, m, n, err);
}

int origin_settle(const struct intake_options *opt, struct machine *m, int n, const struct receiver_offer *offer,
		  const struct journal_point *point, bool *compared, struct unrack_error *err)
{
	struct machine_disk d = *machine_find_disk(m, n);
	bool vague = machine_disk_is_vague(&d);
	int r;

	*compared = false;
	if (!opt->stream && !vague)
		return 0;
	if (d.restart || (!point->complete && point->next_grain == 0)) {
		d.id = offer->id;
		d.stream = opt->stream;
		d.restart = true;
		return machine_put_disk(m, &d, err);
	}
	*compared = true;
	/* A stream is read once: what it repeats is compared when the copy begins to read it. */
	if (!opt->stream || point->complete)
		return compare(opt, m, n, offer->disk, point, err);
	if (d.stream)
		return 0;
	d.stream = true;
	r = machine_put_disk(m, &d, err);
	return r < 0 ? r : machine_save(m, err);
}
