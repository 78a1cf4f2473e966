/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* udev's rules: KEY=="VALUE" and KEY="VALUE" apart by commas; a backslash at its end
 * continues a line. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "unrack/netconf.h"

void udev_rule_free(struct udev_rule *r)
{
	free(r->name);
	free(r->mac);
	free(r->bound);
	memset(r, 0, sizeof *r);
}

struct pair {
	const char *key, *op, *value;
	size_t key_len, op_len, value_len;
};

/* The next KEY OP "VALUE" in [*at, end). */
static bool next_pair(const char **at, const char *end, struct pair *p)
{
	const char *s = *at;

	while (s < end && !isalpha((unsigned char)*s))
		s++;
	p->key = s;
	while (s < end && !strchr("=!+-:\"", *s) && !isspace((unsigned char)*s) && *s)
		s++;
	p->key_len = (size_t)(s - p->key);
	while (s < end && line_is_blank(*s))
		s++;
	p->op = s;
	while (s < end && *s && strchr("=!+-:", *s))
		s++;
	p->op_len = (size_t)(s - p->op);
	while (s < end && line_is_blank(*s))
		s++;
	if (s >= end || *s != '"')
		return false;
	p->value = ++s;
	while (s < end && *s != '"')
		s++;
	if (s >= end)
		return false;
	p->value_len = (size_t)(s - p->value);
	*at = s + 1;
	return p->key_len > 0 && p->op_len > 0;
}

static bool key_is(const struct pair *p, const char *key)
{
	return line_is(p->key, p->key_len, key);
}

/* A match that only the physical machine's hardware fulfils: where the card was, its driver. */
static bool is_of_hardware(const struct pair *p)
{
	static const char *const keys[] = { "KERNELS", "ID", "BUS", "DRIVERS", "DRIVER", "PATH" };

	if (!line_is(p->op, p->op_len, "==") || line_is(p->value, p->value_len, "?*") ||
	    line_is(p->value, p->value_len, "*"))
		return false;
	if (key_is(p, "ENV{ID_PATH}") || key_is(p, "ENV{ID_NET_NAME_PATH}") ||
	    key_is(p, "ENV{ID_NET_NAME_SLOT}") || key_is(p, "ENV{ID_NET_NAME_ONBOARD}") ||
	    (p->key_len > 6 && !memcmp(p->key, "ATTRS{", 6) && !key_is(p, "ATTRS{address}")))
		return true;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (key_is(p, keys[i]))
			return !key_is(p, "BUS") || !line_is(p->value, p->value_len, "pci");
	return false;
}

static char *lower_copy(const char *s, size_t n)
{
	char *copy = line_copy(s, n);

	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* Fills R from one rule; false: it does not name a card. */
static bool parse_rule(const char *text, size_t n, struct udev_rule *r)
{
	const char *at = text;
	bool net = false;
	struct pair p;

	while (next_pair(&at, text + n, &p)) {
		bool is_match = line_is(p.op, p.op_len, "==");

		if (key_is(&p, "SUBSYSTEM") && is_match) {
			net = line_is(p.value, p.value_len, "net");
		} else if (key_is(&p, "NAME") && p.op[p.op_len - 1] == '=' && !is_match &&
			   p.op[0] != '!') {
			free(r->name);
			r->name = line_copy(p.value, p.value_len);
		} else if ((key_is(&p, "ATTR{address}") || key_is(&p, "ATTRS{address}") ||
			    key_is(&p, "SYSFS{address}")) && is_match) {
			free(r->mac);
			r->mac = lower_copy(p.value, p.value_len);
		} else if (is_of_hardware(&p) && !r->bound) {
			r->bound = line_copy(p.key, (size_t)(p.value + p.value_len + 1 - p.key));
		}
	}
	return net && r->name && *r->name && !strchr(r->name, '%') && !strchr(r->name, '$');
}

/* The next rule with the lines that continue it: [*start, *pos). */
static bool next_rule(const char *text, size_t n, size_t *pos, unsigned *line, size_t *start, unsigned *first)
{
	struct line l;

	*start = *pos;
	*first = *line + 1;
	while (line_next(text, n, pos, &l)) {
		++*line;
		if (!l.len || l.text[l.len - 1] != '\\')
			return true;
	}
	return *pos > *start;
}

static bool is_comment(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && line_is_blank(text[i]))
		i++;
	return i == n || text[i] == '#' || text[i] == '\n' || text[i] == '\r';
}

bool udev_rule_next(const char *text, size_t n, size_t *pos, unsigned *line, struct udev_rule *out)
{
	size_t start;
	unsigned first;

	memset(out, 0, sizeof *out);
	while (next_rule(text, n, pos, line, &start, &first)) {
		if (!is_comment(text + start, *pos - start) && parse_rule(text + start, *pos - start, out)) {
			out->line = first;
			return true;
		}
		udev_rule_free(out);
	}
	return false;
}

static bool is_named(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* [TEXT, N) with a # before each line. */
static int put_comment(const char *text, size_t n, struct buf *out)
{
	size_t pos = 0;
	struct line l;
	int bad = 0;

	while (line_next(text, n, &pos, &l))
		bad |= buf_puts(out, "#") | buf_append(out, l.text, l.len + l.end);
	return bad;
}

int udev_rules_edit(const char *text, size_t n, const char *const *names, size_t n_names,
		    const char *lines, struct buf *out, struct unrack_error *err)
{
	size_t pos = 0, start;
	unsigned line = 0, first;
	int bad = 0;

	buf_clear(out);
	while (!bad && next_rule(text, n, &pos, &line, &start, &first)) {
		struct udev_rule r = { 0 };
		bool goes = !is_comment(text + start, pos - start) &&
			    parse_rule(text + start, pos - start, &r) && is_named(r.name, names, n_names);

		bad = goes ? put_comment(text + start, pos - start, out) :
			     buf_append(out, text + start, pos - start);
		udev_rule_free(&r);
	}
	if (*lines && out->len && out->data[out->len - 1] != '\n')
		bad |= buf_puts(out, "\n");
	return bad | buf_puts(out, lines) ? error_nomem(err) : 0;
}
