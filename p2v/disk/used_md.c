/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mirrors are followed: each leg is a volume of its own, if it is as new as the others and none of them was in use.
 * All other arrays are copied as they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "md_super.h"
#include "unrack/digest.h"
#include "used_parts.h"

#define MEMBERS_MAX 512u
#define PIECES_MAX 16u /* of a member: with more, it is scattered too much to be one */

struct member {
	const struct used_built *built;
	char name[USED_NAME]; /* for others */
	struct md_super md;
	bool known;    /* MD is */
	char why[200]; /* not to be trusted; "": nothing speaks against it */
	bool trouble;
};

static void distrust(struct member *m, bool trouble, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void distrust(struct member *m, bool trouble, const char *fmt, ...)
{
	va_list ap;

	if (*m->why)
		return;
	va_start(ap, fmt);
	vsnprintf(m->why, sizeof m->why, fmt, ap);
	va_end(ap);
	m->trouble = trouble;
}

static bool is_fatal(int r)
{
	return r == UNRACK_INTERNAL || r == UNRACK_INTERRUPTED;
}

static int read_super(struct block_source *const *sources, struct member *m, struct unrack_error *err)
{
	struct block_source *volume;
	int r;

	if (m->built->n == 0 || m->built->n > PIECES_MAX)
		return error_set(err, UNRACK_DAMAGED, "it lies in too many pieces");
	r = used_volume_open(sources, m->built->pieces, m->built->n, m->built->name, &volume, err);
	if (r < 0)
		return r;
	r = md_super_read(volume, 0, m->built->bytes, &m->md, err);
	block_source_close(volume);
	return r;
}

static int read_member(struct block_source *const *sources, struct digest_stream *const *states, struct member *m,
		       struct unrack_error *err)
{
	int r;

	if (m->built->whole) {
		distrust(m, m->built->trouble, "%.190s", m->built->why);
		return 0;
	}
	r = read_super(sources, m, err);
	if (r < 0 && !is_fatal(r))
		distrust(m, false, "%.190s", err->text);
	if (r < 0)
		return is_fatal(r) ? r : 0;
	m->known = true;
	digest_stream_add(states[m->built->pieces[0].disk], m->md.raw, sizeof m->md.raw);
	return 0;
}

/* --- One array ------------------------------------------------------------------------------- */

static bool same_array(const struct member *a, const struct member *b)
{
	return a->known && b->known && a->md.version[0] == b->md.version[0] && !strcmp(a->md.uuid, b->md.uuid);
}

/* A member that was left out while its array went on: worse than anything else. */
static void judge_age(struct member *m, const struct member *other)
{
	if (m->md.role == MD_ACTIVE && other->md.role == MD_ACTIVE && m->md.events < other->md.events)
		distrust(m, true, "a stale leg: %s is newer (event %llu, this one %llu)", other->name,
			 (unsigned long long)other->md.events, (unsigned long long)m->md.events);
}

/* What M says of itself. */
static void judge_alone(struct member *m)
{
	char level[16];

	if (m->md.level != 1)
		distrust(m, false, "%s arrays are copied as they are", md_super_level(m->md.level, level));
	else if (m->md.role == MD_FAULTY)
		distrust(m, true, "its array has thrown it out as faulty");
	else if (m->md.role != MD_ACTIVE)
		distrust(m, false, "it is a spare of its array");
	else if (m->md.odd)
		distrust(m, false, "%s", m->md.odd);
	else if (!m->md.clean)
		distrust(m, false, "its array was not stopped cleanly, or is in use");
	else if (m->md.bytes == 0)
		distrust(m, false, "its array has no size");
}

/* Whether each has the place that the other says. */
static bool agree(const struct md_super *a, const struct md_super *b)
{
	unsigned slot;

	return a->disks == b->disks && a->bytes == b->bytes && a->level == b->level &&
	       md_super_role(a, b->number, &slot) == MD_ACTIVE && slot == b->slot &&
	       md_super_role(b, a->number, &slot) == MD_ACTIVE && slot == a->slot;
}

/* A and B are of one array, which is a mirror, and not the same member. */
static void judge_both(struct member *a, const struct member *b)
{
	if (a->md.role != MD_ACTIVE || b->md.role != MD_ACTIVE || a->md.events > b->md.events)
		return;
	if (a->md.slot == b->md.slot)
		distrust(a, true, "%s is the same leg: one is a copy of the other", b->name);
	else if (!agree(&a->md, &b->md))
		distrust(a, false, "it and %s do not agree about their array", b->name);
	else if (b->md.odd || !b->md.clean)
		distrust(a, false, "of %s in its array: %s", b->name,
			 b->md.odd ? b->md.odd : "it was not stopped cleanly, or is in use");
}

static int add_leg(const struct member *m, struct used_builds *out, struct unrack_error *err)
{
	const struct used_built *on = m->built;
	struct used_piece pieces[PIECES_MAX];
	struct used_built b = { .pieces = pieces, .bytes = m->md.bytes, .leg = m->md.slot };
	uint64_t at = 0, end = m->md.start + m->md.bytes;

	snprintf(b.name, sizeof b.name, "md raid1 of %.140s", on->name);
	snprintf(b.kind, sizeof b.kind, "raid1");
	snprintf(b.mirror, sizeof b.mirror, "md/%s", m->md.uuid);
	for (size_t i = 0; i < on->n; at += on->pieces[i++].len) {
		const struct used_piece *p = &on->pieces[i];
		uint64_t from = max_u64(at, m->md.start), to = min_u64(at + p->len, end);

		if (from < to)
			pieces[b.n++] = (struct used_piece){ p->disk, p->off + (from - at), to - from };
	}
	return used_builds_add(out, &b, err);
}

static int add_whole(const struct member *m, struct used_builds *out, struct unrack_error *err)
{
	struct used_built b = { .pieces = m->built->pieces, .n = m->built->n, .bytes = m->built->bytes, .whole = true,
				.trouble = m->trouble };
	char level[16] = "array";

	if (m->known)
		md_super_level(m->md.level, level);
	snprintf(b.name, sizeof b.name, "md %s of %.130s", level, m->built->name);
	snprintf(b.kind, sizeof b.kind, "%s", m->known ? level : "md");
	snprintf(b.why, sizeof b.why, "%s", m->why);
	return used_builds_add(out, &b, err);
}

static int look(struct block_source *const *sources, struct member *members, size_t n,
		struct digest_stream *const *states, struct used_builds *out, struct unrack_error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = read_member(sources, states, &members[i], err);
	for (size_t i = 0; i < n && r == 0; i++) {
		for (size_t k = 0; k < n; k++)
			if (k != i && same_array(&members[i], &members[k]))
				judge_age(&members[i], &members[k]);
		if (members[i].known)
			judge_alone(&members[i]);
		for (size_t k = 0; k < n; k++)
			if (k != i && same_array(&members[i], &members[k]))
				judge_both(&members[i], &members[k]);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = *members[i].why ? add_whole(&members[i], out, err) : add_leg(&members[i], out, err);
	return r;
}

int used_md(struct block_source *const *sources, const struct used_builds *members,
	    struct digest_stream *const *states, struct used_builds *out, struct unrack_error *err)
{
	struct member *all, one = { .why = "there are more members of arrays than can be handled" };
	int r = 0;

	if (members->n == 0)
		return 0;
	for (size_t i = 0; members->n > MEMBERS_MAX && i < members->n; i++) {
		one.built = &members->at[i];
		r = add_whole(&one, out, err);
		if (r < 0)
			return r;
	}
	if (members->n > MEMBERS_MAX)
		return 0;
	all = calloc(members->n, sizeof *all);
	if (!all)
		return error_nomem(err);
	for (size_t i = 0; i < members->n; i++) {
		all[i].built = &members->at[i];
		used_builds_name(members, all[i].built, sources, all[i].name);
	}
	r = look(sources, all, members->n, states, out, err);
	free(all);
	return r;
}
