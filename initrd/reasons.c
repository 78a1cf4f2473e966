/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reasons.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *initrd_link_name(enum initrd_link l)
{
	static const char *const names[] = {
		[INITRD_LINK_NONE] = "none",     [INITRD_LINK_DRIVER] = "driver",
		[INITRD_LINK_WAIT] = "wait",     [INITRD_LINK_OLD_DISKS] = "old-disks",
		[INITRD_LINK_ARRAY] = "array",   [INITRD_LINK_VOLUME] = "volume",
		[INITRD_LINK_FILESYSTEM] = "filesystem", [INITRD_LINK_ROOT] = "root",
	};

	return names[l];
}

void reasons_add(struct reasons *r, enum initrd_link link, const char *name, const char *fmt, ...)
{
	char sentence[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	if (r->link == INITRD_LINK_NONE || link < r->link)
		r->link = link;
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
