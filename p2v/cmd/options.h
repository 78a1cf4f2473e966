/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options as data: one table a command feeds parsing, --help and the test that compares
 * both with the manual page. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"

enum option_kind {
	OPTION_FLAG,  /* bool: set to true */
	OPTION_STR,   /* const char *: points into argv */
	OPTION_UINT,  /* unsigned: decimal */
	OPTION_LIST,  /* struct option_list: may be given several times */
	OPTION_COUNT, /* int: counts up (-v -v) */
	/* uint64_t, bytes: a whole number, alone or with K, M, G, T (powers of 1024, also in
	 * small letters) or s (sectors of 512 bytes) behind it */
	OPTION_SIZE,
	OPTION_AMOUNT, /* the same, and not 0 */
};

#define OPTION_LIST_MAX 64

struct option_list {
	const char *at[OPTION_LIST_MAX];
	unsigned n;
};

struct option_spec {
	const char *name;     /* long name without dashes; NULL ends the table */
	char letter;          /* short form, or 0 */
	enum option_kind kind;
	const char *arg;      /* "VERSION"; NULL for flags */
	const char *help;     /* one line */
	size_t offset;        /* of the value within the command's own struct */
};

/* Parses argv[1..] (argv[0] is skipped) by TABLE into VALUES and by GLOBAL into
 * GLOBAL_VALUES, options and operands in any order. The operands are left at argv[0..*operands). */
int options_parse(int argc, char **argv, const struct option_spec *table, void *values,
		  const struct option_spec *global, void *global_values, int *operands,
		  struct unrack_error *err);

struct buf;
/* The flags and strings of TABLE that VALUES have, as they are typed, with a space before each; -1: no memory. */
int options_typed(const struct option_spec *table, const void *values, struct buf *out);

/* The lines of --help for one table. */
int options_help(const struct option_spec *table, struct buf *out);

#endif
