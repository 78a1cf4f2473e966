/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modinfo.h"

#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "base/vec.h"
#include "elf.h"

#define SYMBOLS_MAX 65536u /* of each kind, in one module; the largest ones have some thousands */
#define NAMES_MAX (8u << 20) /* bytes of all of its symbols' names */
#define TEXT_MAX (1u << 20)  /* bytes of .modinfo; what comes behind is not looked at */
#define PCI_MAX 8192u      /* devices in one table */
#define VERSION_SIZE 64u   /* an entry of __versions: a word, and the name in the rest */
#define KSYMTAB "__ksymtab_"

DEFINE_VEC(symbol_vec, struct modinfo_symbol);
DEFINE_VEC(pci_vec, struct modinfo_pci);

/* --- Symbols ---------------------------------------------------------------------------- */

/* While they are collected, NAME is an offset into the strings, which may move. */
struct collect {
	struct modinfo *m;
	struct symbol_vec wanted, exported, globals, versions;
	size_t ksymtab; /* the section, or ELF_NO_SECTION */
};

static int add_symbol(struct modinfo *m, struct symbol_vec *v, const char *name, size_t n, uint32_t crc,
		      bool has_crc)
{
	size_t at = m->strings.len;

	if (v->len == SYMBOLS_MAX || n >= NAMES_MAX - m->strings.len)
		return 0;
	if (buf_append(&m->strings, name, n) < 0 || buf_zeros(&m->strings, 1) < 0)
		return -1;
	return symbol_vec_push(v, (struct modinfo_symbol){ (const char *)(uintptr_t)at, crc, has_crc });
}

/* "printk_Rsmp_1b7d4074": genksyms' prefix and eight digits behind the last "_R". */
static size_t split_crc(const char *name, uint32_t *crc, bool *has)
{
	size_t n = strlen(name), at = n;
	char *end;

	*has = false;
	*crc = 0;
	if (n < 11)
		return n;
	while (at > 0 && !(name[at] == '_' && name[at + 1] == 'R'))
		at--;
	if (at == 0 || n - at < 10 || strspn(name + n - 8, "0123456789abcdef") != 8)
		return n;
	*crc = (uint32_t)strtoul(name + n - 8, &end, 16);
	*has = true;
	return at;
}

static int add_old(struct modinfo *m, struct symbol_vec *v, const char *name)
{
	uint32_t crc;
	bool has;
	size_t n = split_crc(name, &crc, &has);

	return add_symbol(m, v, name, n, crc, has);
}

/* As loadobj of modutils: what is in __ksymtab is exported, else every global symbol. */
static int take_symbol(void *ctx, const struct elf_symbol *s)
{
	struct collect *c = ctx;
	size_t prefix = strlen(KSYMTAB);

	if (s->section == ELF_NO_SECTION)
		return s->bind == ELF_WEAK ? 0 : add_old(c->m, &c->wanted, s->name);
	if (s->bind != ELF_GLOBAL)
		return 0;
	if (c->ksymtab == ELF_NO_SECTION)
		return add_old(c->m, &c->globals, s->name);
	if (s->section != c->ksymtab || strncmp(s->name, KSYMTAB, prefix) != 0)
		return 0;
	return add_old(c->m, &c->exported, s->name + prefix);
}

static int by_name(const void *va, const void *vb)
{
	return strcmp(((const struct modinfo_symbol *)va)->name, ((const struct modinfo_symbol *)vb)->name);
}

static void finish(struct modinfo *m, struct symbol_vec *v, struct modinfo_symbols *out)
{
	for (size_t k = 0; k < v->len; k++)
		v->at[k].name = (const char *)m->strings.data + (uintptr_t)v->at[k].name;
	if (v->len)
		qsort(v->at, v->len, sizeof *v->at, by_name);
	*out = (struct modinfo_symbols){ v->at, v->len };
	*v = (struct symbol_vec){ 0 };
}

const struct modinfo_symbol *modinfo_find(const struct modinfo_symbols *s, const char *name)
{
	const struct modinfo_symbol key = { .name = name };

	return s->n ? bsearch(&key, s->at, s->n, sizeof key, by_name) : NULL;
}

/* --- Checksums of 2.6 and later --------------------------------------------------------- */

/* __versions: {unsigned long crc; char name[64 - sizeof(unsigned long)]}. */
static int read_versions(const struct elf *e, struct collect *c)
{
	size_t w = e->is64 ? 8 : 4;
	struct elf_section s;

	if (elf_find(e, "__versions", &s) == ELF_NO_SECTION || !s.data)
		return 0;
	for (size_t at = 0; s.size - at >= VERSION_SIZE; at += VERSION_SIZE) {
		const char *name = (const char *)s.data + at + w;
		uint64_t crc;

		if (!elf_word(e, &s, at, &crc) ||
		    add_symbol(c->m, &c->versions, name, strnlen(name, VERSION_SIZE - w), (uint32_t)crc, true) < 0)
			return -1;
	}
	return 0;
}

/* Longer names, from Linux 6.13 on: words of 32 bits, and names that each end with a NUL. */
static int read_long_versions(const struct elf *e, struct collect *c)
{
	struct elf_section crcs, names;
	size_t at = 0;

	if (elf_find(e, "__version_ext_crcs", &crcs) == ELF_NO_SECTION || !crcs.data ||
	    elf_find(e, "__version_ext_names", &names) == ELF_NO_SECTION || !names.data)
		return 0;
	for (size_t k = 0; k < crcs.size / 4 && at < names.size; k++) {
		const char *name = (const char *)names.data + at;
		size_t n = strnlen(name, names.size - at);

		if (add_symbol(c->m, &c->versions, name, n, elf_get32(e, crcs.data + 4 * k), true) < 0)
			return -1;
		at += n + 1;
	}
	return 0;
}

/* --- PCI devices of 2.4 ----------------------------------------------------------------- */

struct table {
	struct elf_symbol symbol;
	bool found;
};

static int find_table(void *ctx, const struct elf_symbol *s)
{
	struct table *t = ctx;

	if (s->section == ELF_NO_SECTION || strcmp(s->name, "__module_pci_device_table") != 0)
		return 0;
	t->symbol = *s;
	t->found = true;
	return 1;
}

/* The symbol is a pointer to the table, which ends with a vendor of 0. */
static int read_pci(const struct elf *e, struct modinfo *m)
{
	size_t size = e->is64 ? 32 : 28, section;
	struct table t = { .found = false };
	struct pci_vec v = { 0 };
	struct elf_section s;
	uint64_t at;

	elf_each_symbol(e, find_table, &t);
	if (!t.found || !elf_pointer(e, t.symbol.section, t.symbol.value, &section, &at) ||
	    !elf_section(e, section, &s) || !s.data)
		return 0;
	for (; at < s.size && s.size - at >= size && v.len < PCI_MAX; at += size) {
		const uint8_t *p = s.data + at;

		if (!elf_get32(e, p))
			break;
		if (pci_vec_push(&v, (struct modinfo_pci){
			    elf_get32(e, p), elf_get32(e, p + 4), elf_get32(e, p + 8),
			    elf_get32(e, p + 12), elf_get32(e, p + 16), elf_get32(e, p + 20) }) < 0) {
			pci_vec_free(&v);
			return -1;
		}
	}
	m->pci = v.at;
	m->n_pci = v.len;
	return 0;
}

/* --- All of it -------------------------------------------------------------------------- */

/* Its strings end with NULs, or are filled up with them between. */
static int read_text(const struct elf *e, struct buf *out)
{
	struct elf_section s;

	if (elf_find(e, ".modinfo", &s) == ELF_NO_SECTION)
		return 0;
	for (size_t at = 0; at < s.size;) {
		const char *p = (const char *)s.data + at;
		size_t n = strnlen(p, s.size - at);

		if (n >= TEXT_MAX - out->len)
			break;
		if (n && (buf_append(out, p, n) < 0 || buf_zeros(out, 1) < 0))
			return -1;
		at += n + 1;
	}
	return 0;
}

static int read_old(const struct elf *e, struct collect *c)
{
	struct elf_section s;

	c->ksymtab = elf_find(e, "__ksymtab", &s);
	return elf_each_symbol(e, take_symbol, c) < 0 || read_pci(e, c->m) < 0 ? -1 : 0;
}

static int read_elf(const struct elf *e, struct modinfo *m)
{
	struct collect c = { .m = m };
	int r;

	m->machine = e->machine;
	m->is64 = e->is64;
	m->big = e->big;
	m->stripped = !elf_has_symbols(e);
	elf_machine_name(e, m->machine_name);
	r = read_text(e, &m->text);
	if (r == 0)
		r = modinfo_is_old(m) ? read_old(e, &c) :
		    read_versions(e, &c) < 0 || read_long_versions(e, &c) < 0 ? -1 : 0;
	finish(m, &c.wanted, &m->wanted);
	finish(m, c.exported.len || c.ksymtab != ELF_NO_SECTION ? &c.exported : &c.globals, &m->exported);
	finish(m, &c.versions, &m->versions);
	symbol_vec_free(&c.globals);
	return r;
}

int modinfo_read(const void *bytes, size_t n, const char *name, struct modinfo *out,
		 struct unrack_error *err)
{
	CLEANUP_BUF struct buf plain = { 0 };
	enum archive_packing how = archive_packing_of(bytes, n);
	struct elf e;
	size_t used;
	int r = 0;

	*out = (struct modinfo){ 0 };
	if (how == PACK_PLAIN && n > MODINFO_FILE_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is larger than %u MiB; no module is", name,
				 MODINFO_FILE_MAX >> 20);
	if (how != PACK_PLAIN) {
		r = archive_unpack(how, bytes, n, MODINFO_FILE_MAX, name, &plain, &used, err);
		bytes = plain.data;
		n = plain.len;
	}
	if (r == 0)
		r = elf_open(bytes, n, name, &e, err);
	if (r == 0 && e.type != ELF_RELOCATABLE)
		r = error_set(err, UNRACK_UNSUPPORTED, "%s: is an ELF object, but no module", name);
	if (r == 0 && read_elf(&e, out) < 0)
		r = error_nomem(err);
	if (r < 0)
		modinfo_free(out);
	return r;
}

void modinfo_free(struct modinfo *m)
{
	buf_free(&m->text);
	buf_free(&m->strings);
	free(m->versions.at);
	free(m->wanted.at);
	free(m->exported.at);
	free(m->pci);
	*m = (struct modinfo){ 0 };
}

const char *modinfo_get(const struct modinfo *m, const char *key, const char *prev)
{
	const char *start = buf_str(&m->text), *end = start + m->text.len;
	size_t n = strlen(key);

	for (const char *p = prev ? prev + strlen(prev) + 1 : start; p < end; p += strlen(p) + 1)
		if (!strncmp(p, key, n) && p[n] == '=')
			return p + n + 1;
	return NULL;
}

/* Modules have said vermagic since 2.5.60; before, kernel_version. */
bool modinfo_is_old(const struct modinfo *m)
{
	return !modinfo_get(m, "vermagic", NULL) && !modinfo_get(m, "depends", NULL);
}

bool modinfo_has_crcs(const struct modinfo *m)
{
	const char *old = modinfo_get(m, "using_checksums", NULL);

	return m->versions.n || (old && !strcmp(old, "1"));
}

size_t modinfo_size(const struct modinfo *m)
{
	return sizeof *m + m->text.cap + m->strings.cap + m->n_pci * sizeof *m->pci +
	       (m->versions.n + m->wanted.n + m->exported.n) * sizeof *m->versions.at;
}
