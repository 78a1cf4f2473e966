/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lvm.h"

static const char *skip_space(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '#')
			while (p < end && *p != '\n')
				p++;
		else if ((unsigned char)*p > ' ')
			break;
	}
	return p < end ? p : end;
}

static struct lvm_token take_string(const char **at, const char *end)
{
	const char *p = *at + 1;
	struct lvm_token t = { p, 0, 's' };

	/* The byte behind a backslash stands for itself. */
	while (p < end && *p != '"')
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	t.n = (size_t)(p - t.at);
	if (p == end)
		t.kind = '?';
	else
		p++;
	*at = p;
	return t;
}

struct lvm_token lvm_text_next(struct lvm_text *text)
{
	const char *p = skip_space(text->at, text->end), *end = text->end;
	struct lvm_token t = { p, 1, 0 };

	if (p == end) {
		t.n = 0;
	} else if (*p == '"') {
		t = take_string(&p, end);
	} else if (memchr("{}=[],", *p, 6)) {
		t.kind = *p++;
	} else {
		t.kind = 'w';
		while (p < end && (unsigned char)*p > ' ' && !memchr("{}=[],\"#", *p, 8))
			p++;
		t.n = (size_t)(p - t.at);
	}
	text->at = p;
	return t;
}

bool lvm_token_is(const struct lvm_token *t, const char *text)
{
	return (t->kind == 'w' || t->kind == 's') && t->n == strlen(text) && !memcmp(t->at, text, t->n);
}

bool lvm_token_same(const struct lvm_token *a, const struct lvm_token *b)
{
	return a->n == b->n && !memcmp(a->at, b->at, a->n);
}

void lvm_token_id(const struct lvm_token *t, char out[LVM_ID + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < t->n && n < LVM_ID; i++)
		if (t->at[i] != '-')
			out[n++] = t->at[i];
	out[n] = '\0';
}

void lvm_token_copy(const struct lvm_token *t, char *out, size_t room)
{
	size_t n = t->n < room ? t->n : room - 1;

	memcpy(out, t->at, n);
	out[n] = '\0';
}
