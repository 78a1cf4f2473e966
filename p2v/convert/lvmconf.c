/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lvm.conf(5): filter = [ "a|REGEX|", "r|REGEX|", ... ]. The first that matches a device's
 * name accepts or rejects it; one that none matches is accepted. */
#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "lines.h"
#include "unrack/edit.h"

#define PATTERN_MAX 256 /* bytes; a longer one is passed over */

/* The list of the filter that the line L begins: behind its [. NULL: it begins none. */
static const char *filter_list(const struct line *l)
{
	static const char *const keys[] = { "filter", "global_filter" };
	const char *p = l->text, *end = l->text + l->len;
	bool is_filter = false;

	while (p < end && line_is_blank(*p))
		p++;
	for (size_t i = 0; i < 2 && !is_filter; i++) {
		size_t n = strlen(keys[i]);

		if ((size_t)(end - p) > n && !memcmp(p, keys[i], n) &&
		    (line_is_blank(p[n]) || p[n] == '=')) {
			is_filter = true;
			p += n;
		}
	}
	while (is_filter && p < end && (line_is_blank(*p) || *p == '='))
		p++;
	return is_filter && p < end && *p == '[' ? p + 1 : NULL;
}

/* Whether PATTERN, "a|REGEX|", matches NAME. What LVM's own expressions do not have, and
 * regcomp takes long for, matches nothing. */
static bool matches(const char *pattern, const char *name)
{
	static const char open[] = "([{<", close[] = ")]}>";
	const char *pair = pattern[0] && pattern[1] ? strchr(open, pattern[1]) : NULL, *last;
	char regex[PATTERN_MAX];
	regex_t compiled;
	bool match;

	last = pattern[0] && pattern[1] ? strrchr(pattern + 2, pair ? close[pair - open] : pattern[1]) :
					  NULL;
	if (!last)
		return false;
	snprintf(regex, sizeof regex, "%.*s", (int)(last - pattern - 2), pattern + 2);
	for (const char *p = regex; *p; p++)
		if (*p == '{' || (*p == '\\' && isdigit((unsigned char)p[1])))
			return false;
	if (regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	match = regexec(&compiled, name, 0, NULL, 0) == 0;
	regfree(&compiled);
	return match;
}

/* Goes through the strings of the list at P, which may go on over lines. */
static bool list_rejects(const char *p, const char *end, const char *name)
{
	char pattern[PATTERN_MAX];

	while (p < end && *p != ']') {
		const char *close;

		if (*p == '#') {
			p = memchr(p, '\n', (size_t)(end - p));
			if (!p)
				return false;
			continue;
		}
		if (*p++ != '"')
			continue;
		close = memchr(p, '"', (size_t)(end - p));
		if (!close)
			return false;
		if ((size_t)(close - p) < sizeof pattern) {
			snprintf(pattern, sizeof pattern, "%.*s", (int)(close - p), p);
			if ((pattern[0] == 'a' || pattern[0] == 'r') && matches(pattern, name))
				return pattern[0] == 'r';
		}
		p = close + 1;
	}
	return false;
}

unsigned lvmconf_rejects(const char *text, size_t n, const char *name)
{
	unsigned number = 0;
	size_t pos = 0;
	struct line l;

	while (line_next(text, n, &pos, &l)) {
		const char *list = filter_list(&l);

		number++;
		if (list && list_rejects(list, text + n, name))
			return number;
	}
	return 0;
}

int lvmconf_edit(const char *text, size_t n, const char *name, const char *prefix, struct buf *out,
		 struct unrack_error *err)
{
	size_t pos = 0;
	struct line l;
	int bad = 0;

	buf_clear(out);
	while (line_next(text, n, &pos, &l)) {
		const char *list = filter_list(&l);
		size_t head = list ? (size_t)(list - l.text) : 0;

		if (!list || !list_rejects(list, text + n, name)) {
			bad |= buf_append(out, l.text, l.len + l.end);
			continue;
		}
		bad |= buf_append(out, l.text, head) | buf_printf(out, " \"a|^/dev/%s|\",", prefix) |
		       buf_append(out, list, l.len + l.end - head);
	}
	return bad ? error_nomem(err) : 0;
}
