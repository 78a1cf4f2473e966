/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct line {
	const char *key, *value;
	size_t key_len, value_len;
};

/* Takes the line at *P apart and moves *P behind it. False at the end of the text. */
static bool next_line(const char **p, struct line *l)
{
	const char *end = strchr(*p, '\n'), *eq;

	if (!end)
		return false;
	eq = memchr(*p, '=', (size_t)(end - *p));
	l->key = *p;
	l->key_len = (size_t)(eq - *p);
	l->value = eq + 1;
	l->value_len = (size_t)(end - eq - 1);
	*p = end + 1;
	return true;
}

static bool key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

/* Only whole lines of KEY=VALUE in printable ASCII, so that they can be shown, put into
 * JSON and compared again. */
static bool well_formed(const char *text)
{
	for (const char *p = text; *p; p++) {
		const char *key = p;

		while (key_char(*p))
			p++;
		if (p == key || *p != '=')
			return false;
		while (*p >= ' ' && *p <= '~')
			p++;
		if (*p != '\n')
			return false;
	}
	return true;
}

static int compare_keys(const struct line *a, const struct line *b)
{
	size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
	int c = memcmp(a->key, b->key, n);

	return c ? c : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static int compare_lines(const void *a, const void *b)
{
	return compare_keys(a, b);
}

/* A sorted copy of TEXT, which is well formed. */
static int sort_lines(const char *text, char **out, struct unrack_error *err)
{
	CLEANUP_FREE struct line *lines = NULL;
	size_t n = 0, at = 0;
	const char *p = text;
	struct line l;
	char *copy;

	while (next_line(&p, &l))
		n++;
	lines = malloc((n + 1) * sizeof *lines);
	copy = malloc(strlen(text) + 1);
	if (!lines || !copy) {
		free(copy);
		return error_nomem(err);
	}
	p = text;
	for (size_t i = 0; i < n; i++)
		next_line(&p, &lines[i]);
	qsort(lines, n, sizeof *lines, compare_lines);
	for (size_t i = 0; i < n; i++) {
		size_t len = lines[i].key_len + 1 + lines[i].value_len + 1;

		if (i > 0 && compare_keys(&lines[i - 1], &lines[i]) == 0) {
			free(copy);
			return error_set(err, UNRACK_DAMAGED, "the identity of a disk names %.*s twice",
					 (int)lines[i].key_len, lines[i].key);
		}
		memcpy(copy + at, lines[i].key, len);
		at += len;
	}
	copy[at] = '\0';
	*out = copy;
	return 0;
}

static int set_text(char **out, const char *text, struct unrack_error *err)
{
	if (!text)
		text = "";
	if (strlen(text) >= IDENTITY_TEXT_MAX)
		return error_set(err, UNRACK_DAMAGED, "the identity of a disk has more than %u bytes",
				 IDENTITY_TEXT_MAX - 1);
	if (!well_formed(text))
		return error_set(err, UNRACK_DAMAGED,
				 "the identity of a disk is not lines of key=value");
	return sort_lines(text, out, err);
}

int identity_init(struct identity *id, uint64_t bytes, const char *strict, const char *advisory,
		  struct unrack_error *err)
{
	int r;

	*id = (struct identity){ .bytes = bytes };
	r = set_text(&id->strict, strict, err);
	if (r == 0)
		r = set_text(&id->advisory, advisory, err);
	if (r < 0)
		identity_free(id);
	return r;
}

void identity_free(struct identity *id)
{
	free(id->strict);
	free(id->advisory);
	*id = (struct identity){ 0 };
}

int identity_copy(struct identity *to, const struct identity *from, struct unrack_error *err)
{
	return identity_init(to, from->bytes, from->strict, from->advisory, err);
}

static bool find_value(const char *text, const char *key, size_t key_len, struct line *l)
{
	while (next_line(&text, l))
		if (key_len == l->key_len && !memcmp(key, l->key, key_len))
			return true;
	return false;
}

static bool same_value(const struct line *a, const struct line *b)
{
	return a->value_len == b->value_len && !memcmp(a->value, b->value, a->value_len);
}

/* WAS or IS is NULL where the key is missing. */
static void tell(const struct line *was, const struct line *is, char *why, unsigned why_size)
{
	const struct line *key = is ? is : was;

	snprintf(why, why_size, "%.*s is %.*s, was %.*s", (int)key->key_len, key->key,
		 is ? (int)is->value_len : 7, is ? is->value : "missing",
		 was ? (int)was->value_len : 7, was ? was->value : "missing");
}

/* The first key that the two sorted texts do not agree on; false when there is none. */
static bool first_difference(const char *was, const char *is, char *why, unsigned why_size)
{
	struct line a, b;
	bool more_a = next_line(&was, &a), more_b = next_line(&is, &b);

	while (more_a || more_b) {
		int c = !more_a ? 1 : !more_b ? -1 : compare_keys(&a, &b);

		if (c != 0 || !same_value(&a, &b)) {
			tell(c > 0 ? NULL : &a, c < 0 ? NULL : &b, why, why_size);
			return true;
		}
		more_a = next_line(&was, &a);
		more_b = next_line(&is, &b);
	}
	return false;
}

static bool is_partial(const char *strict)
{
	struct line l;

	return find_value(strict, IDENTITY_PARTIAL, strlen(IDENTITY_PARTIAL), &l);
}

bool identity_is_partial(const struct identity *id)
{
	return is_partial(id->strict);
}

/* The same where only PART, which is IS or else WAS, is partial: what WHOLE names beyond it
 * does not count. But a part that names nothing is not anybody's. */
static bool part_differs(const char *part, const char *whole, bool part_is, char *why,
			 unsigned why_size)
{
	struct line p, w;
	bool agree = false;

	while (next_line(&part, &p)) {
		const struct line *other = &w;

		if (p.key_len == strlen(IDENTITY_PARTIAL) && !memcmp(p.key, IDENTITY_PARTIAL, p.key_len))
			continue;
		if (!find_value(whole, p.key, p.key_len, &w))
			other = NULL;
		if (!other || !same_value(&p, &w)) {
			tell(part_is ? other : &p, part_is ? &p : other, why, why_size);
			return true;
		}
		agree = true;
	}
	if (agree || !next_line(&whole, &w))
		return false;
	tell(part_is ? &w : NULL, part_is ? NULL : &w, why, why_size);
	return true;
}

static bool strict_differs(const char *was, const char *is, char *why, unsigned why_size)
{
	bool was_part = is_partial(was), is_part = is_partial(is);

	if (was_part == is_part)
		return first_difference(was, is, why, why_size);
	return is_part ? part_differs(is, was, true, why, why_size)
		       : part_differs(was, is, false, why, why_size);
}

/* The WWID decides where both sides have one, else the serial: virtual disks of one RAID
 * controller may share a serial. */
static bool advisory_differs(const char *was, const char *is, char *why, unsigned why_size)
{
	static const char *const keys[] = { "wwid", "serial" };
	struct line a, b;

	for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (!find_value(was, keys[i], strlen(keys[i]), &a) ||
		    !find_value(is, keys[i], strlen(keys[i]), &b))
			continue;
		if (same_value(&a, &b))
			return false;
		tell(&a, &b, why, why_size);
		return true;
	}
	return false;
}

enum identity_match identity_compare(const struct identity *was, const struct identity *is,
				     char *why, unsigned why_size)
{
	char dropped[1];

	if (!why) {
		why = dropped;
		why_size = sizeof dropped;
	}
	*why = '\0';
	if (was->bytes != is->bytes) {
		snprintf(why, why_size, "size %llu against %llu", (unsigned long long)is->bytes,
			 (unsigned long long)was->bytes);
		return IDENTITY_DIFFERENT;
	}
	if (strict_differs(was->strict, is->strict, why, why_size))
		return IDENTITY_DIFFERENT;
	if (advisory_differs(was->advisory, is->advisory, why, why_size))
		return IDENTITY_SAME_BUT;
	return IDENTITY_SAME;
}
