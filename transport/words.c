/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Copies one word to TO, with its NUL; returns where it ends in TEXT, or NULL: a quote or
 * a backslash without its end. */
static const char *take_word(const char *p, char **to)
{
	char quote = 0;

	for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
		if (quote && *p == quote) {
			quote = 0;
		} else if (!quote && (*p == '\'' || *p == '"')) {
			quote = *p;
		} else if (*p == '\\' && quote != '\'' &&
			   (!quote || p[1] == '"' || p[1] == '\\')) {
			if (!p[1])
				return NULL;
			*(*to)++ = *++p;
		} else {
			*(*to)++ = *p;
		}
	}
	*(*to)++ = '\0';
	return quote ? NULL : p;
}

int words_split(const char *what, const char *text, char *out[WORDS_MAX], size_t *n,
		struct unrack_error *err)
{
	/* Each word loses at least the space behind it, so its NUL has room. */
	char *memory = malloc(strlen(text) + 1), *to = memory;
	const char *p = text + strspn(text, " \t");

	if (!memory)
		return error_nomem(err);
	*n = 0;
	while (*p) {
		if (*n == WORDS_MAX) {
			free(memory);
			return error_set(err, UNRACK_USAGE, "%s has more than %u words", what, WORDS_MAX);
		}
		out[(*n)++] = to;
		p = take_word(p, &to);
		if (!p) {
			free(memory);
			return error_set(err, UNRACK_USAGE,
					 "%s has a quote or a backslash without its end", what);
		}
		p += strspn(p, " \t");
	}
	if (*n == 0) {
		free(memory);
		return error_set(err, UNRACK_USAGE, "%s names no program", what);
	}
	return 0;
}
