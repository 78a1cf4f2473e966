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

void used_builds_free(struct used_builds *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->at[i].pieces);
	free(b->at);
	*b = (struct used_builds){ NULL, 0 };
}
