/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manifest's text: JSON whose first line seals the rest.
 *
 *   {"magic":"unrack-manifest","version":1,"checksum":"<16 hex digits>",
 *     "machine": "web01",
 *     ...
 *   }
 *
 * The checksum (XXH3, 64 bits) is of everything behind the first line. So the whole is JSON
 * for any reader, and a change by hand is noticed. */
#ifndef P2V_MACHINE_MANIFEST_H
#define P2V_MACHINE_MANIFEST_H

#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/json.h"

#define MANIFEST_VERSION 1
#define MANIFEST_MAX (4u << 20)

/* DOC: an object with at least one member. OUT is replaced. */
int manifest_encode(const struct json *doc, struct buf *out, struct unrack_error *err);
/* The object without the members of the first line. NAME for messages. */
int manifest_decode(const char *text, size_t n, const char *name, struct json **doc,
		    struct unrack_error *err);

#endif
