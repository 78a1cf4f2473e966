/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "unrack/buf.h"

#define OPTIONS_MAX 64
#define FIRST_VAL 256 /* above every letter */

/* Bytes in one of the unit C. 0: there is no such unit. */
static uint64_t unit_bytes(char c)
{
	switch (c) {
	case '\0':
		return 1;
	case 's':
		return SECTOR_SIZE;
	case 'K': case 'k':
		return 1ull << 10;
	case 'M': case 'm':
		return 1ull << 20;
	case 'G': case 'g':
		return 1ull << 30;
	case 'T': case 't':
		return 1ull << 40;
	}
	return 0;
}

static int parse_size(const char *name, const char *arg, uint64_t *out, struct unrack_error *err)
{
	size_t digits = strspn(arg, "0123456789");
	uint64_t unit = unit_bytes(arg[digits]);
	unsigned long long n;

	if (digits == 0 || unit == 0 || (arg[digits] && arg[digits + 1]))
		return error_set(err, UNRACK_USAGE, "--%s takes a whole number of bytes, or one with K, M, G, T "
				 "(powers of 1024) or s (sectors of 512 bytes) behind it, not \"%s\"", name, arg);
	errno = 0;
	n = strtoull(arg, NULL, 10);
	if (errno || mul_overflows(n, unit, out))
		return error_set(err, UNRACK_USAGE, "--%s %s is too large", name, arg);
	return 0;
}

static int store(const struct option_spec *o, void *values, const char *arg, struct unrack_error *err)
{
	void *at = (char *)values + o->offset;

	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_COUNT:
		++*(int *)at;
		return 0;
	case OPTION_STR:
		*(const char **)at = arg;
		return 0;
	case OPTION_LIST: {
		struct option_list *l = at;

		if (l->n == OPTION_LIST_MAX)
			return error_set(err, UNRACK_USAGE, "--%s is given more than %d times",
					 o->name, OPTION_LIST_MAX);
		l->at[l->n++] = arg;
		return 0;
	}
	case OPTION_UINT: {
		char *end;
		unsigned long v;

		errno = 0;
		v = strtoul(arg, &end, 10);
		if (errno || end == arg || *end || arg[0] == '-' || v > INT_MAX)
			return error_set(err, UNRACK_USAGE, "--%s takes a whole number, not \"%s\"",
					 o->name, arg);
		*(unsigned *)at = (unsigned)v;
		return 0;
	}
	case OPTION_SIZE:
		return parse_size(o->name, arg, at, err);
	case OPTION_AMOUNT: {
		int r = parse_size(o->name, arg, at, err);

		if (r == 0 && *(uint64_t *)at == 0)
			r = error_set(err, UNRACK_USAGE, "--%s takes more than 0", o->name);
		return r;
	}
	}
	return error_set(err, UNRACK_INTERNAL, "--%s has no known kind", o->name);
}

struct parser {
	struct option longs[OPTIONS_MAX + 1];
	const struct option_spec *specs[OPTIONS_MAX];
	void *values[OPTIONS_MAX];
	char shorts[3 * OPTIONS_MAX + 2];
	unsigned n;
};

static void add_table(struct parser *p, const struct option_spec *table, void *values)
{
	size_t s = strlen(p->shorts);

	for (; table && table->name && p->n < OPTIONS_MAX; table++) {
		p->longs[p->n] = (struct option){ table->name,
						  table->arg ? required_argument : no_argument, NULL,
						  FIRST_VAL + (int)p->n };
		p->specs[p->n] = table;
		p->values[p->n++] = values;
		if (table->letter) {
			p->shorts[s++] = table->letter;
			if (table->arg)
				p->shorts[s++] = ':';
			p->shorts[s] = '\0';
		}
	}
}

int options_parse(int argc, char **argv, const struct option_spec *table, void *values,
		  const struct option_spec *global, void *global_values, int *operands,
		  struct unrack_error *err)
{
	struct parser p = { .shorts = ":" };
	int c, r, n = 0;

	add_table(&p, table, values);
	add_table(&p, global, global_values);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, p.shorts, p.longs, NULL)) != -1) {
		unsigned i = 0;

		if (c == '?' || c == ':') {
			const char *bad = argv[optind - 1];
			char letter[3] = { '-', (char)optopt, 0 };

			if (optopt > 0 && optopt < FIRST_VAL)
				bad = letter;
			if (c == ':')
				return error_set(err, UNRACK_USAGE, "%s needs a value; see --help", bad);
			return error_set(err, UNRACK_USAGE, "%s is not an option here, or is not unique; "
					 "see --help", bad);
		}
		if (c >= FIRST_VAL)
			i = (unsigned)(c - FIRST_VAL);
		else
			while (i < p.n - 1 && p.specs[i]->letter != c)
				i++;
		r = store(p.specs[i], p.values[i], optarg, err);
		if (r < 0)
			return r;
	}
	while (optind < argc)
		argv[n++] = argv[optind++];
	*operands = n;
	return 0;
}

int options_typed(const struct option_spec *table, const void *values, struct buf *out)
{
	int bad = 0;

	for (; table && table->name; table++) {
		const void *at = (const char *)values + table->offset;
		const char *text = table->kind == OPTION_STR ? *(const char *const *)at : NULL;

		if (table->kind == OPTION_FLAG && *(const bool *)at)
			bad |= buf_printf(out, " --%s", table->name);
		else if (text)
			bad |= buf_printf(out, " --%s ", table->name) | buf_quote(out, text);
	}
	return bad ? -1 : 0;
}

int options_help(const struct option_spec *table, struct buf *out)
{
	for (; table && table->name; table++) {
		char left[64];
		size_t n = 0;

		left[0] = '\0';
		if (table->letter)
			n = (size_t)snprintf(left, sizeof left, "-%c, ", table->letter);
		snprintf(left + n, sizeof left - n, "--%s%s%s", table->name, table->arg ? " " : "",
			 table->arg ? table->arg : "");
		if (buf_printf(out, "  %-26s %s\n", left, table->help) < 0)
			return -1;
	}
	return 0;
}
