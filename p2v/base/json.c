/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only file that includes jansson. struct json is never defined: it is a json_t
 * behind the name, so that no other file needs the library's header. */
#include <jansson.h>

#include "unrack/json.h"

#include <stdlib.h>
#include <string.h>

static json_t *raw(const struct json *j)
{
	return (json_t *)(uintptr_t)j;
}

static struct json *wrap(json_t *j)
{
	return (struct json *)j;
}

struct json *json_new_object(void)
{
	return wrap(json_object());
}

struct json *json_new_array(void)
{
	return wrap(json_array());
}

/* A string value; bytes that are not UTF-8 are taken as Latin-1. */
static json_t *string_value(const char *s)
{
	json_t *j = json_string(s);
	struct buf b = { 0 };

	if (j)
		return j;
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		char two[3] = { (char)(0xc0 | *p >> 6), (char)(0x80 | (*p & 0x3f)), 0 };

		if (buf_append(&b, *p < 0x80 ? (const char *)p : two, *p < 0x80 ? 1 : 2) < 0) {
			buf_free(&b);
			return NULL;
		}
	}
	j = json_string(buf_str(&b));
	buf_free(&b);
	return j;
}

int json_set(struct json *obj, const char *key, struct json *child)
{
	return child ? json_object_set_new_nocheck(raw(obj), key, raw(child)) : -1;
}

int json_set_str(struct json *obj, const char *key, const char *value)
{
	return json_set(obj, key, wrap(value ? string_value(value) : json_null()));
}

int json_set_int(struct json *obj, const char *key, int64_t value)
{
	return json_set(obj, key, wrap(json_integer(value)));
}

int json_set_real(struct json *obj, const char *key, double value)
{
	return json_set(obj, key, wrap(json_real(value)));
}

int json_set_bool(struct json *obj, const char *key, bool value)
{
	return json_set(obj, key, wrap(json_boolean(value)));
}

int json_update(struct json *obj, const struct json *from)
{
	return obj && from ? json_object_update(raw(obj), raw(from)) : -1;
}

int json_add(struct json *array, struct json *child)
{
	return child ? json_array_append_new(raw(array), raw(child)) : -1;
}

int json_add_str(struct json *array, const char *value)
{
	return json_add(array, wrap(string_value(value)));
}

struct json *json_get(const struct json *obj, const char *key)
{
	json_t *j = obj ? json_object_get(raw(obj), key) : NULL;

	return json_is_object(j) || json_is_array(j) ? wrap(j) : NULL;
}

bool json_has(const struct json *obj, const char *key)
{
	return obj && json_object_get(raw(obj), key) != NULL;
}

const char *json_str(const struct json *obj, const char *key, const char *def)
{
	json_t *j = obj ? json_object_get(raw(obj), key) : NULL;

	return json_is_string(j) ? json_string_value(j) : def;
}

int64_t json_int(const struct json *obj, const char *key, int64_t def)
{
	json_t *j = obj ? json_object_get(raw(obj), key) : NULL;

	return json_is_integer(j) ? json_integer_value(j) : def;
}

bool json_bool(const struct json *obj, const char *key, bool def)
{
	json_t *j = obj ? json_object_get(raw(obj), key) : NULL;

	return json_is_boolean(j) ? json_boolean_value(j) : def;
}

size_t json_len(const struct json *array)
{
	return array ? json_array_size(raw(array)) : 0;
}

struct json *json_at(const struct json *array, size_t i)
{
	return array ? wrap(json_array_get(raw(array), i)) : NULL;
}

const char *json_at_str(const struct json *array, size_t i, const char *def)
{
	json_t *j = array ? json_array_get(raw(array), i) : NULL;

	return json_is_string(j) ? json_string_value(j) : def;
}

int json_parse(const char *text, size_t n, const char *name, struct json **out,
	       struct unrack_error *err)
{
	json_error_t je;
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);

	if (!j)
		return error_set(err, UNRACK_DAMAGED, "%s is not valid JSON at line %d: %s", name,
				 je.line, je.text);
	*out = wrap(j);
	return 0;
}

static int append(const char *text, size_t n, void *out)
{
	return buf_append(out, text, n);
}

int json_write(const struct json *j, bool indent, struct buf *out)
{
	/* 12.3 as 12.3, and not with the digits that a double cannot hold. */
	size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) | (indent ? JSON_INDENT(2) : JSON_COMPACT);

	return json_dump_callback(raw(j), append, out, flags) < 0 ? -1 : 0;
}

struct json *json_clone(const struct json *j)
{
	return wrap(json_deep_copy(raw(j)));
}

void json_free(struct json *j)
{
	json_decref(raw(j));
}
