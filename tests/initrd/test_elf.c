/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "../../initrd/elf.h"
#include "made_elf.h"

static struct unrack_error err;

struct seen {
	char text[256];
};

static int see(void *ctx, const struct elf_symbol *s)
{
	struct seen *seen = ctx;

	snprintf(seen->text + strlen(seen->text), sizeof seen->text - strlen(seen->text), "%s:%u:%zu:%llu ", s->name,
		 s->bind, s->section, (unsigned long long)s->value);
	return strcmp(s->name, "stop") ? 0 : 7;
}

/* One object of each kind says the same. */
static void kinds(int bits, bool big, unsigned machine, const char *name, uint32_t type)
{
	struct made_elf e;
	struct buf b = { 0 };
	struct elf elf;
	struct elf_section s;
	struct seen seen = { "" };
	char called[32];
	size_t section = 0, word = bits / 8;
	uint64_t offset = 0, value = 0;
	uint32_t data, symbol;

	made_elf_begin(&e, bits, big, machine);
	made_section(&e, ".text", SHT_PROGBITS, "code", 4);
	made_word(&e, &b, 5);
	made_word(&e, &b, 16);
	data = made_section(&e, ".data", SHT_PROGBITS, b.data, b.len);
	made_section(&e, ".bss", SHT_NOBITS, NULL, 0);
	symbol = made_symbol(&e, "table", STB_GLOBAL, data, 3);
	made_symbol(&e, "weak", STB_WEAK, SHN_UNDEF, 0);
	made_symbol(&e, "stop", STB_LOCAL, 1, 2);
	made_symbol(&e, "never", STB_LOCAL, 1, 2);
	made_relocation(&e, data, word, type, symbol, bits == 64, 16);
	made_elf_end(&e, &b);

	is_int(elf_open(b.data, b.len, "a.ko", &elf, &err), 0, "%s is opened", name);
	elf_machine_name(&elf, called);
	is_str(called, name, "its name");
	ok(elf.is64 == (bits == 64) && elf.big == big && elf.type == ELF_RELOCATABLE, "its kind");
	is_int(elf_find(&elf, ".data", &s), data, "a section by its name");
	ok(s.size == 2 * word && elf_word(&elf, &s, 0, &value) && value == 5, "its content");
	ok(!elf_word(&elf, &s, word + 1, &value) && !elf_word(&elf, &s, UINT64_MAX, &value), "and nothing behind it");
	ok(elf_find(&elf, ".bss", &s) && !s.data && !s.size, "one that takes no room");
	is_int(elf_find(&elf, ".none", &s), ELF_NO_SECTION, "one that is not there");
	is_int(elf_each_symbol(&elf, see, &seen), 7, "symbols until one is found");
	is_str(seen.text, "table:1:2:3 weak:2:0:0 stop:0:1:2 ", "as they are");
	ok(elf_pointer(&elf, data, word, &section, &offset) && section == data && offset == 19, "a pointer is followed");
	ok(!elf_pointer(&elf, data, 0, &section, &offset) && !elf_pointer(&elf, 99, 0, &section, &offset),
	   "a word that is none is not");
	buf_free(&b);
}

static void refused(const void *p, size_t n, int code, const char *text, const char *name)
{
	struct elf elf;

	is_int(elf_open(p, n, "a.ko", &elf, &err), code, "%s", name);
	has_str(err.text, text, "is told");
}

static void broken(void)
{
	struct made_elf e;
	struct buf b = { 0 };
	unsigned seed = 1, opened = 0;
	uint8_t *copy;

	made_elf_begin(&e, 64, false, EM_X86_64);
	made_section(&e, ".text", SHT_PROGBITS, "code", 4);
	made_symbol(&e, "a", STB_GLOBAL, 1, 0);
	made_relocation(&e, 1, 0, 1, 1, true, 0);
	made_elf_end(&e, &b);
	refused("", 0, UNRACK_UNSUPPORTED, "a.ko: is no ELF object", "an empty file");
	refused("#!/bin/sh\nexit 0\n#---\n", 22, UNRACK_UNSUPPORTED, "is no ELF object", "a script");
	refused(b.data, 40, UNRACK_DAMAGED, "a.ko: is cut short; take another copy", "half a header");
	refused(b.data, b.len - 1, UNRACK_DAMAGED, "its table of sections lies behind its end", "a cut file");
	copy = malloc(b.len);
	made(copy, "a copy");
	memcpy(copy, b.data, b.len);
	copy[5] = 3;
	refused(copy, b.len, UNRACK_DAMAGED, "its ELF header makes no sense", "a byte order that there is not");
	copy[5] = 1;
	copy[60] = copy[61] = 0;
	refused(copy, b.len, UNRACK_DAMAGED, "has no table of sections", "no sections");

	for (int round = 0; round < 3000; round++) {
		struct seen seen = { "" };
		struct elf elf;
		struct elf_section s;
		size_t section;
		uint64_t at;

		memcpy(copy, b.data, b.len);
		for (int k = 0; k < 4; k++)
			copy[made_random(&seed) % b.len] = (uint8_t)(made_random(&seed) % 3 ? made_random(&seed) : 0xff);
		if (elf_open(copy, b.len, "a.ko", &elf, &err) < 0)
			continue;
		opened++;
		elf_each_symbol(&elf, see, &seen);
		elf_find(&elf, "none", &s);
		for (size_t k = 0; k < 10; k++)
			elf_pointer(&elf, k, 0, &section, &at);
	}
	ok(opened > 100, "changed objects are read as far as they go");
	free(copy);
	buf_free(&b);
}

/* Thousands of tables of relocations for one section, each of which is the whole file. */
static void endless(void)
{
	enum { SECTIONS = 60000 };
	size_t n = 64 + SECTIONS * sizeof(Elf64_Shdr), section;
	uint8_t *p = calloc(n, 1);
	Elf64_Ehdr *h = (Elf64_Ehdr *)p;
	Elf64_Shdr *s = (Elf64_Shdr *)(p + 64);
	clock_t start = clock();
	uint64_t offset;
	struct elf elf;

	memcpy(h->e_ident, "\177ELF\2\1\1", 7);
	h->e_type = ET_REL;
	h->e_machine = EM_X86_64;
	h->e_shoff = 64;
	h->e_shentsize = sizeof *s;
	h->e_shnum = SECTIONS;
	for (size_t k = 1; k < SECTIONS; k++)
		s[k] = (Elf64_Shdr){ .sh_type = SHT_REL, .sh_info = 1, .sh_size = n };
	is_int(elf_open(p, n, "a.ko", &elf, &err), 0, "an object of headers only");
	ok(!elf_pointer(&elf, 1, 0x123456789, &section, &offset), "has no such pointer");
	ok(clock() - start < 5 * CLOCKS_PER_SEC, "which is not looked for everywhere");
	free(p);
}

int main(void)
{
	endless();
	kinds(32, false, EM_386, "i386", R_386_32);
	kinds(64, false, EM_X86_64, "x86_64", R_X86_64_64);
	kinds(64, true, EM_PPC64, "ppc64", R_PPC64_ADDR64);
	kinds(32, true, EM_PPC, "ppc", R_PPC_ADDR32);
	kinds(64, true, EM_S390, "s390x", R_390_64);
	kinds(64, false, EM_AARCH64, "aarch64", R_AARCH64_ABS64);
	broken();
	return tap_done();
}
