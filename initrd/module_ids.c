/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which PCI devices a driver says it is for. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "modules.h"

/* The device that is asked for, and the best answer so far. */
struct question {
	uint16_t vendor, device;
	enum module_claim answer;
};

static void see(struct question *q, uint32_t vendor, uint32_t device)
{
	enum module_claim a = MODULE_CLAIMS_NO;

	if (vendor == MODINFO_ANY && device == MODINFO_ANY)
		a = MODULE_CLAIMS_CLASS;
	else if ((vendor == MODINFO_ANY || vendor == q->vendor) && (device == MODINFO_ANY || device == q->device))
		a = MODULE_CLAIMS_YES;
	if (a > q->answer)
		q->answer = a;
}

/* "000015AD", or "*", behind the letter LETTER. */
static bool take_id(const char **p, size_t *n, char letter, uint32_t *out)
{
	char digits[9];

	if (*n >= 2 && (*p)[0] == letter && (*p)[1] == '*') {
		*out = MODINFO_ANY;
		*p += 2;
		*n -= 2;
		return true;
	}
	if (*n < 9 || (*p)[0] != letter)
		return false;
	memcpy(digits, *p + 1, 8);
	digits[8] = '\0';
	if (strspn(digits, "0123456789ABCDEFabcdef") != 8)
		return false;
	*out = (uint32_t)strtoul(digits, NULL, 16);
	*p += 9;
	*n -= 9;
	return true;
}

/* "pci:v000015ADd000007C0sv*sd*bc*sc*i*" */
static void see_alias(struct question *q, const char *alias, size_t n)
{
	uint32_t vendor, device;

	if (n < 4 || memcmp(alias, "pci:", 4) != 0)
		return;
	alias += 4;
	n -= 4;
	if (take_id(&alias, &n, 'v', &vendor) && take_id(&alias, &n, 'd', &device))
		see(q, vendor, device);
}

static void ask_module(struct question *q, const struct modinfo *m)
{
	for (const char *s = NULL; (s = modinfo_get(m, "alias", s));)
		see_alias(q, s, strlen(s));
	for (size_t k = 0; k < m->n_pci; k++)
		see(q, m->pci[k].vendor, m->pci[k].device);
}

/* "alias pci:v... NAME" */
static void ask_alias(struct question *q, const char *p, const struct module *m)
{
	for (; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n, alias_n;
		const char *line = p, *w = module_word(&line, &n), *alias;

		if (w && module_word_is(w, n, "alias", 5) && (alias = module_word(&line, &alias_n)) &&
		    (w = module_word(&line, &n)) && module_word_is(w, n, m->base, m->len))
			see_alias(q, alias, alias_n);
	}
}

static bool take_number(const char **line, uint32_t *out)
{
	size_t n;
	const char *w = module_word(line, &n);
	char *end;
	unsigned long v = w ? strtoul(w, &end, 16) : 0;

	*out = (uint32_t)v;
	return w && end == w + n && v <= MODINFO_ANY;
}

/* "NAME 0x000015ad 0x000007c0 ...": depmod of modutils and module-init-tools. */
static void ask_pcimap(struct question *q, const char *p, const struct module *m)
{
	for (; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		uint32_t vendor, device;
		size_t n;
		const char *line = p, *w = module_word(&line, &n);

		if (w && module_word_is(w, n, m->base, m->len) && take_number(&line, &vendor) &&
		    take_number(&line, &device))
			see(q, vendor, device);
	}
}

int module_tree_claims(const struct module_tree *t, const char *name, uint16_t vendor, uint16_t device,
		       enum module_claim *answer, struct unrack_error *err)
{
	struct question q = { vendor, device, MODULE_CLAIMS_UNKNOWN };
	struct module *m = modules_choose(t, name, strlen(name));
	const struct module_own *own;
	const char *text;
	int r;

	*answer = MODULE_CLAIMS_UNKNOWN;
	if (!m || !t->lazy)
		return 0;
	r = module_own_get(t, m, &own, err);
	if (r == 0 && own->read)
		ask_module(&q, &own->info);
	if (r == 0 && q.answer == MODULE_CLAIMS_UNKNOWN)
		r = module_own_text(t, &t->lazy->alias, "modules.alias", &text, err);
	if (r == 0 && q.answer == MODULE_CLAIMS_UNKNOWN)
		ask_alias(&q, text, m);
	if (r == 0 && q.answer == MODULE_CLAIMS_UNKNOWN)
		r = module_own_text(t, &t->lazy->pcimap, "modules.pcimap", &text, err);
	if (r == 0 && q.answer == MODULE_CLAIMS_UNKNOWN)
		ask_pcimap(&q, text, m);
	*answer = q.answer;
	return r;
}
