/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ELF objects, read only: 32 and 64 bits, of either byte order. Bytes may be anything; whatever
 * lies outside of them is not there. Nothing is copied: BYTES must outlive what points into it.
 * Source: elf(5), the processors' ABI supplements. Threads: any. */
#ifndef INITRD_ELF_H
#define INITRD_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"

#define ELF_NO_SECTION 0u
#define ELF_RELOCATABLE 1u  /* of struct elf's TYPE: what modules are */
#define ELF_LOCAL 0u        /* of struct elf_symbol's BIND */
#define ELF_GLOBAL 1u
#define ELF_WEAK 2u

struct elf {
	const uint8_t *p;
	size_t n;
	bool is64, big; /* words of 64 bits; most significant byte first */
	uint16_t type, machine;
	uint64_t sections_at;
	size_t sections, section_size;
	size_t names; /* the section that holds the sections' names */
};

struct elf_section {
	const char *name;  /* "" if it has none that ends */
	uint32_t type, link, info;
	const uint8_t *data; /* NULL: it takes no room in the file (.bss) */
	size_t size;         /* of DATA; 0 if that is NULL */
};

struct elf_symbol {
	const char *name;
	unsigned bind;
	size_t section; /* ELF_NO_SECTION: it is not defined here */
	uint64_t value; /* relative to the section */
};

/* NAME is for messages. No ELF object: UNRACK_UNSUPPORTED. One whose header or table of sections
 * is not all there: UNRACK_DAMAGED. */
int elf_open(const void *bytes, size_t n, const char *name, struct elf *out, struct unrack_error *err);
/* "x86_64", "i386", ...; those of other machines "machine 40". OUT has room for 32 bytes. */
void elf_machine_name(const struct elf *e, char out[32]);

/* False: there is no such section, or it lies outside of the file. */
bool elf_section(const struct elf *e, size_t k, struct elf_section *out);
/* The first one of that name: its number, or ELF_NO_SECTION. */
size_t elf_find(const struct elf *e, const char *name, struct elf_section *out);
/* Whether it has a table of symbols: strip(1) takes it away. */
bool elf_has_symbols(const struct elf *e);
/* Calls EACH with every symbol that has a name, until it returns other than 0: that is returned. */
int elf_each_symbol(const struct elf *e, int (*each)(void *ctx, const struct elf_symbol *s), void *ctx);
/* A word of the file's own size in a section; false: not inside. */
bool elf_word(const struct elf *e, const struct elf_section *s, uint64_t at, uint64_t *out);
/* What the pointer at AT in section K will point to when it is relocated: *SECTION, *OFFSET.
 * False: nothing says so. Of i386, x86_64, ARM's and PowerPC's 64 bits, s390x. */
bool elf_pointer(const struct elf *e, size_t k, uint64_t at, size_t *section, uint64_t *offset);

uint16_t elf_get16(const struct elf *e, const void *p);
uint32_t elf_get32(const struct elf *e, const void *p);

#endif
