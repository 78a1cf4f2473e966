/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "unrack/bootconf.h"

void bls_free(struct bls_entry *e)
{
	free(e->title);
	free(e->version);
	free(e->kernel);
	free(e->initrd);
	free(e->options);
	memset(e, 0, sizeof *e);
}

/* The key at the start of L, and the rest without blanks around it. */
static bool take_key(const struct line *l, const char **key, size_t *key_len, const char **value,
		     size_t *value_len)
{
	size_t at = 0, end = l->len;

	if (!line_word(l, &at, key, key_len) || (*key)[0] == '#')
		return false;
	while (at < l->len && line_is_blank(l->text[at]))
		at++;
	while (end > at && line_is_blank(l->text[end - 1]))
		end--;
	*value = l->text + at;
	*value_len = end - at;
	return true;
}

static int set(char **field, const char *value, size_t n)
{
	free(*field);
	*field = line_copy(value, n);
	return *field ? 0 : -1;
}

int bls_parse(const char *text, size_t n, struct bls_entry *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf options = { 0 };
	size_t pos = 0;
	struct line l;
	int bad = 0;

	memset(out, 0, sizeof *out);
	while (!bad && line_next(text, n, &pos, &l)) {
		const char *key, *value, *word;
		size_t key_len, value_len, at = 0, len;
		struct line rest;

		if (!take_key(&l, &key, &key_len, &value, &value_len))
			continue;
		rest = (struct line){ value, value_len, 0 };
		if (line_is(key, key_len, "title"))
			bad = set(&out->title, value, value_len);
		else if (line_is(key, key_len, "version"))
			bad = set(&out->version, value, value_len);
		else if (line_is(key, key_len, "linux") && line_word(&rest, &at, &word, &len))
			bad = set(&out->kernel, word, len);
		else if (line_is(key, key_len, "initrd") && !out->initrd &&
			 line_word(&rest, &at, &word, &len))
			bad = set(&out->initrd, word, len);
		else if (line_is(key, key_len, "options"))
			bad = (options.len && buf_puts(&options, " ") < 0) ||
			      buf_append(&options, value, value_len) < 0;
	}
	if (!bad)
		out->options = strdup(buf_str(&options));
	if (bad || !out->options) {
		bls_free(out);
		return error_nomem(err);
	}
	return 0;
}

int bls_edit(const char *text, size_t n, const struct args_change *c, struct buf *out,
	     struct unrack_error *err)
{
	struct args_change names = { .names = c->names };
	bool add = !memmem(text, n, "$kernelopts", 11);
	size_t pos = 0;
	struct line l;
	int bad = 0;

	buf_clear(out);
	while (!bad && line_next(text, n, &pos, &l)) {
		const char *key, *value;
		size_t key_len, value_len;

		if (!take_key(&l, &key, &key_len, &value, &value_len) ||
		    !line_is(key, key_len, "options")) {
			bad = buf_append(out, l.text, l.len + l.end);
			continue;
		}
		bad = buf_append(out, l.text, (size_t)(value - l.text)) |
		      args_put(value, (size_t)(l.text + l.len - value), add ? c : &names, out) |
		      buf_append(out, l.text + l.len, l.end);
		add = false;
	}
	return bad ? error_nomem(err) : 0;
}

/* rpmvercmp: pieces of digits and of letters in turn; numbers are newer than words. */
static int compare_versions(const char *a, const char *b)
{
	while (*a || *b) {
		size_t na, nb;
		int r;

		while (*a && !isalnum((unsigned char)*a) && *a != '~')
			a++;
		while (*b && !isalnum((unsigned char)*b) && *b != '~')
			b++;
		if (*a == '~' || *b == '~') {
			if (*a != *b)
				return *a == '~' ? -1 : 1;
			a++, b++;
			continue;
		}
		if (!*a || !*b)
			break;
		if (isdigit((unsigned char)*a) != isdigit((unsigned char)*b))
			return isdigit((unsigned char)*a) ? 1 : -1;
		if (isdigit((unsigned char)*a)) {
			a += strspn(a, "0");
			b += strspn(b, "0");
			na = strspn(a, "0123456789");
			nb = strspn(b, "0123456789");
			if (na != nb)
				return na > nb ? 1 : -1;
		} else {
			for (na = 0; isalpha((unsigned char)a[na]);)
				na++;
			for (nb = 0; isalpha((unsigned char)b[nb]);)
				nb++;
		}
		r = strncmp(a, b, na < nb ? na : nb);
		if (r)
			return r;
		if (na != nb)
			return na > nb ? 1 : -1;
		a += na;
		b += nb;
	}
	return (*a != '\0') - (*b != '\0');
}

int bls_compare(const char *a, const char *b)
{
	int r = compare_versions(b, a);

	return r ? r : strcmp(b, a);
}

int bls_expand(const char *options, char *(*value)(void *ctx, const char *name), void *ctx,
	       struct buf *out, struct unrack_error *err)
{
	int bad = 0;

	buf_clear(out);
	while (!bad && *options) {
		size_t plain = strcspn(options, "$"), n = 0;
		bool braces;
		char *name, *text;

		bad = buf_append(out, options, plain);
		options += plain;
		if (!*options)
			break;
		braces = options[1] == '{';
		while (isalnum((unsigned char)options[1 + braces + n]) || options[1 + braces + n] == '_')
			n++;
		if (n == 0 || (braces && options[2 + n] != '}')) {
			bad |= buf_append(out, options++, 1);
			continue;
		}
		name = line_copy(options + 1 + braces, n);
		text = name ? value(ctx, name) : NULL;
		bad |= !name || (text && buf_puts(out, text) < 0);
		free(name);
		free(text);
		options += 1 + n + (braces ? 2u : 0u);
	}
	return bad ? error_nomem(err) : 0;
}
