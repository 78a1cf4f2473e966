/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON, as far as the manifest, the event stream and QEMU's monitor need it.
 *
 * A struct json is one value with its children; json_free frees all of it. Setters take
 * ownership of the child and of nothing else, and return 0 or -1 (no memory; the child
 * is freed then too), so that calls can be chained and checked once with json_bad.
 * Objects keep the order in which keys were set. Getters never fail: they give a default
 * for a missing key or another type. One owner at a time, no locking. */
#ifndef UNRACK_JSON_H
#define UNRACK_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

struct json;

struct json *json_new_object(void);
struct json *json_new_array(void);
/* Text that is not UTF-8 (old guests) is kept as Latin-1. */
int json_set_str(struct json *obj, const char *key, const char *value); /* NULL: null */
int json_set_int(struct json *obj, const char *key, int64_t value);
int json_set_real(struct json *obj, const char *key, double value); /* finite */
int json_set_bool(struct json *obj, const char *key, bool value);
int json_set(struct json *obj, const char *key, struct json *child);
/* Sets all members of FROM, which keeps them: both then share their values. */
int json_update(struct json *obj, const struct json *from);
int json_add(struct json *array, struct json *child);
int json_add_str(struct json *array, const char *value);

const char *json_str(const struct json *obj, const char *key, const char *def);
int64_t json_int(const struct json *obj, const char *key, int64_t def);
bool json_bool(const struct json *obj, const char *key, bool def);
/* The child object or array, borrowed; NULL when there is none. */
struct json *json_get(const struct json *obj, const char *key);
size_t json_len(const struct json *array); /* 0 for NULL and other types */
struct json *json_at(const struct json *array, size_t i);
const char *json_at_str(const struct json *array, size_t i, const char *def);
bool json_has(const struct json *obj, const char *key);

/* Nesting is limited (jansson: 2048). NAME is what the error sentence calls the text. */
int json_parse(const char *text, size_t n, const char *name, struct json **out,
	       struct unrack_error *err);
/* Compact on one line, or indented by two; without a newline at the end. */
int json_write(const struct json *j, bool indent, struct buf *out);
struct json *json_clone(const struct json *j);
void json_free(struct json *j);

#endif
