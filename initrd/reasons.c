/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reasons.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reasons_add(struct reasons *r, const char *name, const char *fmt, ...)
{
	char sentence[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	if (r->n++ == 0)
		snprintf(r->text, r->size, "%s", sentence);
	r->failed |= buf_printf(r->lines, "%s: %s\n", name, sentence) < 0;
}

int reasons_finish(struct reasons *r, struct unrack_error *err)
{
	size_t len = strlen(r->text);

	if (r->n > 1)
		snprintf(r->text + len, r->size - len, " (and %zu more)", r->n - 1);
	return r->failed ? error_nomem(err) : 0;
}
