/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/json.h"

int main(void)
{
	struct json *o = json_new_object(), *a = json_new_array(), *p = NULL, *c;
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct buf b = { 0 };

	json_set_str(o, "z", "last letter first");
	json_set_int(o, "n", -5);
	json_set_real(o, "r", 12.3);
	json_set_bool(o, "yes", true);
	json_set_str(o, "none", NULL);
	json_set_str(o, "latin", "caf\xe9");
	json_add_str(a, "one");
	json_add(a, json_new_object());
	json_set(o, "list", a);
	is_int(json_write(o, false, &b), 0, "an object is written");
	is_str(buf_str(&b), "{\"z\":\"last letter first\",\"n\":-5,\"r\":12.3,\"yes\":true,\"none\":null,"
	       "\"latin\":\"caf\xc3\xa9\",\"list\":[\"one\",{}]}", "keys in the order of setting, Latin-1 as UTF-8");
	is_int(json_parse(buf_str(&b), b.len, "it", &p, &e), 0, "and parsed");
	is_str(json_str(p, "z", "?"), "last letter first", "string");
	is_int(json_int(p, "n", 0), -5, "number");
	ok(json_bool(p, "yes", false) && !json_bool(p, "no", false) && json_bool(p, "n", true), "booleans and defaults");
	is_str(json_str(p, "n", "def"), "def", "another type gives the default");
	is_str(json_str(NULL, "n", "def"), "def", "so does no object");
	is_int(json_len(json_get(p, "list")), 2, "array");
	is_str(json_at_str(json_get(p, "list"), 0, "?"), "one", "its element");
	ok(json_at(json_get(p, "list"), 5) == NULL && json_get(p, "z") == NULL && json_len(NULL) == 0, "out of range is nothing");
	ok(json_has(p, "none") && !json_has(p, "nothing"), "has");
	c = json_clone(p);
	json_set_int(c, "n", 6);
	is_int(json_int(p, "n", 0), -5, "a clone is its own");
	is_int(json_update(c, o) | json_update(c, a), -1, "only an object's members");
	is_int(json_int(c, "n", 0), -5, "are set over others");
	json_free(c);
	is_int(json_len(json_get(p, "list")), 2, "and stay");
	json_free(p);
	is_int(json_parse("{\"a\":1,}", 8, "the manifest", &p, &e), UNRACK_DAMAGED, "bad JSON is damage");
	has_str(e.text, "the manifest is not valid JSON at line 1", "named, with its line");
	is_int(json_parse("{\"a\":1,\"a\":2}", 13, "x", &p, &e), UNRACK_DAMAGED, "a key twice is refused");
	buf_clear(&b);
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, "[");
	is_int(json_parse(buf_str(&b), b.len, "x", &p, &e), UNRACK_DAMAGED, "endless nesting is refused");
	buf_free(&b);
	json_free(o);
	json_free(NULL);
	return tap_done();
}
