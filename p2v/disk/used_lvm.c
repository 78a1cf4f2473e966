/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From physical volumes to groups. A group counts only if all its metadata areas, on all its volumes, have
 * the same text, and if each volume of it is there once, or once on each leg of a mirror. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "scan_groups.h"
#include "unrack/digest.h"
#include "used_lvm.h"

#define MEMBERS_MAX 1024u
#define AREAS_MAX 2u /* that LVM makes of metadata on one volume */
#define KIND "LVM2"

struct member {
	const struct used_built *built;
	struct block_source *source; /* NULL when it can't be */
	struct lvm_label label;      /* id "": not known */
	char group[LVM_ID + 1];      /* its id, as its metadata say; "": they say nothing */
	char why[200];               /* not to be trusted; "": nothing speaks against it */
	bool trouble;
	bool old;  /* a volume of LVM1 */
	bool done; /* in the result */
};

/* One metadata area that has a text. */
struct text {
	size_t member;
	struct lvm_area area;
	char id[LVM_ID + 1]; /* of the group */
	char name[128];
	uint64_t seqno, sum; /* SUM: of the text */
};

DEFINE_VEC(text_vec, struct text);
DEFINE_VEC(built_vec, const struct used_built *);

struct groups {
	struct used_lvm all;
	struct member *members;
	size_t n;
	struct text_vec texts;
};

static void distrust(struct member *m, const char *why)
{
	if (!*m->why)
		snprintf(m->why, sizeof m->why, "%.199s", why);
}

/* --- Reading --------------------------------------------------------------------------------- */

static void add_number(struct digest_stream *state, uint64_t n)
{
	uint8_t le[8];

	put_le64(le, n);
	digest_stream_add(state, le, sizeof le);
}

static int parse_summary(const char *data, size_t n, struct text *t, struct unrack_error *err)
{
	struct scan_lvm *g = malloc(sizeof *g);
	bool known;

	if (!g)
		return error_nomem(err);
	known = scan_lvm_parse(data, n, g);
	if (known) {
		memcpy(t->id, g->id, sizeof t->id);
		memcpy(t->name, g->group, sizeof t->name);
		t->seqno = g->seqno;
	}
	free(g);
	return known ? 0 : error_set(err, UNRACK_DAMAGED, "its metadata are not understood");
}

static int read_text(struct groups *g, size_t at, const struct lvm_area *area, struct unrack_error *err)
{
	struct member *m = &g->members[at];
	struct digest_stream *state = g->all.states[m->built->pieces[0].disk];
	struct text t = { .member = at, .area = *area };
	char *data;
	int r = lvm_label_text(m->source, 0, area, &data, err);

	if (r < 0)
		return r;
	t.sum = checksum64(data, area->bytes);
	add_number(state, t.sum);
	r = parse_summary(data, area->bytes, &t, err);
	free(data);
	if (r == 0 && text_vec_push(&g->texts, t) < 0)
		r = error_nomem(err);
	if (r == 0 && *m->group && strcmp(m->group, t.id) != 0)
		r = error_set(err, UNRACK_DAMAGED, "its metadata are of two groups");
	memcpy(m->group, t.id, sizeof m->group);
	return r;
}

/* A header and, where the group has one there, its text. */
static int read_area(struct groups *g, size_t at, const struct lvm_span *span, bool *empty, struct unrack_error *err)
{
	struct member *m = &g->members[at];
	struct digest_stream *state = g->all.states[m->built->pieces[0].disk];
	struct lvm_area area;
	int r = lvm_label_area(m->source, 0, m->built->bytes, span, &area, err);

	if (r < 0)
		return r;
	add_number(state, area.at);
	add_number(state, area.bytes);
	add_number(state, area.sum);
	if (area.pending)
		return error_set(err, UNRACK_DAMAGED, "a change of its group was begun and not completed");
	if (area.ignored)
		return 0;
	*empty |= area.bytes == 0;
	return area.bytes ? read_text(g, at, &area, err) : 0;
}

static int read_member(struct groups *g, size_t at, struct unrack_error *err)
{
	struct member *m = &g->members[at];
	bool none, empty = false;
	uint8_t head[SECTOR_SIZE];
	int r;

	if (m->built->n == 0 || m->built->n > USED_LVM_MEMBER_PIECES_MAX)
		return error_set(err, UNRACK_DAMAGED, "it lies in too many pieces");
	r = used_volume_open(g->all.sources, m->built->pieces, m->built->n, m->built->name, &m->source, err);
	if (r < 0)
		return r;
	r = lvm_label_read(m->source, 0, m->built->bytes, &m->label, &none, err);
	if (none && block_source_read(m->source, head, sizeof head, 0, err) == 0 && used_lvm1_is(head)) {
		m->old = true;
		return 0;
	}
	if (r < 0)
		return r;
	digest_stream_add(g->all.states[m->built->pieces[0].disk], m->label.id, LVM_ID);
	if (m->label.areas.n > AREAS_MAX)
		return error_set(err, UNRACK_DAMAGED, "it has more metadata areas than LVM makes");
	for (unsigned i = 0; i < m->label.areas.n && r == 0; i++)
		r = read_area(g, at, &m->label.areas.at[i], &empty, err);
	if (r == 0 && empty && *m->group)
		r = error_set(err, UNRACK_DAMAGED, "one of its metadata areas is empty");
	return r;
}

static int read_members(struct groups *g, struct unrack_error *err)
{
	for (size_t i = 0; i < g->n; i++) {
		struct member *m = &g->members[i];
		int r = m->built->whole ? error_set(err, UNRACK_DAMAGED, "%.180s", m->built->why) : read_member(g, i, err);

		if (r < 0 && !used_lvm_is_doubt(r))
			return r;
		if (r < 0)
			distrust(m, err->text);
	}
	return 0;
}

/* --- One group ------------------------------------------------------------------------------- */

/* Whether M is of group ID, by its own metadata or those of others. */
static bool is_of(const struct member *m, const char *id, const struct lvm_group *group)
{
	if (m->done || m->old)
		return false;
	if (!strcmp(m->group, id))
		return true;
	for (size_t i = 0; group && i < group->pvs.len; i++)
		if (!strcmp(m->label.id, group->pvs.at[i].id))
			return true;
	return false;
}

static int add_whole(struct groups *g, struct member *m, const char *why, bool trouble, struct unrack_error *err)
{
	m->done = true;
	return used_lvm_whole(&g->all, m->built, KIND, *m->why ? m->why : why, trouble || m->trouble, err);
}

static int whole_group(struct groups *g, const char *id, const struct lvm_group *group, const char *why, bool trouble,
		       struct unrack_error *err)
{
	char reason[256];
	int r = 0;

	snprintf(reason, sizeof reason, "%.240s", why);
	for (size_t i = 0; i < g->n && r == 0; i++)
		if (is_of(&g->members[i], id, group))
			r = add_whole(g, &g->members[i], reason, trouble, err);
	return r;
}

/* The lowest and highest sequence number of the texts of a group; whether all are the same text. */
static bool texts_agree(const struct groups *g, const struct text *t, uint64_t *low, uint64_t *high)
{
	bool same = true;

	*low = *high = t->seqno;
	for (size_t i = 0; i < g->texts.len; i++) {
		const struct text *o = &g->texts.at[i];

		if (strcmp(o->id, t->id) != 0)
			continue;
		same = same && o->seqno == t->seqno && o->area.bytes == t->area.bytes && o->sum == t->sum;
		*low = min_u64(*low, o->seqno);
		*high = max_u64(*high, o->seqno);
	}
	return same;
}

/* Adds M to the places of its physical volume: one of several only if all are legs of one mirror, in the order of
 * their numbers. */
static int add_leg(const struct groups *g, struct used_lvm_pv *pv, const struct member *m, bool *twice,
		   struct unrack_error *err)
{
	char a[USED_NAME], b[USED_NAME];
	unsigned at = pv->n;

	if (pv->n == USED_LVM_LEGS_MAX)
		return error_set(err, UNRACK_DAMAGED, "a volume of its group is there more often than can be handled");
	for (unsigned i = 0; i < pv->n; i++) {
		*twice = !*m->built->mirror || strcmp(m->built->mirror, pv->legs[i]->mirror) != 0 ||
			 m->built->leg == pv->legs[i]->leg;
		if (*twice)
			return error_set(err, UNRACK_DAMAGED, "%s and %s have the same UUID: one is a copy of the other",
					 used_lvm_name(&g->all, pv->legs[i], a), used_lvm_name(&g->all, m->built, b));
	}
	for (; at > 0 && pv->legs[at - 1]->leg > m->built->leg; at--)
		pv->legs[at] = pv->legs[at - 1];
	pv->legs[at] = m->built;
	pv->label = &m->label;
	pv->n++;
	return 0;
}

static bool same_spans(const struct lvm_spans *a, const struct lvm_spans *b)
{
	for (unsigned i = 0; i < a->n && a->n == b->n; i++)
		if (a->at[i].off != b->at[i].off || a->at[i].bytes != b->at[i].bytes)
			return false;
	return a->n == b->n;
}

static bool same_label(const struct lvm_label *a, const struct lvm_label *b)
{
	return a->bytes == b->bytes && same_spans(&a->data, &b->data) && same_spans(&a->areas, &b->areas) &&
	       same_spans(&a->boot, &b->boot);
}

/* Where each physical volume of GROUP is. */
static int find_pvs(const struct groups *g, const struct lvm_group *group, struct used_lvm_pv *pvs, bool *trouble,
		    struct unrack_error *err)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct member *m = &g->members[i];
		char name[USED_NAME];
		size_t pv = 0;
		int r;

		if (!is_of(m, group->id, group))
			continue;
		while (pv < group->pvs.len && strcmp(group->pvs.at[pv].id, m->label.id) != 0)
			pv++;
		if (*m->why)
			return error_set(err, UNRACK_DAMAGED, "of %s in its group: %s",
					 used_lvm_name(&g->all, m->built, name), m->why);
		if (pv == group->pvs.len || (*m->group && strcmp(m->group, group->id) != 0))
			return error_set(err, UNRACK_DAMAGED, "its group and %s do not belong together by their metadata",
					 used_lvm_name(&g->all, m->built, name));
		if (pvs[pv].label && !same_label(pvs[pv].label, &m->label))
			return error_set(err, UNRACK_DAMAGED, "the legs that it lies on have different labels");
		r = add_leg(g, &pvs[pv], m, trouble, err);
		if (r < 0)
			return r;
	}
	for (size_t pv = 0; pv < group->pvs.len; pv++) {
		if (pvs[pv].n == 0)
			return error_set(err, UNRACK_DAMAGED, "a physical volume of its group %.60s is not there", group->name);
		for (size_t k = 0; k < pv; k++)
			if (!strcmp(group->pvs.at[pv].id, group->pvs.at[k].id))
				return error_set(err, UNRACK_DAMAGED, "its metadata have a physical volume twice");
	}
	return 0;
}

/* A group whose texts are the same. */
static int map_group(struct groups *g, const struct text *t, const struct lvm_group *group, bool *trouble,
		     struct unrack_error *err)
{
	struct used_lvm_pv *pvs;
	int r;

	if (*group->odd)
		return error_set(err, UNRACK_DAMAGED, "%s", group->odd);
	if (strcmp(group->id, t->id) != 0 || group->seqno != t->seqno)
		return error_set(err, UNRACK_DAMAGED, "its metadata are not understood");
	pvs = calloc(group->pvs.len, sizeof *pvs);
	if (!pvs)
		return error_nomem(err);
	r = find_pvs(g, group, pvs, trouble, err);
	if (r == 0)
		r = used_lvm_map(&g->all, group, pvs, err);
	free(pvs);
	if (r < 0)
		return r;
	for (size_t i = 0; i < g->n; i++)
		if (is_of(&g->members[i], group->id, group))
			g->members[i].done = true;
	return 0;
}

static int look_at_text(struct groups *g, const struct text *t, struct unrack_error *err)
{
	struct lvm_group group = { .seqno = 0 };
	bool trouble = false, parsed = false;
	char *data = NULL;
	int r = lvm_label_text(g->members[t->member].source, 0, &t->area, &data, err);

	/* It is read again, so that only one text is in memory. */
	if (r == 0 && checksum64(data, t->area.bytes) != t->sum)
		r = error_set(err, UNRACK_DAMAGED, "its metadata have just changed");
	if (r == 0)
		r = lvm_group_parse(data, t->area.bytes, &group, err);
	if (r == 0) {
		parsed = true;
		r = map_group(g, t, &group, &trouble, err);
	}
	if (used_lvm_is_doubt(r))
		r = whole_group(g, t->id, parsed ? &group : NULL, err->text, trouble, err);
	if (parsed)
		lvm_group_free(&group);
	free(data);
	return r;
}

static int look_at_group(struct groups *g, const struct text *t, struct unrack_error *err)
{
	uint64_t low, high;
	char why[256];

	if (texts_agree(g, t, &low, &high))
		return look_at_text(g, t, err);
	if (low != high)
		snprintf(why, sizeof why, "the metadata of its group %.60s are of different changes (%llu to %llu)", t->name,
			 (unsigned long long)low, (unsigned long long)high);
	else
		snprintf(why, sizeof why, "the metadata of its group %.60s contradict each other", t->name);
	return whole_group(g, t->id, NULL, why, false, err);
}

static bool is_first(const struct groups *g, size_t t)
{
	for (size_t i = 0; i < t; i++)
		if (!strcmp(g->texts.at[i].id, g->texts.at[t].id))
			return false;
	return true;
}

static int look_at_all(struct groups *g, struct unrack_error *err)
{
	struct built_vec old = { 0 };
	int r = 0;

	for (size_t i = 0; i < g->texts.len && r == 0; i++)
		if (is_first(g, i))
			r = look_at_group(g, &g->texts.at[i], err);
	for (size_t i = 0; i < g->n && r == 0; i++) {
		struct member *m = &g->members[i];

		if (m->old)
			r = built_vec_push(&old, m->built) < 0 ? error_nomem(err) : 0;
		else if (!m->done)
			r = add_whole(g, m, "it belongs to no volume group that is there", false, err);
	}
	if (r == 0 && old.len > 0)
		r = used_lvm1(&g->all, old.at, old.len, err);
	built_vec_free(&old);
	return r;
}

int used_lvm(struct block_source *const *sources, const struct used_builds *members, struct ranges *const *disks,
	     struct digest_stream *const *states, struct used_builds *out, struct unrack_error *err)
{
	struct groups g = { .all = { sources, members, disks, states, out, 0 }, .n = members->n };
	int r = 0;

	if (members->n == 0)
		return 0;
	if (members->n > MEMBERS_MAX) {
		for (size_t i = 0; i < members->n && r == 0; i++)
			r = used_lvm_whole(&g.all, &members->at[i], KIND, "there are more physical volumes than can be handled",
					   false, err);
		return r;
	}
	g.members = calloc(g.n, sizeof *g.members);
	if (!g.members)
		return error_nomem(err);
	for (size_t i = 0; i < g.n; i++)
		g.members[i].built = &members->at[i];
	r = read_members(&g, err);
	if (r == 0)
		r = look_at_all(&g, err);
	for (size_t i = 0; i < g.n; i++)
		block_source_close(g.members[i].source);
	text_vec_free(&g.texts);
	free(g.members);
	return r;
}
