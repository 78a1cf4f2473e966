/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ELF objects and kernel modules made at test time, of any size and byte order. */
#ifndef TESTS_INITRD_MADE_ELF_H
#define TESTS_INITRD_MADE_ELF_H

#include <elf.h>
#include <errno.h>

#include "made.h"

#define MADE_SECTIONS 16

struct made_elf {
	bool is64, big, stripped; /* the last: no section is a table of symbols */
	uint16_t machine, type;
	size_t n; /* sections, without the first, which is empty */
	struct {
		uint32_t name, type, link, info;
		struct buf data;
	} s[MADE_SECTIONS];
	struct buf names, strings, symbols;
	uint32_t n_symbols;
};

MADE void made_put(struct buf *b, bool big, unsigned bytes, uint64_t v)
{
	uint8_t p[8];

	for (unsigned k = 0; k < bytes; k++)
		p[k] = (uint8_t)(v >> 8 * (big ? bytes - 1 - k : k));
	made(buf_append(b, p, bytes) == 0, "bytes");
}

MADE void made_word(const struct made_elf *e, struct buf *b, uint64_t v)
{
	made_put(b, e->big, e->is64 ? 8 : 4, v);
}

MADE uint32_t made_string(struct buf *b, const char *s)
{
	size_t at;

	if (!b->len)
		made(buf_zeros(b, 1) == 0, s);
	at = b->len;
	made(buf_append(b, s, strlen(s) + 1) == 0, s);
	return (uint32_t)at;
}

MADE void made_elf_begin(struct made_elf *e, int bits, bool big, unsigned machine)
{
	*e = (struct made_elf){ .is64 = bits == 64, .big = big, .machine = (uint16_t)machine, .type = ET_REL };
}

/* Its number. */
MADE uint32_t made_section(struct made_elf *e, const char *name, uint32_t type, const void *data, size_t n)
{
	made(e->n + 1 < MADE_SECTIONS && (!n || buf_append(&e->s[e->n].data, data, n) == 0), name);
	e->s[e->n].name = made_string(&e->names, name);
	e->s[e->n].type = type;
	return (uint32_t)++e->n;
}

/* Its number. */
MADE uint32_t made_symbol(struct made_elf *e, const char *name, unsigned bind, unsigned section, uint64_t value)
{
	uint32_t at = *name ? made_string(&e->strings, name) : 0;

	if (!e->symbols.len)
		made(buf_zeros(&e->symbols, e->is64 ? 24 : 16) == 0, name);
	made_put(&e->symbols, e->big, 4, at);
	if (!e->is64) {
		made_put(&e->symbols, e->big, 4, value);
		made_put(&e->symbols, e->big, 4, 0);
	}
	made_put(&e->symbols, e->big, 1, bind << 4);
	made_put(&e->symbols, e->big, 1, 0);
	made_put(&e->symbols, e->big, 2, section);
	if (e->is64) {
		made_put(&e->symbols, e->big, 8, value);
		made_put(&e->symbols, e->big, 8, 0);
	}
	return ++e->n_symbols;
}

/* A table with one relocation of SECTION. RELA: with the addend in it. */
MADE void made_relocation(struct made_elf *e, uint32_t section, uint64_t at, uint32_t type, uint32_t symbol,
			  bool rela, uint64_t addend)
{
	uint32_t k = made_section(e, rela ? ".rela" : ".rel", rela ? SHT_RELA : SHT_REL, NULL, 0);
	struct buf *b = &e->s[k - 1].data;

	e->s[k - 1].info = section;
	e->s[k - 1].link = UINT32_MAX; /* the symbols', which come last */
	made_word(e, b, at);
	made_word(e, b, e->is64 ? (uint64_t)symbol << 32 | type : symbol << 8 | type);
	if (rela)
		made_word(e, b, addend);
}

MADE void made_elf_header(const struct made_elf *e, struct buf *out, uint64_t sections_at)
{
	static const uint8_t ident[9] = { 0 };
	unsigned header = e->is64 ? 64 : 52, section = e->is64 ? 64 : 40;

	made(buf_append(out, ELFMAG, 4) == 0, "an ELF header");
	made_put(out, false, 1, e->is64 ? 2 : 1);
	made_put(out, false, 1, e->big ? 2 : 1);
	made_put(out, false, 1, 1);
	made(buf_append(out, ident, 9) == 0, "an ELF header");
	made_put(out, e->big, 2, e->type);
	made_put(out, e->big, 2, e->machine);
	made_put(out, e->big, 4, 1);
	made_word(e, out, 0);
	made_word(e, out, 0);
	made_word(e, out, sections_at);
	made_put(out, e->big, 4, 0);
	made_put(out, e->big, 2, header);
	made_put(out, e->big, 4, 0);
	made_put(out, e->big, 2, section);
	made_put(out, e->big, 2, e->n + 1);
	made_put(out, e->big, 2, e->n);
}

/* Adds the tables of symbols and names, and frees E. */
MADE void made_elf_end(struct made_elf *e, struct buf *out)
{
	uint32_t strings = made_section(e, ".strtab", SHT_STRTAB, e->strings.data, e->strings.len);
	uint32_t symbols = made_section(e, ".symtab", e->stripped ? SHT_PROGBITS : SHT_SYMTAB, e->symbols.data, e->symbols.len), names;
	uint64_t at = e->is64 ? 64 : 52;

	e->s[symbols - 1].link = strings;
	names = made_section(e, ".shstrtab", SHT_STRTAB, NULL, 0);
	made(buf_append(&e->s[names - 1].data, e->names.data, e->names.len) == 0, "names");
	for (size_t k = 0; k < e->n; k++)
		at += e->s[k].data.len;
	buf_clear(out);
	made_elf_header(e, out, at);
	for (size_t k = 0; k < e->n; k++)
		made(!e->s[k].data.len || buf_append(out, e->s[k].data.data, e->s[k].data.len) == 0, "a section");
	made(buf_zeros(out, e->is64 ? 64 : 40) == 0, "a table of sections");
	at = e->is64 ? 64 : 52;
	for (size_t k = 0; k < e->n; k++) {
		made_put(out, e->big, 4, e->s[k].name);
		made_put(out, e->big, 4, e->s[k].type);
		made_word(e, out, 0);
		made_word(e, out, 0);
		made_word(e, out, at);
		made_word(e, out, e->s[k].data.len);
		made_put(out, e->big, 4, e->s[k].link == UINT32_MAX ? symbols : e->s[k].link);
		made_put(out, e->big, 4, e->s[k].info);
		made_word(e, out, 1);
		made_word(e, out, 0);
		at += e->s[k].data.len;
		buf_free(&e->s[k].data);
	}
	buf_free(&e->names);
	buf_free(&e->strings);
	buf_free(&e->symbols);
}

/* --- Modules ---------------------------------------------------------------------------- */

/* .modinfo of TEXT, one "key=value" a line. */
MADE void made_modinfo(struct made_elf *e, const char *text)
{
	char *copy = strdup(text);

	made(copy, text);
	for (char *p = copy; *p; p++)
		*p = *p == '\n' ? '\0' : *p;
	made_section(e, ".modinfo", SHT_PROGBITS, copy, strlen(text));
	free(copy);
}

/* __versions of lines "NAME CRC". */
MADE void made_versions(struct made_elf *e, const char *text)
{
	struct buf b = { 0 };

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char name[64] = "";
		unsigned crc;
		size_t w = e->is64 ? 8 : 4;

		made(sscanf(p, "%55s %x", name, &crc) == 2, text);
		made_word(e, &b, crc);
		made(buf_append(&b, name, 64 - w) == 0, text);
	}
	made_section(e, "__versions", SHT_PROGBITS, b.data, b.len);
	buf_free(&b);
}

/* A module of 2.6 or later for x86_64. VERSIONS may be NULL. */
MADE void made_module(struct buf *out, const char *modinfo, const char *versions)
{
	struct made_elf e;

	made_elf_begin(&e, 64, false, EM_X86_64);
	made_modinfo(&e, modinfo);
	if (versions)
		made_versions(&e, versions);
	made_elf_end(&e, out);
}

/* A module of 2.4 for i386: .modinfo, and words of symbols that it exports and wants, each list
 * separated by blanks. EXPORTS NULL: it has no __ksymtab. */
MADE void made_old_module(struct buf *out, const char *modinfo, const char *exports, const char *wants)
{
	struct made_elf e;
	uint32_t text, table = 0;
	char word[128];

	made_elf_begin(&e, 32, false, EM_386);
	made_modinfo(&e, modinfo);
	text = made_section(&e, ".text", SHT_PROGBITS, "text", 4);
	if (exports)
		table = made_section(&e, "__ksymtab", SHT_PROGBITS, "table", 5);
	for (const char *p = exports ? exports : ""; *p; p += strcspn(p, " "), p += *p == ' ') {
		snprintf(word, sizeof word, "__ksymtab_%.*s", (int)strcspn(p, " "), p);
		made_symbol(&e, word, STB_GLOBAL, table, 0);
	}
	for (const char *p = wants; *p; p += strcspn(p, " "), p += *p == ' ') {
		snprintf(word, sizeof word, "%.*s", (int)strcspn(p, " "), p);
		made_symbol(&e, word, STB_GLOBAL, SHN_UNDEF, 0);
	}
	made_symbol(&e, "init_module", STB_GLOBAL, text, 0);
	made_elf_end(&e, out);
}

/* A PCI table for E as 2.4 has it, of pairs of vendor and device that end with a 0. */
MADE void made_pci_table(struct made_elf *e, const uint32_t (*ids)[2], bool rela)
{
	struct buf b = { 0 };
	uint32_t table, pointer, symbol;

	/* Something else comes first. */
	made_word(e, &b, 0x12345678);
	for (size_t k = 0;; k++) {
		made_put(&b, e->big, 4, ids[k][0]);
		made_put(&b, e->big, 4, ids[k][1]);
		made_put(&b, e->big, 8, UINT64_MAX);
		made_put(&b, e->big, 8, 0);
		made_word(e, &b, k);
		if (!ids[k][0])
			break;
	}
	table = made_section(e, ".rodata", SHT_PROGBITS, b.data, b.len);
	buf_clear(&b);
	made_word(e, &b, 0);
	made_word(e, &b, rela ? 0 : e->is64 ? 8 : 4);
	pointer = made_section(e, ".data", SHT_PROGBITS, b.data, b.len);
	symbol = made_symbol(e, "", STB_LOCAL, table, 0);
	made_symbol(e, "__module_pci_device_table", STB_LOCAL, pointer, e->is64 ? 8 : 4);
	made_relocation(e, pointer, e->is64 ? 8 : 4, e->machine == EM_PPC64 ? R_PPC64_ADDR64 : 1, symbol, rela,
			e->is64 ? 8 : 4);
	buf_free(&b);
}

/* --- Trees ------------------------------------------------------------------------------ */

/* Files of a kernel's folder; the content of each belongs to it. */
struct made_files {
	struct {
		char path[128];
		struct buf data;
	} at[64];
	size_t n;
	unsigned reads;
	char last[128];  /* the file that was read last */
	const char *bad; /* the path of one that cannot be read */
};

/* The place for the content of a new file. */
MADE struct buf *made_add(struct made_files *f, const char *path)
{
	made(f->n < 64, path);
	snprintf(f->at[f->n].path, sizeof f->at[f->n].path, "%s", path);
	return &f->at[f->n++].data;
}

MADE void made_add_text(struct made_files *f, const char *path, const char *text)
{
	made(buf_puts(made_add(f, path), text) == 0, path);
}

MADE int made_files_read(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	struct made_files *f = ctx;

	f->reads++;
	snprintf(f->last, sizeof f->last, "%s", path);
	if (f->bad && !strcmp(f->bad, path))
		return error_errno(err, EIO, "can't read %s", path);
	for (size_t k = 0; k < f->n; k++)
		if (!strcmp(f->at[k].path, path)) {
			made(!f->at[k].data.len || buf_append(out, f->at[k].data.data, f->at[k].data.len) == 0, path);
			return 0;
		}
	return error_errno(err, ENOENT, "can't read %s", path);
}

/* A tree of the files, attached to them. DEP, BUILTIN may be NULL; CONFIG too. */
MADE struct module_tree *made_files_tree(struct made_files *f, const char *kver, const char *dep, const char *builtin,
					 const char *config)
{
	struct module_source s = { made_files_read, f, config };
	struct unrack_error err;
	struct module_tree *t;
	struct buf files = { 0 };

	for (size_t k = 0; k < f->n; k++)
		made(buf_append(&files, f->at[k].path, strlen(f->at[k].path) + 1) == 0, kver);
	made(module_tree_new(kver, (const char *)files.data, files.len, dep, builtin, &t, &err) == 0 &&
	     module_tree_attach(t, &s, &err) == 0, kver);
	buf_free(&files);
	return t;
}

MADE void made_files_free(struct made_files *f)
{
	for (size_t k = 0; k < f->n; k++)
		buf_free(&f->at[k].data);
	*f = (struct made_files){ .n = 0 };
}

#endif
