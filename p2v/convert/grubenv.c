/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "unrack/bootconf.h"

static const char signature[] = "# GRUB Environment Block\n";

/* Finds NAME's value: [*start, *end) with its escapes, up to the newline. */
static bool find(const char *text, size_t n, const char *name, size_t *start, size_t *end)
{
	size_t at = sizeof signature - 1, len = strlen(name);

	if (n != GRUBENV_BYTES || memcmp(text, signature, at) != 0)
		return false;
	while (at < n) {
		size_t value = at;

		if (text[at] == '#') { /* a comment, or what fills the block */
			while (at < n && text[at] != '\n')
				at++;
			at++;
			continue;
		}
		while (value < n && text[value] != '=' && text[value] != '\n')
			value++;
		*start = value + 1;
		/* A backslash takes the next character, a newline too, as it is. */
		for (*end = value; *end < n && text[*end] != '\n'; ++*end)
			if (text[*end] == '\\' && *end + 1 < n)
				++*end;
		if (value < n && text[value] == '=' && value - at == len && !memcmp(text + at, name, len) &&
		    *end < n)
			return true;
		at = *end + 1;
	}
	return false;
}

char *grubenv_get(const char *text, size_t n, const char *name)
{
	size_t start, end, k = 0;
	char *value;

	if (!find(text, n, name, &start, &end))
		return NULL;
	value = malloc(end - start + 1);
	for (size_t i = start; value && i < end; i++) {
		if (text[i] == '\\' && i + 1 < end)
			i++;
		value[k++] = text[i];
	}
	if (value)
		value[k] = '\0';
	return value;
}

int grubenv_set(const char *text, size_t n, const char *name, const char *value, struct buf *out,
		struct unrack_error *err)
{
	size_t start, end, used = n;
	int bad = 0;

	buf_clear(out);
	if (n != GRUBENV_BYTES || memcmp(text, signature, sizeof signature - 1) != 0)
		return error_set(err, UNRACK_DAMAGED,
				 "the guest's grubenv is no environment block of GRUB 2 (%u bytes)",
				 GRUBENV_BYTES);
	if (!find(text, n, name, &start, &end))
		return buf_append(out, text, n) < 0 ? error_nomem(err) : 0;
	while (used > 0 && text[used - 1] == '#')
		used--;
	bad = buf_append(out, text, start);
	for (const char *p = value; *p; p++)
		bad |= *p == '\\' || *p == '\n' ? buf_append(out, "\\", 1) | buf_append(out, p, 1) :
						  buf_append(out, p, 1);
	bad |= buf_append(out, text + end, used > end ? used - end : 0);
	if (bad)
		return error_nomem(err);
	if (out->len > GRUBENV_BYTES) {
		buf_clear(out);
		return error_set(err, UNRACK_NOSPACE,
				 "%s does not fit into the guest's grubenv, which has %u bytes; shorten the "
				 "kernel's arguments on the server, then copy it again",
				 name, GRUBENV_BYTES);
	}
	while (out->len < GRUBENV_BYTES)
		if (buf_append(out, "#", 1) < 0)
			return error_nomem(err);
	return 0;
}
