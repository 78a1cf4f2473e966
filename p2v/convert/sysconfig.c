/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that the init scripts source: KEY=VALUE, with or without quotes. */
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "unrack/edit.h"

/* The value in a line that sets KEY, within its quotes. What a shell would compute is
 * taken as it is written. */
static bool find_value(const struct line *l, const char *key, const char **value, size_t *len)
{
	size_t klen = strlen(key), i = 0, end;
	char quote = 0;

	while (i < l->len && line_is_blank(l->text[i]))
		i++;
	if (l->len - i > 7 && !memcmp(l->text + i, "export", 6) && line_is_blank(l->text[i + 6])) {
		i += 7;
		while (i < l->len && line_is_blank(l->text[i]))
			i++;
	}
	if (l->len - i <= klen || memcmp(l->text + i, key, klen) != 0 || l->text[i + klen] != '=')
		return false;
	i += klen + 1;
	if (i < l->len && (l->text[i] == '"' || l->text[i] == '\''))
		quote = l->text[i++];
	for (end = i; end < l->len; end++)
		if (quote ? l->text[end] == quote : line_is_blank(l->text[end]) || l->text[end] == ';')
			break;
	*value = l->text + i;
	*len = end - i;
	return true;
}

char *sysconfig_get(const char *text, size_t n, const char *key)
{
	const char *value, *last = NULL;
	size_t pos = 0, len, last_len = 0;
	struct line l;

	while (line_next(text, n, &pos, &l)) {
		if (find_value(&l, key, &value, &len)) {
			last = value;
			last_len = len;
		}
	}
	return last ? line_copy(last, last_len) : NULL;
}

int sysconfig_edit(const char *text, size_t n, const char *key, const struct edit_names *names,
		   struct buf *out, struct unrack_error *err)
{
	const char *value;
	size_t pos = 0, done = 0, len;
	struct line l;

	buf_clear(out);
	while (line_next(text, n, &pos, &l)) {
		const struct edit_name *name = NULL;

		if (find_value(&l, key, &value, &len))
			name = edit_names_find(names, value, len);
		if (!name || !name->new)
			continue;
		if (buf_append(out, text + done, (size_t)(value - text) - done) < 0 ||
		    buf_puts(out, name->new) < 0)
			return error_nomem(err);
		done = (size_t)(value - text) + len;
	}
	return buf_append(out, text + done, n - done) < 0 ? error_nomem(err) : 0;
}

int sysconfig_comment(const char *text, size_t n, const char *key, struct buf *out,
		      struct unrack_error *err)
{
	const char *value;
	size_t pos = 0, len;
	struct line l;

	buf_clear(out);
	while (line_next(text, n, &pos, &l))
		if ((find_value(&l, key, &value, &len) && buf_puts(out, "#") < 0) ||
		    buf_append(out, l.text, l.len + l.end) < 0)
			return error_nomem(err);
	return 0;
}
