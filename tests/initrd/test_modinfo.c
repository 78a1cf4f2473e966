/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/modinfo.h"
#include "made_elf.h"

static struct unrack_error err;

static const char *names(const struct modinfo_symbols *s)
{
	static char text[512];

	text[0] = '\0';
	for (size_t k = 0; k < s->n; k++) {
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", k ? " " : "", s->at[k].name);
		if (s->at[k].has_crc)
			snprintf(text + strlen(text), sizeof text - strlen(text), ":%08x", s->at[k].crc);
	}
	return text;
}

static void read_module(const struct buf *b, struct modinfo *m)
{
	is_int(modinfo_read(b->data, b->len, "a.ko", m, &err), 0, "a module is read");
}

static void new_module(void)
{
	static const char text[] = "license=GPL\nalias=pci:v000015ADd000007C0sv*sd*bc*sc*i*\nalias=other\n"
		"depends=scsi_mod,scsi_transport_spi\nsoftdep=pre: a b\nvermagic=2.6.18-398.el5 SMP mod_unload gcc-4.1\n";
	struct buf b = { 0 }, packed = { 0 };
	struct modinfo m;
	const char *first;

	made_module(&b, text, "struct_module 1234abcd\nprintk 00000001\n");
	read_module(&b, &m);
	ok(m.is64 && !m.big && m.machine == EM_X86_64 && !strcmp(m.machine_name, "x86_64"), "what it is for");
	is_str(modinfo_get(&m, "depends", NULL), "scsi_mod,scsi_transport_spi", "what it needs");
	first = modinfo_get(&m, "alias", NULL);
	is_str(first, "pci:v000015ADd000007C0sv*sd*bc*sc*i*", "its first alias");
	is_str(modinfo_get(&m, "alias", first), "other", "and the next");
	ok(!modinfo_get(&m, "alias", modinfo_get(&m, "alias", first)) && !modinfo_get(&m, "alia", NULL), "and no more");
	ok(!modinfo_is_old(&m) && modinfo_has_crcs(&m), "it is of 2.6, with checksums");
	is_str(names(&m.versions), "printk:00000001 struct_module:1234abcd", "these");
	ok(modinfo_find(&m.versions, "printk")->crc == 1 && !modinfo_find(&m.versions, "print"), "by name");
	is_int(m.wanted.n + m.exported.n + m.n_pci, 0, "what 2.4 has is not looked for");
	ok(modinfo_size(&m) > sizeof m + 100, "its size");
	modinfo_free(&m);

	made(gzip_pack(b.data, b.len, &packed, &err) == 0, "a packed module");
	read_module(&packed, &m);
	is_str(modinfo_get(&m, "license", NULL), "GPL", "a packed one");
	modinfo_free(&m);
	is_int(modinfo_read(packed.data, packed.len / 2, "a.ko.gz", &m, &err), UNRACK_DAMAGED, "half of a packed one");
	has_str(err.text, "a.ko.gz: ", "is named");
	ok(!m.text.data && !m.versions.at, "and leaves nothing");
	buf_free(&packed);
	buf_free(&b);
}

/* Names that do not fit into an entry of __versions. */
static void long_versions(void)
{
	static const char text[] = "a_function_whose_name_is_longer_than_an_entry_of_versions_can_hold\0module_layout";
	struct made_elf e;
	struct buf b = { 0 };
	struct modinfo m;

	made_elf_begin(&e, 64, true, EM_S390);
	made_modinfo(&e, "depends=\nvermagic=6.13.0 SMP\n");
	made_section(&e, "__version_ext_crcs", SHT_PROGBITS, "\0\0\0\7\0\0\0\10\0\0\0\11", 12);
	made_section(&e, "__version_ext_names", SHT_PROGBITS, text, sizeof text);
	made_elf_end(&e, &b);
	read_module(&b, &m);
	is_str(names(&m.versions), "a_function_whose_name_is_longer_than_an_entry_of_versions_can_hold:00000007 "
	       "module_layout:00000008", "names that are long, and one checksum too many");
	modinfo_free(&m);
	buf_free(&b);
}

#define OLD "kernel_version=2.4.21-63.ELsmp\nusing_checksums=1\n"

static void old_module(void)
{
	struct buf b = { 0 };
	struct modinfo m;
	struct made_elf e;

	made_old_module(&b, OLD, "mpt_register_Rsmp_12345678 mpt_plain mpt_odd_R123 x_Ry_R9abcdef0",
			"printk_Rsmp_1b7d4074 scsi_register _R12345678 a_R1234567g strange_R12345678_R");
	read_module(&b, &m);
	ok(modinfo_is_old(&m) && modinfo_has_crcs(&m) && !m.is64, "a module of 2.4");
	is_str(names(&m.exported), "mpt_odd_R123 mpt_plain mpt_register:12345678 x_Ry:9abcdef0",
	       "what it exports, with checksums where there are some");
	is_str(names(&m.wanted), "_R12345678 a_R1234567g printk:1b7d4074 scsi_register strange_R12345678_R",
	       "what it wants");
	ok(!m.pci && !m.n_pci, "it has no PCI table");
	modinfo_free(&m);

	made_old_module(&b, "kernel_version=2.4.9-e.3\n", NULL, "printk");
	read_module(&b, &m);
	ok(!modinfo_has_crcs(&m), "without checksums");
	is_str(names(&m.exported), "init_module", "without __ksymtab every global symbol is exported");
	modinfo_free(&m);
	made_old_module(&b, "kernel_version=2.4.9-e.3\n", "", "printk");
	read_module(&b, &m);
	is_str(names(&m.exported), "", "with an empty one (EXPORT_NO_SYMBOLS) none is");
	modinfo_free(&m);

	made_elf_begin(&e, 32, false, EM_386);
	made_modinfo(&e, OLD);
	made_symbol(&e, "__gmon_start__", STB_WEAK, SHN_UNDEF, 0);
	made_symbol(&e, "local", STB_LOCAL, 1, 0);
	made_elf_end(&e, &b);
	read_module(&b, &m);
	is_int(m.wanted.n + m.exported.n, 0, "weak symbols are not wanted, local ones not exported");
	modinfo_free(&m);
	buf_free(&b);
}

static void pci(int bits, bool big, unsigned machine)
{
	static const uint32_t ids[][2] = { { 0x1000, 0x30 }, { 0x15ad, 0xffffffff }, { 0, 0 } };
	struct made_elf e;
	struct buf b = { 0 };
	struct modinfo m;

	made_elf_begin(&e, bits, big, machine);
	made_modinfo(&e, OLD);
	made_pci_table(&e, ids, bits == 64);
	made_elf_end(&e, &b);
	read_module(&b, &m);
	ok(m.n_pci == 2 && m.pci[0].vendor == 0x1000 && m.pci[0].device == 0x30 && m.pci[0].subvendor == MODINFO_ANY &&
	   m.pci[0].class == 0 && m.pci[1].vendor == 0x15ad && m.pci[1].device == MODINFO_ANY,
	   "a PCI table of %s", m.machine_name);
	modinfo_free(&m);
	buf_free(&b);
}

static void hostile(void)
{
	static const uint32_t ids[][2] = { { 1, 2 }, { 0, 0 } };
	struct made_elf e;
	struct buf b = { 0 };
	struct modinfo m;
	unsigned seed = 5, good = 0;
	uint8_t *copy;

	is_int(modinfo_read("text", 4, "a.ko", &m, &err), UNRACK_UNSUPPORTED, "a text");
	is_str(err.text, "a.ko: is no ELF object, so it is no module", "is no module");
	made_elf_begin(&e, 64, false, EM_X86_64);
	e.type = ET_EXEC;
	made_elf_end(&e, &b);
	is_int(modinfo_read(b.data, b.len, "a.ko", &m, &err), UNRACK_UNSUPPORTED, "a program");
	is_str(err.text, "a.ko: is an ELF object, but no module", "is none either");

	made_elf_begin(&e, 32, false, EM_386);
	made_modinfo(&e, OLD);
	made_pci_table(&e, ids, false);
	made_symbol(&e, "wanted_R12345678", STB_GLOBAL, SHN_UNDEF, 0);
	made_versions(&e, "a 1\nb 2\n");
	made_elf_end(&e, &b);
	copy = malloc(b.len);
	made(copy, "a copy");
	for (int round = 0; round < 3000; round++) {
		size_t n = round % 3 ? b.len : made_random(&seed) % b.len;

		memcpy(copy, b.data, b.len);
		for (int k = 0; k < 3; k++)
			copy[made_random(&seed) % b.len] = (uint8_t)made_random(&seed);
		if (modinfo_read(copy, n, "a.ko", &m, &err) == 0) {
			good++;
			modinfo_free(&m);
		}
	}
	ok(good > 100, "changed modules are read or refused");
	free(copy);
	buf_free(&b);
}

int main(void)
{
	new_module();
	long_versions();
	old_module();
	pci(32, false, EM_386);
	pci(64, false, EM_X86_64);
	pci(64, true, EM_PPC64);
	hostile();
	return tap_done();
}
