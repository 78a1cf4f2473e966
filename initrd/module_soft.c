/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Soft dependencies: "softdep NAME pre: A B post: C" in modules.softdep, "softdep=pre: A B" in
 * modules themselves. A and B may be aliases, as of algorithms ("crypto-crc32c"). */
#include <string.h>

#include "modules.h"

#define ALIASES_MAX 16 /* modules behind one alias; more are left out */
#define SOFT_MAX 32    /* soft dependencies of one module; more are left out */
#define WORDS_MAX 1024 /* that one module names for them */
#define LOOKED_MAX (64u << 20) /* bytes of modules.alias that are looked through for all; real kernels take some 20 MiB */

const char *module_word(const char **p, size_t *n)
{
	const char *word = *p + strspn(*p, " \t\r");

	*n = strcspn(word, " \t\r\n");
	*p = word + *n;
	return *n ? word : NULL;
}

bool module_word_is(const char *word, size_t n, const char *name, size_t len)
{
	if (n != len)
		return false;
	for (size_t k = 0; k < n; k++)
		if (word[k] != name[k] && !((word[k] == '-' || word[k] == '_') && (name[k] == '-' || name[k] == '_')))
			return false;
	return true;
}

static int add(const struct module_tree *t, const struct module *m, struct index_vec *out)
{
	size_t k = (size_t)(m - t->modules.at);

	for (size_t i = 0; i < out->len; i++)
		if (out->at[i] == k)
			return 0;
	return out->len < SOFT_MAX ? index_vec_push(out, k) : 0;
}

/* "alias WORD MODULE" */
static int add_aliased(const struct module_tree *t, const char *word, size_t n, struct index_vec *out,
		       struct unrack_error *err)
{
	const char *p;
	size_t found = 0;
	int r = module_own_text(t, &t->lazy->alias, "modules.alias", &p, err);

	t->lazy->looked += t->lazy->alias.text.len;
	if (t->lazy->looked > LOOKED_MAX)
		return r;
	for (; r == 0 && *p && found < ALIASES_MAX; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len;
		const char *line = p, *w = module_word(&line, &len);
		const struct module *m;

		if (!w || !module_word_is(w, len, "alias", 5) || !(w = module_word(&line, &len)) ||
		    !module_word_is(w, len, word, n) || !(w = module_word(&line, &len)))
			continue;
		m = modules_choose(t, w, len);
		found += m != NULL;
		if (m && add(t, m, out) < 0)
			r = error_nomem(err);
	}
	return r;
}

/* P: what follows the name, "pre: A B post: C". */
static int add_words(const struct module_tree *t, const char *p, struct index_vec *out, struct unrack_error *err)
{
	bool pre = false;
	const char *word;
	size_t n, words = 0;
	int r = 0;

	while (r == 0 && out->len < SOFT_MAX && words++ < WORDS_MAX && (word = module_word(&p, &n))) {
		const struct module *m;

		if (word[n - 1] == ':') {
			pre = n == 4 && !memcmp(word, "pre:", 4);
			continue;
		}
		if (!pre)
			continue;
		/* As kmod, which asks for what is built in last. */
		m = modules_choose(t, word, n);
		if (!m)
			r = add_aliased(t, word, n, out, err);
		else if (add(t, m, out) < 0)
			r = error_nomem(err);
	}
	return r;
}

static int find_soft(const struct module_tree *t, const struct module *m, struct index_vec *out,
		     struct unrack_error *err)
{
	const char *p;
	int r = module_own_text(t, &t->lazy->softdep, "modules.softdep", &p, err);

	for (; r == 0 && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n;
		const char *line = p, *w = module_word(&line, &n);

		if (w && module_word_is(w, n, "softdep", 7) && (w = module_word(&line, &n)) &&
		    module_word_is(w, n, m->base, m->len))
			r = add_words(t, line, out, err);
	}
	for (const char *s = NULL; r == 0 && (s = modinfo_get(&m->own->info, "softdep", s));)
		r = add_words(t, s, out, err);
	return r;
}

int module_soft_deps(const struct module_tree *t, struct module *m, const struct index_vec **out,
		     struct unrack_error *err)
{
	static const struct index_vec none;
	const struct module_own *own;
	int r = module_own_get(t, m, &own, err);

	*out = &none;
	if (r < 0 || !own)
		return r;
	if (!own->has_soft) {
		r = find_soft(t, m, &m->own->soft, err);
		if (r < 0) {
			index_vec_free(&m->own->soft);
			return r;
		}
		m->own->has_soft = true;
	}
	*out = &own->soft;
	return 0;
}
