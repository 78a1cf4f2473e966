/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elf.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

#define NAME_MAX_BYTES 1024u /* no name is longer */
#define SHT_NOBITS 8u
#define SHT_SYMTAB 2u
#define SHT_RELA 4u
#define SHT_REL 9u

/* The part of a table's layout that differs between the two sizes. */
static const struct layout {
	size_t header, section, symbol;
	size_t shoff, shentsize; /* shnum and shstrndx follow shentsize */
} layouts[2] = {
	{ 52, 40, 16, 32, 46 },
	{ 64, 64, 24, 40, 58 },
};

static const struct {
	uint16_t number;
	const char *name;
	uint32_t pointer; /* the relocation of a pointer */
} machines[] = {
	{ 3, "i386", 1 },      /* R_386_32 */
	{ 62, "x86_64", 1 },   /* R_X86_64_64 */
	{ 183, "aarch64", 257 }, /* R_AARCH64_ABS64 */
	{ 20, "ppc", 1 },      /* R_PPC_ADDR32 */
	{ 21, "ppc64", 38 },   /* R_PPC64_ADDR64 */
	{ 22, "s390", 0 },
	{ 50, "ia64", 0 },
};

static const struct layout *layout_of(const struct elf *e)
{
	return &layouts[e->is64];
}

uint16_t elf_get16(const struct elf *e, const void *p)
{
	return e->big ? get_be16(p) : get_le16(p);
}

uint32_t elf_get32(const struct elf *e, const void *p)
{
	return e->big ? get_be32(p) : get_le32(p);
}

static uint64_t get_word(const struct elf *e, const void *p)
{
	if (!e->is64)
		return elf_get32(e, p);
	return e->big ? get_be64(p) : get_le64(p);
}

void elf_machine_name(const struct elf *e, char out[32])
{
	for (size_t k = 0; k < ARRAY_LEN(machines); k++)
		if (machines[k].number == e->machine) {
			/* The same number for both sizes. */
			snprintf(out, 32, "%s%s", machines[k].name,
				 e->machine == 22 && e->is64 ? "x" : "");
			return;
		}
	snprintf(out, 32, "machine %u", e->machine);
}

int elf_open(const void *bytes, size_t n, const char *name, struct elf *out, struct unrack_error *err)
{
	const uint8_t *p = bytes;
	const struct layout *l;
	uint64_t all, end;

	if (n < 20 || memcmp(p, "\177ELF", 4) != 0)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is no ELF object, so it is no module", name);
	/* EI_CLASS, EI_DATA, EI_VERSION */
	if ((p[4] != 1 && p[4] != 2) || (p[5] != 1 && p[5] != 2) || p[6] != 1)
		return error_set(err, UNRACK_DAMAGED, "%s: its ELF header makes no sense; take another copy "
				 "of this file", name);
	*out = (struct elf){ .p = p, .n = n, .is64 = p[4] == 2, .big = p[5] == 2 };
	l = layout_of(out);
	if (n < l->header)
		return error_set(err, UNRACK_DAMAGED, "%s: is cut short; take another copy of this file", name);
	out->type = elf_get16(out, p + 16);
	out->machine = elf_get16(out, p + 18);
	out->sections_at = get_word(out, p + l->shoff);
	out->section_size = elf_get16(out, p + l->shentsize);
	out->sections = elf_get16(out, p + l->shentsize + 2);
	out->names = elf_get16(out, p + l->shentsize + 4);
	if (!out->sections || out->section_size < l->section)
		return error_set(err, UNRACK_DAMAGED, "%s: has no table of sections; take another copy of this "
				 "file", name);
	if (mul_overflows(out->sections, out->section_size, &all) ||
	    add_overflows(all, out->sections_at, &end) || end > n)
		return error_set(err, UNRACK_DAMAGED, "%s: is cut short: its table of sections lies behind its "
				 "end; take another copy of this file", name);
	return 0;
}

/* A string that ends inside of the table; NULL: it does not. */
static const char *string_at(const struct elf_section *table, uint64_t at)
{
	if (!table->data || at >= table->size ||
	    !memchr(table->data + at, 0, (size_t)min_u64(table->size - at, NAME_MAX_BYTES)))
		return NULL;
	return (const char *)table->data + at;
}

/* Without its name. NAME_AT: where that is in the table of names. */
static bool read_section(const struct elf *e, size_t k, struct elf_section *out, uint32_t *name_at)
{
	size_t w = e->is64 ? 8 : 4;
	const uint8_t *h;
	uint64_t at, size, end;

	if (k == ELF_NO_SECTION || k >= e->sections)
		return false;
	h = e->p + e->sections_at + k * e->section_size;
	*name_at = elf_get32(e, h);
	*out = (struct elf_section){ .name = "", .type = elf_get32(e, h + 4) };
	at = get_word(e, h + 8 + 2 * w);
	size = get_word(e, h + 8 + 3 * w);
	out->link = elf_get32(e, h + 8 + 4 * w);
	out->info = elf_get32(e, h + 12 + 4 * w);
	if (out->type == SHT_NOBITS)
		return true;
	if (add_overflows(at, size, &end) || end > e->n)
		return false;
	out->data = e->p + at;
	out->size = (size_t)size;
	return true;
}

bool elf_section(const struct elf *e, size_t k, struct elf_section *out)
{
	struct elf_section names;
	uint32_t at, unused;
	const char *name;

	if (!read_section(e, k, out, &at))
		return false;
	name = read_section(e, e->names, &names, &unused) ? string_at(&names, at) : NULL;
	if (name)
		out->name = name;
	return true;
}

size_t elf_find(const struct elf *e, const char *name, struct elf_section *out)
{
	for (size_t k = 1; k < e->sections; k++)
		if (elf_section(e, k, out) && !strcmp(out->name, name))
			return k;
	return ELF_NO_SECTION;
}

bool elf_word(const struct elf *e, const struct elf_section *s, uint64_t at, uint64_t *out)
{
	size_t w = e->is64 ? 8 : 4;

	if (!s->data || at > s->size || s->size - at < w)
		return false;
	*out = get_word(e, s->data + at);
	return true;
}

/* --- Symbols ---------------------------------------------------------------------------- */

/* Entry K of the table S, without its name. */
static bool read_symbol(const struct elf *e, const struct elf_section *s, uint64_t k,
			struct elf_symbol *out, uint32_t *name_at)
{
	size_t size = layout_of(e)->symbol;
	const uint8_t *p;

	if (!s->data || k >= s->size / size)
		return false;
	p = s->data + k * size;
	*name_at = elf_get32(e, p);
	out->bind = p[e->is64 ? 4 : 12] >> 4;
	out->section = elf_get16(e, p + (e->is64 ? 6 : 14));
	out->value = get_word(e, p + (e->is64 ? 8 : 4));
	return true;
}

/* Tables of symbols that objects of modules have: one. */
static bool find_symbols(const struct elf *e, struct elf_section *table, struct elf_section *strings)
{
	for (size_t k = 1; k < e->sections; k++)
		if (elf_section(e, k, table) && table->type == SHT_SYMTAB)
			return elf_section(e, table->link, strings);
	return false;
}

bool elf_has_symbols(const struct elf *e)
{
	struct elf_section table, strings;

	return find_symbols(e, &table, &strings);
}

int elf_each_symbol(const struct elf *e, int (*each)(void *ctx, const struct elf_symbol *s), void *ctx)
{
	struct elf_section table, strings;
	struct elf_symbol s;
	uint32_t at;
	int r = 0;

	if (!find_symbols(e, &table, &strings))
		return 0;
	for (uint64_t k = 1; r == 0 && read_symbol(e, &table, k, &s, &at); k++) {
		s.name = string_at(&strings, at);
		if (s.name && *s.name)
			r = each(ctx, &s);
	}
	return r;
}

/* --- Relocations ------------------------------------------------------------------------ */

static uint32_t pointer_type(const struct elf *e)
{
	if (e->machine == 22 && e->is64)
		return 22; /* R_390_64 */
	for (size_t k = 0; k < ARRAY_LEN(machines); k++)
		if (machines[k].number == e->machine)
			return machines[k].pointer;
	return 0;
}

/* By the entry at P of the table REL; S is the section that it changes. */
static bool relocate(const struct elf *e, const struct elf_section *rel, const uint8_t *p,
		     const struct elf_section *s, uint64_t at, size_t *section, uint64_t *offset)
{
	size_t w = e->is64 ? 8 : 4;
	uint64_t info = get_word(e, p + w), addend;
	uint32_t type = (uint32_t)(e->is64 ? info & 0xffffffff : info & 0xff), name_at;
	struct elf_section symbols;
	struct elf_symbol symbol;

	if (!type || type != pointer_type(e) || !elf_section(e, rel->link, &symbols) ||
	    !read_symbol(e, &symbols, e->is64 ? info >> 32 : info >> 8, &symbol, &name_at))
		return false;
	if (rel->type == SHT_RELA)
		addend = get_word(e, p + 2 * w);
	else if (!elf_word(e, s, at, &addend))
		return false;
	*section = symbol.section;
	*offset = symbol.value + addend;
	if (!e->is64)
		*offset &= 0xffffffff;
	return symbol.section != ELF_NO_SECTION;
}

bool elf_pointer(const struct elf *e, size_t k, uint64_t at, size_t *section, uint64_t *offset)
{
	size_t w = e->is64 ? 8 : 4;
	struct elf_section s, rel;

	if (!elf_section(e, k, &s))
		return false;
	for (size_t r = 1; r < e->sections; r++) {
		size_t size;

		if (!elf_section(e, r, &rel) || rel.info != k || (rel.type != SHT_REL && rel.type != SHT_RELA))
			continue;
		size = rel.type == SHT_RELA ? 3 * w : 2 * w;
		for (size_t p = 0; size <= rel.size - p && p < rel.size; p += size)
			if (get_word(e, rel.data + p) == at)
				return relocate(e, &rel, rel.data + p, &s, at, section, offset);
		/* A section has one such table; an enemy's might have thousands, each as long as the file. */
		return false;
	}
	return false;
}
