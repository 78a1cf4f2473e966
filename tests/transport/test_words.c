/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command line cut into words. */
#include "../../transport/words.h"
#include "../support/tap.h"

static struct unrack_error err;

/* The words with | between them. */
static const char *cut(const char *text)
{
	static char joined[1024];
	char *out[WORDS_MAX];
	size_t n;

	joined[0] = '\0';
	if (words_split("--rsh", text, out, &n, &err) < 0)
		return err.text;
	for (size_t i = 0; i < n; i++) {
		strcat(joined, i ? "|" : "");
		strcat(joined, out[i]);
	}
	free(out[0]);
	return joined;
}

int main(void)
{
	char many[2 * WORDS_MAX + 3];

	is_str(cut("ssh"), "ssh", "one word");
	is_str(cut(" \tssh  -o\tBatchMode=yes "), "ssh|-o|BatchMode=yes", "spaces and tabs separate");
	is_str(cut("a 'b c' d\"e f\"g"), "a|b c|de fg", "quotes keep them");
	is_str(cut("a '' \"\" b"), "a|||b", "an empty word");
	is_str(cut("a\\ b \\'c \\\\"), "a b|'c|\\", "so does a backslash");
	is_str(cut("\"a\\\"b\\\\c\\d\" 'e\\f'"), "a\"b\\c\\d|e\\f", "which is less within quotes");
	is_str(cut("a;b $(c) `d` $E *"), "a;b|$(c)|`d`|$E|*", "nothing else of a shell");
	has_str(cut("a 'b"), "--rsh has a quote or a backslash without its end", "an open quote");
	has_str(cut("a \"b'"), "without its end", "of either kind");
	has_str(cut("a b\\"), "without its end", "a backslash at the end");
	has_str(cut(""), "--rsh names no program", "no words");
	has_str(cut("  \t "), "--rsh names no program", "only spaces");
	is_int(err.code, UNRACK_USAGE, "are wrong usage");
	for (size_t i = 0; i <= WORDS_MAX; i++)
		memcpy(many + 2 * i, "a ", 3);
	has_str(cut(many), "more than 64 words", "too many");
	many[2 * WORDS_MAX] = '\0';
	is_int(strlen(cut(many)), 2 * WORDS_MAX - 1, "just as many as allowed");
	return tap_done();
}
