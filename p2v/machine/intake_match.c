/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "intake_parts.h"
#include "origin.h"

static int match_session(struct intake *in, struct unrack_error *err)
{
	const struct identity *offers[MACHINE_DISKS_MAX];
	const char *names[MACHINE_DISKS_MAX];
	char index[MACHINE_DISKS_MAX][32];
	int numbers[MACHINE_DISKS_MAX];
	unsigned n = in->opt.n_session;
	struct match match = { .m = in->m, .offers = offers, .n = n, .names = names, .numbers = numbers,
			       .same_disk = in->opt.same_disk };
	int r = 0;

	if (n > MACHINE_DISKS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "a virtual machine has at most %u disks, not %u",
				 MACHINE_DISKS_MAX, n);
	for (unsigned i = 0; i < n && r == 0; i++) {
		snprintf(index[i], sizeof index[i], "source %u", i);
		names[i] = in->opt.names ? in->opt.names[i] : index[i];
		numbers[i] = in->opt.numbers && i < in->opt.n_numbers ? in->opt.numbers[i] : INTAKE_ANY;
		offers[i] = &in->opt.session[i];
		r = origin_check_offer(&in->opt, offers[i], err);
	}
	return r < 0 ? r : match_disks(&match, in->plan, err);
}

static int match_offer(struct intake *in, const struct receiver_offer *offer,
		       struct match_result *out, struct unrack_error *err)
{
	const struct identity *id = &offer->id;
	char index[32];
	const char *name = index;
	bool taken[MACHINE_DISKS_MAX];
	struct match match = { .m = in->m, .offers = &id, .n = 1, .names = &name, .taken = taken,
			       .same_disk = in->opt.same_disk };
	int r = origin_check_offer(&in->opt, id, err);

	if (r < 0)
		return r;
	/* The plan was made for exactly these. */
	if (in->opt.session) {
		if (offer->disks != in->opt.n_session || offer->disk >= in->opt.n_session ||
		    identity_is_partial(&in->opt.session[offer->disk]) != identity_is_partial(id) ||
		    identity_compare(&in->opt.session[offer->disk], id, NULL, 0) != IDENTITY_SAME)
			return error_set(err, UNRACK_DAMAGED, "source %u is not one of those that were announced",
					 offer->disk);
		*out = in->plan[offer->disk];
		return 0;
	}
	snprintf(index, sizeof index, "source %u", offer->disk);
	for (unsigned n = 0; n < MACHINE_DISKS_MAX; n++)
		taken[n] = in->placed[n].taken;
	if (in->opt.numbers && offer->disk < in->opt.n_numbers)
		match.numbers = &in->opt.numbers[offer->disk];
	return match_disks(&match, out, err);
}

/* R as the sender may know it. */
static int told(const struct intake *in, int r, struct unrack_error *err)
{
	return r == UNRACK_UNSAFE ? intake_conceal(&in->opt, "holds another machine, or disks that can't be told "
						   "apart; choose another folder, or say which disk is which with "
						   "--disk N=SOURCE", err) : r;
}

int intake_match_session(struct intake *in, struct unrack_error *err)
{
	return told(in, match_session(in, err), err);
}

int intake_match_offer(struct intake *in, const struct receiver_offer *offer, struct match_result *out,
		       struct unrack_error *err)
{
	return told(in, match_offer(in, offer, out, err), err);
}
