/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies at a place of a disk: in a file, in a table that others hang on, or in nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "used_parts.h"

#define TRACK_SECTORS 63u
#define GPT_SECTORS 33u /* a header and 128 entries of 128 bytes, at either end */

struct question {
	const struct used *used;
	struct block_source *const *sources;
	unsigned disk;
	uint64_t off, len;
	const struct log *log;
	char *what;
	size_t size;
	bool *vital;
};

/* The piece of B that has some of the range; *at: where in the volume that is, *len how much of it. */
static bool meets(const struct question *q, const struct used_built *b, uint64_t *at, uint64_t *len)
{
	uint64_t before = 0;

	for (size_t i = 0; i < b->n; before += b->pieces[i++].len) {
		const struct used_piece *p = &b->pieces[i];
		uint64_t first = max_u64(p->off, q->off), end = min_u64(p->off + p->len, q->off + q->len);

		if (p->disk != q->disk || first >= end)
			continue;
		*at = before + (first - p->off);
		*len = end - first;
		return true;
	}
	return false;
}

static const struct used_built *find(const struct question *q, const struct used_builds *list)
{
	uint64_t at, len;

	for (size_t i = 0; i < list->n; i++)
		if (meets(q, &list->at[i], &at, &len))
			return &list->at[i];
	return NULL;
}

typedef int namer(struct block_source *volume, struct used_name *names, size_t n, const struct log *log,
		  struct unrack_error *err);

static int answer_file(const struct question *q, const struct used_built *b, namer *whose, uint64_t at,
		       uint64_t len, struct unrack_error *err)
{
	struct used_name name = { .off = at, .len = len };
	struct block_source *volume;
	int r = used_volume_open(q->sources, b->pieces, b->n, b->name, &volume, err);

	if (r < 0)
		return r;
	r = whose(volume, &name, 1, q->log, err);
	block_source_close(volume);
	if (r < 0)
		return r;
	*q->vital = name.kind == USED_NAME_VITAL;
	snprintf(q->what, q->size, "%s on %s", name.kind == USED_NAME_FREE ? "free space"
		 : *name.name ? name.name : "an unknown file", b->name);
	return 0;
}

static int answer_leaf(const struct question *q, const struct used_leaf *leaf, uint64_t at, uint64_t len,
		       struct unrack_error *err)
{
	if (!strncmp(leaf->kind, "ext", 3))
		return answer_file(q, leaf->built, used_ext_name, at, len, err);
	if (!strcasecmp(leaf->kind, "xfs"))
		return answer_file(q, leaf->built, used_xfs_name, at, len, err);
	/* Whatever it is, it begins with what says so. And what nobody knows may have its tables anywhere. */
	*q->vital = at < 4096 || (leaf->unsure && strcmp(leaf->kind, "swap") != 0);
	snprintf(q->what, q->size, "%s%s%s%s", leaf->kind, *leaf->kind ? " on " : "", leaf->built->name,
		 leaf->unsure ? ", whose beginning or end can't be read" : "");
	return 0;
}

static bool within(const struct question *q, uint64_t sector, uint64_t count)
{
	return q->off < (sector + count) * SECTOR_SIZE && sector * SECTOR_SIZE < q->off + q->len;
}

static int answer_outside(const struct question *q)
{
	const struct used_disk_table *t = &q->used->places->tables[q->disk];
	uint64_t sectors = q->sources[q->disk]->size / SECTOR_SIZE;
	bool gpt = t->gpt && (within(q, 1, GPT_SECTORS) || within(q, sectors - GPT_SECTORS, GPT_SECTORS));

	if (within(q, 0, 1) || gpt || (t->unreadable && within(q, t->unreadable, 1))) {
		*q->vital = true;
		snprintf(q->what, q->size, "the partition table");
	} else if (t->untrusted) {
		snprintf(q->what, q->size, "a disk whose partitions are not known");
	} else {
		snprintf(q->what, q->size, within(q, 1, TRACK_SECTORS) ? "the boot loader's track" : "between partitions");
	}
	return 0;
}

int used_what(const struct used *u, struct block_source *const *sources, unsigned disk, uint64_t off,
	      uint64_t len, const struct log *log, char *what, size_t size, bool *vital,
	      struct unrack_error *err)
{
	struct question q = { u, sources, disk, off, len, log, what, size, vital };
	const struct used_built *b;
	uint64_t at, part;

	*what = '\0';
	*vital = false;
	for (size_t i = 0; i < u->places->n_leaves; i++)
		if (meets(&q, u->places->leaves[i].built, &at, &part))
			return answer_leaf(&q, &u->places->leaves[i], at, part, err);
	b = find(&q, &u->places->arrays);
	if (!b)
		b = find(&q, &u->places->partitions);
	if (!b)
		return answer_outside(&q);
	/* Nobody's data, and not free: it belongs to those who build volumes of it. */
	*vital = true;
	snprintf(what, size, "the metadata of LVM or of an array on %s", b->name);
	return 0;
}

void used_places_free(struct used_places *p)
{
	if (!p)
		return;
	used_builds_free(&p->partitions);
	used_builds_free(&p->arrays);
	used_builds_free(&p->logical);
	free(p->leaves);
	free(p->tables);
	free(p);
}
