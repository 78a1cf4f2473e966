/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From disks to maps: partitions first, then arrays that are built on them, then volume groups on both. What is
 * left are volumes on which nothing else is built; each is read by who knows its kind. */
#include "unrack/used.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "base/vec.h"
#include "used_parts.h"

#define TRACK_BYTES (63 * SECTOR_SIZE) /* the first track, where boot loaders live */
#define RANGES_LEAST 16384u            /* of a disk among many */
#define NOTED_MAX 64u                  /* partitions of an untrusted table, which may all be the same */

/* A volume that nothing is built on. */
struct leaf {
	const struct used_built *built; /* in one of the finder's lists */
	struct used_claim claim;
};
DEFINE_VEC(leaf_vec, struct leaf);

struct finder {
	struct block_source *const *sources;
	unsigned n;
	const struct log *log;
	struct ranges **disks; /* what is unused of each */
	struct digest_stream **states;
	struct digest_key key;
	struct used_places *places; /* and in them: */
	struct used_builds *partitions, *arrays, *logical;
	struct used_builds md, lvm; /* members of arrays and groups */
	struct leaf_vec leaves;
	struct used *out;
	bool *doubtful;        /* of each: whether something claims all of it is not known */
	bool hibernated;
};

static struct used_volume *add_volume(struct finder *f, const char *name, unsigned disk, uint64_t bytes,
				      struct unrack_error *err)
{
	struct used *u = f->out;
	struct used_volume *v;

	/* A power of two is full. */
	if ((u->n_volumes & (u->n_volumes - 1)) == 0) {
		v = realloc(u->volumes, (u->n_volumes ? 2 * u->n_volumes : 1) * sizeof *v);
		if (!v) {
			error_nomem(err);
			return NULL;
		}
		u->volumes = v;
	}
	v = &u->volumes[u->n_volumes++];
	*v = (struct used_volume){ .bytes = bytes, .used = bytes, .disk = disk };
	snprintf(v->name, sizeof v->name, "%s", name);
	return v;
}

/* What a volume's bytes were, into the states of the disks that it is on. */
static void add_state(struct finder *f, const struct used_built *b, struct digest_stream *of)
{
	struct digest d;

	digest_stream_end(of, &d);
	for (unsigned disk = 0; disk < f->n; disk++)
		for (size_t i = 0; i < b->n; i++)
			if (b->pieces[i].disk == disk) {
				digest_stream_add(f->states[disk], &d, sizeof d);
				break;
			}
}

/* --- What is there -------------------------------------------------------------------------- */

static int add_partition(struct finder *f, unsigned disk, const char *name, uint64_t off, uint64_t len,
			 struct unrack_error *err)
{
	struct used_piece piece = { disk, off, len };
	struct used_built b = { .pieces = &piece, .n = 1, .bytes = len };

	snprintf(b.name, sizeof b.name, "%s", name);
	return used_builds_add(f->partitions, &b, err);
}

/* What metadata says of places outside of the disks is not followed. */
static void check_pieces(struct finder *f, struct used_built *b)
{
	size_t n = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct used_piece *p = &b->pieces[i];

		if (p->disk < f->n && p->len && p->off <= f->sources[p->disk]->size &&
		    p->len <= f->sources[p->disk]->size - p->off && !add_overflows(sum, p->len, &sum))
			b->pieces[n++] = *p;
	}
	if (!b->whole && n == b->n && n > 0 && sum == b->bytes)
		return;
	b->n = n;
	if (b->whole)
		return;
	b->whole = true;
	strcpy(b->why, "it does not lie within the disks");
}

static int claim_built(struct finder *f, const struct used_built *b, enum used_depth depth, struct used_claim *claim,
		       struct unrack_error *err)
{
	struct digest_stream *state;
	struct block_source *volume;
	struct used_signs signs;
	int r = used_volume_open(f->sources, b->pieces, b->n, b->name, &volume, err);

	if (r < 0)
		return r;
	state = digest_stream_new(&f->key);
	r = state ? used_sign_read(volume, state, &signs, err) : error_nomem(err);
	if (r == 0) {
		used_claim_volume(&signs, depth, claim);
		add_state(f, b, state);
	}
	digest_stream_free(state);
	block_source_close(volume);
	return r;
}

/* What the reader of LEAF's kind says. LOOK's stream and ranges are the caller's, if there was memory. */
static int look_into(struct finder *f, const struct leaf *leaf, struct used_look *look, struct unrack_error *err)
{
	const struct used_built *b = leaf->built;
	struct block_source *volume = NULL;
	int r = look->unused && look->state ? used_volume_open(f->sources, b->pieces, b->n, b->name, &volume, err)
					    : error_nomem(err);

	snprintf(look->kind, sizeof look->kind, "%s", leaf->claim.kind);
	if (r == 0)
		r = leaf->claim.read(volume, look, err);
	if (r == 0) {
		add_state(f, b, look->state);
		f->hibernated |= look->hibernated;
	}
	block_source_close(volume);
	return r;
}

/* Of what is copied as a whole, whatever lies in it, the state still tells whether it was in use. */
static int note_state(struct finder *f, const struct used_built *b, struct unrack_error *err)
{
	struct used_look look = { .unused = ranges_new(RANGES_LEAST), .state = digest_stream_new(&f->key) };
	struct leaf leaf = { .built = b };
	int r = b->n ? claim_built(f, b, USED_ON_GROUP, &leaf.claim, err) : 0;

	if (r == 0 && leaf.claim.what == USED_CLAIM_READ)
		r = look_into(f, &leaf, &look, err);
	digest_stream_free(look.state);
	ranges_free(look.unused);
	return r;
}

static int note_partition(struct finder *f, unsigned disk, uint64_t off, uint64_t len, struct unrack_error *err)
{
	struct used_piece piece = { disk, off, len };
	struct used_built b = { .name = "a partition", .pieces = &piece, .n = 1, .bytes = len };

	return note_state(f, &b, err);
}

static int check_stop(const struct finder *f, struct unrack_error *err)
{
	return log_stop_asked(f->log) ? error_set(err, UNRACK_INTERRUPTED, "interrupted while looking for what is unused") : 0;
}

static int find_partitions(struct finder *f, unsigned disk, struct unrack_error *err)
{
	struct block_source *s = f->sources[disk];
	struct used_table table;
	struct used_signs signs;
	struct used_volume *v;
	char name[32];
	int r = used_table_read(s, f->states[disk], &table, err);

	if (r < 0 || s->size == 0)
		return r;
	f->places->tables[disk] = (struct used_disk_table){ !strcmp(table.kind, "gpt"), table.untrusted,
							    table.unreadable };
	if (*table.kind && !table.untrusted) {
		r = used_sign_read(s, f->states[disk], &signs, err);
		if (r < 0)
			return r;
		used_claim_disk(s, &signs, &table);
		f->doubtful[disk] = signs.unreadable;
	}
	if (table.untrusted) {
		v = add_volume(f, "the whole disk", disk, s->size, err);
		if (!v)
			return (int)err->code;
		v->whole = f->out->loose[disk] = true;
		snprintf(v->why, sizeof v->why, "%s", table.why);
		r = note_partition(f, disk, 0, s->size, err);
		for (unsigned i = 0; i < min_u64(table.n, NOTED_MAX) && r == 0; i++)
			r = check_stop(f, err) < 0 ? (int)err->code : note_partition(f, disk, table.at[i].off, table.at[i].len, err);
		return r;
	}
	if (!*table.kind)
		return add_partition(f, disk, "the whole disk", 0, s->size, err);
	for (unsigned i = 0; i < table.n && r == 0; i++) {
		snprintf(name, sizeof name, "partition %u", table.at[i].number);
		r = add_partition(f, disk, name, table.at[i].off, table.at[i].len, err);
	}
	return r;
}

/* Each of BUILDS, which don't change any more, is a member of something, or a leaf. */
static int sort_builds(struct finder *f, struct used_builds *builds, enum used_depth depth, struct unrack_error *err)
{
	for (size_t i = 0; i < builds->n; i++) {
		struct used_built *b = &builds->at[i];
		struct leaf leaf = { .built = b };
		int r = check_stop(f, err);

		check_pieces(f, b);
		if (r == 0 && !b->whole)
			r = claim_built(f, b, depth, &leaf.claim, err);
		else if (r == 0 && depth == USED_ON_GROUP)
			r = note_state(f, b, err);
		if (r == 0 && leaf.claim.what == USED_CLAIM_MD)
			r = used_builds_add(&f->md, b, err);
		else if (r == 0 && leaf.claim.what == USED_CLAIM_LVM)
			r = used_builds_add(&f->lvm, b, err);
		else if (r == 0 && leaf_vec_push(&f->leaves, leaf) < 0)
			r = error_nomem(err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Groups, and what of them is in no volume. */
static int find_logical(struct finder *f, struct unrack_error *err)
{
	int r = used_lvm(f->sources, &f->lvm, f->disks, f->states, f->logical, err);

	for (unsigned i = 0; i < f->n && r == 0; i++) {
		uint64_t bytes = ranges_bytes(f->disks[i]);
		struct used_volume *v = bytes ? add_volume(f, "free space of volume groups", i, bytes, err) : NULL;

		if (bytes && !v)
			return (int)err->code;
		if (v) {
			strcpy(v->kind, "LVM");
			v->used = 0;
		}
	}
	return r;
}

static int find_volumes(struct finder *f, struct unrack_error *err)
{
	int r = 0;

	for (unsigned i = 0; i < f->n && r == 0; i++)
		r = find_partitions(f, i, err);
	if (r == 0)
		r = sort_builds(f, f->partitions, USED_ON_DISK, err);
	if (r == 0 && f->md.n)
		r = used_md(f->sources, &f->md, f->states, f->arrays, err);
	if (r == 0)
		r = sort_builds(f, f->arrays, USED_ON_ARRAY, err);
	if (r == 0 && f->lvm.n)
		r = find_logical(f, err);
	return r < 0 ? r : sort_builds(f, f->logical, USED_ON_GROUP, err);
}

/* --- What nobody else has ------------------------------------------------------------------- */

struct place {
	struct used_piece piece;
	struct leaf *leaf;
};

static int by_place(const void *a, const void *b)
{
	const struct used_piece *x = &((const struct place *)a)->piece, *y = &((const struct place *)b)->piece;

	if (x->disk != y->disk)
		return x->disk < y->disk ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

static void distrust(struct leaf *leaf, const struct leaf *other)
{
	leaf->claim.what = USED_CLAIM_ALL;
	snprintf(leaf->claim.why, sizeof leaf->claim.why, "%.120s has some of the same bytes", other->built->name);
}

/* What two volumes have is trusted in neither. */
static int check_overlaps(struct finder *f, struct unrack_error *err)
{
	struct place *at, *last = NULL;
	size_t n = 0, k = 0;

	for (size_t i = 0; i < f->leaves.len; i++)
		n += f->leaves.at[i].built->n;
	at = calloc(n ? n : 1, sizeof *at);
	if (!at)
		return error_nomem(err);
	for (size_t i = 0; i < f->leaves.len; i++)
		for (size_t p = 0; p < f->leaves.at[i].built->n; p++)
			at[k++] = (struct place){ f->leaves.at[i].built->pieces[p], &f->leaves.at[i] };
	qsort(at, n, sizeof *at, by_place);
	for (size_t i = 0; i < n; i++) {
		struct place *p = &at[i];

		if (last && last->piece.disk == p->piece.disk && last->piece.len > p->piece.off - last->piece.off) {
			distrust(last->leaf, p->leaf);
			distrust(p->leaf, last->leaf);
			if (p->piece.len <= last->piece.len - (p->piece.off - last->piece.off))
				continue;
		}
		last = p; /* the one that ends last */
	}
	free(at);
	return 0;
}

/* No volume's bytes are free, whatever a group's metadata says. */
static int keep_leaves(struct finder *f, struct unrack_error *err)
{
	for (size_t i = 0; i < f->leaves.len; i++) {
		const struct used_built *b = f->leaves.at[i].built;

		for (size_t p = 0; p < b->n; p++) {
			int r = ranges_remove(f->disks[b->pieces[p].disk], b->pieces[p].off, b->pieces[p].len, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* --- What is unused ------------------------------------------------------------------------- */

/* Fills V by LOOK, and the disks' ranges. */
static int take_look(struct finder *f, const struct used_built *b, struct used_look *look, struct used_volume *v,
		     struct unrack_error *err)
{
	snprintf(v->kind, sizeof v->kind, "%s", look->kind);
	snprintf(v->why, sizeof v->why, "%s", look->why);
	v->trouble = look->trouble;
	v->whole = look->verdict == USED_WHOLE;
	if (v->whole)
		return 0;
	v->used = v->bytes - min_u64(v->bytes, ranges_bytes(look->unused));
	return used_volume_translate(b->pieces, b->n, look->unused, f->disks, err);
}

static int read_leaf(struct finder *f, const struct leaf *leaf, struct used_volume *v, struct unrack_error *err)
{
	struct used_look look = { .unused = ranges_new(RANGES_MAX / 4), .state = digest_stream_new(&f->key) };
	int r = look_into(f, leaf, &look, err);

	if (r == 0)
		r = take_look(f, leaf->built, &look, v, err);
	digest_stream_free(look.state);
	ranges_free(look.unused);
	return r;
}

static int look_at(struct finder *f, const struct leaf *leaf, struct unrack_error *err)
{
	const struct used_built *b = leaf->built;
	struct used_leaf *kept = &f->places->leaves[f->places->n_leaves++];
	struct used_volume *v;
	int r = check_stop(f, err);

	if (r < 0)
		return r;
	v = add_volume(f, b->name, b->n ? b->pieces[0].disk : 0, b->bytes, err);
	if (!v)
		return (int)err->code;
	if (leaf->claim.what == USED_CLAIM_READ)
		r = read_leaf(f, leaf, v, err);
	else {
		snprintf(v->kind, sizeof v->kind, "%s", *leaf->claim.kind ? leaf->claim.kind : b->kind);
		snprintf(v->why, sizeof v->why, "%s", b->whole ? b->why : leaf->claim.why);
		v->whole = *v->why != '\0';
		v->trouble = b->trouble;
	}
	if (f->doubtful[v->disk]) {
		if (!*v->why)
			strcpy(v->why, "what claims the whole disk is not known, since its beginning or its end can't be read");
		v->whole = true;
		v->used = v->bytes;
	}
	for (size_t i = 0; i < b->n; i++)
		f->out->loose[b->pieces[i].disk] |= v->whole || leaf->claim.what != USED_CLAIM_READ;
	kept->built = b;
	kept->unsure = leaf->claim.unsure;
	snprintf(kept->kind, sizeof kept->kind, "%s", v->kind);
	if (r == 0)
		log_debug(f->log, "%s of %s: %s, %llu of %llu bytes used%s%s", v->name, f->sources[v->disk]->name,
			  *v->kind ? v->kind : "not known", (unsigned long long)v->used, (unsigned long long)v->bytes,
			  *v->why ? ": " : "", v->why);
	return r;
}

static int look_at_all(struct finder *f, struct unrack_error *err)
{
	int r = check_overlaps(f, err);

	f->places->leaves = calloc(f->leaves.len + 1, sizeof *f->places->leaves);
	if (!f->places->leaves)
		return error_nomem(err);
	if (r == 0)
		r = keep_leaves(f, err);
	for (size_t i = 0; i < f->leaves.len && r == 0; i++)
		r = look_at(f, &f->leaves.at[i], err);
	for (unsigned i = 0; i < f->n && r == 0; i++)
		r = ranges_remove(f->disks[i], 0, TRACK_BYTES, err);
	return r;
}

/* --- The result ----------------------------------------------------------------------------- */

/* What was mounted when the system went to sleep is not on the disks as it will be. */
static void keep_all(struct used *u)
{
	for (size_t i = 0; i < u->n_volumes; i++) {
		struct used_volume *v = &u->volumes[i];

		if (v->used < v->bytes)
			strcpy(v->why, "the system hibernates, and what it has mounted is not up to date on the disks");
		v->whole |= v->used < v->bytes;
		v->used = v->bytes;
	}
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

/* A raw database, or what is encrypted, has no place that says when it was in use. But then the machine was, and
 * its other disks tell; so these are part of such a disk's state, in whatever order they were given. */
static int mix_states(struct finder *f, struct unrack_error *err)
{
	size_t bytes = f->n * sizeof(struct digest);
	struct digest *sorted CLEANUP_FREE = malloc(bytes);

	if (!sorted)
		return error_nomem(err);
	memcpy(sorted, f->out->states, bytes);
	qsort(sorted, f->n, sizeof *sorted, by_bytes);
	for (unsigned i = 0; i < f->n; i++) {
		struct digest_stream *all = f->out->loose[i] ? digest_stream_new(&f->key) : NULL;

		if (!f->out->loose[i])
			continue;
		if (!all)
			return error_nomem(err);
		digest_stream_add(all, &f->out->states[i], sizeof f->out->states[i]);
		digest_stream_add(all, sorted, bytes);
		digest_stream_end(all, &f->out->states[i]);
		digest_stream_free(all);
	}
	return 0;
}

static int make_maps(struct finder *f, struct unrack_error *err)
{
	int r = 0;

	if (f->hibernated)
		keep_all(f->out);
	for (unsigned i = 0; i < f->n && r == 0; i++) {
		r = map_new(f->sources[i]->size, f->hibernated || f->doubtful[i] ? NULL : f->disks[i], &f->out->maps[i], err);
		digest_stream_end(f->states[i], &f->out->states[i]);
	}
	return r < 0 ? r : mix_states(f, err);
}

static int begin(struct finder *f, struct unrack_error *err)
{
	/* States are compared with each other only, and tell of no content. */
	static const uint8_t seed[DIGEST_SEED_SIZE] = "unrack: states of sources";
	/* Half of what a map may have: a copy that goes on with another map has parts of both. */
	size_t max = max_u64(MAP_RUNS_MAX / 2 / f->n, RANGES_LEAST);
	uint8_t size[8];

	digest_key_init(&f->key, seed);
	f->out = calloc(1, sizeof *f->out);
	f->disks = calloc(f->n, sizeof(struct ranges *));
	f->states = calloc(f->n, sizeof(struct digest_stream *));
	f->doubtful = calloc(f->n, sizeof *f->doubtful);
	if (!f->out || !f->disks || !f->states || !f->doubtful)
		return error_nomem(err);
	f->out->n = f->n;
	f->places = f->out->places = calloc(1, sizeof *f->places);
	if (!f->places)
		return error_nomem(err);
	f->partitions = &f->places->partitions;
	f->arrays = &f->places->arrays;
	f->logical = &f->places->logical;
	f->places->tables = calloc(f->n, sizeof *f->places->tables);
	f->out->maps = calloc(f->n, sizeof(struct map *));
	f->out->states = calloc(f->n, sizeof *f->out->states);
	f->out->loose = calloc(f->n, sizeof *f->out->loose);
	if (!f->out->maps || !f->out->states || !f->out->loose || !f->places->tables)
		return error_nomem(err);
	for (unsigned i = 0; i < f->n; i++) {
		f->disks[i] = ranges_new(max);
		f->states[i] = digest_stream_new(&f->key);
		if (!f->disks[i] || !f->states[i])
			return error_nomem(err);
		put_le64(size, f->sources[i]->size);
		digest_stream_add(f->states[i], size, sizeof size);
	}
	return 0;
}

static void end(struct finder *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (f->disks)
			ranges_free(f->disks[i]);
		if (f->states)
			digest_stream_free(f->states[i]);
	}
	free(f->disks);
	free(f->states);
	free(f->doubtful);
	used_builds_free(&f->md);
	used_builds_free(&f->lvm);
	leaf_vec_free(&f->leaves);
	used_free(f->out);
}

int used_find(struct block_source *const *sources, unsigned n, const struct log *log, struct used **out,
	      struct unrack_error *err)
{
	struct finder f = { .sources = sources, .n = n, .log = log };
	int r = n ? begin(&f, err) : error_set(err, UNRACK_INTERNAL, "there are no disks to look at");

	if (r == 0)
		r = find_volumes(&f, err);
	if (r == 0)
		r = look_at_all(&f, err);
	if (r == 0)
		r = make_maps(&f, err);
	if (r == 0) {
		*out = f.out;
		f.out = NULL;
	}
	end(&f);
	return r;
}

void used_free(struct used *u)
{
	if (!u)
		return;
	for (unsigned i = 0; u->maps && i < u->n; i++)
		map_free(u->maps[i]);
	used_places_free(u->places);
	free(u->maps);
	free(u->states);
	free(u->loose);
	free(u->volumes);
	free(u);
}
