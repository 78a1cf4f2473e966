/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of the disks a copy would send: all of them are looked at together, since volume groups span disks. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "scan_look.h"
#include "unrack/grain.h"
#include "unrack/used.h"

#define EXTENTS_MAX 1000000u /* of an image; what is behind counts as data */

/* What of [OFF, END) is no hole. */
static uint64_t count_extents(struct block_source *src, uint64_t off, uint64_t end, unsigned *extents)
{
	uint64_t start, stop, sum = 0;
	struct unrack_error dropped;

	while (off < end) {
		if (++*extents > EXTENTS_MAX || block_source_next_data(src, off, &start, &stop, &dropped) < 0)
			return sum + (end - off);
		if (start >= end)
			break;
		sum += min_u64(stop, end) - start;
		off = stop;
	}
	return sum;
}

/* Neither the unused grains are read, nor an image's holes; block devices have none that they tell of. */
static uint64_t count_data(struct block_source *src, const struct map *map, const struct log *log)
{
	uint64_t first = 0, end = 0, sum = 0;
	unsigned extents = 0;

	for (;; first = end) {
		map_next_used(map, src->size, end, &first, &end);
		if (first >= grain_count(src->size) || log_stop_asked(log))
			return sum;
		sum += count_extents(src, first * GRAIN_SIZE, min_u64(end * GRAIN_SIZE, src->size), &extents);
	}
}

static void set_or_null(struct json *obj, const char *key, const char *value)
{
	json_set_str(obj, key, *value ? value : NULL);
}

/* Of partitions, the signature has told it already. */
static void warn_trouble(struct look *d, const struct used_volume *v)
{
	bool told = !strcmp(v->kind, "swap") && (!strncmp(v->name, "partition ", 10) || !strcmp(v->name, "the whole disk"));

	d->notes.trouble = true;
	if (!told)
		scan_warn(d->notes.list, "%s, which is on %s: %s%s", v->name, d->path, v->why,
			  !strcmp(v->kind, "swap") ? "; start the machine and shut it down first" : "");
}

static int add_volume(struct look *d, const struct used_volume *v, struct unrack_error *err)
{
	struct json *list = json_get(d->json, "volumes"), *j = json_new_object();

	if (!j)
		return error_nomem(err);
	json_set_str(j, "name", v->name);
	set_or_null(j, "kind", v->kind);
	json_set_int(j, "bytes", (int64_t)v->bytes);
	json_set_int(j, "used_bytes", (int64_t)v->used);
	json_set_bool(j, "whole", v->whole);
	set_or_null(j, "why", v->why);
	json_set_bool(j, "trouble", v->trouble);
	if (v->trouble)
		warn_trouble(d, v);
	return json_add(list, j) < 0 ? error_nomem(err) : 0;
}

static int take_result(struct scan *s, const struct used *u, struct look *const *looks, struct unrack_error *err)
{
	int r = 0;

	for (unsigned i = 0; i < u->n; i++)
		json_set_int(looks[i]->json, "data_bytes", (int64_t)count_data(looks[i]->source, u->maps[i], s->log));
	for (size_t i = 0; i < u->n_volumes && r == 0; i++)
		r = add_volume(looks[u->volumes[i].disk], &u->volumes[i], err);
	return r;
}

int scan_used(struct scan *s, struct unrack_error *err)
{
	struct block_source **sources CLEANUP_FREE = calloc(s->disks.len + 1, sizeof(struct block_source *));
	struct look **looks CLEANUP_FREE = calloc(s->disks.len + 1, sizeof(struct look *));
	struct used *u = NULL;
	unsigned n = 0;
	int r = sources && looks ? 0 : error_nomem(err);

	for (size_t i = 0; i < s->disks.len && r == 0; i++) {
		struct look *d = s->disks.at[i];

		if (!d->source || !d->parts)
			continue;
		/* Of two that are equal the other one says it: a group is no duplicate of itself. */
		if (json_has(d->json, "same_as")) {
			json_set_int(d->json, "data_bytes", (int64_t)count_data(d->source, NULL, s->log));
			continue;
		}
		looks[n] = d;
		sources[n++] = d->source;
		if (json_set(d->json, "volumes", json_new_array()) < 0)
			r = error_nomem(err);
	}
	if (r < 0 || n == 0)
		return r;
	r = used_find(sources, n, s->log, &u, err);
	if (r == 0)
		r = take_result(s, u, looks, err);
	used_free(u);
	return r;
}
