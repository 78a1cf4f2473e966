/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume group that is there as a whole: which extents each of its logical volumes has, and which
 * none has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "used_lvm.h"

#define NONE SIZE_MAX
#define LABELS 2048u /* bytes at the beginning, where a label may be */

/* Of dm-mirror's log: Linux' drivers/md/dm-log.c. */
#define LOG_MAGIC 0x4d695272u
#define LOG_VERSION 2u
#define LOG_BITS_AT 1024u
#define LOG_BITS_MAX (1u << 20) /* bytes */

/* What is thought of a logical volume. */
struct volume {
	char why[160];   /* it is copied as a whole; "": it is not */
	size_t mirror;   /* of which mirror it is a leg or the log; NONE */
	bool log;
	unsigned leg;
};

/* Extents of a physical volume that a segment has. */
struct claim {
	size_t pv;
	uint64_t first, n;
};

DEFINE_VEC(claim_vec, struct claim);

struct mapping {
	struct used_lvm *all;
	const struct lvm_group *g;
	const struct used_lvm_pv *pvs;
	struct volume *volumes;  /* of each logical volume of G */
	struct claim_vec claims; /* sorted */
	uint64_t extent;         /* bytes */
};

static void doubt(struct volume *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void doubt(struct volume *v, const char *fmt, ...)
{
	va_list ap;

	if (*v->why)
		return;
	va_start(ap, fmt);
	vsnprintf(v->why, sizeof v->why, fmt, ap);
	va_end(ap);
}

#define TOKEN(t) (int)min_u64((t)->n, 60), (t)->at

static bool is_plain(const struct lvm_segment *seg)
{
	return lvm_token_is(&seg->type, "striped") || lvm_token_is(&seg->type, "linear");
}

/* Extents of each part of a segment that has parts. */
static uint64_t part_extents(const struct lvm_segment *seg)
{
	return is_plain(seg) ? seg->extents / seg->n : seg->extents;
}

/* --- Physical volumes ------------------------------------------------------------------------ */

static bool overlaps(const struct lvm_spans *spans, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < spans->n; i++) {
		uint64_t off = spans->at[i].off, to;

		if (add_overflows(off, spans->at[i].bytes, &to) || (off < end && to > start))
			return true;
	}
	return false;
}

static int check_pv(const struct mapping *m, const struct lvm_pv *pv, const struct used_lvm_pv *at,
		    struct unrack_error *err)
{
	struct lvm_spans boot = { .n = pv->boot != LVM_UNSET && pv->boot_sectors != LVM_UNSET };
	uint64_t start, bytes, end, device = 0;
	char name[USED_NAME];

	if (mul_overflows(pv->start, SECTOR_SIZE, &start) || mul_overflows(pv->extents, m->extent, &bytes) ||
	    add_overflows(start, bytes, &end) ||
	    (pv->sectors != LVM_UNSET && mul_overflows(pv->sectors, SECTOR_SIZE, &device)) ||
	    (boot.n && (mul_overflows(pv->boot, SECTOR_SIZE, &boot.at[0].off) ||
			mul_overflows(pv->boot_sectors, SECTOR_SIZE, &boot.at[0].bytes))))
		return error_set(err, UNRACK_DAMAGED, "the sizes in its metadata are impossible");
	for (unsigned i = 0; i < at->n; i++)
		if (end > at->legs[i]->bytes || device > at->legs[i]->bytes)
			return error_set(err, UNRACK_DAMAGED, "%s is smaller than its metadata say",
					 used_lvm_name(m->all, at->legs[i], name));
	if ((device && end > device) || at->label->data.n != 1 || at->label->data.at[0].off != start)
		return error_set(err, UNRACK_DAMAGED, "label and metadata of %s disagree",
				 used_lvm_name(m->all, at->legs[0], name));
	if (start < LABELS || overlaps(&at->label->areas, start, end) || overlaps(&at->label->boot, start, end) ||
	    overlaps(&boot, start, end))
		return error_set(err, UNRACK_DAMAGED, "extents of %s lie where its metadata are",
				 used_lvm_name(m->all, at->legs[0], name));
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->pv != y->pv)
		return x->pv < y->pv ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Every extent that any segment has. */
static int claim_all(struct mapping *m, struct unrack_error *err)
{
	for (size_t s = 0; s < m->g->segments.len; s++) {
		const struct lvm_segment *seg = &m->g->segments.at[s];

		if (is_plain(seg) && (seg->n == 0 || seg->stripes != seg->n || seg->extents % seg->n != 0))
			return error_set(err, UNRACK_DAMAGED, "a segment has not the places that it should have");
		for (size_t i = 0; i < seg->n; i++) {
			const struct lvm_part *part = &m->g->parts.at[seg->first + i];
			const struct lvm_name *name = lvm_group_find(m->g, &part->name);
			struct claim c = { 0, part->extent, part_extents(seg) };

			if (!name)
				return error_set(err, UNRACK_DAMAGED, "a segment lies on %.*s, which is not there",
						 TOKEN(&part->name));
			if (!name->pv)
				continue;
			c.pv = name->at;
			if (c.first > m->g->pvs.at[c.pv].extents || c.n > m->g->pvs.at[c.pv].extents - c.first)
				return error_set(err, UNRACK_DAMAGED, "a segment ends behind its physical volume");
			if (claim_vec_push(&m->claims, c) < 0)
				return error_nomem(err);
		}
	}
	for (size_t i = 0; i < m->g->refs.len; i++) {
		const struct lvm_name *name = lvm_group_find(m->g, &m->g->refs.at[i].name);

		if (name && name->pv)
			return error_set(err, UNRACK_DAMAGED, "%.*s has extents in a way that is not known",
					 TOKEN(&m->g->lvs.at[m->g->refs.at[i].lv].name));
	}
	if (m->claims.len)
		qsort(m->claims.at, m->claims.len, sizeof *m->claims.at, by_place);
	for (size_t i = 1; i < m->claims.len; i++)
		if (m->claims.at[i].pv == m->claims.at[i - 1].pv &&
		    m->claims.at[i].first - m->claims.at[i - 1].first < m->claims.at[i - 1].n)
			return error_set(err, UNRACK_DAMAGED, "two volumes have the same extents");
	return 0;
}

static int free_extents(const struct mapping *m, size_t pv, uint64_t first, uint64_t n, struct unrack_error *err)
{
	uint64_t off = m->g->pvs.at[pv].start * SECTOR_SIZE + first * m->extent;
	int r = 0;

	for (unsigned i = 0; i < m->pvs[pv].n && n > 0 && r == 0; i++)
		r = used_lvm_free(m->pvs[pv].legs[i], off, n * m->extent, m->all->disks, err);
	return r;
}

/* What lies between claims. */
static int free_all(const struct mapping *m, struct unrack_error *err)
{
	size_t c = 0;

	for (size_t pv = 0; pv < m->g->pvs.len; pv++) {
		uint64_t at = 0;
		int r;

		for (; c < m->claims.len && m->claims.at[c].pv == pv; c++) {
			r = free_extents(m, pv, at, m->claims.at[c].first - at, err);
			if (r < 0)
				return r;
			at = m->claims.at[c].first + m->claims.at[c].n;
		}
		r = free_extents(m, pv, at, m->g->pvs.at[pv].extents - at, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- Logical volumes ------------------------------------------------------------------------- */

/* What the volume LV names: a volume that is part of another one is not what it seems. */
static void judge_part(struct mapping *m, size_t lv, const struct lvm_token *part)
{
	const struct lvm_name *name = lvm_group_find(m->g, part);

	if (!name || name->pv)
		return;
	doubt(&m->volumes[lv], "it lies on the volume %.*s", TOKEN(part));
	doubt(&m->volumes[name->at], "it is part of %.*s", TOKEN(&m->g->lvs.at[lv].name));
}

static void judge_plain(struct mapping *m, size_t lv, const struct lvm_segment *seg)
{
	if (seg->n > 1 && (seg->stripe == LVM_UNSET || seg->stripe == 0 ||
			   part_extents(seg) * m->g->extent % seg->stripe != 0))
		doubt(&m->volumes[lv], "its stripes are not understood");
	for (size_t i = 0; i < seg->n; i++)
		judge_part(m, lv, &m->g->parts.at[seg->first + i].name);
}

/* Which volumes are odd in themselves. Mirrors are looked at when this is known of all volumes. */
static void judge_each(struct mapping *m)
{
	const struct lvm_group *g = m->g;

	for (size_t i = 0; i < g->lvs.len; i++)
		if (g->lvs.at[i].odd.kind)
			doubt(&m->volumes[i], "its status is %.*s", TOKEN(&g->lvs.at[i].odd));
	for (size_t i = 0; i < g->lvs.len; i++) {
		const struct lvm_lv *lv = &g->lvs.at[i];

		for (size_t s = lv->first; s < lv->first + lv->n; s++) {
			const struct lvm_segment *seg = &g->segments.at[s];

			if (is_plain(seg))
				judge_plain(m, i, seg);
			else if (!lvm_token_is(&seg->type, "mirror"))
				doubt(&m->volumes[i], "it is of the type %.*s", TOKEN(&seg->type));
		}
	}
	for (size_t i = 0; i < g->refs.len; i++)
		judge_part(m, g->refs.at[i].lv, &g->refs.at[i].name);
}

/* The volume NAME if it may be a leg or the log of a mirror. */
static size_t mirrored(const struct mapping *m, const struct lvm_token *name)
{
	const struct lvm_name *found = lvm_group_find(m->g, name);

	if (!found || found->pv || *m->volumes[found->at].why || m->volumes[found->at].mirror != NONE ||
	    m->g->lvs.at[found->at].visible ||
	    !is_plain(&m->g->segments.at[m->g->lvs.at[found->at].first]))
		return NONE;
	return found->at;
}

static int cut_volume(struct mapping *m, const struct lvm_lv *lv, unsigned leg, bool coarse, struct used_piece_vec *out,
		      struct unrack_error *err);

/* Whether the log of LV says that all its legs have the same content. */
static int log_says_same(struct mapping *m, const struct lvm_lv *lv, const struct lvm_lv *log, bool *same,
			 struct unrack_error *err)
{
	const struct lvm_segment *seg = &m->g->segments.at[lv->first];
	uint64_t sectors, regions, n;
	struct used_piece_vec pieces = { 0 };
	struct block_source *source = NULL;
	uint8_t *bits = NULL;
	bool all = true;
	int r;

	*same = false;
	if (seg->region == LVM_UNSET || seg->region == 0 || mul_overflows(lv->extents, m->g->extent, &sectors))
		return 0;
	regions = div_round_up(sectors, seg->region);
	n = div_round_up(regions, 8);
	if (n > LOG_BITS_MAX || LOG_BITS_AT + n > log->extents * m->extent)
		return 0;
	bits = malloc(LOG_BITS_AT + (size_t)n);
	r = bits ? cut_volume(m, log, 0, false, &pieces, err) : error_nomem(err);
	if (r == 0)
		r = used_volume_open(m->all->sources, pieces.at, pieces.len, "the log of a mirror", &source, err);
	if (r == 0)
		r = block_source_read(source, bits, LOG_BITS_AT + (size_t)n, 0, err);
	if (r == 0) {
		all = get_le32(bits) == LOG_MAGIC && get_le32(bits + 4) == LOG_VERSION && get_le64(bits + 8) == regions;
		for (uint64_t i = 0; i < regions && all; i++)
			all = bits[LOG_BITS_AT + i / 8] >> i % 8 & 1;
		*same = all;
	}
	block_source_close(source);
	used_piece_vec_free(&pieces);
	free(bits);
	return used_lvm_is_doubt(r) ? 0 : r;
}

/* Legs count when all of them are alike. */
static int judge_mirror(struct mapping *m, size_t at, struct unrack_error *err)
{
	const struct lvm_group *g = m->g;
	const struct lvm_lv *lv = &g->lvs.at[at];
	const struct lvm_segment *seg = &g->segments.at[lv->first];
	size_t legs[USED_LVM_LEGS_MAX], log = seg->log.kind ? mirrored(m, &seg->log) : NONE;
	bool good = !*m->volumes[at].why && lv->n == 1 && seg->n >= 2 && seg->n <= USED_LVM_LEGS_MAX &&
		    seg->mirrors == seg->n;
	bool same = false;
	int r = 0;

	for (size_t i = 0; i < seg->n && good; i++) {
		const struct lvm_part *part = &g->parts.at[seg->first + i];

		legs[i] = mirrored(m, &part->name);
		good = legs[i] != NONE && legs[i] != log && part->extent == 0 && g->lvs.at[legs[i]].extents == lv->extents;
		for (size_t k = 0; k < i; k++)
			good = good && legs[k] != legs[i];
	}
	if (good && log != NONE)
		r = log_says_same(m, lv, &g->lvs.at[log], &same, err);
	if (r < 0)
		return r;
	if (good && log != NONE) {
		m->volumes[log].mirror = at;
		m->volumes[log].log = true;
		doubt(&m->volumes[log], "it is the log of a mirror");
	}
	for (size_t i = 0; i < seg->n && good; i++) {
		m->volumes[legs[i]].mirror = at;
		m->volumes[legs[i]].leg = (unsigned)i;
		if (!same)
			doubt(&m->volumes[legs[i]], "it is not known that the legs of %.*s are alike", TOKEN(&lv->name));
	}
	if (good)
		return 0;
	doubt(&m->volumes[at], "it is a mirror that is not understood");
	if (seg->log.kind)
		judge_part(m, at, &seg->log);
	for (size_t s = lv->first; s < lv->first + lv->n; s++)
		for (size_t i = 0; i < g->segments.at[s].n; i++)
			judge_part(m, at, &g->parts.at[g->segments.at[s].first + i].name);
	return 0;
}

static int judge_all(struct mapping *m, struct unrack_error *err)
{
	const struct lvm_group *g = m->g;
	int r;

	judge_each(m);
	for (size_t i = 0; i < g->lvs.len; i++) {
		const struct lvm_segment *seg = &g->segments.at[g->lvs.at[i].first];

		if (!lvm_token_is(&seg->type, "mirror"))
			continue;
		r = judge_mirror(m, i, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < g->lvs.len; i++)
		if (!g->lvs.at[i].visible && m->volumes[i].mirror == NONE)
			doubt(&m->volumes[i], "it is a hidden part of another volume");
	return 0;
}

/* --- Pieces ---------------------------------------------------------------------------------- */

static const struct used_built *leg_of(const struct mapping *m, size_t pv, unsigned leg)
{
	return m->pvs[pv].legs[leg < m->pvs[pv].n ? leg : 0];
}

/* SECTORS of a part of a segment, from AT on. */
static int cut_part(const struct mapping *m, const struct lvm_part *part, unsigned leg, uint64_t at, uint64_t sectors,
		    struct used_piece_vec *out, struct unrack_error *err)
{
	const struct lvm_name *name = lvm_group_find(m->g, &part->name);
	uint64_t first;

	if (!name->pv)
		return 0;
	first = m->g->pvs.at[name->at].start + part->extent * m->g->extent + at;
	return used_lvm_cut(leg_of(m, name->at, leg), first * SECTOR_SIZE, sectors * SECTOR_SIZE, out, err);
}

static int too_many(struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED, "it has too many stripes or pieces to be followed");
}

/* A stripe of each part, then the next stripe of each. */
static int cut_stripes(const struct mapping *m, const struct lvm_segment *seg, unsigned leg,
		       struct used_piece_vec *out, struct unrack_error *err)
{
	uint64_t rows = part_extents(seg) * m->g->extent / seg->stripe;

	if (rows > USED_LVM_PIECES_MAX)
		return too_many(err);
	for (uint64_t row = 0; row < rows; row++)
		for (size_t i = 0; i < seg->n; i++) {
			int r = cut_part(m, &m->g->parts.at[seg->first + i], leg, row * seg->stripe, seg->stripe, out,
					 err);

			if (r < 0)
				return r;
			if (out->len > used_lvm_room(m->all))
				return too_many(err);
		}
	return 0;
}

/* The pieces of LV in its order; COARSE: in any order. LEG: of the mirrors that it lies on. */
static int cut_volume(struct mapping *m, const struct lvm_lv *lv, unsigned leg, bool coarse, struct used_piece_vec *out,
		      struct unrack_error *err)
{
	for (size_t s = lv->first; s < lv->first + lv->n; s++) {
		const struct lvm_segment *seg = &m->g->segments.at[s];
		int r = 0;

		if (seg->n > 1 && !coarse)
			r = cut_stripes(m, seg, leg, out, err);
		for (size_t i = 0; i < seg->n && r == 0 && (seg->n == 1 || coarse); i++)
			r = cut_part(m, &m->g->parts.at[seg->first + i], leg, 0, part_extents(seg) * m->g->extent, out, err);
		if (r == 0 && out->len > used_lvm_room(m->all))
			return coarse ? 0 : too_many(err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* On how many legs of mirrors LV lies; 0: its parts lie on different numbers of them. */
static unsigned count_legs(const struct mapping *m, const struct lvm_lv *lv)
{
	unsigned n = 0;

	for (size_t s = lv->first; s < lv->first + lv->n; s++)
		for (size_t i = 0; i < m->g->segments.at[s].n; i++) {
			const struct lvm_part *part = &m->g->parts.at[m->g->segments.at[s].first + i];
			const struct lvm_name *name = lvm_group_find(m->g, &part->name);

			if (!name->pv)
				continue;
			if (n && n != m->pvs[name->at].n)
				return 0;
			n = m->pvs[name->at].n;
		}
	return n ? n : 1;
}

static void describe(const struct mapping *m, size_t at, struct used_built *b)
{
	const struct lvm_lv *lv = &m->g->lvs.at[at];
	const struct volume *v = &m->volumes[at];
	const struct lvm_segment *seg = &m->g->segments.at[lv->first];

	snprintf(b->name, sizeof b->name, "%.80s/%.*s", m->g->name, TOKEN(&lv->name));
	if (v->mirror != NONE)
		snprintf(b->kind, sizeof b->kind, "%s", v->log ? "mirror log" : "mirror leg");
	else if (is_plain(seg))
		snprintf(b->kind, sizeof b->kind, "%s", seg->n > 1 ? "striped" : "linear");
	else
		lvm_token_copy(&seg->type, b->kind, sizeof b->kind);
	b->whole = *v->why;
	snprintf(b->why, sizeof b->why, "%s", v->why);
}

/* One volume as it lies on one leg of mirrors. */
static int add_volume(struct mapping *m, size_t at, unsigned leg, unsigned legs, struct unrack_error *err)
{
	const struct lvm_lv *lv = &m->g->lvs.at[at];
	const struct volume *v = &m->volumes[at];
	struct used_piece_vec pieces = { 0 };
	struct used_built b = { .leg = v->leg * USED_LVM_LEGS_MAX + leg };
	int r;

	describe(m, at, &b);
	if (legs > 1)
		snprintf(b.name + strlen(b.name), sizeof b.name - strlen(b.name), " (leg %u)", leg + 1);
	if ((v->mirror != NONE && !v->log) || legs > 1)
		snprintf(b.mirror, sizeof b.mirror, "%s/%s", m->g->id,
			 (v->mirror == NONE ? lv : &m->g->lvs.at[v->mirror])->id);
	r = cut_volume(m, lv, leg, b.whole, &pieces, err);
	if (used_lvm_is_doubt(r)) {
		b.whole = true;
		snprintf(b.why, sizeof b.why, "%.200s", err->text);
		pieces.len = 0;
		r = cut_volume(m, lv, leg, true, &pieces, err);
	}
	/* What has no extents of its own is told by those who have them. */
	if (r == 0 && pieces.len > 0)
		r = used_lvm_add(m->all, &b, &pieces, err);
	used_piece_vec_free(&pieces);
	return r;
}

static int add_all(struct mapping *m, struct unrack_error *err)
{
	for (size_t i = 0; i < m->g->lvs.len; i++) {
		unsigned legs = count_legs(m, &m->g->lvs.at[i]), leg = 0;

		if (legs == 0)
			doubt(&m->volumes[i], "it lies on a mirror and beside of it");
		do {
			int r = add_volume(m, i, leg, legs, err);

			if (r < 0)
				return r;
		} while (++leg < legs && !*m->volumes[i].why);
	}
	return 0;
}

/* With room for each on each leg. */
static int check_number(const struct mapping *m, struct unrack_error *err)
{
	size_t n = m->g->lvs.len;

	for (size_t i = 0; i < m->g->lvs.len; i++)
		n += count_legs(m, &m->g->lvs.at[i]);
	if (n > USED_LVM_VOLUMES_MAX || m->all->out->n > USED_LVM_VOLUMES_MAX - n)
		return error_set(err, UNRACK_DAMAGED, "there are more logical volumes than can be handled");
	return 0;
}

int used_lvm_map(struct used_lvm *all, const struct lvm_group *group, const struct used_lvm_pv *pvs,
		 struct unrack_error *err)
{
	struct mapping m = { .all = all, .g = group, .pvs = pvs, .extent = group->extent * SECTOR_SIZE };
	int r = 0;

	m.volumes = calloc(group->lvs.len ? group->lvs.len : 1, sizeof *m.volumes);
	if (!m.volumes)
		return error_nomem(err);
	for (size_t i = 0; i < group->lvs.len; i++)
		m.volumes[i].mirror = NONE;
	for (size_t i = 0; i < group->pvs.len && r == 0; i++)
		r = check_pv(&m, &group->pvs.at[i], &pvs[i], err);
	if (r == 0)
		r = claim_all(&m, err);
	if (r == 0)
		r = check_number(&m, err);
	if (r == 0)
		r = judge_all(&m, err);
	if (r == 0)
		r = free_all(&m, err);
	if (r == 0)
		r = add_all(&m, err);
	claim_vec_free(&m.claims);
	free(m.volumes);
	return r;
}
