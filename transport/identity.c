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

/* The first key that the two sorted texts do not agree on; false when there is none. */
static bool first_difference(const char *was, const char *is, char *why, unsigned why_size)
{
	struct line a, b;
	bool more_a = next_line(&was, &a), more_b = next_line(&is, &b);

	while (more_a || more_b) {
		int c = !more_a ? 1 : !more_b ? -1 : compare_keys(&a, &b);

		if (c < 0) {
			snprintf(why, why_size, "%.*s is missing, was %.*s", (int)a.key_len, a.key,
				 (int)a.value_len, a.value);
			return true;
		}
		if (c > 0) {
			snprintf(why, why_size, "%.*s is %.*s, was missing", (int)b.key_len, b.key,
				 (int)b.value_len, b.value);
			return true;
		}
		if (a.value_len != b.value_len || memcmp(a.value, b.value, a.value_len) != 0) {
			snprintf(why, why_size, "%.*s is %.*s, was %.*s", (int)b.key_len, b.key,
				 (int)b.value_len, b.value, (int)a.value_len, a.value);
			return true;
		}
		more_a = next_line(&was, &a);
		more_b = next_line(&is, &b);
	}
	return false;
}

static bool find_value(const char *text, const char *key, struct line *l)
{
	while (next_line(&text, l))
		if (strlen(key) == l->key_len && !memcmp(l->key, key, l->key_len))
			return true;
	return false;
}

/* The WWID decides where both sides have one, else the serial: virtual disks of one RAID
 * controller may share a serial. */
static bool advisory_differs(const char *was, const char *is, char *why, unsigned why_size)
{
	static const char *const keys[] = { "wwid", "serial" };
	struct line a, b;

	for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (!find_value(was, keys[i], &a) || !find_value(is, keys[i], &b))
			continue;
		if (a.value_len == b.value_len && !memcmp(a.value, b.value, a.value_len))
			return false;
		snprintf(why, why_size, "%s is %.*s, was %.*s", keys[i], (int)b.value_len, b.value,
			 (int)a.value_len, a.value);
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
	if (first_difference(was->strict, is->strict, why, why_size))
		return IDENTITY_DIFFERENT;
	if (advisory_differs(was->advisory, is->advisory, why, why_size))
		return IDENTITY_SAME_BUT;
	return IDENTITY_SAME;
}
