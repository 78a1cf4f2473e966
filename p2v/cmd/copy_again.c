/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pass over a folder whose images are repaired already. What is compared with the source is what came
 * from it, so the repair is taken back before the pass, and made again when it is complete. The
 * manifest remembers that it has to be, whatever comes between. */
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "unrack/machine.h"

/* All sources are disks of M: else nothing is taken back for them. */
static int check_sources(const struct machine *m, const struct identity *ids, const char *const *names,
			 unsigned n, struct unrack_error *err)
{
	for (unsigned i = 0; i < n; i++) {
		char why[256] = "it has none";
		bool found = false;

		for (size_t d = 0; d < machine_disks(m) && !found; d++)
			found = identity_compare(&machine_disk(m, d)->id, &ids[i], why, sizeof why) != IDENTITY_DIFFERENT;
		if (!found)
			return error_set(err, UNRACK_UNSAFE, "%s is none of the disks of %s (%s); copy into another folder",
					 names[i], machine_folder(m), why);
	}
	return 0;
}

static int check_far(const struct copy_job *j, const struct machine *m, struct unrack_error *err)
{
	struct identity *ids;
	int r = copy_identify_far(j->cli, &j->o->client, j->s, &ids, err);

	if (r < 0)
		return r;
	r = check_sources(m, ids, j->s->names, j->s->n, err);
	for (unsigned i = 0; i < j->s->n; i++)
		identity_free(&ids[i]);
	free(ids);
	return r;
}

static int take_back(const struct copy_job *j, const struct machine *m, struct unrack_error *err)
{
	/* Else somebody has begun to undo it by hand. */
	bool again = machine_get_state(m) == MACHINE_FIXED || job_fix_is_due_again(m);
	struct fix_options o = { .undo = true, .undone = again ? FIX_AGAIN : NULL,
				 .discard_changes = j->o->discard_changes };

	if (again)
		log_info(&j->cli->log, "%s is repaired; that is taken back for this pass, and made again when it is "
			 "complete", j->dest);
	else
		log_info(&j->cli->log, "undoing the repair of %s was interrupted, and goes on", j->dest);
	return job_fix(j->cli, &o, j->dest, err);
}

int copy_take_back(const struct copy_job *j, struct unrack_error *err)
{
	struct unrack_error dropped;
	enum machine_state state;
	struct machine *m;
	int r = 0;

	if (machine_open(io_posix(), j->dest, &m, &dropped) < 0)
		return 0; /* no folder yet; what else is wrong with it the copy will tell */
	state = machine_get_state(m);
	if (state == MACHINE_FIXED || state == MACHINE_UNDOING) {
		r = j->s->far ? check_far(j, m, err) : check_sources(m, j->s->ids, j->s->names, j->s->n, err);
		if (r == 0)
			r = take_back(j, m, err);
	}
	machine_free(m);
	return r;
}

int copy_repair_again(const struct copy_job *j, struct unrack_error *err)
{
	struct fix_options o = { .dry_run = false };
	struct machine *m;
	int r = machine_open(io_posix(), j->dest, &m, err);
	bool again;

	if (r < 0)
		return r;
	again = machine_get_state(m) == MACHINE_COPIED && job_fix_is_due_again(m);
	machine_free(m);
	return again ? job_fix(j->cli, &o, j->dest, err) : 0;
}
