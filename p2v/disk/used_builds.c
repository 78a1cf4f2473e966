/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "used_parts.h"

int used_whole(struct used_look *look, const char *fmt, ...)
{
	va_list ap;

	look->verdict = USED_WHOLE;
	va_start(ap, fmt);
	vsnprintf(look->why, sizeof look->why, fmt, ap);
	va_end(ap);
	return 0;
}

int used_builds_add(struct used_builds *b, const struct used_built *one, struct unrack_error *err)
{
	struct used_built *at, *copy;

	/* A power of two is full. */
	if ((b->n & (b->n - 1)) == 0) {
		at = realloc(b->at, (b->n ? 2 * b->n : 1) * sizeof *at);
		if (!at)
			return error_nomem(err);
		b->at = at;
	}
	copy = &b->at[b->n];
	*copy = *one;
	copy->pieces = malloc((one->n ? one->n : 1) * sizeof *copy->pieces);
	if (!copy->pieces)
		return error_nomem(err);
	if (one->n)
		memcpy(copy->pieces, one->pieces, one->n * sizeof *copy->pieces);
	b->n++;
	return 0;
}

static bool on_several_disks(const struct used_builds *members)
{
	for (size_t i = 0; i < members->n; i++)
		if (members->at[i].n && members->at[0].n && members->at[i].pieces[0].disk != members->at[0].pieces[0].disk)
			return true;
	return false;
}

const char *used_builds_name(const struct used_builds *members, const struct used_built *one,
			     struct block_source *const *sources, char out[USED_NAME])
{
	const char *disk = one->n && on_several_disks(members) ? sources[one->pieces[0].disk]->name : NULL;
	size_t n = disk ? strlen(disk) : 0;

	/* Paths differ at their ends. */
	if (disk)
		snprintf(out, USED_NAME, "%.40s of %s%s", one->name, n > 48 ? "..." : "", n > 48 ? disk + n - 45 : disk);
	else
		snprintf(out, USED_NAME, "%.90s", one->name);
	return out;
}

void used_builds_free(struct used_builds *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->at[i].pieces);
	free(b->at);
	*b = (struct used_builds){ NULL, 0 };
}
