/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* modules.conf (modutils) and modprobe.conf (module-init-tools): one command a line, words
 * apart by blanks, a backslash at the end continues it. mkinitrd loads the adapters in the
 * order of the sorted alias lines: scsi_hostadapter, scsi_hostadapter1, ... */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/vec.h"
#include "lines.h"
#include "unrack/edit.h"

#define ADAPTER "scsi_hostadapter"

DEFINE_VEC(alias_vec, struct modconf_alias);
DEFINE_VEC(str_vec, const char *);

static bool same_module(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	return *a == *b;
}

static bool is_in(const char *module, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_module(module, list[i]))
			return true;
	return false;
}

/* PREFIX and then digits only; an adapter may have none of them. */
static bool is_numbered(const char *name, const char *prefix, bool digits)
{
	size_t n = strlen(prefix);

	return !strncmp(name, prefix, n) && (!digits || name[n]) &&
	       strspn(name + n, "0123456789") == strlen(name + n);
}

static bool is_adapter(const char *name)
{
	return is_numbered(name, ADAPTER, false);
}

static bool is_card(const char *name)
{
	return is_numbered(name, "eth", true);
}

void modconf_free(struct modconf_alias *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(at[i].name);
		free(at[i].module);
	}
	free(at);
}

int modconf_parse(const char *text, size_t n, struct modconf_alias **out, size_t *count,
		  struct unrack_error *err)
{
	struct alias_vec v = { 0 };
	unsigned number = 0;
	size_t pos = 0;
	struct line l;

	while (line_next(text, n, &pos, &l)) {
		size_t at = 0, len;
		struct modconf_alias a = { .line = ++number };
		const char *word;

		if (!line_word(&l, &at, &word, &len) || !line_is(word, len, "alias") ||
		    !line_word(&l, &at, &word, &len))
			continue;
		a.name = line_copy(word, len);
		if (a.name && !is_adapter(a.name) && !is_card(a.name)) {
			free(a.name);
			continue;
		}
		if (a.name && !line_word(&l, &at, &word, &len)) {
			free(a.name);
			continue;
		}
		a.module = line_copy(word, len);
		if (!a.name || !a.module || alias_vec_push(&v, a) < 0) {
			free(a.name);
			free(a.module);
			modconf_free(v.at, v.len);
			return error_nomem(err);
		}
	}
	*out = v.at;
	*count = v.len;
	return 0;
}

/* --- Editing -------------------------------------------------------------------------- */
struct job {
	const struct modconf_change *c;
	struct modconf_alias *aliases; /* in the order of the lines */
	size_t n;
	struct str_vec adapters; /* what they shall be, in order */
	bool adapters_right;     /* and they are */
	struct str_vec gone;     /* modules that no longer drive anything */
};

static int by_number(const void *a, const void *b)
{
	const struct modconf_alias *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static int plan_adapters(struct job *j)
{
	struct modconf_alias *sorted = calloc(j->n + 1, sizeof *sorted); /* shares the strings */
	size_t n = 0, right = 0;
	int bad = 0;

	if (!sorted)
		return -1;
	for (size_t i = 0; i < j->n; i++)
		if (is_adapter(j->aliases[i].name))
			sorted[n++] = j->aliases[i];
	qsort(sorted, n, sizeof *sorted, by_number);
	for (size_t i = 0; i < j->c->n_adapters; i++)
		bad |= str_vec_push(&j->adapters, j->c->adapters[i]);
	for (size_t i = 0; i < n; i++) {
		const char *module = sorted[i].module;

		if (is_in(module, j->c->adapters, j->c->n_adapters))
			continue;
		if (is_in(module, j->c->kept, j->c->n_kept))
			bad |= str_vec_push(&j->adapters, module);
		else
			bad |= str_vec_push(&j->gone, module);
	}
	while (right < n && right < j->adapters.len &&
	       same_module(sorted[right].module, j->adapters.at[right]))
		right++;
	j->adapters_right = right == n && right == j->adapters.len;
	free(sorted);
	return bad;
}

static bool card_changes(const struct job *j, const struct modconf_alias *a)
{
	if (!j->c->nic_module || !is_card(a->name) || same_module(a->module, j->c->nic_module))
		return false;
	/* A card that was switched off stays so, unless it is one of the VM's. */
	if (strcmp(a->module, "off") != 0 && strcmp(a->module, "null"))
		return true;
	for (size_t i = 0; i < j->c->n_nics; i++)
		if (!strcmp(a->name, j->c->nics[i]))
			return true;
	return false;
}

static int plan_cards(struct job *j)
{
	int bad = 0;

	for (size_t i = 0; i < j->n; i++)
		if (card_changes(j, &j->aliases[i]))
			bad |= str_vec_push(&j->gone, j->aliases[i].module);
	return bad;
}

/* A line about a module that is gone: options, install, ... */
static bool is_about_gone(const struct job *j, const struct line *l)
{
	static const char *const commands[] = { "options", "install", "remove", "pre-install", "post-install",
						"pre-remove", "post-remove", "above", "below" };
	size_t at = 0, len;
	const char *word;
	char module[64];

	if (!line_word(l, &at, &word, &len))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!line_is(word, len, commands[i]))
			continue;
		line_word(l, &at, &word, &len);
		if (len >= sizeof module)
			return false;
		memcpy(module, word, len);
		module[len] = '\0';
		return is_in(module, j->gone.at, j->gone.len);
	}
	return false;
}

static const struct modconf_alias *alias_of_line(const struct job *j, unsigned number)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->aliases[i].line == number)
			return &j->aliases[i];
	return NULL;
}

/* All adapters, each with the blanks and the end of the line L that it stands in for. */
static int put_adapters(const struct job *j, const struct line *l, struct buf *out)
{
	size_t at = 0, len, name_at, module_at;
	const char *word;
	int bad = 0;

	line_word(l, &at, &word, &len);
	line_word(l, &at, &word, &len);
	name_at = (size_t)(word - l->text);
	module_at = at;
	while (module_at < l->len && line_is_blank(l->text[module_at]))
		module_at++;
	for (size_t i = 0; i < j->adapters.len; i++) {
		bad |= buf_append(out, l->text, name_at) | buf_puts(out, ADAPTER);
		if (i > 0)
			bad |= buf_printf(out, "%zu", i);
		bad |= buf_append(out, l->text + at, module_at - at) | buf_puts(out, j->adapters.at[i]);
		if (l->end)
			bad |= buf_append(out, l->text + l->len, l->end);
		else if (i + 1 < j->adapters.len)
			bad |= buf_puts(out, "\n");
	}
	return bad;
}

static int put_card(const struct job *j, const struct line *l, struct buf *out)
{
	size_t at = 0, len;
	const char *word;

	for (int i = 0; i < 3; i++)
		line_word(l, &at, &word, &len);
	return buf_append(out, l->text, (size_t)(word - l->text)) | buf_puts(out, j->c->nic_module) |
	       buf_append(out, word + len, (size_t)(l->text + l->len + l->end - word) - len);
}

/* Aliases for which there is no line yet, at the end of the file. */
static int put_missing(const struct job *j, const char *text, size_t n, struct buf *out)
{
	const char *lf = memchr(text, '\n', n);
	const char *end = lf && lf > text && lf[-1] == '\r' ? "\r\n" : "\n";
	struct buf more = { 0 };
	bool has_adapter = false;
	int bad = 0;

	for (size_t i = 0; i < j->n; i++)
		has_adapter |= is_adapter(j->aliases[i].name);
	for (size_t i = 0; !has_adapter && i < j->adapters.len; i++) {
		bad |= buf_puts(&more, "alias " ADAPTER);
		if (i > 0)
			bad |= buf_printf(&more, "%zu", i);
		bad |= buf_printf(&more, " %s%s", j->adapters.at[i], end);
	}
	for (size_t i = 0; j->c->nic_module && i < j->c->n_nics; i++) {
		bool there = false;

		for (size_t k = 0; k < j->n; k++)
			there |= !strcmp(j->aliases[k].name, j->c->nics[i]);
		if (!there)
			bad |= buf_printf(&more, "alias %s %s%s", j->c->nics[i], j->c->nic_module, end);
	}
	if (more.len && out->len && out->data[out->len - 1] != '\n')
		bad |= buf_puts(out, end);
	bad |= buf_append(out, more.data, more.len);
	buf_free(&more);
	return bad;
}

static int put_all(const struct job *j, const char *text, size_t n, struct buf *out)
{
	bool adapters_put = false, skipping = false;
	unsigned number = 0;
	size_t pos = 0;
	struct line l;
	int bad = 0;

	while (line_next(text, n, &pos, &l)) {
		const struct modconf_alias *a = alias_of_line(j, ++number);
		bool continued = skipping;

		/* A removed command goes with its continuation lines. */
		skipping = skipping || is_about_gone(j, &l);
		if (skipping) {
			skipping = l.len && l.text[l.len - 1] == '\\';
			continue;
		}
		if (a && !continued && is_adapter(a->name) && !j->adapters_right) {
			if (!adapters_put)
				bad |= put_adapters(j, &l, out);
			adapters_put = true;
		} else if (a && !continued && card_changes(j, a)) {
			bad |= put_card(j, &l, out);
		} else {
			bad |= buf_append(out, l.text, l.len + l.end);
		}
	}
	return bad | put_missing(j, text, n, out);
}

int modconf_edit(const char *text, size_t n, const struct modconf_change *c, struct buf *out,
		 struct unrack_error *err)
{
	struct job j = { .c = c };
	int r = modconf_parse(text, n, &j.aliases, &j.n, err);

	buf_clear(out);
	if (r == 0 && (plan_adapters(&j) | plan_cards(&j) | put_all(&j, text, n, out)))
		r = error_nomem(err);
	modconf_free(j.aliases, j.n);
	str_vec_free(&j.adapters);
	str_vec_free(&j.gone);
	return r;
}
