/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "kmod_index.h"
#include "kmod_node.h"
#include "unrack/initrd.h"

DEFINE_VEC(entry_vec, struct kmod_entry);

/* --- The trie --------------------------------------------------------------------------- */

static int compare_entries(const void *va, const void *vb)
{
	const struct kmod_entry *a = va, *b = vb;
	int d = strcmp(a->key, b->key);

	return d ? d : a->priority < b->priority ? -1 : a->priority > b->priority;
}

static int put_u32(struct buf *b, uint32_t v)
{
	uint8_t bytes[4];

	put_be32(bytes, v);
	return buf_append(b, bytes, sizeof bytes);
}

/* The end of the entries from FROM on whose keys have the character of FROM's at AT. */
static size_t same_character(const struct kmod_entry *e, size_t from, size_t n, size_t at)
{
	size_t to = from;

	while (to < n && e[to].key[at] == e[from].key[at])
		to++;
	return to;
}

static int put_node(struct buf *b, const struct kmod_entry *e, size_t n, size_t at, uint32_t *name);

/* The subtrees of the entries, all of which go on at AT; their names into CHILD. */
static int put_children(struct buf *b, const struct kmod_entry *e, size_t n, size_t at,
			uint32_t child[128])
{
	for (size_t from = 0, to; from < n; from = to) {
		to = same_character(e, from, n, at);
		if (put_node(b, e + from, to - from, at + 1, &child[(unsigned char)e[from].key[at]]) < 0)
			return -1;
	}
	return 0;
}

/* The node of entries in order that agree in the first AT characters; what is below comes
 * first in the file. The prefix of the first and the last is that of all. */
static int put_node(struct buf *b, const struct kmod_entry *e, size_t n, size_t at, uint32_t *name)
{
	size_t from = at, n_values = 0;
	uint32_t *child CLEANUP_FREE = NULL;

	/* depmod's root never has one */
	while (from && e[0].key[at] && e[0].key[at] == e[n - 1].key[at])
		at++;
	while (n_values < n && !e[n_values].key[at])
		n_values++;
	if (n_values < n) {
		child = calloc(128, sizeof *child);
		if (!child || put_children(b, e + n_values, n - n_values, at, child) < 0)
			return -1;
	}
	*name = (uint32_t)b->len;
	if (at > from) {
		*name |= KMOD_NODE_PREFIX;
		if (buf_append(b, e[0].key + from, at - from) < 0 || buf_zeros(b, 1) < 0)
			return -1;
	}
	if (child) {
		const uint8_t range[] = { (uint8_t)e[n_values].key[at], (uint8_t)e[n - 1].key[at] };

		*name |= KMOD_NODE_CHILDREN;
		if (buf_append(b, range, 2) < 0)
			return -1;
		for (unsigned c = range[0]; c <= range[1]; c++)
			if (put_u32(b, child[c]) < 0)
				return -1;
	}
	if (!n_values)
		return 0;
	*name |= KMOD_NODE_VALUES;
	if (put_u32(b, (uint32_t)n_values) < 0)
		return -1;
	for (size_t k = 0; k < n_values; k++)
		if (put_u32(b, e[k].priority) < 0 || buf_append(b, e[k].value, strlen(e[k].value) + 1) < 0)
			return -1;
	return 0;
}

static int put_index(struct entry_vec *v, struct buf *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	uint32_t root = KMOD_HEADER;

	if (put_u32(&b, KMOD_MAGIC) < 0 || put_u32(&b, KMOD_VERSION) < 0 || put_u32(&b, 0) < 0)
		return error_nomem(err);
	if (v->len) {
		qsort(v->at, v->len, sizeof *v->at, compare_entries);
		if (put_node(&b, v->at, v->len, 0, &root) < 0)
			return error_nomem(err);
	}
	if (b.len > KMOD_NODE_OFFSET)
		return error_set(err, UNRACK_UNSUPPORTED, "an index of %zu modules and aliases is larger than the "
				 "format allows", v->len);
	put_be32(b.data + 8, root);
	return buf_append(out, b.data, b.len) < 0 ? error_nomem(err) : 0;
}

/* --- The texts -------------------------------------------------------------------------- */

/* As depmod: '-' is '_', but not in the [...] of a pattern. False: no key can be so. */
static bool to_key(char *s)
{
	bool brackets = false;

	if (!*s || strlen(s) >= KMOD_KEY_MAX)
		return false;
	for (; *s; s++) {
		if ((unsigned char)*s & 0x80)
			return false;
		if (*s == '[')
			brackets = true;
		else if (*s == ']')
			brackets = false;
		else if (*s == '-' && !brackets)
			*s = '_';
	}
	return true;
}

/* Names point into the line or NAMES, which keeps what the line has no room for. */
static int add_line(struct entry_vec *v, enum kmod_index_kind kind, char *line, char (*name)[64],
		    uint32_t number)
{
	struct kmod_entry e = { .key = *name, .value = kind == KMOD_DEP ? line : "", .priority = number };
	char *save = NULL, *colon;

	if (kind == KMOD_ALIAS) {
		const char *word = strtok_r(line, " \t\r", &save);

		if (!word || strcmp(word, "alias") != 0)
			return 0;
		e.key = strtok_r(NULL, " \t\r", &save);
		e.value = strtok_r(NULL, " \t\r", &save);
		if (!e.key || !e.value)
			return 0;
		/* symbols have their own case, and no dashes */
		return to_key((char *)e.key) ? entry_vec_push(v, e) : 0;
	}
	colon = kind == KMOD_DEP ? strchr(line, ':') : NULL;
	if (line[0] == '#' || (kind == KMOD_DEP && !colon))
		return 0;
	if (colon)
		*colon = '\0';
	module_name_of(line, *name);
	if (colon)
		*colon = ':';
	if (kind == KMOD_BUILTIN)
		e.priority = 0;
	return to_key(*name) ? entry_vec_push(v, e) : 0;
}

int kmod_index_make(enum kmod_index_kind kind, const char *text, struct buf *out,
		    struct unrack_error *err)
{
	char *copy CLEANUP_FREE = strdup(text);
	char(*names)[64] CLEANUP_FREE = NULL;
	struct entry_vec v = { 0 };
	size_t n_lines = 1;
	uint32_t number = 0;
	char *save = NULL;
	int r = 0;

	for (const char *p = text; *p; p++)
		n_lines += *p == '\n';
	names = calloc(n_lines, sizeof *names);
	if (!copy || !names)
		return error_nomem(err);
	for (char *line = strtok_r(copy, "\n", &save); r == 0 && line; line = strtok_r(NULL, "\n", &save)) {
		r = add_line(&v, kind, line, &names[number], number);
		number++;
	}
	r = r < 0 ? error_nomem(err) : put_index(&v, out, err);
	entry_vec_free(&v);
	return r;
}
