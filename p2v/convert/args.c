/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel arguments: words apart by blanks, some of them NAME=VALUE; quotes hold blanks
 * together (kernel/params.c). */
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "unrack/bootconf.h"

/* The next word at or after *AT; one with quotes ends behind the blank that they protect. */
static bool next_word(const char *text, size_t n, size_t *at, const char **word, size_t *len)
{
	bool quoted = false;
	size_t i = *at;

	while (i < n && line_is_blank(text[i]))
		i++;
	*word = text + i;
	for (; i < n && (quoted || !line_is_blank(text[i])); i++)
		quoted ^= text[i] == '"';
	*len = (size_t)(text + i - *word);
	*at = i;
	return *len > 0;
}

/* VALUE of NAME=VALUE, without quotes around it. */
static bool find_value(const char *word, size_t len, const char **value, size_t *value_len)
{
	const char *equals = memchr(word, '=', len);

	if (!equals)
		return false;
	*value = equals + 1;
	*value_len = (size_t)(word + len - *value);
	if (*value_len >= 2 && ((*value)[0] == '"' || (*value)[0] == '\'') &&
	    (*value)[*value_len - 1] == (*value)[0]) {
		++*value;
		*value_len -= 2;
	}
	return true;
}

bool args_has(const char *text, size_t n, const char *word)
{
	const char *w;
	size_t at = 0, len;

	while (next_word(text, n, &at, &w, &len))
		if (line_is(w, len, word))
			return true;
	return false;
}

bool args_next(const char *text, size_t n, size_t *at, char **name, char **value)
{
	const char *word, *v;
	size_t len, v_len;

	while (next_word(text, n, at, &word, &len)) {
		if (word[0] == '=' || !find_value(word, len, &v, &v_len))
			continue;
		*name = line_copy(word, (size_t)((const char *)memchr(word, '=', len) - word));
		*value = line_copy(v, v_len);
		return true;
	}
	return false;
}

int args_put(const char *text, size_t n, const struct args_change *c, struct buf *out)
{
	size_t at = 0, done = 0, end = n, before, len, value_len;
	const char *word, *value;
	int bad = 0;

	while (end > 0 && line_is_blank(text[end - 1]))
		end--;
	while (before = at, next_word(text, end, &at, &word, &len)) {
		const struct edit_name *name = NULL;

		if (find_value(word, len, &value, &value_len))
			name = edit_names_find(&c->names, value, value_len);
		if (!name)
			continue;
		if (name->new) {
			bad |= buf_append(out, text + done, (size_t)(value - text) - done) |
			       buf_puts(out, name->new);
			done = (size_t)(value - text) + value_len;
		} else {
			/* The blanks before it go too. */
			bad |= buf_append(out, text + done, before - done);
			done = (size_t)(word - text) + len;
		}
	}
	bad |= buf_append(out, text + done, end - done);
	for (size_t i = 0; i < c->n_add; i++)
		if (!args_has(text, n, c->add[i]))
			bad |= buf_printf(out, "%s%s", end ? " " : "", c->add[i]);
	return bad | buf_append(out, text + end, n - end) ? -1 : 0;
}

int args_edit(const char *text, size_t n, const struct args_change *c, struct buf *out,
	      struct unrack_error *err)
{
	struct args_change names = { .names = c->names };
	bool first = true;
	size_t pos = 0;
	struct line l;
	int bad = 0;

	buf_clear(out);
	while (!bad && line_next(text, n, &pos, &l)) {
		bad = args_put(l.text, l.len, first ? c : &names, out) |
		      buf_append(out, l.text + l.len, l.end);
		first = false;
	}
	return bad ? error_nomem(err) : 0;
}

int args_edit_sysconfig(const char *text, size_t n, const char *key, const struct args_change *c,
			bool add, struct buf *out, struct unrack_error *err)
{
	struct args_change change = *c;
	size_t pos = 0, klen = strlen(key);
	struct line l;
	int bad = 0;

	if (!add)
		change.n_add = 0;
	buf_clear(out);
	while (!bad && line_next(text, n, &pos, &l)) {
		const char *value = l.text + klen + 1, *end = NULL;

		/* A value goes on over lines only within its quotes: then it is left alone. */
		if (l.len > klen + 2 && !memcmp(l.text, key, klen) && l.text[klen] == '=' &&
		    (value[0] == '"' || value[0] == '\''))
			end = memchr(value + 1, value[0], (size_t)(l.text + l.len - value) - 1);
		if (!end) {
			bad = buf_append(out, l.text, l.len + l.end);
			continue;
		}
		value++;
		bad = buf_append(out, l.text, (size_t)(value - l.text)) |
		      args_put(value, (size_t)(end - value), &change, out) |
		      buf_append(out, end, (size_t)(l.text + l.len + l.end - end));
	}
	return bad ? error_nomem(err) : 0;
}
