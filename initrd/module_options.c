/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "module_options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "modules.h"

/* Where the line at P ends, with those that it goes on in. */
static const char *line_end(const char *p)
{
	const char *end = p + strcspn(p, "\n");

	while (*end && end > p && end[-1] == '\\')
		end += 1 + strcspn(end + 1, "\n");
	return end;
}

static bool is_gap(const char *p, const char *end)
{
	return strchr(" \t\r\n", *p) || (p[0] == '\\' && p + 1 < end && p[1] == '\n');
}

static bool next_word(const char **p, const char *end, const char **word, size_t *n)
{
	while (*p < end && is_gap(*p, end))
		(*p)++;
	*word = *p;
	while (*p < end && !is_gap(*p, end))
		(*p)++;
	*n = (size_t)(*p - *word);
	return *n > 0;
}

static bool is_options_of(const char **p, const char *end, const char *name)
{
	const char *word;
	char other[64];
	size_t n;

	if (!next_word(p, end, &word, &n) || n != strlen("options") || memcmp(word, "options", n) != 0 ||
	    !next_word(p, end, &word, &n))
		return false;
	snprintf(other, sizeof other, "%.*s", (int)min_u64(n, sizeof other), word);
	return modules_same_name(other, name);
}

int module_options(const char *conf, const char *name, struct buf *out)
{
	const char *p = conf ? conf : "", *end, *word;
	size_t n;

	for (; *p; p = *end ? end + 1 : end) {
		end = line_end(p);
		if (!is_options_of(&p, end, name))
			continue;
		while (next_word(&p, end, &word, &n))
			if (buf_puts(out, " ") < 0 || buf_append(out, word, n) < 0)
				return -1;
	}
	return 0;
}
