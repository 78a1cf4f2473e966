/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "../../p2v/machine/manifest.h"
#include "../support/tap.h"
#include "unrack/digest.h"

static struct unrack_error err;

static int decode(const char *text, size_t n)
{
	char *copy = memcpy(malloc(n + 1), text, n); /* of its own size, for ASan */
	struct json *j = NULL;
	int r = manifest_decode(copy, n, "m.json", &j, &err);

	free(copy);
	json_free(j);
	return r;
}

/* BODY behind a first line that is right for it, but for VERSION. */
static int decode_signed(int version, const char *body)
{
	char text[512];
	int n = snprintf(text, sizeof text,
			 "{\"magic\":\"unrack-manifest\",\"version\":%d,\"checksum\":\"%016" PRIx64 "\",\n%s",
			 version, checksum64(body, strlen(body)), body);

	return decode(text, (size_t)n);
}

int main(void)
{
	struct buf b = { 0 };
	struct json *j = json_new_object(), *back = NULL;
	bool cut = true, flipped = true;

	is_int(manifest_encode(j, &b, &err), UNRACK_INTERNAL, "an empty object is no manifest");
	json_set_str(j, "machine", "web01");
	json_set_int(j, "x", 7);
	is_int(manifest_encode(j, &b, &err), 0, "an object becomes a manifest");
	ok(!strncmp(buf_str(&b), "{\"magic\":\"unrack-manifest\",\"version\":1,\"checksum\":\"", 51),
	   "whose first line begins so");
	has_str(buf_str(&b), "\",\n  \"machine\": \"web01\",\n  \"x\": 7\n}\n", "and whose rest is for people");
	is_int(json_parse(buf_str(&b), b.len, "m", &back, &err), 0, "it is JSON for anybody");
	is_int(json_int(back, "version", 0), 1, "with all members");
	json_free(back);
	is_int(manifest_decode(buf_str(&b), b.len, "m", &back, &err), 0, "and read");
	is_int(json_int(back, "x", 0), 7, "the same");
	ok(!json_has(back, "magic") && !json_has(back, "checksum"), "without the first line's members");
	json_free(back);

	for (size_t i = 0; i < b.len; i++) {
		cut &= decode(buf_str(&b), i) == UNRACK_DAMAGED;
		b.data[i] ^= 1;
		flipped &= decode(buf_str(&b), b.len) < 0;
		b.data[i] ^= 1;
	}
	ok(cut, "cut anywhere it is damaged");
	ok(flipped, "with a flipped bit anywhere it is not taken");
	decode("{\n \"machine\": 1 }", 17);
	is_str(err.text, "m.json was changed by something else than unrack, or is damaged (it does not begin as a "
			 "manifest does); put back what was there, or copy to another folder", "the sentence");
	b.data[b.len - 4] ^= 1;
	decode(buf_str(&b), b.len);
	has_str(err.text, "(its checksum is wrong)", "a change by hand is named");
	is_int(decode_signed(1, "\"a\": 1 }\n"), 0, "a signed body");
	is_int(decode_signed(2, "\"a\": 1 }\n"), UNRACK_UNSUPPORTED, "of a newer version");
	is_str(err.text, "m.json has format version 2, this unrack knows version 1; use the newer one",
	       "the sentence");
	is_int(decode_signed(1, "\"a\": }\n"), UNRACK_DAMAGED, "that is no JSON");
	is_int(decode_signed(1, ""), UNRACK_DAMAGED, "or is empty");
	is_int(decode("", 0), UNRACK_DAMAGED, "an empty file");
	json_free(j);
	buf_free(&b);
	return tap_done();
}
