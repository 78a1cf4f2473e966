/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/lvm.h"
#include "../support/tap.h"

/* "w:id =:= s:x\"y" of a text. */
static const char *tokens(const char *data, size_t n)
{
	static char out[256];
	struct lvm_text text = { data, data + n };
	struct lvm_token t;
	size_t at = 0;

	out[0] = '\0';
	while ((t = lvm_text_next(&text)).kind && at < sizeof out - 64)
		at += (size_t)sprintf(out + at, "%s%c:%.*s", at ? " " : "", t.kind, (int)t.n, t.at);
	return out;
}

static void is_tokens(const char *data, const char *want, const char *name)
{
	/* So that a byte too far is seen. */
	char *copy = malloc(strlen(data) + 1);

	memcpy(copy, data, strlen(data));
	is_str(tokens(copy, strlen(data)), want, "%s", name);
	free(copy);
}

int main(void)
{
	struct lvm_token t = { "AAAA-BB-C", 9, 's' }, other = { "AAAA-BB-D", 9, 'w' };
	char id[LVM_ID + 1], small[5];

	is_tokens("", "", "nothing");
	is_tokens("vg0 {\n\tid = \"a-b\"\n}", "w:vg0 {:{ w:id =:= s:a-b }:}", "a section");
	is_tokens("a=[\"x\",12,y]", "w:a =:= [:[ s:x ,:, w:12 ,:, w:y ]:]", "a list, without blanks");
	is_tokens("a # } \" b\nc", "w:a w:c", "a comment");
	is_tokens("# to the end", "", "that does not end");
	is_tokens("\"a\\\"b\\\\\" c", "s:a\\\"b\\\\ w:c", "a backslash");
	is_tokens("a \"b", "w:a ?:b", "a string that does not end");
	is_tokens("\"\\", "?:\\", "nor does what is behind a backslash");
	is_tokens("\"", "?:", "a quote");
	is_tokens("a\"b\"c", "w:a s:b w:c", "strings end words");
	is_str(tokens("a\0b", 3), "w:a w:b", "a NUL is a blank");
	lvm_token_id(&t, id);
	is_str(id, "AAAABBC", "an id has no dashes");
	lvm_token_id(&(struct lvm_token){ "0123456789012345678901234567890123456789", 40, 's' }, id);
	is_int(strlen(id), LVM_ID, "and is cut");
	lvm_token_copy(&t, small, sizeof small);
	is_str(small, "AAAA", "a copy is cut to its room");
	ok(lvm_token_is(&t, "AAAA-BB-C") && !lvm_token_is(&t, "AAAA") && !lvm_token_is(&t, "AAAA-BB-CC"), "what a token is");
	ok(!lvm_token_is(&(struct lvm_token){ "{", 1, '{' }, "{"), "a brace is no text");
	ok(lvm_token_same(&t, &t) && !lvm_token_same(&t, &other), "whether two are the same");
	return tap_done();
}
