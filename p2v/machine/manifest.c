/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unrack/digest.h"

#define BEFORE_VERSION "{\"magic\":\"unrack-manifest\",\"version\":"
#define BEFORE_SUM ",\"checksum\":\""
#define AFTER_SUM "\",\n"
#define SUM_DIGITS 16u

int manifest_encode(const struct json *doc, struct buf *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf body = { 0 };

	/* "{" and what follows it change places with the first line. */
	if (json_write(doc, true, &body) < 0 || buf_puts(&body, "\n") < 0)
		return error_nomem(err);
	if (body.len < 3 || body.data[0] != '{' || body.data[1] != '\n')
		return error_set(err, UNRACK_INTERNAL, "a manifest without content");
	buf_clear(out);
	if (buf_printf(out, BEFORE_VERSION "%d" BEFORE_SUM "%016" PRIx64 AFTER_SUM, MANIFEST_VERSION,
		       checksum64(body.data + 2, body.len - 2)) < 0 ||
	    buf_append(out, body.data + 2, body.len - 2) < 0)
		return error_nomem(err);
	return 0;
}

static int not_ours(const char *name, const char *why, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED,
			 "%s was changed by something else than unrack, or is damaged (%s); put back what "
			 "was there, or copy to another folder", name, why);
}

/* Takes BEFORE off the front of the text. */
static bool skip(const char **p, const char *end, const char *before)
{
	size_t n = strlen(before);

	if ((size_t)(end - *p) < n || memcmp(*p, before, n) != 0)
		return false;
	*p += n;
	return true;
}

int manifest_decode(const char *text, size_t n, const char *name, struct json **doc,
		    struct unrack_error *err)
{
	CLEANUP_BUF struct buf body = { 0 };
	const char *p = text, *end = text + n;
	uint8_t sum[SUM_DIGITS / 2], is[SUM_DIGITS / 2];
	char digits[SUM_DIGITS + 1] = "", is_digits[SUM_DIGITS + 1];
	unsigned version = 0;

	if (n == 0 || !skip(&p, end, BEFORE_VERSION))
		return not_ours(name, "it does not begin as a manifest does", err);
	for (; p < end && *p >= '0' && *p <= '9' && version < 100000000; p++)
		version = version * 10 + (unsigned)(*p - '0');
	if (skip(&p, end, BEFORE_SUM) && (size_t)(end - p) > SUM_DIGITS) {
		memcpy(digits, p, SUM_DIGITS);
		p += SUM_DIGITS;
	}
	if (hex_decode(digits, sum, sizeof sum) < 0 || !skip(&p, end, AFTER_SUM))
		return not_ours(name, "its first line is not as it should be", err);
	snprintf(is_digits, sizeof is_digits, "%016" PRIx64, checksum64(p, (size_t)(end - p)));
	if (hex_decode(is_digits, is, sizeof is) < 0 || memcmp(is, sum, sizeof is) != 0)
		return not_ours(name, "its checksum is wrong", err);
	if (version != MANIFEST_VERSION)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s has format version %u, this unrack knows version %d; use the newer one",
				 name, version, MANIFEST_VERSION);
	if (buf_puts(&body, "{") < 0 || buf_append(&body, p, (size_t)(end - p)) < 0)
		return error_nomem(err);
	return json_parse(buf_str(&body), body.len, name, doc, err);
}
