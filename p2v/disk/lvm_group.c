/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sections are at most four deep, each with a loop of its own. What LVM itself does not know in a
 * place may mean anything, so it makes the whole text an error, but for single values, which LVM
 * skips too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "lvm.h"

struct parser {
	struct lvm_text text;
	struct lvm_group *g;
	const char *bad; /* a clause: what is wrong; it ends all loops */
	bool no_memory;
};

/* What stands in a section. */
struct item {
	struct lvm_token key;
	bool section;           /* what is inside of it follows */
	struct lvm_token value; /* else; kind '[' for a list, */
	struct lvm_text list;   /* which is here */
};

static bool broken(struct parser *p, const char *what)
{
	if (!p->bad)
		p->bad = what;
	return false;
}

/* The '[' was taken. */
static bool skip_list(struct parser *p)
{
	struct lvm_token t;

	do {
		t = lvm_text_next(&p->text);
		if (!t.kind || !strchr("ws,]", t.kind))
			return broken(p, "a list in its metadata does not end");
	} while (t.kind != ']');
	return true;
}

/* False at the section's end, and when something is wrong. TOP: the text ends it, not a brace. */
static bool next_item(struct parser *p, bool top, struct item *out)
{
	struct lvm_token t;

	if (p->bad)
		return false;
	out->key = lvm_text_next(&p->text);
	if (out->key.kind == (top ? 0 : '}'))
		return false;
	t = lvm_text_next(&p->text);
	out->section = t.kind == '{';
	if (out->key.kind != 'w' || (!out->section && t.kind != '='))
		return broken(p, "its metadata are no such text");
	if (out->section)
		return true;
	out->value = lvm_text_next(&p->text);
	out->list = p->text;
	if (out->value.kind == '[')
		return skip_list(p);
	return out->value.kind == 'w' || out->value.kind == 's' ? true : broken(p, "its metadata are no such text");
}

/* The next word or string of a list. */
static bool next_member(struct lvm_text *list, struct lvm_token *out)
{
	do
		*out = lvm_text_next(list);
	while (out->kind == ',');
	return out->kind == 'w' || out->kind == 's';
}

static void skip_section(struct parser *p)
{
	unsigned depth = 1;

	while (depth) {
		struct lvm_token t = lvm_text_next(&p->text);

		if (t.kind == '{')
			depth++;
		else if (t.kind == '}')
			depth--;
		else if (t.kind == 0 || t.kind == '?')
			depth = (unsigned)broken(p, "a section in its metadata does not end");
	}
}

static bool is_value(const struct item *it, const char *key)
{
	return !it->section && lvm_token_is(&it->key, key);
}

static bool parse_number(const struct lvm_token *t, uint64_t *out)
{
	uint64_t n = 0;

	if (t->kind != 'w')
		return false;
	for (size_t i = 0; i < t->n; i++)
		if (t->at[i] < '0' || t->at[i] > '9' || mul_overflows(n, 10, &n) ||
		    add_overflows(n, (uint64_t)(t->at[i] - '0'), &n))
			return false;
	*out = n;
	return n != LVM_UNSET;
}

/* True if IT is the number KEY, which OUT then has. */
static bool take_number(struct parser *p, const struct item *it, const char *key, uint64_t *out)
{
	if (!is_value(it, key))
		return false;
	if (*out != LVM_UNSET || !parse_number(&it->value, out))
		broken(p, "a number in its metadata is none, or there twice");
	return true;
}

static bool take_id(struct parser *p, const struct item *it, char out[LVM_ID + 1])
{
	if (!is_value(it, "id"))
		return false;
	if (*out || it->value.kind != 's')
		broken(p, "an id in its metadata is none, or there twice");
	lvm_token_id(&it->value, out);
	if (strlen(out) != LVM_ID)
		broken(p, "an id in its metadata is too short");
	return true;
}

static bool take_name(struct parser *p, const struct item *it, const char *key, struct lvm_token *out)
{
	if (!is_value(it, key))
		return false;
	if (out->kind || it->value.kind != 's')
		broken(p, "a name in its metadata is none, or there twice");
	*out = it->value;
	return true;
}

/* The first of a list of status flags that is not among KNOWN, which ends with NULL. */
static bool odd_flag(struct parser *p, const struct item *it, const char *const *known, struct lvm_token *out)
{
	struct lvm_text list = it->list;
	struct lvm_token t;

	if (it->value.kind != '[') {
		broken(p, "a status in its metadata is none");
		return false;
	}
	while (next_member(&list, &t)) {
		const char *const *k = known;

		while (*k && !lvm_token_is(&t, *k))
			k++;
		if (!*k) {
			*out = t;
			return true;
		}
	}
	return false;
}

static bool is_flags(const struct item *it)
{
	return is_value(it, "status") || is_value(it, "flags");
}

static bool too_many(struct parser *p, size_t n, size_t max)
{
	return n < max ? false : !broken(p, "its metadata are of more volumes or pieces than can be handled");
}

/* The result of a push. */
static void kept(struct parser *p, int r)
{
	if (r < 0) {
		p->no_memory = true;
		broken(p, "");
	}
}

static void note_odd(struct lvm_group *g, const char *what, const struct lvm_token *t)
{
	char text[32];

	if (*g->odd)
		return;
	lvm_token_copy(t, text, sizeof text);
	snprintf(g->odd, sizeof g->odd, "%s %s", what, text);
}

static void parse_pv(struct parser *p, const struct lvm_token *name)
{
	static const char *const known[] = { "ALLOCATABLE", NULL };
	struct lvm_pv pv = { .name = *name, .sectors = LVM_UNSET, .start = LVM_UNSET, .extents = LVM_UNSET,
			     .boot = LVM_UNSET, .boot_sectors = LVM_UNSET };
	struct lvm_token odd;
	struct item it;

	while (next_item(p, false, &it)) {
		if (it.section)
			broken(p, "its metadata have a section in a physical volume");
		else if (is_flags(&it)) {
			if (odd_flag(p, &it, known, &odd))
				note_odd(p->g, "a physical volume of its group is", &odd);
		} else if (!take_id(p, &it, pv.id) && !take_number(p, &it, "dev_size", &pv.sectors) &&
			   !take_number(p, &it, "pe_start", &pv.start) &&
			   !take_number(p, &it, "pe_count", &pv.extents) && !take_number(p, &it, "ba_start", &pv.boot))
			take_number(p, &it, "ba_size", &pv.boot_sectors);
	}
	if (!p->bad && (!*pv.id || pv.start == LVM_UNSET || pv.extents == LVM_UNSET))
		broken(p, "its metadata lack facts of a physical volume");
	if (!p->bad && !too_many(p, p->g->pvs.len, LVM_PVS_MAX))
		kept(p, lvm_pvs_push(&p->g->pvs, pv));
}

static void add_ref(struct parser *p, const struct lvm_token *name)
{
	struct lvm_ref ref = { p->g->lvs.len, *name };

	if (!too_many(p, p->g->refs.len, LVM_PARTS_MAX))
		kept(p, lvm_refs_push(&p->g->refs, ref));
}

/* Whatever may be the name of a volume. */
static void add_refs(struct parser *p, const struct item *it)
{
	struct lvm_text list = it->list;
	struct lvm_token t;

	if (it->value.kind == 's')
		add_ref(p, &it->value);
	while (it->value.kind == '[' && !p->bad && next_member(&list, &t))
		if (t.kind == 's')
			add_ref(p, &t);
}

/* "pv0", 0, "pv1", 250 */
static void take_parts(struct parser *p, const struct item *it, struct lvm_segment *seg)
{
	struct lvm_text list = it->list;
	struct lvm_token at;
	struct lvm_part part;

	if (it->value.kind != '[' || seg->n > 0)
		broken(p, "a segment in its metadata has no places");
	seg->first = p->g->parts.len;
	while (!p->bad && next_member(&list, &part.name)) {
		if (part.name.kind != 's' || !next_member(&list, &at) || !parse_number(&at, &part.extent))
			broken(p, "a segment in its metadata has no places");
		else if (!too_many(p, p->g->parts.len, LVM_PARTS_MAX))
			kept(p, lvm_parts_push(&p->g->parts, part));
		seg->n++;
	}
}

static void take_list(struct parser *p, const struct item *it, struct item *out)
{
	if (!out->section)
		broken(p, "a segment in its metadata has two lists of places");
	*out = *it;
}

/* A segment's parts are only in the list that its type has; a list for another type is of names. */
static void parse_segment(struct parser *p)
{
	struct lvm_segment seg = { .extent = LVM_UNSET, .extents = LVM_UNSET, .stripes = LVM_UNSET,
				   .stripe = LVM_UNSET, .mirrors = LVM_UNSET, .region = LVM_UNSET };
	struct item it, stripes = { .section = true }, mirrors = { .section = true };
	bool mirror, plain;

	while (next_item(p, false, &it)) {
		if (it.section)
			broken(p, "its metadata have a section in a segment");
		else if (is_value(&it, "stripes"))
			take_list(p, &it, &stripes);
		else if (is_value(&it, "mirrors"))
			take_list(p, &it, &mirrors);
		else if (!take_number(p, &it, "start_extent", &seg.extent) &&
			 !take_number(p, &it, "extent_count", &seg.extents) &&
			 !take_number(p, &it, "stripe_count", &seg.stripes) &&
			 !take_number(p, &it, "stripe_size", &seg.stripe) &&
			 !take_number(p, &it, "mirror_count", &seg.mirrors) &&
			 !take_number(p, &it, "region_size", &seg.region) && !take_name(p, &it, "type", &seg.type) &&
			 !take_name(p, &it, "mirror_log", &seg.log) && !is_value(&it, "tags"))
			add_refs(p, &it);
	}
	mirror = lvm_token_is(&seg.type, "mirror");
	plain = lvm_token_is(&seg.type, "striped") || lvm_token_is(&seg.type, "linear");
	if (!p->bad && (seg.extent == LVM_UNSET || seg.extents == LVM_UNSET || !seg.type.kind))
		broken(p, "its metadata lack facts of a segment");
	for (unsigned i = 0; i < 2 && !p->bad; i++) {
		const struct item *list = i ? &mirrors : &stripes;

		if (list->section)
			continue;
		if (i ? mirror : plain)
			take_parts(p, list, &seg);
		else
			add_refs(p, list);
	}
	if (seg.log.kind && !mirror)
		add_ref(p, &seg.log);
	if (!p->bad && !too_many(p, p->g->segments.len, LVM_PARTS_MAX))
		kept(p, lvm_segments_push(&p->g->segments, seg));
}

static int by_extent(const void *a, const void *b)
{
	const struct lvm_segment *x = a, *y = b;

	return x->extent < y->extent ? -1 : x->extent > y->extent;
}

static void join_segments(struct parser *p, struct lvm_lv *lv)
{
	struct lvm_segment *at = p->g->segments.at + lv->first;

	lv->n = p->g->segments.len - lv->first;
	if (lv->n == 0 || lv->n_told != lv->n)
		broken(p, "its metadata lack segments of a volume");
	else
		qsort(at, lv->n, sizeof *at, by_extent);
	for (size_t i = 0; i < lv->n && !p->bad; i++)
		if (at[i].extents == 0 || at[i].extent != lv->extents ||
		    add_overflows(lv->extents, at[i].extents, &lv->extents))
			broken(p, "segments of a volume do not follow each other");
}

static void parse_lv(struct parser *p, const struct lvm_token *name)
{
	static const char *const known[] = { "READ", "WRITE", "VISIBLE", "FIXED_MINOR", "WRITE_LOCKED", "ACTIVATION_SKIP",
					     "NOAUTOACTIVATE", NULL };
	struct lvm_lv lv = { .name = *name, .n_told = LVM_UNSET, .first = p->g->segments.len };
	struct lvm_token t;
	struct item it;

	while (next_item(p, false, &it)) {
		struct lvm_text list = it.list;

		if (it.section) {
			parse_segment(p);
		} else if (is_flags(&it)) {
			odd_flag(p, &it, known, &lv.odd);
			while (next_member(&list, &t))
				lv.visible |= lvm_token_is(&t, "VISIBLE");
		} else if (!take_id(p, &it, lv.id)) {
			take_number(p, &it, "segment_count", &lv.n_told);
		}
	}
	if (!p->bad)
		join_segments(p, &lv);
	if (!p->bad && !too_many(p, p->g->lvs.len, LVM_LVS_MAX))
		kept(p, lvm_lvs_push(&p->g->lvs, lv));
}

/* Sections of sections, each parsed by ONE. */
static void parse_each(struct parser *p, void (*one)(struct parser *p, const struct lvm_token *name))
{
	struct item it;

	while (next_item(p, false, &it)) {
		if (it.section)
			one(p, &it.key);
		else
			broken(p, "its metadata have a value between volumes");
	}
}

static void parse_group(struct parser *p)
{
	static const char *const known[] = { "RESIZEABLE", "READ", "WRITE", "WRITE_LOCKED", "NOAUTOACTIVATE", NULL };
	struct lvm_group *g = p->g;
	struct lvm_token t;
	struct item it;

	g->seqno = g->extent = LVM_UNSET;
	while (next_item(p, false, &it)) {
		if (it.section && lvm_token_is(&it.key, "physical_volumes"))
			parse_each(p, parse_pv);
		else if (it.section && lvm_token_is(&it.key, "logical_volumes"))
			parse_each(p, parse_lv);
		else if (it.section && lvm_token_is(&it.key, "historical_logical_volumes"))
			skip_section(p); /* names of what was removed */
		else if (it.section)
			broken(p, "its metadata have a section that is not known");
		else if (is_flags(&it)) {
			if (odd_flag(p, &it, known, &t))
				note_odd(g, "its group is", &t);
		} else if (is_value(&it, "system_id"))
			note_odd(g, "its group is only for the host", &it.value);
		else if (is_value(&it, "lock_type"))
			note_odd(g, "its group is shared by", &it.value);
		else if (is_value(&it, "format") && !lvm_token_is(&it.value, "lvm2"))
			note_odd(g, "its group is of the format", &it.value);
		else if (!take_id(p, &it, g->id) && !take_number(p, &it, "seqno", &g->seqno))
			take_number(p, &it, "extent_size", &g->extent);
	}
	if (!p->bad && (!*g->id || g->seqno == LVM_UNSET || g->extent == LVM_UNSET || g->extent == 0 ||
			g->extent > UINT32_MAX || g->pvs.len == 0))
		broken(p, "its metadata lack facts of the group");
}

/* The group, and behind or before it who wrote it. */
static void parse_top(struct parser *p)
{
	uint64_t version = LVM_UNSET;
	struct lvm_token contents = { .kind = 0 };
	struct item it;

	while (next_item(p, true, &it)) {
		if (it.section) {
			if (*p->g->name)
				broken(p, "its metadata are of two groups");
			lvm_token_copy(&it.key, p->g->name, sizeof p->g->name);
			parse_group(p);
		} else if (!take_number(p, &it, "version", &version)) {
			take_name(p, &it, "contents", &contents);
		}
	}
	if (!p->bad && (!*p->g->name || version != 1 || !lvm_token_is(&contents, "Text Format Volume Group")))
		broken(p, "its metadata are of a version that is not known");
}

static int by_name(const void *a, const void *b)
{
	const struct lvm_token *x = &((const struct lvm_name *)a)->name, *y = &((const struct lvm_name *)b)->name;
	int c = memcmp(x->at, y->at, x->n < y->n ? x->n : y->n);

	return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

static void sort_names(struct parser *p)
{
	struct lvm_group *g = p->g;

	for (size_t i = 0; i < g->pvs.len && !p->bad; i++)
		kept(p, lvm_names_push(&g->names, (struct lvm_name){ g->pvs.at[i].name, true, i }));
	for (size_t i = 0; i < g->lvs.len && !p->bad; i++)
		kept(p, lvm_names_push(&g->names, (struct lvm_name){ g->lvs.at[i].name, false, i }));
	if (p->bad)
		return;
	qsort(g->names.at, g->names.len, sizeof *g->names.at, by_name);
	for (size_t i = 1; i < g->names.len; i++)
		if (by_name(&g->names.at[i - 1], &g->names.at[i]) == 0)
			broken(p, "two volumes of its group have one name");
}

const struct lvm_name *lvm_group_find(const struct lvm_group *g, const struct lvm_token *name)
{
	struct lvm_name key = { .name = *name };

	return g->names.len ? bsearch(&key, g->names.at, g->names.len, sizeof key, by_name) : NULL;
}

int lvm_group_parse(const char *text, size_t n, struct lvm_group *out, struct unrack_error *err)
{
	struct parser p = { .text = { text, text + n }, .g = out };

	memset(out, 0, sizeof *out);
	parse_top(&p);
	if (!p.bad)
		sort_names(&p);
	if (!p.bad)
		return 0;
	lvm_group_free(out);
	return p.no_memory ? error_nomem(err) : error_set(err, UNRACK_DAMAGED, "%s", p.bad);
}

void lvm_group_free(struct lvm_group *g)
{
	lvm_pvs_free(&g->pvs);
	lvm_lvs_free(&g->lvs);
	lvm_segments_free(&g->segments);
	lvm_parts_free(&g->parts);
	lvm_refs_free(&g->refs);
	lvm_names_free(&g->names);
}
