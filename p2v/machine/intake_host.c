/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "intake_parts.h"

static int fill_place(struct intake *in, int n, const struct intake_verdict *v, struct receiver_place *place,
		      struct unrack_error *err)
{
	struct intake_placed *p = &in->placed[n];

	p->image = machine_path(in->m, MACHINE_IMAGE, n);
	p->descriptor = machine_path(in->m, MACHINE_DESCRIPTOR, n);
	p->journal = machine_path(in->m, MACHINE_JOURNAL, n);
	p->digests = machine_path(in->m, MACHINE_DIGESTS, n);
	p->map = machine_path(in->m, MACHINE_MAP, n);
	p->bad = machine_path(in->m, MACHINE_BAD, n);
	if (!p->image || !p->descriptor || !p->journal || !p->digests || !p->map || !p->bad)
		return error_nomem(err);
	*place = (struct receiver_place){
		.number = n,
		.format = machine_find_disk(in->m, n)->format,
		.image = p->image,
		.descriptor = p->descriptor,
		.extent = strrchr(p->image, '/') + 1,
		.journal = p->journal,
		.digests = p->digests,
		.map = p->map,
		.again = v->again,
		.finished = in->sealed,
		.compared = v->compared,
	};
	return 0;
}

/* A disk for a machine that is complete, and stays as it is. */
static int check_sealed(struct intake *in, const struct match_result *match, struct unrack_error *err)
{
	bool complete = false;
	int r = match->new ? 0 : intake_disk_is_complete(in, match->number, &complete, err);

	if (r == 0 && (!complete || machine_disk_is_vague(machine_find_disk(in->m, match->number))))
		return error_set(err, UNRACK_UNSAFE,
				 "%s is complete, and nothing more is copied into it; choose another folder",
				 in->opt.folder);
	return r;
}

static int place_disk(struct intake *in, const struct match_result *match, const struct receiver_offer *offer,
		      struct intake_verdict *v, struct unrack_error *err)
{
	int r = intake_disk_decide(in, match, offer, v, err);

	/* An image that is there has its room. */
	if (r == 0 && v->left > 0)
		r = machine_check_space(in->opt.io, in->opt.folder, 0, v->left, in->opt.log, err);
	if (r == 0 && !in->started && (v->left > 0 || machine_find_disk(in->m, match->number)->due)) {
		in->started = true;
		r = machine_step(in->m, "copy", "running", err);
	}
	return r;
}

static int on_place(void *ctx, const struct receiver_offer *offer, struct receiver_place *place,
		    struct unrack_error *err)
{
	struct intake *in = ctx;
	struct match_result match = { .number = 0 };
	struct intake_verdict v = { .left = 0 };
	int r = in->sealed ? 0 : lock_check(in->lock, err);

	if (r == 0)
		r = intake_match_offer(in, offer, &match, err);
	if (r == 0 && in->placed[match.number].taken)
		r = error_set(err, UNRACK_USAGE, "two sources are disk %d of %s", match.number,
			      in->opt.folder);
	if (r == 0)
		r = in->sealed ? check_sealed(in, &match, err) : place_disk(in, &match, offer, &v, err);
	if (r < 0)
		return r;
	in->placed[match.number].taken = true;
	in->placed[match.number].live = offer->live;
	return fill_place(in, match.number, &v, place, err);
}

static int on_check_owner(void *ctx, struct unrack_error *err)
{
	struct intake *in = ctx;

	return in->sealed ? 0 : lock_check(in->lock, err);
}

/* What is read again may be readable this time. */
static int on_begin(void *ctx, const struct receiver_place *place, uint64_t off, struct unrack_error *err)
{
	struct intake *in = ctx;
	struct intake_placed *p = &in->placed[place->number];
	uint64_t before;
	int r;

	lost_free(&p->lost);
	r = lost_read(in->opt.io, p->bad, &p->lost, err);
	before = lost_bytes(&p->lost);
	lost_forget(&p->lost, off);
	if (r < 0 || lost_bytes(&p->lost) == before)
		return r;
	return lost_write(in->opt.io, p->bad, &p->lost, machine_find_disk(in->m, place->number)->id.bytes, err);
}

static int on_lost(void *ctx, const struct receiver_place *place, uint64_t off, uint64_t len, const char *text,
		   bool over, struct unrack_error *err)
{
	struct intake *in = ctx;
	struct intake_placed *p = &in->placed[place->number];
	char what[LOST_WHAT_MAX];
	bool has = false;
	int r = over ? intake_keep(in, place->number, off, len, &has, err) : 0;

	if (r == 0 && has)
		log_info(in->opt.log, "disk %d: what an earlier pass could read at sector %llu is kept in %s/unrack/disk%d.kept",
			 place->number, (unsigned long long)(off / 512), in->opt.folder, place->number);
	if (has)
		snprintf(what, sizeof what, "%.*s%sdisk%d.kept has what an earlier pass could read", LOST_WHAT_MAX - 64,
			 text, *text ? "; " : "", place->number);
	if (r == 0)
		r = lost_add(&p->lost, off, len, has ? what : text, err);
	if (r == 0)
		r = lost_write(in->opt.io, p->bad, &p->lost, machine_find_disk(in->m, place->number)->id.bytes, err);
	return r < 0 ? error_suffix_room(err) : 0;
}

static int on_disk_done(void *ctx, const struct receiver_place *place,
			const struct journal_point *point, struct unrack_error *err)
{
	struct intake *in = ctx;
	int r = machine_stamp_image(in->m, place->number, err);
	struct machine_disk d = *machine_find_disk(in->m, place->number);

	(void)point;
	d.due = false;
	d.live = in->placed[place->number].live;
	in->placed[place->number].done = true;
	if (r == 0)
		r = intake_keep_lost(in, place->number, &in->placed[place->number].lost, err);
	if (r == 0)
		r = machine_put_disk(in->m, &d, err);
	return r < 0 ? r : machine_save(in->m, err);
}

static int on_all_done(void *ctx, struct unrack_error *err)
{
	struct intake *in = ctx;
	bool all = true, live = false;
	int r = on_check_owner(in, err);

	for (size_t i = 0; r == 0 && i < machine_disks(in->m); i++) {
		int n = machine_disk(in->m, i)->n;
		bool complete = false;

		r = intake_disk_is_complete(in, n, &complete, err);
		if (r == 0 && !complete && in->placed[n].done)
			r = error_set(err, UNRACK_UNSAFE, "disk %d of %s was copied, but its journal does not say so any more: "
				      "something else has changed the folder meanwhile; copy into another folder", n,
				      in->opt.folder);
		else if (r == 0 && !complete)
			log_info(in->opt.log, "disk %d of %s is still to be copied", n, in->opt.folder);
		all = all && complete;
		live |= machine_disk(in->m, i)->live;
	}
	if (r < 0)
		return r;
	in->complete = all;
	if (all && machine_get_state(in->m) == MACHINE_COPYING) {
		r = machine_set_state(in->m, live ? MACHINE_LIVE : MACHINE_COPIED, err);
		in->started = true; /* perhaps by a session that ended just before this */
	}
	if (r == 0 && in->started)
		r = machine_step(in->m, "copy", all ? "done" : "incomplete", err);
	if (r == 0)
		in->started = false;
	return r;
}

void intake_host_init(struct intake *in)
{
	in->host = (struct receiver_host){ .place = on_place, .check_owner = on_check_owner,
					   .begin = on_begin, .lost = on_lost,
					   .disk_done = on_disk_done, .all_done = on_all_done, .ctx = in };
}
