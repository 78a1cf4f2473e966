/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* diskN.map: what a copy leaves out, and of which source it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/vec.h"
#include "receiver_parts.h"

DEFINE_VEC(run_vec, struct map_run);

/* Stands for the state of a source that was in use while it was copied: no other one is the same. */
static struct digest live_state(void)
{
	struct digest d;

	memset(d.b, 0xff, sizeof d.b);
	return d;
}

static const struct digest unknown;

static bool same(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

int receiver_map_load(struct receiver_disk *d, struct unrack_error *err)
{
	int r;

	if (!d->place.map || (d->start.next_grain == 0 && d->start.pass == 1))
		return 0;
	r = map_read(d->session->opt.io, d->place.map, d->id.bytes, &d->map, &d->origin, err);
	if (r != UNRACK_DAMAGED && (r != UNRACK_IO || err->sys_errno != ENOENT))
		return r;
	/* What is there may be of any source then, and is compared. */
	log_warn(d->session->opt.log, "the map of disk %d (%s) is missing or damaged: what the copy has left out, and of which "
		 "source it is, is not known", d->place.number, d->place.map);
	d->origin.state = live_state();
	return 0;
}

/* Something below GRAIN was left out. */
static bool leaves_out(const struct map *m, uint64_t grain)
{
	size_t n = 0;
	const struct map_run *runs = m ? map_runs(m, &n) : NULL;

	return n > 0 && runs[0].first < grain;
}

const char *receiver_map_changed(const struct receiver_disk *d)
{
	const struct digest live = live_state(), *was = &d->origin.state;

	if (d->all_blocks && leaves_out(d->map, d->start.next_grain))
		return "what is there lacks blocks that nothing used";
	/* What is in use changes all the time. It will take a pass without that anyway. And bytes say more
	 * than any state. */
	if (d->live || d->place.compared)
		return NULL;
	if (same(was, &live))
		return "the source was in use when it was copied, or that is not known";
	if (!same(was, &unknown) && !same(&d->state, &unknown) && !same(was, &d->state))
		return "the source has changed since";
	return NULL;
}

bool receiver_map_same(const struct receiver_disk *d)
{
	return !d->live && !same(&d->state, &unknown) && same(&d->origin.state, &d->state);
}

uint64_t receiver_map_left(const struct receiver_disk *d, uint64_t grain)
{
	uint64_t last = div_round_up(d->id.bytes, GRAIN_SIZE), left = 0, first, end;
	struct map_origin of = { .pass = 0 };
	struct unrack_error dropped;
	struct map *m = NULL;

	if (d->place.map && map_read(d->session->opt.io, d->place.map, d->id.bytes, &m, &of, &dropped) == 0 &&
	    of.pass != d->start.pass) {
		map_free(m);
		m = NULL;
	}
	for (map_next_used(m, d->id.bytes, grain, &first, &end); first < last;
	     map_next_used(m, d->id.bytes, end, &first, &end))
		left += min_u64(end * GRAIN_SIZE, d->id.bytes) - first * GRAIN_SIZE;
	map_free(m);
	return left;
}

/* All that the MAPs say. */
static int take_runs(struct receiver_disk *d, struct run_vec *runs, struct unrack_error *err)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	struct message_map *m = malloc(sizeof *m);
	int r = m ? 0 : error_nomem(err);

	if (m)
		m->more = true;
	while (r == 0 && m->more) {
		struct frame f;

		r = receiver_read_control(d->session, &f, payload, err);
		if (r == 0 && f.type == MESSAGE_BYE) {
			d->session->farewell = true;
			r = error_set(err, UNRACK_INTERRUPTED, "the sender was stopped");
		} else if (r == 0 && (f.type != MESSAGE_MAP || f.disk != d->index)) {
			r = receiver_not_due(&f, "the map of the disk", err);
		}
		if (r == 0)
			r = message_decode_map(payload, f.length, m, err);
		if (r == 0 && runs->len + m->count > MAP_RUNS_MAX)
			r = error_set(err, UNRACK_DAMAGED, "the sender's map of disk %u has more than %u runs",
				      d->index, MAP_RUNS_MAX);
		for (uint32_t i = 0; r == 0 && i < m->count; i++)
			if (run_vec_push(runs, m->run[i]) < 0)
				r = error_nomem(err);
	}
	free(m);
	return r;
}

static int take_map(struct receiver_disk *d, struct map **out, struct unrack_error *err)
{
	struct run_vec runs = { 0 };
	int r = take_runs(d, &runs, err);

	if (r == 0)
		r = map_from_runs(d->id.bytes, runs.at, runs.len, out, err);
	if (r == UNRACK_DAMAGED)
		error_prefix(err, "the sender's map of disk %u is not valid", d->index);
	run_vec_free(&runs);
	return r;
}

/* The map as it will be when this pass is complete. */
static int splice(struct receiver_disk *d, const struct map *sent, struct unrack_error *err)
{
	struct map *old = d->map, *all = NULL;
	int r = old ? 0 : map_new(d->id.bytes, NULL, &old, err);

	if (r == 0)
		r = map_splice(old, sent, d->start.next_grain, &all, err);
	map_free(old);
	d->map = all;
	return r;
}

/* The older pass is complete no longer. Before the image is touched, since what the journal says
 * is complete must be so; before the map, which is of the pass that the journal names. */
static int begin_fresh(struct receiver_disk *d, struct unrack_error *err)
{
	int r = receiver_check_owner(d->session, err);

	d->start.image_length = image_length(d->image);
	return r < 0 ? r : journal_append(d->journal, &d->start, err);
}

/* What source the whole will be of. A part that is continued was found to be of the same one. */
static struct digest state_of(const struct receiver_disk *d)
{
	if (d->live)
		return live_state();
	return d->start.next_grain > 0 && same(&d->state, &unknown) ? d->origin.state : d->state;
}

int receiver_map_take(struct receiver_disk *d, struct unrack_error *err)
{
	struct map_origin origin = { d->start.pass, state_of(d) };
	struct map *sent = NULL;
	int r = take_map(d, &sent, err);

	if (r == 0 && d->fresh)
		r = begin_fresh(d, err);
	if (r == 0)
		r = splice(d, sent, err);
	if (r == 0)
		r = receiver_still_owner(d->session, err);
	if (r == 0 && d->place.map)
		r = map_write(d->session->opt.io, d->place.map, d->map, &origin, err);
	map_free(sent);
	map_free(d->map);
	d->map = NULL;
	return r < 0 ? receiver_disk_explain(d, d->start.next_grain, err) : 0;
}
