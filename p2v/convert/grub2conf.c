/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB 2's script as grub2-mkconfig writes it: one command a line; menu entries, submenus and
 * functions in braces, an opening one at the end of its line. What other scripts compute is
 * not worked out. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "lines.h"
#include "unrack/bootconf.h"

#define ENTRIES_MAX 1024 /* more are ignored */
#define DEPTH_MAX 32     /* blocks within each other; deeper ones are only counted */

DEFINE_VEC(entry_vec, struct grub2_entry);
DEFINE_VEC(submenu_vec, struct grub2_submenu);

enum block { BLOCK_OTHER, BLOCK_SUBMENU, BLOCK_ENTRY };

struct parser {
	struct entry_vec entries;
	struct submenu_vec submenus;
	struct grub2_conf *conf;
	enum block blocks[DEPTH_MAX];
	unsigned depth;
	struct buf word;
	int submenu;          /* that is open, -1: none */
	unsigned in_submenu;  /* entries in it so far */
	unsigned top;         /* in the first menu */
};

/* --- Words ------------------------------------------------------------------------------ */
/* The next word of L at or after *AT, without its quotes. 1: there is one, 0: none, -1: no
 * memory. *START is where it begins. */
static int take_word(const struct line *l, size_t *at, struct buf *out, size_t *start)
{
	char quote = 0;
	size_t i = *at;
	int bad;

	while (i < l->len && (line_is_blank(l->text[i]) || l->text[i] == ';'))
		i++;
	*start = i;
	buf_clear(out);
	bad = buf_puts(out, "");
	if (i < l->len && l->text[i] == '#')
		i = *start = l->len;
	for (; !bad && i < l->len; i++) {
		char c = l->text[i];

		if (!quote && (line_is_blank(c) || c == ';'))
			break;
		if (!quote && (c == '\'' || c == '"')) {
			quote = c;
		} else if (c == quote) {
			quote = 0;
		} else {
			if (c == '\\' && quote != '\'' && i + 1 < l->len)
				c = l->text[++i];
			bad = buf_append(out, &c, 1);
		}
	}
	*at = i;
	return bad ? -1 : i > *start;
}

static bool is_linux(const char *word)
{
	return !strcmp(word, "linux") || !strcmp(word, "linux16") || !strcmp(word, "linuxefi");
}

static int set(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	return *field ? 0 : -1;
}

/* --- Blocks ----------------------------------------------------------------------------- */
static void open_block(struct parser *p, enum block block)
{
	if (p->depth < DEPTH_MAX)
		p->blocks[p->depth] = block;
	p->depth++;
}

static void close_block(struct parser *p)
{
	if (p->depth == 0)
		return;
	if (--p->depth < DEPTH_MAX && p->blocks[p->depth] == BLOCK_SUBMENU)
		p->submenu = -1;
}

static bool is_in_entry(const struct parser *p)
{
	return p->depth > 0 && p->depth <= DEPTH_MAX && p->blocks[p->depth - 1] == BLOCK_ENTRY &&
	       p->entries.len > 0;
}

/* menuentry and submenu: TITLE [--id ID] ... { */
static int take_menu(struct parser *p, const struct line *l, size_t at, bool is_submenu)
{
	char *title = NULL, *id = NULL;
	bool next_is_id = false;
	size_t start;
	int r = take_word(l, &at, &p->word, &start), bad;

	bad = r < 0 || set(&title, r > 0 ? buf_str(&p->word) : "") < 0;
	while (!bad && (r = take_word(l, &at, &p->word, &start)) > 0) {
		if (next_is_id)
			bad = set(&id, buf_str(&p->word)) < 0;
		next_is_id = !strcmp(buf_str(&p->word), "--id") ||
			     !strcmp(buf_str(&p->word), "$menuentry_id_option");
		if (!strncmp(buf_str(&p->word), "--id=", 5))
			bad = set(&id, buf_str(&p->word) + 5) < 0;
	}
	bad |= r < 0;
	if (!bad && is_submenu && p->submenus.len < ENTRIES_MAX) {
		struct grub2_submenu s = { title, id, p->top++ };

		bad = submenu_vec_push(&p->submenus, s) < 0;
		if (!bad) {
			p->submenu = (int)p->submenus.len - 1;
			p->in_submenu = 0;
			title = id = NULL;
		}
	} else if (!bad && !is_submenu && p->entries.len < ENTRIES_MAX) {
		struct grub2_entry e = { .title = title, .id = id, .submenu = p->submenu };

		e.number = p->submenu < 0 ? p->top++ : p->in_submenu++;
		bad = entry_vec_push(&p->entries, e) < 0;
		if (!bad)
			title = id = NULL;
	}
	open_block(p, is_submenu ? BLOCK_SUBMENU : BLOCK_ENTRY);
	free(title);
	free(id);
	return bad ? -1 : 0;
}

/* --- Commands --------------------------------------------------------------------------- */
/* search --fs-uuid ... UUID: for the entry's root, or for those outside. */
static int take_search(struct parser *p, const struct line *l, size_t at)
{
	struct grub2_entry *e = is_in_entry(p) ? &p->entries.at[p->entries.len - 1] : NULL;
	bool by_uuid = false, root = true;
	char *uuid = NULL;
	size_t start;
	int r, bad = 0;

	while (!bad && (r = take_word(l, &at, &p->word, &start)) != 0) {
		const char *word = buf_str(&p->word);

		if (r < 0)
			bad = -1;
		else if (!strcmp(word, "--fs-uuid") || !strcmp(word, "-u"))
			by_uuid = true;
		else if (!strncmp(word, "--set=", 6))
			root = !strcmp(word + 6, "root") || (!e && !strcmp(word + 6, "boot")) ||
			       !strcmp(word + 6, "dev");
		else if (word[0] != '-')
			bad = set(&uuid, word);
	}
	if (!bad && by_uuid && root && uuid)
		bad = set(e ? &e->uuid : &p->conf->uuid, uuid);
	free(uuid);
	return bad;
}

static int take_set(struct parser *p, const struct line *l, size_t at)
{
	struct grub2_entry *e = is_in_entry(p) ? &p->entries.at[p->entries.len - 1] : NULL;
	struct grub2_conf *g = p->conf;
	size_t start;
	const char *word;
	int r = take_word(l, &at, &p->word, &start);

	if (r <= 0)
		return r;
	word = buf_str(&p->word);
	if (!strncmp(word, "root=", 5))
		return set(e ? &e->device : &g->device, word + 5);
	if (e || p->depth)
		return 0;
	if (!strncmp(word, "kernelopts=", 11))
		return set(&g->kernelopts, word + 11);
	if (!strncmp(word, "tuned_params=", 13))
		return set(&g->tuned_params, word + 13);
	if (strncmp(word, "default=", 8) != 0 || strstr(word, "next_entry"))
		return 0;
	g->default_saved = strstr(word, "saved_entry") != NULL;
	return g->default_saved ? 0 : set(&g->default_value, word + 8);
}

static int take_kernel(struct parser *p, struct grub2_entry *e, const struct line *l, size_t at, bool efi)
{
	size_t start;
	int r = take_word(l, &at, &p->word, &start);

	if (r <= 0)
		return r;
	while (at < l->len && line_is_blank(l->text[at]))
		at++;
	e->efi = efi;
	free(e->args);
	e->args = line_copy(l->text + at, l->len - at);
	return !e->args ? -1 : set(&e->kernel, buf_str(&p->word));
}

static int take_line(struct parser *p, const struct line *l)
{
	struct grub2_entry *e = is_in_entry(p) ? &p->entries.at[p->entries.len - 1] : NULL;
	size_t at = 0, start, end = l->len;
	char word[32];
	int r = take_word(l, &at, &p->word, &start);

	if (r <= 0)
		return r;
	if (p->word.len >= sizeof word)
		return 0;
	memcpy(word, buf_str(&p->word), p->word.len + 1);
	if (!strcmp(word, "menuentry") || !strcmp(word, "submenu"))
		return take_menu(p, l, at, word[0] == 's');
	while (end > 0 && line_is_blank(l->text[end - 1]))
		end--;
	if (end && l->text[end - 1] == '{' && (end == 1 || line_is_blank(l->text[end - 2]))) {
		open_block(p, BLOCK_OTHER);
		return 0;
	}
	if (!strcmp(word, "}"))
		close_block(p);
	else if (!strcmp(word, "set"))
		return take_set(p, l, at);
	else if (!strcmp(word, "search"))
		return take_search(p, l, at);
	else if (e && is_linux(word))
		return take_kernel(p, e, l, at, !strcmp(word, "linuxefi"));
	else if (e && !strncmp(word, "initrd", 6) && !e->initrd) {
		r = take_word(l, &at, &p->word, &start);
		return r <= 0 ? r : set(&e->initrd, buf_str(&p->word));
	} else if (!e && !p->depth && !strcmp(word, "blscfg") && !p->conf->blscfg) {
		p->conf->blscfg = true;
		p->conf->bls_number = p->top;
	} else if (!e && !p->depth && !strcmp(word, "configfile")) {
		r = take_word(l, &at, &p->word, &start);
		return r <= 0 ? r : set(&p->conf->configfile, buf_str(&p->word));
	}
	return 0;
}

void grub2conf_free(struct grub2_conf *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct grub2_entry *e = &g->entries[i];

		free(e->title);
		free(e->id);
		free(e->uuid);
		free(e->device);
		free(e->kernel);
		free(e->args);
		free(e->initrd);
	}
	for (size_t i = 0; i < g->n_submenus; i++) {
		free(g->submenus[i].title);
		free(g->submenus[i].id);
	}
	free(g->entries);
	free(g->submenus);
	free(g->default_value);
	free(g->kernelopts);
	free(g->tuned_params);
	free(g->uuid);
	free(g->device);
	free(g->configfile);
	memset(g, 0, sizeof *g);
}

int grub2conf_parse(const char *text, size_t n, struct grub2_conf *out, struct unrack_error *err)
{
	struct parser p = { .conf = out, .submenu = -1 };
	size_t pos = 0;
	struct line l;
	int bad = 0;

	memset(out, 0, sizeof *out);
	while (!bad && line_next(text, n, &pos, &l))
		bad = take_line(&p, &l) < 0;
	buf_free(&p.word);
	out->entries = p.entries.at;
	out->n = p.entries.len;
	out->submenus = p.submenus.at;
	out->n_submenus = p.submenus.len;
	if (!bad)
		return 0;
	grub2conf_free(out);
	return error_nomem(err);
}

/* --- The default ------------------------------------------------------------------------ */
static bool names(const char *value, size_t n, unsigned number, const char *title, const char *id)
{
	char *end;
	unsigned long v;

	if (line_is(value, n, title) || (id && line_is(value, n, id)))
		return true;
	if (n == 0 || n > 6 || !isdigit((unsigned char)value[0]))
		return false;
	v = strtoul(value, &end, 10);
	return end == value + n && v == number;
}

static int in_menu(const struct grub2_conf *g, int submenu, const char *value, size_t n)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->entries[i].submenu == submenu &&
		    names(value, n, g->entries[i].number, g->entries[i].title, g->entries[i].id))
			return (int)i;
	return -1;
}

static int first_of(const struct grub2_conf *g, int submenu)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->entries[i].submenu == submenu)
			return (int)i;
	return -1;
}

int grub2conf_default(const struct grub2_conf *g, const char *value)
{
	size_t n = value ? strlen(value) : 0;
	int found = n ? in_menu(g, -1, value, n) : -1;

	for (size_t i = 0; n && found < 0 && i < g->n_submenus; i++) {
		const struct grub2_submenu *s = &g->submenus[i];

		/* Titles may hold a > themselves: each is tried. */
		for (const char *p = value; found < 0 && (p = strchr(p, '>')); p++)
			if (names(value, (size_t)(p - value), s->number, s->title, s->id))
				found = in_menu(g, (int)i, p + 1, strlen(p + 1));
		if (found < 0 && names(value, n, s->number, s->title, s->id))
			found = first_of(g, (int)i);
	}
	if (found < 0)
		found = first_of(g, -1);
	return found < 0 && g->n ? 0 : found;
}

bool grub2conf_device(const char *s, int *disk, int *partition)
{
	const char *p = s + (*s == '(');
	char *end;

	if (strncmp(p, "hd", 2) != 0 || !isdigit((unsigned char)p[2]))
		return false;
	*disk = (int)(strtoul(p + 2, &end, 10) % 10000);
	*partition = 0;
	if (*end == ',') {
		end++;
		while (isalpha((unsigned char)*end))
			end++;
		if (!isdigit((unsigned char)*end))
			return false;
		*partition = (int)(strtoul(end, &end, 10) % 10000);
	}
	return !*end || *end == ')';
}

/* --- Editing ---------------------------------------------------------------------------- */
/* Where in L the arguments of a kernel are, [*start, *end). */
static int find_args(const struct line *l, struct buf *word, size_t *start, size_t *end)
{
	static const char kernelopts[] = "kernelopts=\"";
	size_t at = 0, from;
	int r = take_word(l, &at, word, &from);

	if (r <= 0)
		return r;
	if (is_linux(buf_str(word))) {
		r = take_word(l, &at, word, &from);
		*start = at;
		*end = l->len;
		return r;
	}
	if (strcmp(buf_str(word), "set") != 0)
		return 0;
	r = take_word(l, &at, word, &from);
	if (r <= 0 || l->len - from < sizeof kernelopts ||
	    memcmp(l->text + from, kernelopts, sizeof kernelopts - 1) != 0 || l->text[at - 1] != '"')
		return r < 0 ? r : 0;
	*start = from + sizeof kernelopts - 1;
	*end = at - 1;
	return *start <= *end;
}

int grub2conf_edit(const char *text, size_t n, const struct args_change *c, struct buf *out,
		   struct unrack_error *err)
{
	CLEANUP_BUF struct buf word = { 0 };
	size_t pos = 0, start = 0, end = 0;
	struct line l;
	int bad = 0;

	buf_clear(out);
	while (!bad && line_next(text, n, &pos, &l)) {
		int found = find_args(&l, &word, &start, &end);

		if (found < 0)
			bad = -1;
		else if (!found)
			bad = buf_append(out, l.text, l.len + l.end);
		else
			bad = buf_append(out, l.text, start) |
			      args_put(l.text + start, end - start, c, out) |
			      buf_append(out, l.text + end, l.len - end + l.end);
	}
	return bad ? error_nomem(err) : 0;
}
