/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of a text, for the editors. A line's end (LF, CRLF, or none at the end of the file)
 * is kept apart from its content, so that an editor can change one and copy the other. */
#ifndef CONVERT_LINES_H
#define CONVERT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct line {
	const char *text;
	size_t len; /* without the end */
	size_t end; /* bytes of the end: 0, 1 or 2 */
};

static inline bool line_next(const char *text, size_t n, size_t *pos, struct line *l)
{
	const char *lf;

	if (*pos >= n)
		return false;
	l->text = text + *pos;
	lf = memchr(l->text, '\n', n - *pos);
	l->len = lf ? (size_t)(lf - l->text) : n - *pos;
	l->end = lf ? 1 : 0;
	*pos += l->len + l->end;
	if (l->len && lf && l->text[l->len - 1] == '\r') {
		l->len--;
		l->end++;
	}
	return true;
}

static inline bool line_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next word of L at or after *AT: its start and length; false at the end of the line. */
static inline bool line_word(const struct line *l, size_t *at, const char **word, size_t *len)
{
	size_t i = *at;

	while (i < l->len && line_is_blank(l->text[i]))
		i++;
	*word = l->text + i;
	while (i < l->len && !line_is_blank(l->text[i]))
		i++;
	*len = (size_t)(l->text + i - *word);
	*at = i;
	return *len > 0;
}

static inline bool line_is(const char *word, size_t len, const char *want)
{
	return strlen(want) == len && !memcmp(word, want, len);
}

/* N bytes as a string, up to a NUL among them. */
static inline char *line_copy(const char *s, size_t n)
{
	return strndup(s, n);
}

#endif
