/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/cmd/options.h"
#include "../support/tap.h"
#include "unrack/buf.h"

struct values {
	bool dry;
	const char *esx;
	unsigned hw;
	struct option_list disks;
	uint64_t size;
};
struct globals {
	int verbose;
	bool json;
};
static const struct option_spec table[] = {
	{ "dry-run", 'n', OPTION_FLAG, NULL, "change nothing", offsetof(struct values, dry) },
	{ "esx", 0, OPTION_STR, "VERSION", "the version", offsetof(struct values, esx) },
	{ "hw", 0, OPTION_UINT, "N", "the hardware", offsetof(struct values, hw) },
	{ "size", 0, OPTION_SIZE, "BYTES", "the size", offsetof(struct values, size) },
	{ "rate", 0, OPTION_AMOUNT, "BYTES", "the rate", offsetof(struct values, size) },
	{ "disk", 'd', OPTION_LIST, "N=SOURCE", "a disk", offsetof(struct values, disks) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
static const struct option_spec global[] = {
	{ "verbose", 'v', OPTION_COUNT, NULL, "say more", offsetof(struct globals, verbose) },
	{ "json", 0, OPTION_FLAG, NULL, "events", offsetof(struct globals, json) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

static struct values v;
static struct globals g;
static char *args[20];
static int operands;
static struct unrack_error e;

static int parse(const char *line)
{
	static char copy[500];
	int n = 0;

	memset(&v, 0, sizeof v);
	memset(&g, 0, sizeof g);
	snprintf(copy, sizeof copy, "%s", line);
	for (char *s = strtok(copy, " "); s; s = strtok(NULL, " "))
		args[n++] = s;
	args[n] = NULL;
	return options_parse(n, args, table, &v, global, &g, &operands, &e);
}

/* Sizes: what is taken, and what it is. */
static void test_size(void)
{
	static const struct {
		const char *arg;
		uint64_t want;
	} good[] = { /* of a size; an amount is not 0 */
		{ "0", 0 }, { "1", 1 }, { "007", 7 }, { "1000001", 1000001 }, { "3s", 1536 },
		{ "4K", 4096 }, { "4k", 4096 }, { "40M", 40ull << 20 }, { "40m", 40ull << 20 },
		{ "3G", 3ull << 30 }, { "3g", 3ull << 30 }, { "62T", 62ull << 40 }, { "2t", 2ull << 40 },
		{ "18446744073709551615", UINT64_MAX }, { "36028797018963967s", UINT64_MAX - 511 },
	};
	static const char *const bad[] = { "K", "s", "-1", "+1", "1.5G", "0x10", "1KB", "1MiB", "1S", "1P",
					   "12x", "1ss" };
	static const char *const large[] = { "18446744073709551616", "16777216T", "36028797018963968s",
					     "99999999999999999999999999999" };
	char line[100];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		snprintf(line, sizeof line, "unrack --size %s", good[i].arg);
		is_int(parse(line), 0, "the size %s", good[i].arg);
		ok(v.size == good[i].want, "is %llu", (unsigned long long)good[i].want);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(line, sizeof line, "unrack --size=%s", bad[i]);
		is_int(parse(line), UNRACK_USAGE, "%s is no size", bad[i]);
	}
	has_str(e.text, "--size takes a whole number of bytes, or one with K, M, G, T (powers of 1024) or s "
		"(sectors of 512 bytes) behind it, not \"1ss\"", "it is quoted, and what would be one is told");
	is_int(parse("unrack --size="), UNRACK_USAGE, "nor is nothing");
	for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
		snprintf(line, sizeof line, "unrack --size %s", large[i]);
		is_int(parse(line), UNRACK_USAGE, "%s does not fit", large[i]);
	}
	has_str(e.text, "--size 99999999999999999999999999999 is too large", "and is said to be too large");
	is_int(parse("x --rate 40M"), 0, "an amount");
	ok(v.size == 40u << 20, "is read as a size");
	is_int(parse("x --rate 0"), UNRACK_USAGE, "none is no amount");
	has_str(e.text, "--rate takes more than 0", "the sentence");
}

int main(void)
{
	struct buf b = { 0 };

	is_int(parse("unrack a --esx 6.7 -v b --dry-run -v --disk 0=x -d 1=y --hw=13 --json"), 0,
	       "options and operands in any order");
	ok(operands == 2 && !strcmp(args[0], "a") && !strcmp(args[1], "b"), "operands are left, in order");
	ok(v.dry && v.hw == 13 && g.verbose == 2 && g.json, "flags, numbers and counts");
	is_str(v.esx, "6.7", "text");
	ok(v.disks.n == 2 && !strcmp(v.disks.at[1], "1=y"), "a list");
	is_int(parse("unrack -- --esx"), 0, "after -- all are operands");
	is_int(operands, 1, "one here");
	is_int(parse("unrack --bad"), UNRACK_USAGE, "an unknown option");
	has_str(e.text, "--bad is not an option here", "is named");
	is_int(parse("unrack -x"), UNRACK_USAGE, "an unknown letter");
	has_str(e.text, "-x is not an option here", "is named");
	is_int(parse("unrack --esx"), UNRACK_USAGE, "a missing value");
	has_str(e.text, "--esx needs a value", "is told");
	is_int(parse("unrack --hw 12x"), UNRACK_USAGE, "not a number");
	has_str(e.text, "--hw takes a whole number, not \"12x\"", "is quoted");
	is_int(parse("unrack --hw -5"), UNRACK_USAGE, "nor is a negative one");
	is_int(parse("unrack --hw 99999999999"), UNRACK_USAGE, "nor one too large");
	is_int(parse("unrack --json=yes"), UNRACK_USAGE, "a flag takes no value");
	test_size();
	parse("x");
	is_int(options_typed(table, &v, &b), 0, "no options");
	is_str(buf_str(&b), "", "are typed as nothing");
	parse("x --esx it's -n --hw 7 -d 0=x");
	is_int(options_typed(table, &v, &b), 0, "flags and strings");
	is_str(buf_str(&b), " --dry-run --esx 'it'\\''s'", "are typed for a shell");
	buf_clear(&b);
	options_help(table, &b);
	has_str(buf_str(&b), "  -n, --dry-run", "help has the letter");
	has_str(buf_str(&b), "  --esx VERSION              the version\n", "and the value");
	buf_free(&b);
	return tap_done();
}
