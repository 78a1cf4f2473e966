/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/diff.h"

#include "../support/tap.h"

static struct buf out;

static const char *diff(const char *a, const char *b)
{
	buf_clear(&out);
	if (diff_unified("a", "b", a, strlen(a), b, strlen(b), &out) < 0)
		return NULL;
	return buf_str(&out);
}

/* What patch(1) does with one file, strictly: every line of context must fit. Returns
 * whether DIFF turns OLD into WANT. */
static bool patched(const char *old, const char *d, const char *want)
{
	CLEANUP_BUF struct buf got = { 0 };
	size_t at = 0;

	if (!*d)
		return !strcmp(old, want);
	if (strncmp(d, "--- a\n+++ b\n", 12))
		return false;
	d += 12;
	while (*d) {
		const char *nl = strchr(d, '\n');
		size_t n = nl ? (size_t)(nl - d) : 0;
		bool bare = nl && !strncmp(nl, "\n\\ No newline", 13);

		if (!nl)
			return false;
		if (*d == '@') {
			unsigned long line, count = 1;
			char *end;

			line = strtoul(d + 4, &end, 10);
			if (*end == ',')
				count = strtoul(end + 1, NULL, 10);
			if (count)
				line--;
			while (line) {
				const char *e = strchr(old + at, '\n');
				size_t here = (size_t)(e - (old + at)) + 1;

				if (at == 0 || old[at - 1] == '\n') {
					unsigned long passed = 0;
					for (size_t k = 0; k < at; k++)
						passed += old[k] == '\n';
					if (passed >= line)
						break;
				}
				buf_append(&got, old + at, here);
				at += here;
			}
		} else if (*d == ' ' || *d == '-') {
			size_t len = n - 1 + !bare;
			if (strncmp(old + at, d + 1, len))
				return false;
			if (*d == ' ')
				buf_append(&got, old + at, len);
			at += len;
		} else if (*d == '+') {
			buf_append(&got, d + 1, n - 1 + !bare);
		} else if (*d != '\\') {
			return false;
		}
		d = nl + 1;
	}
	buf_puts(&got, old + at);
	return !strcmp(buf_str(&got), want);
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void random_text(unsigned *seed, struct buf *b)
{
	unsigned n = next_random(seed) % 40;

	buf_clear(b);
	for (unsigned i = 0; i < n; i++)
		buf_printf(b, "%u\n", next_random(seed) % 4);
	if (next_random(seed) % 4 == 0)
		buf_puts(b, "end");
}

int main(void)
{
	struct buf a = { 0 }, b = { 0 };
	unsigned seed = 7, good = 0;

	is_str(diff("x\ny\n", "x\ny\n"), "", "equal texts give nothing");
	is_str(diff("", ""), "", "two empty texts give nothing");
	is_str(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
	       "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
	       "a changed line has three lines of context");
	is_str(diff("", "1\n2\n"), "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+1\n+2\n", "a new text");
	is_str(diff("1\n", ""), "--- a\n+++ b\n@@ -1 +0,0 @@\n-1\n", "a text that goes");
	is_str(diff("1\n2", "1\n2\n"),
	       "--- a\n+++ b\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+2\n",
	       "a missing last newline is said");
	is_str(diff("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n"),
	       "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n",
	       "changes six lines apart share a hunk");
	is_str(diff("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n"),
	       "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n",
	       "changes seven lines apart do not");
	buf_clear(&out);
	is_int(diff_unified("a", "b", "x\0y", 3, "x\n", 2, &out), 0, "a text with a NUL is taken");
	is_str(buf_str(&out), "Binary files a and b differ\n", "and not shown");

	for (int i = 0; i < 3000; i++) {
		random_text(&seed, &a);
		random_text(&seed, &b);
		good += patched(buf_str(&a), diff(buf_str(&a), buf_str(&b)), buf_str(&b));
	}
	is_int(good, 3000, "every diff of random texts applies");

	buf_clear(&a);
	buf_clear(&b);
	buf_puts(&a, "same\n");
	buf_puts(&b, "same\n");
	for (int i = 0; i < 100000; i++) {
		buf_printf(&a, "old %d\n", i);
		buf_printf(&b, "new %d\n", i);
	}
	has_str(diff(buf_str(&a), buf_str(&b)), "@@ -1,100001 +1,100001 @@\n same\n-old 0\n-old 1\n",
		"too many changes: shown whole, without the common beginning");
	ok(patched(buf_str(&a), buf_str(&out), buf_str(&b)), "and the diff still applies");

	buf_free(&a);
	buf_free(&b);
	buf_free(&out);
	return tap_done();
}
