/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kmod_index.h"

#include <string.h>

#include "base/bytes.h"
#include "kmod_node.h"

/* A node's parts, none of which reaches beyond the file. */
struct node {
	const char *prefix; /* "" if it has none */
	const uint8_t *children;
	unsigned first, n_children;
	const uint8_t *values;
	uint32_t n_values;
	size_t size; /* of all of it but its values */
};

static bool read_node(const uint8_t *p, size_t n, uint32_t name, struct node *out)
{
	size_t from = name & KMOD_NODE_OFFSET, at = from;

	*out = (struct node){ .prefix = "" };
	if (at < KMOD_HEADER || at > n)
		return false;
	if (name & KMOD_NODE_PREFIX) {
		const uint8_t *end = memchr(p + at, '\0', n - at);

		if (!end)
			return false;
		out->prefix = (const char *)p + at;
		at = (size_t)(end - p) + 1;
	}
	if (name & KMOD_NODE_CHILDREN) {
		if (n - at < 2 || p[at + 1] < p[at])
			return false;
		out->first = p[at];
		out->n_children = p[at + 1] - p[at] + 1u;
		at += 2;
		if (n - at < 4 * (size_t)out->n_children)
			return false;
		out->children = p + at;
		at += 4 * (size_t)out->n_children;
	}
	if (name & KMOD_NODE_VALUES) {
		if (n - at < 4)
			return false;
		out->n_values = get_be32(p + at);
		out->values = p + at + 4;
	}
	out->size = at - from;
	return true;
}

/* The next of a node's values at *V; false: it is not whole. */
static bool read_value(const uint8_t *p, size_t n, const uint8_t **v, struct kmod_entry *e)
{
	size_t left = n - (size_t)(*v - p);
	const uint8_t *end;

	if (left < 5)
		return false;
	end = memchr(*v + 4, '\0', left - 4);
	if (!end)
		return false;
	e->priority = get_be32(*v);
	e->value = (const char *)*v + 4;
	*v = end + 1;
	return true;
}

static bool read_root(const uint8_t *p, size_t n, uint32_t *root)
{
	if (n < KMOD_HEADER || get_be32(p) != KMOD_MAGIC || get_be32(p + 4) >> 16 != KMOD_VERSION >> 16)
		return false;
	*root = get_be32(p + 8);
	return true;
}

const char *kmod_index_find(const uint8_t *p, size_t n, const char *key)
{
	struct kmod_entry e;
	struct node node;
	const uint8_t *v;
	uint32_t name;

	if (!read_root(p, n, &name))
		return NULL;
	for (;; key++) {
		unsigned c;
		size_t len;

		if (!read_node(p, n, name, &node))
			return NULL;
		len = strlen(node.prefix);
		if (strncmp(key, node.prefix, len) != 0)
			return NULL;
		key += len;
		c = (unsigned char)*key;
		if (!c)
			break;
		if (c < node.first || c - node.first >= node.n_children)
			return NULL;
		name = get_be32(node.children + 4 * (c - node.first));
		if (!name)
			return NULL;
	}
	v = node.values;
	return node.n_values && read_value(p, n, &v, &e) ? e.value : NULL;
}

/* --- Every entry ------------------------------------------------------------------------ */

struct walk {
	const uint8_t *p;
	size_t n, left; /* how many bytes may still be read: a file is read once, or has circles */
	int (*visit)(void *ctx, const struct kmod_entry *e);
	void *ctx;
	char key[KMOD_KEY_MAX];
};

static bool spend(struct walk *w, size_t bytes)
{
	if (bytes > w->left)
		return false;
	w->left -= bytes;
	return true;
}

/* The node NAME below the key of LEN characters. As deep as a key is long at most. */
static int walk(struct walk *w, uint32_t name, size_t len)
{
	struct node node;
	size_t n;
	int r;

	if (!read_node(w->p, w->n, name, &node) || !spend(w, node.size + 1))
		return KMOD_INDEX_DAMAGED;
	n = strlen(node.prefix);
	if (n >= KMOD_KEY_MAX - len - 1)
		return KMOD_INDEX_DAMAGED;
	memcpy(w->key + len, node.prefix, n + 1);
	len += n;
	for (const uint8_t *v = node.values; node.n_values; node.n_values--) {
		struct kmod_entry e = { .key = w->key };
		const uint8_t *from = v;

		if (!read_value(w->p, w->n, &v, &e) || !spend(w, (size_t)(v - from)))
			return KMOD_INDEX_DAMAGED;
		if ((r = w->visit(w->ctx, &e)) != 0)
			return r;
	}
	for (unsigned k = 0; k < node.n_children; k++) {
		uint32_t child = get_be32(node.children + 4 * k);

		if (!child)
			continue;
		w->key[len] = (char)(node.first + k);
		w->key[len + 1] = '\0';
		if ((r = walk(w, child, len + 1)) != 0)
			return r;
	}
	return 0;
}

int kmod_index_each(const uint8_t *p, size_t n, int (*visit)(void *ctx, const struct kmod_entry *e),
		    void *ctx)
{
	/* Each node counts one byte more than it has. */
	struct walk w = { .p = p, .n = n, .left = 2 * n, .visit = visit, .ctx = ctx };
	uint32_t root;

	return read_root(p, n, &root) ? walk(&w, root, 0) : KMOD_INDEX_DAMAGED;
}
