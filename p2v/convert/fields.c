/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lines.h"
#include "unrack/edit.h"

const struct edit_name *edit_names_find(const struct edit_names *names, const char *name, size_t n)
{
	for (size_t i = 0; i < names->n; i++)
		if (line_is(name, n, names->at[i].old))
			return &names->at[i];
	return NULL;
}

/* Comments begin with #, after blanks too. */
static bool is_comment(const struct line *l)
{
	size_t at = 0, len;
	const char *word;

	return !line_word(l, &at, &word, &len) || word[0] == '#';
}

int fields_edit(const char *text, size_t n, unsigned field, const struct edit_names *names,
		struct buf *out, struct unrack_error *err)
{
	size_t pos = 0, done = 0;
	struct line l;

	buf_clear(out);
	while (line_next(text, n, &pos, &l)) {
		const struct edit_name *name = NULL;
		const char *word = NULL;
		size_t at = 0, len = 0;
		unsigned k = 0;

		if (is_comment(&l))
			continue;
		while (k <= field && line_word(&l, &at, &word, &len))
			k++;
		if (k > field)
			name = edit_names_find(names, word, len);
		if (!name || !name->new)
			continue;
		if (buf_append(out, text + done, (size_t)(word - text) - done) < 0 ||
		    buf_puts(out, name->new) < 0)
			return error_nomem(err);
		done = (size_t)(word - text) + len;
	}
	return buf_append(out, text + done, n - done) < 0 ? error_nomem(err) : 0;
}

bool fields_next(const char *text, size_t n, size_t *pos, unsigned *line, char (*f)[256], unsigned count)
{
	struct line l;

	while (line_next(text, n, pos, &l)) {
		size_t at = 0, len;
		const char *word;

		++*line;
		if (is_comment(&l))
			continue;
		for (unsigned i = 0; i < count; i++) {
			line_word(&l, &at, &word, &len);
			len = len < sizeof f[i] ? len : sizeof f[i] - 1;
			memcpy(f[i], word, len);
			f[i][len] = '\0';
		}
		return true;
	}
	return false;
}
