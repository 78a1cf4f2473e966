/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/modules.h"
#include "made_elf.h"

#define MAGIC5 EL5 " SMP mod_unload gcc-4.1"

static struct unrack_error err;
static struct made_files files;

/* Why PATH does not fit; "" if it does. */
static const char *why(const struct module_tree *t, const char *path)
{
	static char text[512];
	const char *reason = NULL;

	err = (struct unrack_error)UNRACK_ERROR_INIT;
	made(module_tree_fits(t, path, &reason, &err) == 0, path);
	snprintf(text, sizeof text, "%s", reason ? reason : "");
	return text;
}

static void add(const char *path, const char *magic, const char *versions)
{
	char text[256];

	snprintf(text, sizeof text, "depends=\nvermagic=%s\n", magic);
	made_module(made_add(&files, path), text, versions);
}

/* A module of a kernel for another machine. */
static void add_machine(const char *path, int bits, bool big, unsigned machine)
{
	struct made_elf e;

	made_elf_begin(&e, bits, big, machine);
	made_modinfo(&e, "depends=\nvermagic=" MAGIC5 "\n");
	made_versions(&e, "struct_module 11111111\n");
	made_elf_end(&e, made_add(&files, path));
}

static void add_stripped(const char *path)
{
	struct made_elf e;

	made_elf_begin(&e, 64, false, EM_X86_64);
	e.stripped = true;
	made_modinfo(&e, "depends=\nvermagic=" MAGIC5 "\n");
	made_elf_end(&e, made_add(&files, path));
}

static void el5(void)
{
	const char *reason;
	struct module_tree *t;

	add("kernel/drivers/scsi/scsi_mod.ko", MAGIC5, "struct_module 11111111\nprintk 22222222\n");
	add("kernel/fs/ext3/ext3.ko", MAGIC5, "struct_module 11111111\njournal_start 33333333\n");
	add("misc/pvscsi.ko", MAGIC5, "struct_module 11111111\nprintk 22222222\n");
	add("weak-updates/kabi.ko", "2.6.18-8.el5 SMP mod_unload gcc-4.1", "struct_module 11111111\nnew_one 44444444\n");
	add("weak-updates/layout.ko", "2.6.18-8.el5 SMP mod_unload gcc-4.1", "struct_module 99999999\n");
	add("weak-updates/symbol.ko", "2.6.18-8.el5 SMP mod_unload gcc-4.1",
	    "struct_module 11111111\njournal_start 77777777\n");
	add("extra/xen.ko", "2.6.18-398.el5xen SMP mod_unload Xen gcc-4.1", "struct_module 11111111\n");
	add("extra/plain.ko", "2.6.18-8.el5 SMP mod_unload gcc-4.1", NULL);
	add_machine("extra/i386.ko", 32, false, EM_386);
	add_machine("extra/big.ko", 64, true, EM_X86_64);
	add_stripped("extra/stripped.ko");
	made_module(made_add(&files, "extra/mute.ko"), "license=GPL\ndepends=\n", NULL);
	made_add_text(&files, "extra/text.ko", "not a module");
	made_add_text(&files, "extra/empty.ko", "");
	made(buf_append(made_add(&files, "extra/cut.ko"), files.at[0].data.data, files.at[0].data.len - 50) == 0, "a cut module");
	t = made_files_tree(&files, EL5, NULL, NULL, NULL);

	is_str(why(t, "kernel/fs/ext3/ext3.ko"), "", "the kernel's own fits");
	is_str(why(t, "misc/pvscsi.ko"), "", "so does one that was built for it");
	is_str(why(t, "weak-updates/kabi.ko"), "", "and one of another build, whose checksums are the same");
	is_str(why(t, "weak-updates/layout.ko"), "weak-updates/layout.ko was built for a kernel with another "
	       "struct_module (checksum 99999999, the kernel's is 11111111)", "another layout of modules is told");
	has_str(why(t, "weak-updates/symbol.ko"), "with another journal_start (checksum 77777777",
		"and another function that one of the kernel's own uses");
	is_str(why(t, "extra/xen.ko"), "extra/xen.ko was built for \"2.6.18-398.el5xen SMP mod_unload Xen gcc-4.1\", the "
	       "kernel is \"" MAGIC5 "\"", "another flavour does not fit, whatever its checksums");
	is_str(why(t, "extra/plain.ko"), "extra/plain.ko was built for \"2.6.18-8.el5 SMP mod_unload gcc-4.1\", the "
	       "kernel is \"" MAGIC5 "\"", "without checksums the version counts");
	is_str(why(t, "extra/i386.ko"), "extra/i386.ko is for i386, the kernel's own modules are for x86_64", "another machine");
	has_str(why(t, "extra/big.ko"), "of 64 bits with the high byte first, the kernel's own modules are for 64 bits with "
		"the low byte first", "another byte order");
	is_str(why(t, "extra/stripped.ko"), "extra/stripped.ko was stripped of its symbols, without which no kernel takes it",
	       "one without symbols");
	is_str(why(t, "extra/mute.ko"), "extra/mute.ko does not say for which kernel it was built, as the kernel's own "
	       "modules do", "one without a version");
	is_str(why(t, "extra/text.ko"), "extra/text.ko can't be used (extra/text.ko: is no ELF object, so it is no "
	       "module)", "a text");
	has_str(why(t, "extra/empty.ko"), "is no ELF object", "an empty file");
	has_str(why(t, "extra/cut.ko"), "is cut short", "half a module");
	is_int(module_tree_fits(t, "extra/none.ko", &reason, &err), UNRACK_MISSING, "one that is not there");
	is_str(err.text, "extra/none.ko is no module in /lib/modules/" EL5, "is named");
	is_str(module_tree_unfit(t, "i386"), "extra/i386.ko is for i386, the kernel's own modules are for x86_64", "by name");
	ok(!module_tree_unfit(t, "pvscsi") && !module_tree_unfit(t, "nothing"), "nothing is wrong with others");
	module_tree_free(t);
	made_files_free(&files);
}

/* Of several files with one name. */
static void choice(void)
{
	struct module_tree *t;

	add("kernel/drivers/scsi/scsi_mod.ko", MAGIC5, NULL);
	add("kernel/drivers/net/e1000.ko", MAGIC5, NULL);
	add("updates/e1000.ko", "2.6.18-8.el5 SMP mod_unload gcc-4.1", NULL);
	add("kernel/drivers/net/vmxnet3.ko", MAGIC5, NULL);
	add("extra/vmxnet3.ko", MAGIC5, NULL);
	add("updates/bad.ko", "x", NULL);
	add("extra/bad.ko", "y", NULL);
	t = made_files_tree(&files, EL5, "updates/e1000.ko:\nkernel/drivers/net/vmxnet3.ko:\n", NULL, NULL);
	is_str(module_tree_find(t, "e1000"), "kernel/drivers/net/e1000.ko", "what does not fit is not taken, though "
	       "modules.dep lists it");
	is_str(module_tree_find(t, "vmxnet3"), "kernel/drivers/net/vmxnet3.ko", "of those that fit that in modules.dep");
	is_str(module_tree_find(t, "bad"), "updates/bad.ko", "if none fits, the first");
	has_str(module_tree_unfit(t, "bad"), "updates/bad.ko was built for \"x\"", "with its reason");
	module_tree_free(t);
	made_files_free(&files);
}

#define OLD_INFO "kernel_version=2.4.21-63.EL\nusing_checksums=1\n"

static void old(void)
{
	struct module_tree *t;

	made_old_module(made_add(&files, "kernel/drivers/scsi/scsi_mod.o"), OLD_INFO, "scsi_register_R11112222",
			"printk_R1b7d4074 kmalloc_R00000001");
	made_old_module(made_add(&files, "misc/same.o"), OLD_INFO, "", "printk_R1b7d4074");
	made_old_module(made_add(&files, "misc/other.o"), "kernel_version=2.4.21-4.EL\nusing_checksums=1\n", "",
			"printk_R1b7d4074 strlen");
	made_old_module(made_add(&files, "misc/smp.o"), "kernel_version=2.4.21-63.ELsmp\nusing_checksums=1\n", "",
			"printk_Rsmp_99999999");
	made_old_module(made_add(&files, "misc/plain.o"), "kernel_version=2.4.21-4.EL\n", "", "printk");
	made_module(made_add(&files, "misc/new.o"), "vermagic=2.6.9 SMP\ndepends=\n", NULL);
	t = made_files_tree(&files, "2.4.21-63.EL", NULL, NULL, NULL);
	is_str(why(t, "misc/same.o"), "", "2.4: one built for the kernel");
	is_str(why(t, "misc/other.o"), "", "and one for another with the same checksums");
	is_str(why(t, "misc/smp.o"), "misc/smp.o was built for a kernel with another printk (checksum 99999999, the "
	       "kernel's is 1b7d4074)", "not with others");
	is_str(why(t, "misc/plain.o"), "misc/plain.o was built for \"2.4.21-4.EL\", the kernel is \"2.4.21-63.EL\"",
	       "without them the version counts");
	has_str(why(t, "misc/new.o"), "is for x86_64, the kernel's own modules are for i386", "one of 2.6");
	module_tree_free(t);
	made_files_free(&files);
}

/* What the kernel is must not be learned from a stranger. */
static void reference(void)
{
	struct module_tree *t;
	char path[64];

	add("kernel/drivers/scsi/scsi_mod.ko", "2.6.18-8.el5 SMP mod_unload gcc-4.1", NULL);
	add("kernel/fs/ext3.ko", MAGIC5, NULL);
	t = made_files_tree(&files, EL5, NULL, NULL, NULL);
	is_str(why(t, "kernel/fs/ext3.ko"), "", "one of another kernel that lies among its own is not believed");
	has_str(why(t, "kernel/drivers/scsi/scsi_mod.ko"), "was built for \"2.6.18-8.el5 ", "and does not fit");
	module_tree_free(t);
	made_files_free(&files);

	add("kernel/a.ko", "6.1.0 SMP", NULL);
	add("kernel/b.ko", "6.1.0 SMP", NULL);
	add("extra/c.ko", "6.1.1 SMP", NULL);
	add("misc/ext3.ko", "6.1.1 SMP", NULL);
	t = made_files_tree(&files, "renamed", NULL, NULL, NULL);
	is_str(why(t, "kernel/b.ko"), "", "if none is of that version, they are believed");
	has_str(why(t, "extra/c.ko"), "the kernel is \"6.1.0 SMP\"", "and others compared with them");
	module_tree_free(t);
	made_files_free(&files);

	made_add_text(&files, "kernel/a.ko", "a");
	made_add_text(&files, "kernel/b.ko", "\177ELF b");
	add("extra/mine.ko", MAGIC5, NULL);
	add("extra/other.ko", "2.6.18-8.el5 SMP", NULL);
	add("extra/crcs.ko", "2.6.18-8.el5 SMP", "struct_module 1\n");
	t = made_files_tree(&files, EL5, NULL, NULL, NULL);
	is_str(why(t, "kernel/a.ko"), "", "where the kernel's own cannot be read, nothing is said of them");
	is_str(why(t, "extra/mine.ko"), "", "others are of its version");
	is_str(why(t, "extra/other.ko"), "extra/other.ko was built for kernel 2.6.18-8.el5", "or are not");
	is_str(why(t, "extra/crcs.ko"), "", "or may fit by their checksums");
	ok(!module_tree_has_deps(t), "nor is it known what they need");
	module_tree_free(t);
	made_files_free(&files);

	for (int k = 0; k < 60; k++) {
		snprintf(path, sizeof path, "kernel/m%02d.ko", k);
		add(path, MAGIC5, NULL);
	}
	t = made_files_tree(&files, EL5, NULL, NULL, NULL);
	is_int(files.reads, 0, "nothing is read before it is asked for");
	is_str(why(t, "kernel/m07.ko"), "", "in a large tree");
	ok(files.reads <= 4, "only a few modules are read");
	why(t, "kernel/m07.ko");
	ok(files.reads <= 4, "and each once");
	files.bad = "kernel/m08.ko";
	{
		const char *reason;

		is_int(module_tree_fits(t, "kernel/m08.ko", &reason, &err), UNRACK_IO, "a file that cannot be read");
		has_str(err.text, "can't read kernel/m08.ko: ", "is an error, no verdict");
	}
	files.bad = NULL;
	is_str(why(t, "kernel/m08.ko"), "", "so it may be asked again");
	is_int(module_tree_failed(t, &err), UNRACK_IO, "but it is not forgotten");
	module_tree_free(t);
	made_files_free(&files);
}

/* Modules that lie elsewhere, as in an image. */
static void elsewhere(void)
{
	CLEANUP_BUF struct buf same = { 0 }, other = { 0 }, pae = { 0 };
	struct module_tree *t;
	struct made_elf e;
	char *text, version[64] = "none";

	made_module(&same, "depends=\nvermagic=" MAGIC5 "\n", "struct_module 11111111\n");
	made_module(&pae, "depends=\nvermagic=2.6.18-398.el5PAE SMP mod_unload gcc-4.1\n", NULL);
	made_elf_begin(&e, 32, false, EM_386);
	made_modinfo(&e, "depends=\nvermagic=" MAGIC5 "\n");
	made_elf_end(&e, &other);
	add("kernel/drivers/scsi/scsi_mod.ko", MAGIC5, "struct_module 11111111\n");
	t = made_files_tree(&files, EL5, NULL, NULL, NULL);
	is_int(module_tree_takes(t, same.data, same.len, "lib/ext3.ko", false, &text, &err), 0, "a module in an image");
	ok(!text, "fits");
	is_int(module_tree_takes(t, other.data, other.len, "lib/ext3.ko", false, &text, &err), 0, "one for another machine");
	is_str(text, "lib/ext3.ko is for i386, the kernel's own modules are for x86_64", "does not");
	free(text);
	is_int(module_tree_takes(t, pae.data, pae.len, "lib/ext3.ko", false, &text, &err), 0, "one of another flavour");
	has_str(text, "lib/ext3.ko was built for \"2.6.18-398.el5PAE ", "does not");
	free(text);
	is_int(module_tree_takes(t, pae.data, pae.len, "lib/ext3.ko", true, &text, &err), 0, "where only the machine counts");
	ok(!text, "does");
	is_int(module_tree_takes(t, other.data, other.len, "lib/ext3.ko", true, &text, &err), 0, "another one");
	is_str(text, "lib/ext3.ko is for i386, the kernel's own modules are for x86_64", "does not");
	free(text);
	is_int(module_tree_takes(t, "text", 4, "lib/ext3.ko", false, &text, &err), UNRACK_UNSUPPORTED, "a text is none");
	has_str(err.text, "lib/ext3.ko: is no ELF object", "and named");
	ok(!text, "without an answer");
	ok(!module_tree_other(t, version, sizeof version), "a folder with the kernel's name");
	is_str(version, "none", "tells no other");
	module_tree_free(t);

	t = made_files_tree(&files, "2.6.18-8.el5", NULL, NULL, NULL);
	ok(module_tree_other(t, version, sizeof version), "under another name its modules say");
	is_str(version, EL5, "of which kernel they are");
	module_tree_free(t);
	made_files_free(&files);

	made_add_text(&files, "kernel/a.ko", "a");
	t = made_files_tree(&files, EL5, NULL, NULL, NULL);
	is_int(module_tree_takes(t, other.data, other.len, "lib/ext3.ko", false, &text, &err), 0, "where there is nothing to compare with");
	ok(!text, "all fit");
	ok(!module_tree_other(t, version, sizeof version), "and nothing is told");
	module_tree_free(t);
	made_files_free(&files);
}

int main(void)
{
	elsewhere();
	el5();
	choice();
	old();
	reference();
	return tap_done();
}
